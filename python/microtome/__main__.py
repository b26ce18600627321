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


def _needs_python(arguments: list[str]) -> bool:
    """Tell whether the command runs a network that Python knows."""
    return arguments[:1] == ["predict"] and any(word.partition("=")[0] == "--model" for word in arguments)


def main() -> int:
    """Run the command with the arguments of the process."""
    arguments = sys.argv[1:]
    if _needs_python(arguments):
        from ._predict_command import main as predict  # noqa: PLC0415 # slow

        return predict(arguments[1:])
    _restore_signals()
    return _core.run_command(["microtome", *arguments])


if __name__ == "__main__":
    sys.exit(main())
