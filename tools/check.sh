#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs all checks; fails if any of them fails. Usage: tools/check.sh BUILD, an existing build folder.
set -u
build=$(realpath "${1:?usage: tools/check.sh BUILD}")
cd "$(dirname "$0")/.." || exit 1
failed=
check() {
    name=$1
    shift
    if "$@"; then
        echo "check: $name: ok"
    else
        echo "check: $name: FAILED"
        failed=yes
    fi
}
sources() { find src include cli python/src test bench fuzz examples -name '*.c' -o -name '*.h' | sort; }
# The sources of the command are compiled twice, for the program and for the Python module: analysed once.
each_once() {
    python3 -c 'import json, sys; json.dump(list({e["file"]: e for e in reversed(json.load(sys.stdin))}.values()), sys.stdout)'
}
# The analyser gives up on a function after a third of the steps of its default, which takes a third of the time.
# Without standard error, on which clang-tidy counts suppressed warnings.
tidy() {
    mkdir -p build/tidy && each_once <"$build/compile_commands.json" >build/tidy/compile_commands.json || return 1
    find src cli python/src -name '*.c' | sort |
        xargs -P "$(nproc)" -n 2 clang-tidy -p build/tidy --extra-arg=-Wno-unknown-warning-option --extra-arg=-Xclang \
            --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=75000 --quiet 2>/dev/null
}

check 'rules of the sources' tools/check_source.py
check 'the rules are found broken' tools/test_check_source.py
check 'what follows from the list of formats' tools/formats.py --check
check 'exported symbols' tools/check_exports.sh "$build/libmicrotome.so"
# shellcheck disable=SC2046 # no name has a space
check 'format (clang-format 14)' clang-format --dry-run -Werror $(sources)
check 'cppcheck' cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    -j "$(nproc)" -DPy_BEGIN_ALLOW_THREADS= -DPy_END_ALLOW_THREADS= "-DPy_RETURN_NONE=return 0" -Iinclude -Isrc src cli python/src
check 'clang-tidy' tidy
check 'ruff' .venv/bin/ruff check --quiet .
check 'ruff format' .venv/bin/ruff format --quiet --check bench examples python test tools
check 'mypy' .venv/bin/mypy --no-error-summary python/microtome
[ -z "$failed" ]
