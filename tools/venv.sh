#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Creates or updates a Python environment; does nothing if it is up to date. Usage: tools/venv.sh FOLDER REQUIREMENTS
set -eu
folder=${1:?usage: tools/venv.sh FOLDER REQUIREMENTS}
requirements=${2:?usage: tools/venv.sh FOLDER REQUIREMENTS}

cmp -s "$requirements" "$folder/requirements.txt" && exit 0
echo "setup: installing Python packages of $requirements into $folder"
# A folder without pip is left behind if Debian's python3-venv was missing.
"$folder/bin/python" -c 'import pip' 2>/dev/null || python3 -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
cp "$requirements" "$folder/requirements.txt"
