#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs into an empty prefix, and builds and runs a program against it outside the tree, with pkg-config and
# CMake, shared and static. Usage: tools/check_install.sh BUILD
set -eu
build=$(realpath "${1:?usage: tools/check_install.sh BUILD}")
root=$(realpath "$(dirname "$0")/..")
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cmake --install "$build" --prefix "$folder/first" >"$folder/log" || { cat "$folder/log"; exit 1; }
# Installed files must not depend on the prefix.
prefix=$folder/prefix
mv "$folder/first" "$prefix"
cp "$root"/test/install/* "$folder"
cd "$folder"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name microtome.pc)")
export PKG_CONFIG_PATH
lib=$(pkg-config --variable=libdir microtome)
# shellcheck disable=SC2046 # lists of flags
{
    cc -Wall -Werror consumer.c $(pkg-config --cflags --libs microtome) -o consumer
    LD_LIBRARY_PATH=$lib ./consumer
    cc -Wall -Werror consumer.c $(pkg-config --cflags microtome) "$lib/libmicrotome.a" \
        $(pkg-config --static --libs microtome | sed 's/-lmicrotome//') -o consumer-static
    ./consumer-static
    # The programs of the README and of the quick start must work; here on ten patches of a gray image.
    sed -n '/^```c$/,/^```$/p' "$root/README.md" | grep -v '^```' >readme.c
    cc -Wall -Werror readme.c $(pkg-config --cflags --libs microtome) -o readme
    sed -n '/^```c$/,/^```$/p' "$root/docs/quick-start.md" | grep -v '^```' >quick.c
    cc -Wall -Werror quick.c $(pkg-config --cflags --libs microtome) -o quick
    tr '\0' '*' </dev/zero | head -c 40000 >grey.raw
    "$prefix/bin/microtome" patches grey.raw --raw uint8:200x200 --axes YX --size 120x120 --count 10 --out patches.npy
    LD_LIBRARY_PATH=$lib ./quick patches.npy | grep ' is 42$'
}
cmake -B cmake -S . -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build cmake >/dev/null
cmake/shared
cmake/static
"$prefix/bin/microtome" --version
"$prefix/bin/microtome" formats >/dev/null
for file in share/man/man1/microtome.1 share/bash-completion/completions/microtome share/zsh/site-functions/_microtome; do
    [ -s "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done
