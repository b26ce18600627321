# SPDX-License-Identifier: BSD-3-Clause
"""How each library reads patches, in the fastest way that it documents.

A reader has `one(corner)`, which gives a patch as float32. It may have `into(corner, out)`, which writes a patch without
an array between, and `many(corners, out)`, which fills a batch in one call.
"""

import importlib.util
import sys
import types
from pathlib import Path

import h5py
import liffile
import microtome
import mrcfile
import nd2
import nibabel
import numpy as np
import tensorstore
import tifffile
import zarr
import zarrs  # noqa: F401 # zarr finds its codec pipeline by name
from pylibCZIrw import czi

AXES = {2: "YX", 3: "ZYX"}


def load_careamics():
    """The image stacks of CAREamics without what its packages import besides, which trains networks with torch."""
    root = Path(importlib.util.find_spec("careamics").origin).parent
    for name in "", "config", "dataset", "image_io", "utils":
        module = types.ModuleType(f"careamics.{name}".rstrip("."))
        module.__path__ = [str(root / name)]
        sys.modules[module.__name__] = module
    from careamics.dataset import image_stack

    return image_stack


CAREAMICS = load_careamics()


class Microtome:
    name = "microtome"

    def __init__(self, stack, size):
        self.stack, self.size = stack, size

    @classmethod
    def open(cls, path, size, cached, **options):
        context = microtome.Context(cache_bytes=None if cached else 0, **options)
        reader = cls(microtome.open(path, AXES[len(size)], context=context), size)
        reader.context = context
        return reader

    def one(self, corner):
        return self.stack.extract_patch(0, None, corner, self.size)[0]

    def many(self, corners, out):
        self.stack.extract_patches(0, None, corners, self.size, out=out[:, None])


class Careamics:
    name = "CAREamics"

    def __init__(self, stack, size):
        self.stack, self.size = stack, size

    @classmethod
    def zarr(cls, path, size):
        return cls(CAREAMICS.ZarrImageStack(zarr.open_group(path, mode="r"), "image", AXES[len(size)]), size)

    @classmethod
    def tiff(cls, path, size):
        """It reads the whole file first; only what comes after is timed."""
        return cls(CAREAMICS.InMemoryImageStack.from_tiff(path, AXES[len(size)]), size)

    @classmethod
    def czi(cls, path, size):
        return cls(CAREAMICS.CziImageStack(path), size)

    @classmethod
    def array(cls, array, size):
        return cls(CAREAMICS.InMemoryImageStack.from_array(array, AXES[len(size)]), size)

    def one(self, corner):
        return self.stack.extract_patch(0, None, corner, self.size)[0]


class Sliced:
    """Anything that is sliced like an array. Its other way: the whole image first, then patches of that."""

    def __init__(self, name, array, size, whole=None):
        self.name, self.array, self.size, self.whole = name, array, size, whole
        self.cut = self.cut_2d if len(size) == 2 else self.cut_3d

    def cut_2d(self, corner):
        y, x = corner
        height, width = self.size
        return self.array[y : y + height, x : x + width]

    def cut_3d(self, corner):
        z, y, x = corner
        depth, height, width = self.size
        return self.array[z : z + depth, y : y + height, x : x + width]

    def one(self, corner):
        return self.cut(corner).astype(np.float32)

    def into(self, corner, out):
        out[...] = self.cut(corner)

    def many(self, corners, out):
        image = self.whole() if self.whole else self.array[...]
        into = Sliced("", image, self.size).into
        for i, corner in enumerate(corners.tolist()):
            into(corner, out[i])


def zarr_python(path, size):
    return Sliced("zarr-python", zarr.open_array(path / "image", mode="r"), size)


def zarrs_python(path, size):
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        return Sliced("zarrs", zarr.open_array(path / "image", mode="r"), size)


def tifffile_zarr(path, size):
    store = tifffile.imread(path, aszarr=True)
    return Sliced("tifffile", zarr.open_array(store, mode="r"), size, lambda: tifffile.imread(path))


def tifffile_memmap(path, size):
    return Sliced("tifffile.memmap", tifffile.memmap(path, mode="r"), size)


def numpy_memmap(path, size):
    return Sliced("numpy.memmap", np.load(path, mmap_mode="r"), size)


def hdf5_memmap(path, size):
    """The pixels of a contiguous dataset, where they lie in the file."""
    file, part = str(path).split("#")
    with h5py.File(file) as opened:
        dataset = opened[part]
        place = {"offset": dataset.id.get_offset(), "shape": dataset.shape, "dtype": dataset.dtype}
    return Sliced("numpy.memmap", np.memmap(file, mode="r", **place), size)


def h5py_dataset(path, size):
    file, part = str(path).split("#")
    return Sliced("h5py", h5py.File(file)[part], size)


def mrcfile_mmap(path, size):
    return Sliced("mrcfile.mmap", mrcfile.mmap(path, mode="r").data, size, lambda: mrcfile.read(path))


def nibabel_memmap(path, size):
    """Pixels that are neither packed nor scaled are mapped."""
    return Sliced("nibabel, mapped", np.asanyarray(nibabel.load(path).dataobj).T, size)


