#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Fetches three real images into demo/ (once), draws them and cuts patches.
# Usage: tools/demo.sh BUILD
set -eu
microtome=$(realpath "${1:?usage: tools/demo.sh BUILD}")/microtome
cd "$(dirname "$0")/.."
mkdir -p demo

# The images are part of the Python packages stardist and napari-ndev; nothing of these is installed or run.
if [ ! -f demo/nuclei.tif ] || [ ! -f demo/nuclei-labels.tif ] || [ ! -f demo/cells.tif ]; then
    echo 'Fetching the images, once ...'
    [ -x demo/venv/bin/pip ] || python3 -m venv demo/venv
    demo/venv/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --platform manylinux2014_x86_64 --dest demo/wheels stardist==0.9.1 napari-ndev==0.11.8
    python3 tools/demo_images.py demo/wheels demo
    rm -r demo/venv demo/wheels
fi
echo 'Nuclei (512 x 512 pixels) and their labels are part of the Python package stardist, the volume of dividing cells'
echo '(membranes and nuclei, 60 planes of 85 x 66 pixels) of napari-ndev, each under the BSD 3-clause license:'
echo '  demo/LICENSE-stardist.txt, demo/LICENSE-napari_ndev.txt'

show() {
    printf '\n$ microtome %s\n' "$*"
    "$microtome" "$@"
}
show info demo/nuclei.tif demo/nuclei-labels.tif demo/cells.tif
show view demo/nuclei.tif --scale-bar --out demo/view-nuclei.png --force
show view demo/nuclei-labels.tif --colors labels --out demo/view-labels.png --force
show view demo/cells.tif --project max --contrast 3700,22000 --contrast 4800,60000 --legend \
    --out demo/view-projection.png --force
show patches demo/nuclei.tif --size 64x64 --count 64 --seed 1 --out demo/patches-2d.npy \
    --sheet demo/patches-2d.png --force
show patches demo/cells.tif --size 16x64x64 --count 20 --seed 14 --sheet demo/patches-3d.png --legend --force

printf '\nThe pictures:\n'
realpath demo/view-nuclei.png demo/view-labels.png demo/view-projection.png demo/patches-2d.png demo/patches-3d.png
