# SPDX-License-Identifier: BSD-3-Clause
"""The command ``microtome``: ``python -m microtome --help``."""

from __future__ import annotations

import signal
import sys

from . import _core


def _restore_signals() -> None:
    """Let SIGPIPE and Ctrl-C end the process silently, as with any other command, without a Python traceback."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Run the command with the arguments of the process."""
    _restore_signals()
    return _core.run_command(["microtome", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
