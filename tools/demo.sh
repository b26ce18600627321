#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Fetches two real images of nuclei once, into demo/, and shows what microtome does with them.
# Usage: tools/demo.sh BUILD
set -eu
microtome=$(realpath "${1:?usage: tools/demo.sh BUILD}")/microtome
cd "$(dirname "$0")/.."
mkdir -p demo

# The images travel in the Python package stardist, of which nothing is installed or run.
if [ ! -f demo/img3d.tif ]; then
    echo 'Fetching the images, once ...'
    [ -x demo/venv/bin/pip ] || python3 -m venv demo/venv
    demo/venv/bin/pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 \
        --platform manylinux2014_x86_64 --dest demo stardist==0.9.1
    python3 tools/demo_images.py demo/stardist-*.whl demo
    rm -r demo/venv demo/stardist-*.whl
fi
echo 'The images are part of the Python package stardist, under this license:'
sed 's/^/  | /' demo/IMAGES-LICENSE.txt | head -n 4
echo '  | ... (all of it: demo/IMAGES-LICENSE.txt)'

show() {
    printf '\n$ microtome %s\n' "$*"
    "$microtome" "$@"
}
show info demo/img2d.tif demo/img3d.tif
show patches demo/img2d.tif --size 64x64 --count 60 --seed 1 --out demo/patches-2d.npy --sheet demo/patches-2d.png --force
show patches demo/img3d.tif --axes ZYX --size 16x64x64 --count 24 --seed 1 --sheet demo/patches-3d.png --force
show view demo/img2d.tif --out demo/view-2d.png --force
show view demo/img3d.tif --axes ZYX --z 15 --out demo/view-3d.png --force
show info demo/patches-2d.npy

printf '\nThe pictures:\n'
realpath demo/*.png
