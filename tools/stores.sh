#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Tests the stores behind URLs with real servers: nginx, SeaweedFS, rclone. They listen on loopback only and stop
# after the tests. A skipped test is a failure. Usage: tools/stores.sh ENVIRONMENT BUILD [pytest arguments]
set -eu
cd "$(dirname "$0")/.."
usage='usage: tools/stores.sh ENVIRONMENT BUILD [pytest arguments]'
environment=${1:?$usage} build=${2:?$usage}
shift 2
tools/setup.sh stores
tools/venv.sh "$environment" test/stores/requirements.txt
MICROTOME_COMMAND="$(realpath "$build")/microtome" PYTHONPATH="$(realpath "$build")/python" PYTHONDONTWRITEBYTECODE=1 \
    exec "$environment/bin/python" -m pytest -q -p no:cacheprovider -rs --no-skips "$@" test/stores
