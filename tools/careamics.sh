#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Tests microtome beside CAREamics, torch, dask, xarray and npe2, in an environment of their own that is made when it is not
# there.
# Usage: tools/careamics.sh ENVIRONMENT BUILD [pytest arguments]; with "environment" for BUILD it only makes it.
set -eu
cd "$(dirname "$0")/.."
usage='usage: tools/careamics.sh ENVIRONMENT BUILD [pytest arguments]'
environment=${1:?$usage} build=${2:?$usage}
shift 2
wanted=test/careamics/requirements.txt

# What torch needs depends on its build (CPU, CUDA), so pip may add to it. CAREamics asks for an older torchvision and
# more than is used here, so nothing is added to the others.
if ! cmp -s "$wanted" "$environment/requirements.txt"; then
    echo "careamics: torch, CAREamics, dask, npe2 and what they need go to $environment"
    "$environment/bin/python" -c 'import pip' 2>/dev/null || python3 -m venv "$environment"
    "$environment/bin/pip" install -q --disable-pip-version-check -c "$wanted" torch
    "$environment/bin/pip" install -q --disable-pip-version-check --no-deps -r "$wanted"
    cp "$wanted" "$environment/requirements.txt"
fi
[ "$build" != environment ] || exit 0
PYTHONPATH="$(realpath "$build")/python" PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" -m pytest \
    -p no:cacheprovider -W 'ignore:Using extra keyword:DeprecationWarning' -W 'ignore:`allow_mutation` is:DeprecationWarning' \
    "$@" test/careamics test/python/test_arrays.py test/python/test_napari.py test/python/test_torch.py \
    'test/python/test_docs.py::test_python[pytorch.md]' 'test/python/test_docs.py::test_python[arrays.md]'
