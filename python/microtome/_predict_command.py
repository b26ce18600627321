# SPDX-License-Identifier: BSD-3-Clause
"""The command ``microtome predict --model``: a network in a file, run in this process."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ._core import Context
from ._errors import Error
from ._open import open as open_image
from ._predict import predict
from ._statistics import Statistics, statistics

if TYPE_CHECKING:
    from ._loader_options import Normalization
    from ._stack import ImageStack

__all__ = ["main"]

_T = TypeVar("_T")
_FAILED, _INCOMPLETE, _INTERRUPTED = 1, 3, 130  # exit codes, as of all commands

_DESCRIPTION = """\
Runs a network over an image, tile by tile, and writes what it returns, in the format of the suffix of OUT: .zarr for
OME-Zarr, .tif for OME-TIFF, .npy for NumPy. A prediction that was interrupted or killed is continued by the same
command, and ends with the same files."""


def _type(name: str) -> Callable[[Callable[[str], _T]], Callable[[str], _T]]:
    """Name a kind of argument in messages."""

    def named(function: Callable[[str], _T]) -> Callable[[str], _T]:
        function.__name__ = name
        return function

    return named


@_type("size")
def _sizes(text: str) -> list[int | None]:
    return [int(size) or None for size in text.split("x")]


@_type("overlap")
def _overlap(text: str) -> int | str | list[int]:
    if text.endswith("%"):
        float(text[:-1])
        return text
    sizes = [int(size) for size in text.split("x")]
    return sizes[0] if len(sizes) == 1 else sizes


@_type("part")
def _part(text: str) -> tuple[int, int]:
    k, n = map(int, text.split("/"))
    if not 1 <= k <= n:
        raise ValueError
    return k - 1, n


@_type("list of channels")
def _channels(text: str) -> str | list[int | str]:
    if text in ("each", "together"):
        return text
    return [int(word) if re.fullmatch(r"-?\d+", word) else word for word in text.split(",")]


@_type("normalization")
def _normalization(text: str) -> tuple[str, list[float]]:
    name, mark, numbers = text.partition(":")
    low, high = map(float, numbers.split(",")) if mark else (0.01, 0.99)
    if name not in ("mean-std", "min-max", "quantile", "none") or (mark and name != "quantile"):
        raise ValueError
    return name, [low, high]


@_type("number of levels")
def _levels(text: str) -> bool | int:
    return True if text == "auto" else int(text)


@_type("list of outputs")
def _outputs(text: str) -> dict[str, str]:
    return dict(_pair(entry) for entry in text.split(","))


def _pair(text: str) -> tuple[str, str]:
    name, dtype = text.split("=")
    return name, dtype


@_type("memory size")
def _memory(text: str) -> str:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)", text)
    if match is None:
        raise ValueError
    return f"{match[1]} {match[2]}iB" if match[2] else match[1]


class _Parser(argparse.ArgumentParser):
    """Errors are one line, and suggest the nearest option, as those of all commands."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (--[a-z-]+)", message)
        if unknown:
            near = difflib.get_close_matches(unknown[1], self._option_string_actions, 1)
            message = f"unknown option '{unknown[1]}'" + (f" (did you mean '{near[0]}'?)" if near else "")
        self.exit(2, f"{self.prog}: {message}; see 'microtome predict --model FILE --help'\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="microtome predict", description=_DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("input", metavar="IN", help="the image")
    add("output", metavar="OUT", help="the image to write; several are written beside it, under their names")
    add("--model", required=True, metavar="FILE", help=".onnx or .pt2 file, or a BioImage.IO model")
    add("--device", help="where it runs, such as cuda or cuda:1; default: the CPU")
    add("--tile", type=_sizes, metavar="[Zx]YxX", help="size of a tile; 0: the whole axis; default: the whole image")
    add("--overlap", type=_overlap, metavar="N|[Zx]YxX|P%", help="pixels that neighbouring tiles share, even")
    add("--align", type=int, default=1, metavar="N", help="first corners of tiles are multiples of this")
    add("--batch-size", type=int, default=8, metavar="N", help="tiles in a batch; default: 8")
    add("--blend", default="crop", choices=["crop", "linear", "hann", "gaussian"], help="default: crop")
    add("--pad", default="zero", choices=["zero", "mean", "reflect"], help="pixels outside the image; default: zero")
    add("--axes", help="axes of the image, if the file does not name them")
    add("--channels", type=_channels, default="together", metavar="C,...|each", help="channels by number or name")
    add("--stats", metavar="FILE.json", help="normalize by statistics of microtome stats --json")
    add("--normalize", type=_normalization, metavar="NAME", help="mean-std, min-max, quantile[:LOW,HIGH] or none")
    add("--inverse", default="input", metavar="input|none|FILE.json", help="the normalization undone in the output")
    add("--dtype", default="float32", help='type of the output; "source" is that of the image; default: float32')
    add("--outputs", type=_outputs, metavar="NAME=TYPE,...", help="which outputs are written; default: all")
    add("--samples", type=int, default=1, metavar="N", help="how often a stochastic network sees each batch")
    add("--seed", type=int, default=0, metavar="N", help="of a stochastic network")
    add("--tta", type=int, choices=[4, 8], help="test-time augmentation: symmetries that are averaged")
    add("--part", type=_part, metavar="K/N", help="only part K of N, from 1; the command without it finishes")
    add("--missing", default="error", choices=["error", "fill"], help="missing files or frames; default: error")
    add("--chunks", type=_sizes, metavar="[Zx]YxX", help="size of a chunk; 0: the whole axis")
    shards = parser.add_mutually_exclusive_group()
    shards.add_argument("--shards", type=_sizes, metavar="[Zx]YxX", help="size of a shard, a file of whole chunks")
    shards.add_argument("--no-shards", action="store_const", dest="shards", const=False)
    add("--codec", help="zstd, blosc-zstd, blosc-lz4, gzip, lz4 or none")
    add("--codec-level", type=int, metavar="N")
    add("--pyramid", type=_levels, metavar="N|auto", default=False, help="resolution levels")
    add("--ome", choices=["0.5", "0.4"], help="version of OME-Zarr; default: 0.5")
    add("--durability", choices=["units", "end", "never"], default="units", help="when data is forced to the disk")
    add("--memory", type=_memory, metavar="SIZE", help="for pixels that wait to be written, such as 2G")
    add("--threads", type=int, metavar="N", help="threads that read, stitch and write; default: all processors")
    return parser


def _per_axis(sizes: Sequence[int | None] | bool | None) -> Any:
    """Name the axes of sizes; the whole axis is None in a tile, and -1 in a chunk."""
    if sizes is None or isinstance(sizes, bool):
        return sizes
    return {axis: size or -1 for axis, size in zip("TCZYX"[-len(sizes) :], sizes, strict=True)}


def _take(measured: Statistics, how: tuple[str, list[float]]) -> Normalization:
    name, (low, high) = how
    if name == "quantile":
        return measured.quantile_range(low, high)
    return measured.mean_std() if name == "mean-std" else measured.min_max()


def _normalize(stack: ImageStack, given: argparse.Namespace) -> tuple[Any, Any]:
    """Return the normalization of the input and the one that is undone."""
    how = given.normalize or ("mean-std" if given.stats else "none", [0.01, 0.99])
    normalize, inverse = None, given.inverse
    if how[0] != "none":
        measured = (
            Statistics.load(given.stats)
            if given.stats
            else statistics(stack, quantiles=how[1], missing=given.missing, progress=_is_shown())
        )
        normalize = _take(measured, how)
    if inverse == "none":
        inverse = None
    elif inverse != "input":
        inverse = _take(Statistics.load(inverse), how if how[0] != "none" else ("mean-std", how[1]))
    return normalize, inverse


def _is_shown() -> bool:
    return sys.stderr.isatty()


def _predict(given: argparse.Namespace) -> int:
    context = Context(threads=given.threads) if given.threads else None
    stack = open_image(given.input, given.axes, context=context)
    normalize, inverse = _normalize(stack, given)
    options: dict[str, Any] = {"codec_level": given.codec_level} if given.codec_level is not None else {}
    done = predict(
        given.model,
        stack,
        given.output,
        tile=given.tile,
        overlap=given.overlap,
        batch_size=given.batch_size,
        normalize=normalize,
        inverse=inverse,
        blend=given.blend,
        outputs=given.outputs,
        dtype=given.dtype,
        samples=given.samples,
        seed=given.seed,
        tta=given.tta,
        channels=given.channels,
        pad=given.pad,
        align=given.align,
        part=given.part,
        device=given.device,
        missing=given.missing,
        progress=_is_shown(),
        chunks=_per_axis(given.chunks),
        shards=_per_axis(given.shards),
        codec=given.codec,
        pyramid=given.pyramid,
        ome=given.ome,
        durability=given.durability,
        memory=given.memory,
        context=context,
        **options,
    )
    print(f"{given.output}: {done.report()}")
    return 0 if given.part is None else _INCOMPLETE


def _say(text: object) -> None:
    print(f"microtome: {text}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: object) -> None:
    _say(f"warning: {message}")


def main(arguments: Sequence[str]) -> int:
    """Run the command with the arguments that follow its name, and return its exit code."""
    given = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        failure: BaseException
        try:
            return _predict(given)
        except KeyboardInterrupt as error:
            code, failure = _INTERRUPTED, error
        except Exception as error:  # networks raise anything
            code, failure = _FAILED, error
        is_own = isinstance(failure, (Error, ImportError)) and str(failure)
        _say(failure if is_own else f"{type(failure).__name__}: {failure}".rstrip(": "))
        for note in getattr(failure, "__notes__", ()):
            _say(note)
        return code
