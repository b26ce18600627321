# SPDX-License-Identifier: BSD-3-Clause
"""Images of several files: a change of any of them is noticed by whoever goes on with work on it."""

import json
import os
import pickle
import re
import shutil
from pathlib import Path

import h5py
import microtome
import numpy as np
import pytest

SAMPLES = Path(__file__).parents[1] / "samples"


def ome_tiff(folder, data):
    """The first of five files describes all; the others refer to it."""
    shutil.copytree(data / "cases/real_ome_master", folder / "set")
    return folder / "set/multifile-Z1.ome.tiff", {}, "multifile-Z3.ome.tiff"


def ome_tiff_by_another(folder, data):
    ome_tiff(folder, data)
    return folder / "set/multifile-Z2.ome.tiff", {}, "multifile-Z1.ome.tiff"


def companion(folder, data):
    ome_tiff(folder, data)
    text = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0"
        DimensionOrder="XYZCT" Type="uint8" SizeX="18" SizeY="24" SizeZ="2" SizeC="1" SizeT="1">"""
    for z in range(2):
        text += f"""<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="set/z{z}.tif"/></TiffData>"""
        os.rename(folder / f"set/multifile-Z{z + 2}.ome.tiff", folder / f"set/z{z}.tif")
    os.mkdir(folder / "set/text")
    (folder / "set/text/a.companion.ome").write_text(text.replace("set/z", "../z") + "</Pixels></Image></OME>")
    return folder / "set/text/a.companion.ome", {"external_folder": folder}, "../z1.tif"


def czi(folder, data):
    for name in ("multi.czi", "multi (1).czi"):
        shutil.copy(data / "czi/crafted" / name, folder)
    return folder / "multi.czi", {}, "multi (1).czi"


def nifti(folder, data):
    for name in ("pair.hdr", "pair.img"):
        shutil.copy(SAMPLES / "nifti" / name, folder)
    return folder / "pair.hdr", {}, "pair.img"


def nifti_by_pixels(folder, data):
    nifti(folder, data)
    return folder / "pair.img", {}, "pair.hdr"


def n5(folder, data):
    shutil.copytree(SAMPLES / "n5", folder / "n5")
    return folder / "n5/setups.xml", {}, "setups.n5/setup0/timepoint0/s0/attributes.json"


def hdf5_virtual(folder, data):
    """Two sources, of which one has its pixels in a raw file."""
    planes = np.arange(2 * 64 * 64, dtype=np.uint16).reshape(2, 64, 64)
    with h5py.File(folder / "a.h5", "w") as file:
        file["a"] = planes[0]
    with h5py.File(folder / "b.h5", "w") as file:
        external = [(str(folder / "b.raw"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("b", (64, 64), np.uint16, external=external)[...] = planes[1]
    layout = h5py.VirtualLayout((2, 64, 64), np.uint16)
    for z, name in enumerate("ab"):
        layout[z] = h5py.VirtualSource(f"{name}.h5", name, (64, 64))
    with h5py.File(folder / "whole.h5", "w") as file:
        file.create_virtual_dataset("whole", layout)
        file["link"] = h5py.ExternalLink("a.h5", "a")
    return folder / "whole.h5", {"axes": "ZYX", "part": "whole", "external_folder": folder}, "b.h5"


def hdf5_raw(folder, data):
    path, options, _ = hdf5_virtual(folder, data)
    return path, options, "b.raw"


def hdf5_link(folder, data):
    path, options, _ = hdf5_virtual(folder, data)
    return path, {**options, "axes": "YX", "part": "link"}, "a.h5"


BDV = """<SpimData version="0.2"><BasePath type="relative">.</BasePath><SequenceDescription>
<ImageLoader format="bdv.hdf5"><hdf5 type="relative">a.h5</hdf5></ImageLoader>
<Timepoints type="range"><first>0</first><last>2</last></Timepoints></SequenceDescription></SpimData>"""


def bdv(folder, data):
    """BigDataViewer: the document, the file that it names, and the files of time points that this one links to."""
    (folder / "a.xml").write_text(BDV)
    with h5py.File(folder / "a.h5", "w") as file:
        for t in range(3):
            with h5py.File(folder / f"a-{t}.h5", "w") as part:
                part.create_dataset(f"t{t:05}/s00/0/cells", (4, 64, 64), np.int16, chunks=(4, 32, 32))[...] = t
            file[f"t{t:05}/s00"] = h5py.ExternalLink(f"a-{t}.h5", f"t{t:05}/s00")
        file["s00/resolutions"] = np.ones((1, 3))
        file["s00/subdivisions"] = np.ones((1, 3), np.int32)
    return folder / "a.xml", {"external_folder": folder}, "a-2.h5"


def bdv_file(folder, data):
    path, options, _ = bdv(folder, data)
    return path, options, "a.h5"


def bdv_document(folder, data):
    path, options, _ = bdv(folder, data)
    return path.with_suffix(".h5"), options, "a.xml"


IMAGES = [
    ome_tiff,
    ome_tiff_by_another,
    companion,
    czi,
    nifti,
    nifti_by_pixels,
    n5,
    hdf5_virtual,
    hdf5_raw,
    hdf5_link,
    bdv,
    bdv_file,
    bdv_document,
]


@pytest.fixture(params=IMAGES, ids=[image.__name__ for image in IMAGES])
def image(request, tmp_path):
    """The path, the options of open, and the name of another file of an image, as seen from the folder of the path."""
    (tmp_path / "image").mkdir()
    needs_data = request.param in (ome_tiff, ome_tiff_by_another, companion, czi)
    return request.param(tmp_path / "image", request.getfixturevalue("data") if needs_data else None)


def make_loader(path, options):
    stack = microtome.open(path, **options)
    return microtome.Loader(microtome.Tiled([stack], (1, 8, 8)[-len(stack.data_shape) + 2 :]), batch_size=2)


def touch(path):
    """Change the time of a file by two seconds, as if it had been replaced by one of the same size."""
    times = os.stat(path).st_mtime_ns + 2 * 10**9
    os.utime(path, ns=(times, times))


def test_states_know_all_files(image, tmp_path):
    path, options, other = image
    state = json.loads(json.dumps(make_loader(path, options).state_dict()))
    make_loader(path, options).load_state_dict(state)
    touch(path.parent / other)
    with pytest.raises(microtome.ArgumentError) as caught:
        make_loader(path, options).load_state_dict(state)
    assert f"not the one of the state: its file {other} has changed; if its pixels are the same" in str(caught.value)
    make_loader(path, options).load_state_dict({**state, "images": None})


def test_states_of_moved_files_and_of_saved_maps_are_the_same(image, tmp_path):
    path, options, other = image
    state = make_loader(path, options).state_dict()
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "image", moved)
    for file in moved.rglob("*"):  # as tar and scp keep times
        seconds = int(os.stat(tmp_path / "image" / file.relative_to(moved)).st_mtime)
        os.utime(file, (seconds, seconds))
    there = moved / path.relative_to(tmp_path / "image")
    if "external_folder" in options and "raw" not in other:
        options = {**options, "external_folder": moved}
    if options.get("part") != "whole":  # whose source names its raw file by the whole path
        make_loader(there, options).load_state_dict(state)
    path, options, other = image
    microtome.open(path, **options).save_map(tmp_path / "map")
    saved = {**options, "map": tmp_path / "map"}
    make_loader(path, saved).load_state_dict(state)
    touch(path.parent / other)
    microtome.open(path, **options).save_map(tmp_path / "map")
    with pytest.raises(microtome.ArgumentError, match="has changed; if"):
        make_loader(path, saved).load_state_dict(state)


def test_pickles_know_all_files(image):
    path, options, other = image
    text = pickle.dumps(microtome.open(path, **options))
    pickle.loads(text).close()
    touch(path.parent / other)
    with pytest.raises(microtome.ReopenError, match="the image has changed since it was opened"):
        pickle.loads(text)


def test_conversions_know_all_files(image, tmp_path):
    path, options, other = image
    stack = microtome.open(path, **options)
    axes = stack.original_axes
    how = {"chunks": [8 if axis in "YX" else 1 for axis in axes], "missing": "fill", "progress": False}
    microtome.convert(stack, tmp_path / "out.zarr", part=(0, 2), **how)
    with pytest.warns(microtome.ImageWarning, match="continues"):
        microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", part=(0, 2), **how)
    touch(path.parent / other)
    with pytest.raises(microtome.ArgumentError) as caught:
        microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", **how)
    assert f"of another input exists: input changed: {other}. Restore the file" in str(caught.value)


def write_sources(folder, n):
    layout = h5py.VirtualLayout((n, 16, 16), np.uint8)
    for z in range(n):
        with h5py.File(folder / f"s{z:02}.h5", "w") as file:
            file["a"] = np.full((16, 16), z, np.uint8)
        layout[z] = h5py.VirtualSource(f"s{z:02}.h5", "a", (16, 16))
    with h5py.File(folder / "whole.h5", "w") as file:
        file.create_virtual_dataset("a", layout)
    return folder / "whole.h5"


@pytest.mark.parametrize(
    ("n", "changed", "name"),
    [
        (16, 4, "s04.h5"),
        (17, 4, "one of 2 files from s04.h5 to s05.h5"),
        (17, 16, "s16.h5"),
        (50, 48, "one of 2 files from s48.h5 to s49.h5"),
        (50, 46, "one of 4 files from s44.h5 to s47.h5"),
    ],
)
def test_identities_of_many_files_are_short(tmp_path, n, changed, name):
    path, options = write_sources(tmp_path, n), {"axes": "ZYX"}
    state = make_loader(path, options).state_dict()
    assert len(json.dumps(state)) < 4000
    touch(tmp_path / f"s{changed:02}.h5")
    with pytest.raises(microtome.ArgumentError) as caught:
        make_loader(path, options).load_state_dict(state)
    assert f"its file {name} has changed" in str(caught.value)


def test_any_name_can_be_that_of_a_file(tmp_path):
    names = ["a, b.h5", "gr\u00fc\u00df.h5", "n" * 200 + "1.h5", "100%.h5"]
    layout = h5py.VirtualLayout((len(names), 16, 16), np.uint8)
    for z, name in enumerate(names):
        with h5py.File(tmp_path / name, "w") as file:
            file["a"] = np.full((16, 16), z, np.uint8)
        layout[z] = h5py.VirtualSource(name.replace("%", "%%"), "a", (16, 16))
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.create_virtual_dataset("a", layout)
    path, options = tmp_path / "whole.h5", {"axes": "ZYX"}
    shown = ["a%2C b.h5", "gr%C3%BC%C3%9F.h5", "..." + "n" * 56 + "1.h5", "100%25.h5"]
    for name, words in zip(names, shown, strict=True):
        state = make_loader(path, options).state_dict()
        make_loader(path, options).load_state_dict(state)
        touch(tmp_path / name)
        with pytest.raises(microtome.ArgumentError) as caught:
            make_loader(path, options).load_state_dict(state)
        assert f"its file {words} has changed" in str(caught.value)


def test_a_file_that_appears(tmp_path):
    path, options, other = hdf5_raw(tmp_path, None)
    os.rename(tmp_path / other, tmp_path / "away")
    state = make_loader(path, options).state_dict()
    make_loader(path, options).load_state_dict(state)
    os.rename(tmp_path / "away", tmp_path / other)
    with pytest.raises(microtome.ArgumentError, match=r"its file b\.raw has changed"):
        make_loader(path, options).load_state_dict(state)


@pytest.mark.filterwarnings("ignore:.*missing")
def test_files_that_come_and_go(tmp_path):
    path, options = write_sources(tmp_path, 3), {"axes": "ZYX"}
    stack = microtome.open(path, **options)
    state = make_loader(path, options).state_dict()
    how = {"chunks": (1, 8, 8), "missing": "fill", "progress": False}
    microtome.convert(stack, tmp_path / "out.zarr", part=(0, 2), **how)
    os.rename(tmp_path / "s01.h5", tmp_path / "away.h5")

    def load(state):
        stack = microtome.open(path, **options)
        microtome.Loader(microtome.Tiled([stack], (1, 8, 8)), missing="fill").load_state_dict(state)

    with pytest.raises(microtome.ArgumentError, match=r"s01\.h5 then, s02\.h5 now; if its pixels"):
        load(state)
    with pytest.raises(microtome.ArgumentError, match=r"another input or call.* \"with s01\.h5 .*\", not \"with s02"):
        microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", **how)
    os.rename(tmp_path / "away.h5", tmp_path / "s01.h5")
    touch(tmp_path / "s01.h5")
    with pytest.raises(microtome.ArgumentError, match=r"input changed: s01\.h5"):
        microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", **how)


def without_members(text):
    return re.sub(r", with [^,]*? [0-9a-f]{16}", "", text)


def test_states_and_outputs_of_earlier_versions(tmp_path):
    """They knew nothing of other files. Those of images of one file are still accepted."""
    path, options = write_sources(tmp_path, 2), {"axes": "ZYX"}
    np.save(tmp_path / "one.npy", np.zeros((2, 16, 16), np.uint8))
    state = make_loader(tmp_path / "one.npy", options).state_dict()
    assert json.loads(without_members(json.dumps(state))) == state and state["version"] == 2
    state = make_loader(path, options).state_dict()
    old = json.loads(without_members(json.dumps(state)))
    assert old != state
    with pytest.raises(microtome.ArgumentError, match=r"nothing then, s00\.h5 now; if its pixels are the same, set"):
        make_loader(path, options).load_state_dict(old)
    how = {"chunks": (1, 8, 8), "progress": False}
    microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", part=(0, 2), **how)
    plan = next(
        file for file in (tmp_path / "out.zarr").rglob("*") if file.is_file() and b", with s00" in file.read_bytes()
    )
    plan.write_text(without_members(plan.read_text()))
    with pytest.raises(microtome.ArgumentError, match=r"does not know the input s00\.h5, .* by an earlier version"):
        microtome.convert(microtome.open(path, **options), tmp_path / "out.zarr", **how)


def test_states_of_parts_with_long_names(tmp_path):
    """A digest stands for the name: what comes after it is kept."""
    names = ["a" + "x" * 5000, "b" + "x" * 5000]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in names:
            file[name] = np.zeros((2, 16, 16), np.uint8)
    options = [{"axes": "ZYX", "part": name} for name in names]
    state = make_loader(tmp_path / "a.h5", options[0]).state_dict()
    assert len(json.dumps(state)) < 2000
    make_loader(tmp_path / "a.h5", options[0]).load_state_dict(state)
    with pytest.raises(microtome.ArgumentError, match=r"#\.\.\.x+ [0-9a-f]{16} then, #\.\.\.x+ [0-9a-f]{16} now"):
        make_loader(tmp_path / "a.h5", options[1]).load_state_dict(state)
    touch(tmp_path / "a.h5")
    with pytest.raises(microtome.ArgumentError, match=r"changed at .* then, changed at .* now"):
        make_loader(tmp_path / "a.h5", options[0]).load_state_dict(state)
