#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs the tests that compare with other libraries, in a separate environment. Usage: tools/oracle.sh ENVIRONMENT COMMAND
set -eu
cd "$(dirname "$0")/.."
environment=${1:?usage: tools/oracle.sh ENVIRONMENT COMMAND} command=$(realpath "${2:?usage: tools/oracle.sh ENVIRONMENT COMMAND}")
tools/venv.sh "$environment" test/oracle/requirements.txt
failed=
for test in test/oracle/*_oracle.py; do
    "$environment/bin/python" "$test" "$command" || failed="$failed $test"
done
[ -z "$failed" ] || { echo "failed:$failed" && exit 1; }
