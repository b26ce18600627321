#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs missing Debian packages. Usage: tools/setup.sh [demo|build|check|stores]. Each of the first three includes those
# before it; "check" has all packages for build and checks, "stores" only those that the tests of stores add.
set -eu
cd "$(dirname "$0")/.."

case ${1:-check} in
demo | stores) sets=$1 ;;
build) sets='demo|build' ;;
*) sets='demo|build|check' ;;
esac
wanted=$(sed -nE "s/^($sets) +//p" tools/packages.txt)

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system: install the packages of tools/packages.txt yourself" >&2
    exit 0
fi
# shellcheck disable=SC2086 # one package name per word
present=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^ii  *//p')
missing=
for package in $wanted; do
    case "
$present
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root='sudo -n'
    if ! sudo -n true 2>/dev/null; then
        echo "setup: packages are missing, and this user may not install them. Run once:" >&2
        echo "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
fi
echo "setup: installing$missing"
$as_root apt-get update -q </dev/null
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null
