# SPDX-License-Identifier: BSD-3-Clause
"""Models of BioImage.IO, run by bioimageio.core, for `microtome.predict`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import ArgumentError, CorruptError, UnsupportedError, need, warn_caller
from ._models import Model, check_outputs, digest_file, run_in_pieces

if TYPE_CHECKING:
    from ._models import Batch, Outputs

__all__ = ["BioImageModel", "open_bioimage"]

_DIMS = {4: ("batch", "channel", "y", "x"), 5: ("batch", "channel", "z", "y", "x")}


class BioImageModel(Model):
    """A model of BioImage.IO. Its outputs have the names of its description.

    Pre- and postprocessing are those of the description, unless they compute something of the whole image, such as its
    mean: of tiles, that would be wrong. Then they are left out, with a warning.

    Parameters
    ----------
    core : module
        bioimageio.core.
    description : bioimageio.spec.model.v0_5.ModelDescr
        Of the model.
    path : pathlib.Path
        Where the description comes from.
    """

    def __init__(self, core: Any, description: Any, path: Path) -> None:
        self._core, self._description, self._path = core, description, path
        required = [item for item in description.inputs if not getattr(item, "optional", False)]
        axes = [axis for item in required for axis in item.axes]
        tiles = [axis.size for axis in axes if getattr(axis, "id", None) == "batch"]
        if len(required) != 1 or not tiles:
            raise UnsupportedError(f"{path}: its description is not of version 0.5 with one input and a batch axis")
        self._batch_size = tiles[0]
        self._input = required[0].id
        self._pipeline = core.create_prediction_pipeline(description)
        measures = core.proc_setup.get_requried_measures(description)  # sic
        self._skips_before = bool(measures.pre)
        self._skips_after = bool(measures.post) or self._pipeline.has_non_blockwise_postprocessing
        if self._skips_before:
            steps = _list_steps(required[0].preprocessing)
            warn_caller(f"{path}: preprocessing ({steps}) is left out, it needs the whole image: give normalize=")
        if self._skips_after:
            steps = _list_steps(step for output in description.outputs for step in output.postprocessing)
            warn_caller(f"{path}: postprocessing ({steps}) is left out, it needs the whole image")

    @property
    def identity(self) -> str:
        """SHA-256 of the description and of the files of its weights."""
        digest = hashlib.sha256(type(getattr(self._pipeline, "_adapter", None)).__name__.encode())
        if self._path.suffix.lower() == ".zip":
            digest.update(digest_file(self._path).encode())
        else:
            digest.update(digest_file(_find_description(self._path)).encode())
            for file in _list_files(self._description.weights):
                digest.update(hashlib.sha256(file.get_reader().read()).digest())
        return f"bioimage.io sha256:{digest.hexdigest()}"

    def __call__(self, batch: Batch, seed: int | None = None) -> Outputs:
        """Do what `Model` says."""
        if self._batch_size is not None and len(batch) != self._batch_size:
            return run_in_pieces(self._run, self._batch_size, batch)
        return self._run(batch)

    def _run(self, batch: Batch) -> Outputs:
        dims = _DIMS[batch.ndim]
        tensor = self._core.Tensor(batch.copy(), dims=dims)  # preprocessing may change it
        outputs = self._pipeline.predict_sample_without_blocking(
            self._core.Sample(members={self._input: tensor}, stat={}, id=None),
            skip_preprocessing=self._skips_before,
            skip_postprocessing=self._skips_after,
            skip_input_padding=True,
            skip_output_cropping=True,
        )
        names = self._pipeline.output_ids
        return check_outputs({name: outputs.members[name].transpose(dims).to_numpy() for name in names}, batch)

    def close(self) -> None:
        """Do what `Model` says."""
        self._pipeline.unload()

    def __repr__(self) -> str:
        return f"<model of BioImage.IO: {self._description.name}>"


def _list_steps(processing: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(str(step.id) for step in processing))


def _list_files(weights: Any) -> Iterator[Any]:
    """List the files that decide what a model computes."""
    for _, entry in weights:
        for file in (entry, getattr(entry, "architecture", None), getattr(entry, "external_data", None)):
            if hasattr(file, "get_reader"):
                yield file


def _find_description(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in ("rdf.yaml", "bioimageio.yaml", "model.yaml"):
        if (path / name).is_file():
            return path / name
    raise ArgumentError(f"{path}: a folder without rdf.yaml is not a model of BioImage.IO")


def open_bioimage(path: Path, device: str | None) -> Model:
    """Open a model of BioImage.IO: its folder, its description or its archive."""
    if device is not None:
        raise ArgumentError(
            f"device={device!r} is not for {path}: bioimageio.core takes the first GPU, if there is one"
        )
    source = path if path.suffix.lower() == ".zip" else _find_description(path)
    core = need("bioimageio.core", "bioimageio.core", str(path))
    try:
        description = core.load_model_description(source, format_version="latest")
    except Exception as error:
        raise CorruptError(f"{path}: bioimageio.core cannot load it: {error}") from error
    return BioImageModel(core, description, path)
