#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Tests microtome with CAREamics, torch, ONNX Runtime, dask, xarray, npe2, ome-zarr, napari-ome-zarr and bioio, in a separate
# environment, which is created if missing.
# Usage: tools/careamics.sh ENVIRONMENT BUILD [pytest arguments]; if BUILD is "environment", only creates it.
set -eu
cd "$(dirname "$0")/.."
usage='usage: tools/careamics.sh ENVIRONMENT BUILD [pytest arguments]'
environment=${1:?$usage} build=${2:?$usage}
shift 2
wanted=test/careamics/requirements.txt

# The dependencies of torch differ by build (CPU, CUDA), so pip may add them. CAREamics requires an older torchvision and
# packages that are not used here, so the others are installed without dependencies.
if ! cmp -s "$wanted" "$environment/requirements.txt"; then
    echo "careamics: installing torch, CAREamics, ONNX Runtime, dask, readers of images and their dependencies into $environment"
    "$environment/bin/python" -c 'import pip' 2>/dev/null || python3 -m venv "$environment"
    # Of 12,800 modules the tests import few: those are compiled when they are first imported.
    "$environment/bin/pip" install -q --disable-pip-version-check --no-compile -c "$wanted" torch
    "$environment/bin/pip" install -q --disable-pip-version-check --no-compile --no-deps -r "$wanted"
    cp "$wanted" "$environment/requirements.txt"
fi
[ "$build" != environment ] || exit 0
# One thread for torch: the networks are tiny here, and idle OpenMP threads spin.
export OMP_NUM_THREADS=1
unset PYTHONDONTWRITEBYTECODE
PYTHONPATH="$(realpath "$build")/python" PYTHONPYCACHEPREFIX="$(realpath "$environment")/cache" exec "$environment/bin/python" \
    -m pytest -p no:cacheprovider -W 'ignore:Using extra keyword:DeprecationWarning' -W 'ignore:`allow_mutation` is:DeprecationWarning' \
    "$@" test/careamics test/python/test_arrays.py test/python/test_napari.py test/python/test_torch.py \
    test/python/test_torch_loader.py 'test/python/test_docs.py::test_python[training.md]' \
    'test/python/test_docs.py::test_python[pytorch.md]' 'test/python/test_docs.py::test_python[arrays.md]' \
    'test/python/test_docs.py::test_python[many-machines.md]'
