# SPDX-License-Identifier: BSD-3-Clause
"""The label images of what is converted: which ones, and how they are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from ._errors import ArgumentError, warn_caller

if TYPE_CHECKING:
    from ._open import Path
    from ._stack import ImageStack
    from ._writer_options import OutputOptions

__all__ = ["image_source", "is_zarr", "label_options", "label_region", "open_labels", "path_below"]


def is_zarr(path: Path, format: str | None) -> bool:
    """Tell whether an output is written as OME-Zarr."""
    return format == "zarr" or (format is None and os.fsdecode(path).rstrip("/").lower().endswith(".zarr"))


def image_source(stack: ImageStack) -> str | None:
    """Return the source of the image that a label image belongs to; None for other images.

    It is PATH, or PATH#PART, of PATH#labels/NAME, or PATH#PART/labels/NAME.
    """
    _, labels, name = stack.part.partition("labels/")
    return stack.source.removesuffix(labels + name)[:-1] if stack._is_labels and labels else None


def path_below(path: Path, *names: str) -> str:
    """Return a path in a folder, or a URL."""
    return "/".join([os.fsdecode(path).rstrip("/"), *names])


def open_labels(
    stacks: Sequence[ImageStack],
    choice: bool | Iterable[str],
    join: str | None,
    into_zarr: bool,
    opened: ExitStack,
) -> dict[str, list[ImageStack]]:
    """Open the label images that are converted: for each name those of all sources."""
    parts = [dict(stack._list_labels()) for stack in stacks]
    names = _choose(stacks[0], list(parts[0]), choice)
    if names and not into_zarr:
        warn_caller(f"{stacks[0].source}: label images are not converted: only OME-Zarr has them")
    elif names and join == "C":
        warn_caller(f"{stacks[0].source}: label images are not converted: they have no channels to be joined")
    else:
        return {
            name: [
                opened.enter_context(_open_one(stack, found[name], join))
                for stack, found in zip(stacks, parts, strict=True)
            ]
            for name in _shared(stacks, parts, names)
        }
    return {}


def _choose(stack: ImageStack, names: list[str], choice: bool | Iterable[str]) -> list[str]:
    if isinstance(choice, bool):
        return names if choice else []
    wanted = [choice] if isinstance(choice, str) else list(choice)
    if unknown := [name for name in wanted if name not in names]:
        raise ArgumentError(f"{stack.source} has no label image {unknown[0]!r}: it has {', '.join(names) or 'none'}")
    return [name for name in names if name in wanted]


def _shared(stacks: Sequence[ImageStack], parts: Sequence[Mapping[str, str]], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        without = [stack for stack, found in zip(stacks, parts, strict=True) if name not in found]
        if without:
            warn_caller(
                f"{without[0].source} has no label image {name!r}, and other sources have one: it is not converted"
            )
        else:
            yield name


def _open_one(stack: ImageStack, part: str, join: str | None) -> ImageStack:
    """Open a label image at the level of its image. If it is joined, it must lie where its image does."""
    label = cast("ImageStack", stack._open_beside(f"{part}&level={stack.level}" if stack.level else part))
    if join and _size(label, join) != _size(stack, join):
        source = label.source
        label.close()
        raise ArgumentError(
            f"{source} has another size along {join} than its image, so it cannot be joined along {join}: "
            "label_images=False leaves it out"
        )
    return label


def _size(stack: ImageStack, axis: str) -> int:
    return dict(zip(stack.original_axes, stack.original_data_shape, strict=True)).get(axis, 1)


def label_region(label: ImageStack, image: ImageStack, region: Mapping[str, Any]) -> dict[str, Any]:
    """Return the region that cuts a label image where another cuts its image; axes that it lacks are left out."""
    own = {axis: entry for axis, entry in region.items() if axis in label.original_axes and axis != "C"}
    for axis in own:
        if _size(label, axis) != _size(image, axis):
            raise ArgumentError(
                f"{label.source} has another size along {axis} than its image, so region does not fit it: "
                "label_images=False leaves it out"
            )
    return own


def label_options(options: OutputOptions, axes: str, label_axes: str) -> OutputOptions:
    """Return the options of a label image: those of its image of these axes, as far as they are for it."""
    own: dict[str, Any] = {key: value for key, value in options.items() if key not in ("dtype", "channels", "note")}
    for key in ("chunks", "shards", "pixel_size", "unit"):
        if own.get(key):
            sizes = own[key] if isinstance(own[key], Mapping) else dict(zip(axes, own[key], strict=False))
            own[key] = {axis: size for axis, size in sizes.items() if axis in label_axes}
    if own.get("downsample") == "mean":
        del own["downsample"]
    return cast("OutputOptions", {**own, "labels": True, "format": "zarr"})
