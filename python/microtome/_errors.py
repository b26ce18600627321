# SPDX-License-Identifier: BSD-3-Clause
"""Exceptions for the library's errors."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from pickle import UnpicklingError
from typing import Any


class Error(Exception):
    """An error of the library; its subclasses are also standard exceptions.

    Attributes
    ----------
    reason : str
        What went wrong, where and why, without the leading path.
    path : str or None
        The path or source that the call was about.
    """

    reason: str = ""
    path: str | None = None


class ImageWarning(UserWarning):
    """Files or frames of an image are missing, or something in it was repaired, left out or assumed."""


def warn_caller(text: str) -> None:
    """Warn at the line that called the package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__package__") == __package__:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, ImageWarning, stacklevel=level)


def need(module: str, package: str, what: str = "this") -> Any:
    """Import a module of an optional package. what: names what needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        shown_package = f'"{package}"' if re.search(r"[\[<>]", package) else package
        raise ImportError(f"{what} needs {module.partition('.')[0]}: pip install {shown_package}") from error


class ArgumentError(Error, ValueError):
    """An argument is invalid or does not fit the image."""


class RangeError(Error, IndexError, ValueError):
    """A sample or channel index lies outside the image."""


class NotFoundError(Error, FileNotFoundError):
    """The file, array, series or level does not exist."""


class ReadError(Error, OSError):
    """A file or URL could not be read, or written."""


class CorruptError(Error, ValueError):
    """The file is truncated or contradicts itself."""


class UnsupportedError(Error, NotImplementedError):
    """The image has a feature that is not supported; the message names it."""


class NotAnImageError(Error, ValueError):
    """The file or folder is of no known format, or holds no image."""


class LimitError(Error, ValueError):
    """The file exceeds a limit; the message names the limit."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""


class CancelledError(Error):
    """The call was cancelled."""


class ChangedError(Error, OSError):
    """The file or object has changed since it was opened."""


class ReopenError(Error, UnpicklingError):
    """An image cannot be opened again from its pickle: its file is gone or has changed, or its URL had a secret query.

    It is not an OSError: that would end a worker of `multiprocessing.Pool` without a word. This one is printed, but callers of
    a Pool wait on, as for any argument that cannot be unpickled; `concurrent.futures.ProcessPoolExecutor` raises.
    """


_CLASSES: dict[str, type[Error]] = {
    "MT_E_ARGUMENT": ArgumentError,
    "MT_E_RANGE": RangeError,
    "MT_E_NOT_FOUND": NotFoundError,
    "MT_E_IO": ReadError,
    "MT_E_CORRUPT": CorruptError,
    "MT_E_UNSUPPORTED": UnsupportedError,
    "MT_E_NOT_AN_IMAGE": NotAnImageError,
    "MT_E_LIMIT": LimitError,
    "MT_E_MEMORY": OutOfMemoryError,
    "MT_E_CANCELLED": CancelledError,
    "MT_E_CHANGED": ChangedError,
}


def shown(path: str) -> str:
    """Hide the query of a URL, which may be a secret, for messages and pickles."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return path
    url, mark, part = path.partition("#")
    name, query, _ = url.partition("?")
    return name + ("?..." if query else "") + mark + part


def make_error(status: str, message: str, path: str | None) -> Error:
    """Make the exception for a status of the library."""
    path = None if path is None else shown(path)
    error = _CLASSES.get(status, Error)(message)
    error.reason = message.removeprefix(f"{path}: ")
    error.path = path
    return error
