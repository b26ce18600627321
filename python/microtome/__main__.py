# SPDX-License-Identifier: BSD-3-Clause
"""The command ``microtome``: ``python -m microtome --help``."""

from __future__ import annotations

import sys

from . import _core


def main() -> int:
    """Run the command with the arguments of the process."""
    return _core.run_command(["microtome", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
