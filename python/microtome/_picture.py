# SPDX-License-Identifier: BSD-3-Clause
"""A picture of an image stack."""

from __future__ import annotations

import binascii
import os
import struct
from collections.abc import Sequence

from ._errors import ArgumentError

__all__ = ["Picture"]


class Picture:
    """A PNG picture, displayed by notebooks.

    Attributes
    ----------
    png : bytes
        The file's content.
    scale : float
        Pixels of the picture per pixel of the image; below 1 if downscaled.
    contrast : list of (float, float)
        For each channel drawn (the first 7), the values drawn black and at full brightness; empty
        for label images.
    scale_bar : str
        Length of the scale bar, such as ``"20 µm"``; empty without a scale bar.
    """

    def __init__(
        self,
        png: bytes,
        scale: float = 1.0,
        contrast: Sequence[tuple[float, float]] = (),
        scale_bar: str = "",
    ) -> None:
        self.png = png
        self.scale = scale
        self.contrast = list(contrast)
        self.scale_bar = scale_bar

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = struct.unpack(">II", self.png[16:24])  # IHDR, the first chunk of every PNG
        return width, height

    def __repr__(self) -> str:
        width, height = self.size
        return f"<microtome.Picture {width} x {height} pixels, {len(self.png)} bytes of PNG>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the PNG file; an existing one is replaced.

        Parameters
        ----------
        path : path-like
            The file; its name ends in ``.png``.

        Raises
        ------
        ArgumentError
            The name has another suffix.
        """
        if not os.fsdecode(path).lower().endswith(".png"):
            raise ArgumentError(f"{os.fsdecode(path)}: pictures are saved as PNG: give a name that ends in .png")
        with open(path, "wb") as file:
            file.write(self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        return f"<img src='data:image/png;base64,{binascii.b2a_base64(self.png, newline=False).decode()}'/>"
