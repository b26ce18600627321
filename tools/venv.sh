#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Makes a Python environment, or brings it up to date; does nothing where it is. Usage: tools/venv.sh FOLDER REQUIREMENTS
set -eu
folder=${1:?usage: tools/venv.sh FOLDER REQUIREMENTS}
requirements=${2:?usage: tools/venv.sh FOLDER REQUIREMENTS}

cmp -s "$requirements" "$folder/requirements.txt" && exit 0
echo "setup: Python packages of $requirements go to $folder"
# A folder without pip is what is left where the distribution's python3-venv was missing.
"$folder/bin/python" -c 'import pip' 2>/dev/null || python3 -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
cp "$requirements" "$folder/requirements.txt"