def liffile_memmap(path, size):
    with liffile.LifFile(path) as file:
        return Sliced("liffile, mapped", file.images[0].asarray(out="memmap"), size)


class Nibabel:
    """Its array proxy, whose axes are X, Y, Z; or the whole image first."""

    name = "nibabel"

    def __init__(self, path, size):
        self.path, self.size = path, size
        self.proxy = nibabel.load(path).dataobj

    def one(self, corner):
        cut = tuple(slice(at, at + n) for at, n in zip(corner, self.size, strict=True))
        return np.asarray(self.proxy[cut[::-1]]).T.astype(np.float32)

    def many(self, corners, out):
        """The whole image first."""
        image = np.asarray(nibabel.load(self.path).dataobj).T
        Sliced("", image, self.size).many(corners, out)


class TensorStore:
    """One by one, or all in one batch. context holds TensorStore's own options."""

    def __init__(self, name, spec, size, context):
        self.name, self.size = name, size
        self.store = tensorstore.open(spec, read=True, context=tensorstore.Context(context)).result()

    @classmethod
    def zarr(cls, path, size, cached):
        """With a cache that holds the image, or without."""
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / "image")}}
        context = {"cache_pool": {"total_bytes_limit": 1 << 30}} if cached else {}
        return cls("TensorStore, cache" if cached else "TensorStore", spec, size, context)

    @classmethod
    def n5(cls, path, size, cached):
        spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(path)}}
        context = {"cache_pool": {"total_bytes_limit": 1 << 30}} if cached else {}
        reader = cls("TensorStore, cache" if cached else "TensorStore", spec, size, context)
        reader.store = reader.store.T
        return reader

    def cut(self, corner):
        return self.store[tuple(slice(at, at + n) for at, n in zip(corner, self.size, strict=True))]

    def one(self, corner):
        return self.cut(corner).read().result().astype(np.float32)

    def many(self, corners, out):
        with tensorstore.Batch() as batch:
            reads = [self.cut(corner).read(batch=batch) for corner in corners.tolist()]
        for i, read in enumerate(reads):
            out[i] = read.result()


class PylibCZIrw:
    name = "pylibCZIrw"

    def __init__(self, path, size):
        self.size = size
        self.opened = czi.open_czi(str(path))
        self.file = self.opened.__enter__()

    def one(self, corner):
        (y, x), (height, width) = corner, self.size
        plane = self.file.read(roi=(x, y, width, height), plane={"C": 0, "Z": 0, "T": 0})
        return plane[..., 0].astype(np.float32)


class Nd2:
    """Frames are mapped: only what is copied of them is read."""

    name = "nd2"

    def __init__(self, path, size):
        self.size = size
        self.file = nd2.ND2File(path)

    def one(self, corner):
        return cut_frames(self.file, corner, self.size)

    def into(self, corner, out):
        (z, y, x), (_, height, width) = corner, self.size
        for i, plane in enumerate(out):
            plane[...] = self.file.read_frame(z + i)[y : y + height, x : x + width]


def cut_frames(file, corner, size):
    (z, y, x), (depth, height, width) = corner, size
    frames = [file.read_frame(i)[y : y + height, x : x + width] for i in range(z, z + depth)]
    return np.stack(frames).astype(np.float32)


class First:
    """Opens, cuts one patch, closes: each time anew."""

    def __init__(self, name, read, size):
        self.name, self.read, self.size = name, read, size

    def one(self, corner):
        return self.read(corner, self.size)

    @classmethod
    def microtome(cls, path, size):
        def read(corner, size):
            with microtome.open(path, AXES[len(size)]) as stack:
                return stack.extract_patch(0, None, corner, size)[0]

        return cls("microtome", read, size)

    @classmethod
    def h5py(cls, path, size):
        file, part = str(path).split("#")

        def read(corner, size):
            with h5py.File(file) as opened:
                return Sliced("", opened[part], size).one(corner)

        return cls("h5py", read, size)

    @classmethod
    def tensorstore(cls, path, size):
        return cls("TensorStore", lambda corner, size: TensorStore.n5(path, size, False).one(corner), size)

    @classmethod
    def mrcfile(cls, path, size):
        def read(corner, size):
            with mrcfile.mmap(path, mode="r") as file:
                return Sliced("", file.data, size).one(corner)

        return cls("mrcfile.mmap", read, size)

    @classmethod
    def nibabel(cls, path, size):
        return cls("nibabel", lambda corner, size: Nibabel(path, size).one(corner), size)

    @classmethod
    def nd2(cls, path, size):
        def read(corner, size):
            with nd2.ND2File(path) as file:
                return cut_frames(file, corner, size)

        return cls("nd2", read, size)

    @classmethod
    def liffile(cls, path, size):
        return cls("liffile", lambda corner, size: liffile_memmap(path, size).one(corner), size)

    @classmethod
    def czi(cls, path, size):
        def read(corner, size):
            (y, x), (height, width) = corner, size
            with czi.open_czi(str(path)) as file:
                plane = file.read(roi=(x, y, width, height), plane={"C": 0, "Z": 0, "T": 0})
                return plane[..., 0].astype(np.float32)

        return cls("pylibCZIrw", read, size)
