# SPDX-License-Identifier: BSD-3-Clause
"""The batches of a loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from . import _core
from ._errors import _CLASSES, Error
from ._open import from_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._drawing import Contrast
    from ._picture import Picture

__all__ = ["BadPatch", "Batch"]


class BadPatch(NamedTuple):
    """A patch that could not be read at its first position."""

    position: int
    """In the batch."""
    redraws: int
    """Positions that were drawn after the first; 0: unreadable pixels are 0."""
    error: type[Error]
    """Class of the first failure."""


class Batch:
    """Patches of a `Loader`.

    All arrays lie in the memory of the batch, without copies. The batch lives as long as any of them, or
    anything made of them without a copy (views, ``torch.from_dlpack``), also after the loader was closed;
    then its memory serves another batch.
    """

    def __init__(self, core: _core.Batch) -> None:
        self._core = core
        self._arrays = tuple(np.asarray(core.array(i)) for i in range(core.n_arrays))

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Pixels: the input, then the targets, each patch, C, (Z), Y, X."""
        return self._arrays

    @property
    def data(self) -> NDArray[Any]:
        """The input: patch, C, (Z), Y, X."""
        return self._arrays[0]

    @property
    def targets(self) -> tuple[NDArray[Any], ...]:
        """The targets, in the order of the loader's."""
        return self._arrays[1:]

    @property
    def target(self) -> NDArray[Any] | None:
        """The first target; None if there is none."""
        return self._arrays[1] if len(self._arrays) > 1 else None

    def _column(self, name: Literal["index", "symmetry", "stack", "sample", "coords"]) -> NDArray[Any]:
        return np.asarray(self._core.column(name))

    @property
    def index(self) -> NDArray[np.int64]:
        """Number of each patch in the patching."""
        return self._column("index")

    @property
    def stack(self) -> NDArray[np.int64]:
        """Index of the stack of each patch."""
        return self._column("stack")

    @property
    def sample(self) -> NDArray[np.int64]:
        """Sample of each patch."""
        return self._column("sample")

    @property
    def coords(self) -> NDArray[np.int64]:
        """First corner of each patch in the image, patch x (Z)YX."""
        return self._column("coords")

    @property
    def symmetry(self) -> NDArray[np.uint8]:
        """Augmentation of each patch: 1: Y flipped, plus 2: X flipped, plus 4: then Y and X swapped."""
        return self._column("symmetry")

    @property
    def bad(self) -> list[BadPatch]:
        """Patches that could not be read at their first position."""
        return [BadPatch(at, redraws, _CLASSES.get(status, Error)) for at, redraws, status in self._core.bad]

    @property
    def epoch(self) -> int:
        """Epoch of the batch."""
        return self._core.epoch

    @property
    def number(self) -> int:
        """Number of the batch in its epoch, among those of all ranks."""
        return self._core.number

    @property
    def n_repeated(self) -> int:
        """How many patches, the last ones, only fill the batch (``uneven="pad"``)."""
        return self._core.n_repeated

    def __len__(self) -> int:
        return self._core.n

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "a batch cannot be pickled, because its arrays lie in the memory of its loader: pickle the arrays, such as "
            "batch.data, or the loader"
        )

    def __repr__(self) -> str:
        shapes = ", ".join(f"{a.dtype} {' x '.join(map(str, a.shape))}" for a in self.arrays)
        return f"<microtome.Batch {self.number} of epoch {self.epoch}: {shapes}>"

    def view(self, array: int = 0, *, max_size: int = 256, contrast: Contrast = None) -> Picture:
        """Draw a sheet of up to 64 patches as training sees them: the middle plane of each.

        Parameters
        ----------
        array : int
            0 for the input, 1 for the first target.
        max_size : int
            Longest side of a patch on the sheet, in pixels; larger ones are downscaled.
        contrast : (low, high), or such a pair for each channel, or "auto", optional
            The values drawn black and at full brightness.

        Returns
        -------
        Picture
            Displayed by notebooks; ``save`` writes it as PNG.
        """
        pixels = self.arrays[array]
        stack = from_array(pixels, "SCYX" if pixels.ndim == 4 else "SCZYX")
        size = pixels.shape[2:]
        samples, corners = np.arange(len(pixels)), np.zeros((len(pixels), len(size)), np.int64)
        return stack.view_patches(samples, None, corners, size, max_size=max_size, contrast=contrast)

    def _repr_html_(self) -> str:
        import html  # noqa: PLC0415 # slow to import, and only notebooks need it

        return f"<div>{html.escape(repr(self))}{self._sheets()}</div>"

    def _sheets(self) -> str:
        n = self._core.n_arrays
        names = ["input", "target"] if n == 2 else ["input", *(f"target {i}" for i in range(1, n))]
        return "".join(
            f"<figure><figcaption>{name}</figcaption>{self.view(i)._repr_html_()}</figure>"
            for i, name in enumerate(names[:n])
        )
