#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Checks that the shared library exports exactly the functions that public headers declare MT_API.
# Usage: tools/check_exports.sh libmicrotome.so
set -eu
headers=$(dirname "$0")/../include/microtome
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

nm -D --defined-only "$1" | sed 's/.* //' | LC_ALL=C sort >"$folder/exported"
sed -nE 's/^MT_API .*[ *](mt_[a-z0-9_]+)\(.*/\1/p' "$headers"/*.h | LC_ALL=C sort >"$folder/declared"
if ! diff "$folder/declared" "$folder/exported" >"$folder/difference"; then
    sed -n 's/^</declared, not exported:/p; s/^>/exported, not declared:/p' "$folder/difference"
    exit 1
fi
