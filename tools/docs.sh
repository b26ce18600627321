#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the documentation into build/docs, with warnings as errors, and runs the examples of its pages. Creates the
# environment build/docs-env if it is missing. Usage: tools/docs.sh BUILD, an existing build folder.
set -eu
build=$(realpath "${1:?usage: tools/docs.sh BUILD}")
cd "$(dirname "$0")/.."
tools/venv.sh build/docs-env docs/requirements.txt
python=build/docs-env/bin/python
export PYTHONPATH="$build/python" PYTHONDONTWRITEBYTECODE=1
$python docs/stage.py "$build/microtome" build/docs-pages
$python -m sphinx -q -W --keep-going -E -c docs -d build/docs-cache build/docs-pages build/docs
$python -m pytest -p no:cacheprovider test/python/test_docs.py
echo "docs: build/docs/index.html"
