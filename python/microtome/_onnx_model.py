# SPDX-License-Identifier: BSD-3-Clause
"""Networks of ONNX, run by ONNX Runtime, for `microtome.predict`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import ArgumentError, CorruptError, UnsupportedError, need
from ._models import Model, check_outputs, digest_file, run_in_pieces

if TYPE_CHECKING:
    from ._models import Batch, Outputs

__all__ = ["OnnxModel", "open_onnx"]

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


class OnnxModel(Model):
    """A session of ONNX Runtime. Its outputs have the names of the network.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Of a network with one input: tiles, C, (Z), Y, X.
    """

    no_identity = "the file or the bytes that the session was made of are not there"

    def __init__(self, session: Any) -> None:
        self._session = session
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _DTYPES:
            found = ", ".join(f"{item.name}: {item.type}" for item in inputs)
            raise UnsupportedError(f"a network of ONNX with one input of real numbers is needed, not with {found}")
        self._input = inputs[0].name
        self._dtype = np.dtype(_DTYPES[inputs[0].type])
        self._outputs = [item.name for item in session.get_outputs()]
        tiles = inputs[0].shape[0] if inputs[0].shape else None
        self._batch_size = tiles if isinstance(tiles, int) and tiles > 0 else None

    @property
    def identity(self) -> str | None:
        """SHA-256 of the network's file, of those that it refers to, and of the provider that runs it."""
        path, content = getattr(self._session, "_model_path", None), getattr(self._session, "_model_bytes", None)
        if isinstance(path, str) and Path(path).is_file():
            digest = hashlib.sha256(Path(path).read_bytes())
            for other in _list_external(Path(path)):
                digest.update(f"{other.name}\0{digest_file(other)}".encode())
        elif isinstance(content, bytes):
            digest = hashlib.sha256(content)
        else:
            return None
        digest.update(self._session.get_providers()[0].encode())
        return f"onnx sha256:{digest.hexdigest()}"

    def __call__(self, batch: Batch, seed: int | None = None) -> Outputs:
        """Do what `Model` says."""
        if self._batch_size is not None and len(batch) != self._batch_size:
            return run_in_pieces(self._run, self._batch_size, batch)
        return self._run(batch)

    def _run(self, batch: Batch) -> Outputs:
        arrays = self._session.run(self._outputs, {self._input: batch.astype(self._dtype, copy=False)})
        return check_outputs(dict(zip(self._outputs, arrays, strict=True)), batch)

    def __repr__(self) -> str:
        return f"<network of ONNX on {self._session.get_providers()[0]}>"


def _list_external(path: Path) -> list[Path]:
    """List the files with weights that a file of ONNX refers to: TensorProto.external_data, key "location"."""
    content, found = path.read_bytes(), set()
    # StringStringEntryProto: key is field 1, value field 2; then the length, a varint of one or two bytes
    for match in re.finditer(rb"\x0a\x08location\x12([\x80-\xff]?)([\x00-\x7f])", content, re.DOTALL):
        low, last = match[1], match[2][0]
        size = low[0] - 128 + 128 * last if low else last
        found.add(path.parent / content[match.end() : match.end() + size].decode(errors="replace"))
    return sorted(file for file in found if file.is_file())


def open_onnx(path: Path, device: str | None) -> Model:
    """Open a file of ONNX."""
    runtime = need("onnxruntime", "onnxruntime", str(path))
    provider, options = _find_provider(runtime, device)
    try:
        session = runtime.InferenceSession(str(path), providers=[(provider, options)])
    except Exception as error:
        raise CorruptError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    if session.get_providers()[0] != provider:  # it has fallen back
        raise ArgumentError(f"{path}: ONNX Runtime cannot use {device!r}; it offers {session.get_providers()}")
    return OnnxModel(session)


def _find_provider(runtime: Any, device: str | None) -> tuple[str, dict[str, Any]]:
    match = re.fullmatch(r"cpu|(cuda)(?::(\d+))?", device or "cpu")
    if not match:
        raise ArgumentError(f"device must be 'cpu', 'cuda' or 'cuda:N' for a file of ONNX, not {device!r}")
    if match[1] is None:
        return "CPUExecutionProvider", {}
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise ArgumentError(f"this ONNX Runtime has no support of {device!r}: pip install onnxruntime-gpu")
    return "CUDAExecutionProvider", {"device_id": int(match[2] or 0)}
