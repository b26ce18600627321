# SPDX-License-Identifier: BSD-3-Clause
"""What the extension says of arguments of patchings, loaders and statistics that it cannot take."""

import microtome
import numpy as np
import pytest
from microtome import _core
from test_arguments import Bad

PIXELS = np.arange(2 * 3 * 20 * 20, dtype=np.uint16).reshape(2, 3, 20, 20)
STACK = microtome.from_array(PIXELS, "SCYX")
CLOSED = microtome.from_array(PIXELS, "SCYX")
CLOSED.close()
PATCHING = microtome.Stratified([STACK], (5, 5))
UNMADE = _core.Patching()
NONE = np.empty(0, np.int64)
PLACES = ("areas", np.int64), ("probabilities", np.float64), ("bins", np.uint64)


def start(stacks=(STACK,), strategy="random", patch_size=(5, 5), overlap=None, seed=0, pad=False, specs=None):
    return lambda: _core.Patching()._start(stacks, strategy, patch_size, overlap, seed, pad, specs)


def regions(stack=0, sample=0, wrong=None):
    """With an array of one element too few, whose number is given."""
    n = PATCHING._grid(0, 0)[0]
    arrays = [np.empty(n[0] * n[1] - (i == wrong), dtype) for i, (_, dtype) in enumerate(PLACES)]
    return lambda: PATCHING._regions(stack, sample, *arrays)


LOADER = ["patching", "arrays", "batch_size", "seed", "augment", "flip", "rotate", "in_order", "uneven", "on_corrupt",
          "fill_missing", "rank", "world_size", "locality", "window", "block", "prefetch", "prefetch_bytes", "noise",
          "buffers"]  # fmt: skip


def loader(**changes):
    """A loader of which some arguments are other ones."""
    array = ((STACK,), None, None, None, "float32", 0)
    usual = [PATCHING, (array,), 2, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 1, 0, 0, (), 0, 0, None, None]
    values = dict(zip(LOADER, usual, strict=True))
    for name, value in changes.items():
        if name in values:
            values[name] = value
        else:
            at = ("stacks", "channels", "divide", "subtract", "dtype", "padding").index(name)
            values["arrays"] = ((*array[:at], value, *array[at + 1 :]),)
    return lambda: _core.Loader(*values.values())


def statistics(stacks=(STACK,), quantiles=None, bins=0, range_=None, masks=None, share=0.0, chunks=0, seed=0,
               missing=False, progress=None):  # fmt: skip
    wanted = np.empty(0) if quantiles is None else quantiles
    return lambda: _core.statistics(stacks, wanted, bins, range_, masks, share, chunks, seed, missing, progress)


def noise(scale=None, offset=None, **more):
    return loader(noise=(0.1, 0.5, 1.0, 0.0, 0.0, scale, offset), **more)


COMPUTED = statistics(quantiles=np.array([0.5]))()
BATCH = loader()().read(0, np.arange(2, dtype=np.uint64))

REFUSED = [
    (start(stacks=[STACK]), TypeError, "stacks must be a tuple, not list"),
    (start(stacks=(5,)), TypeError, "stacks must be image stacks of microtome"),
    (start(stacks=(CLOSED,)), ValueError, "the image stack is closed"),
    (start(strategy=5), TypeError, "strategy must be a string"),
    (start(strategy="magic"), ValueError, "magic"),
    (start(patch_size=5), TypeError, "patch_size must be a sequence of integers"),
    (start(overlap=5), TypeError, "overlap must be a sequence of integers"),
    (start(overlap=(1,)), ValueError, "overlap has 1 values and patch_size 2"),
    (start(seed="0"), TypeError, "str"),
    (start(seed=-1), ValueError, "seed must be from 0 to"),
    (start(seed=2**64), ValueError, "seed must be from 0 to"),
    (start(pad=Bad()), RuntimeError, "asked"),
    (start(specs=5), TypeError, "int"),
    (start(specs=np.zeros(18, np.int32)), ValueError, "specs must be an array of int64"),
    (lambda: _core.Patching()._start((STACK,)), TypeError, "misses the argument"),
    (lambda: UNMADE._count(), ValueError, "this patching was not initialized"),
    (lambda: UNMADE.stacks, ValueError, "this patching was not initialized"),
    (lambda: UNMADE._rows(NONE, 0, NONE), ValueError, "this patching was not initialized"),
    (lambda: UNMADE._grid(0, 0), ValueError, "this patching was not initialized"),
    (lambda: UNMADE._regions(0, 0, NONE, NONE, NONE), ValueError, "this patching was not initialized"),
    (lambda: UNMADE._weigh(0, 0, NONE), ValueError, "this patching was not initialized"),
    (lambda: UNMADE._exclude(NONE), ValueError, "this patching was not initialized"),
    (lambda: UNMADE._split(1, None, _core.Patching()), ValueError, "this patching was not initialized"),
    (lambda: PATCHING._rows(NONE, "0", NONE), TypeError, "epoch must be an integer"),
    (lambda: PATCHING._rows(NONE, -1, NONE), ValueError, "epochs count from 0"),
    (lambda: PATCHING._rows(5, 0, NONE), TypeError, "int"),
    (lambda: PATCHING._rows(np.zeros(1, np.int64), 0, NONE), ValueError, "out must be an array of int64, 18 of them"),
    (lambda: PATCHING._rows(NONE), TypeError, "misses the argument"),
    (lambda: PATCHING._grid("0", 0), TypeError, "stack must be an integer"),
    (lambda: PATCHING._grid(0, "0"), TypeError, "sample must be an integer"),
    (lambda: PATCHING._grid(-1, 0), IndexError, "stack -1 is out of bounds"),
    (lambda: PATCHING._grid(1, 0), IndexError, "stack 1"),
    (lambda: PATCHING._grid(0, 2), IndexError, "sample 2"),
    (lambda: PATCHING._grid(0), TypeError, "misses the argument"),
    (regions(stack=-1), IndexError, "stack -1 is out of bounds"),
    (regions(stack=1), IndexError, "stack 1"),
    (regions(wrong=0), ValueError, "areas must be an array of int64"),
    (regions(wrong=1), ValueError, "probabilities must be an array of float64"),
    (regions(wrong=2), ValueError, "bins must be an array of uint64"),
    (lambda: PATCHING._regions(0, 0), TypeError, "misses the argument"),
    (lambda: PATCHING._weigh(-1, 0, np.ones(1)), IndexError, "stack -1 is out of bounds"),
    (lambda: PATCHING._weigh(0, 0, np.ones(1, np.float32)), ValueError, "weights must be an array of float64"),
    (lambda: microtome.Stratified([STACK], (5, 5))._weigh(0, 0, np.ones(1)), ValueError, "1 weights"),
    (lambda: PATCHING._weigh(0, 0), TypeError, "misses the argument"),
    (lambda: PATCHING._exclude(5), TypeError, "int"),
    (lambda: PATCHING._exclude(), TypeError, "misses the argument"),
    (lambda: PATCHING._split("1", None, _core.Patching()), TypeError, "n_val must be an integer"),
    (lambda: PATCHING._split(0, None, _core.Patching()), ValueError, "n_val must be at least 1"),
    (lambda: PATCHING._split(1, -1, _core.Patching()), ValueError, "seed must be from 0 to"),
    (lambda: PATCHING._split(1, None, STACK), TypeError, "validation must be a patching"),
    (lambda: PATCHING._split(1), TypeError, "misses the argument"),
    (loader(patching=STACK), TypeError, "patching must be a patching strategy"),
    (loader(patching=UNMADE), ValueError, "this patching was not initialized"),
    (loader(arrays=[]), TypeError, "tuple"),
    (loader(arrays=([STACK],)), TypeError, "the stacks of an array must be a tuple"),
    (loader(arrays=(([STACK], None),)), TypeError, "the stacks of an array must be a tuple"),
    (loader(arrays=((),)), TypeError, "the stacks of an array must be a tuple"),
    (loader(arrays=(((STACK,), None),)), TypeError, "2"),
    (loader(stacks=(5,)), TypeError, "stacks must be image stacks of microtome"),
    (loader(stacks=(CLOSED,)), ValueError, "the image stack is closed"),
    (loader(channels=5), TypeError, "channels must be a sequence of integers"),
    (loader(channels=(7,)), IndexError, "channel"),
    (loader(divide=np.ones(3)), ValueError, "scale must be an array of float32"),
    (loader(subtract=np.ones(3)), ValueError, "offset must be an array of float32"),
    (loader(padding="mirror"), ValueError, 'not "mirror"'),
    (loader(dtype="complex64"), TypeError, "as the stored type or as float32, not as complex64"),
    (loader(batch_size="2"), TypeError, "str"),
    (loader(augment=1 << 20), ValueError, "augmentation with the flags"),
    (loader(uneven=9), ValueError, "mt_uneven 9"),
    (loader(on_corrupt=9), ValueError, "mt_on_corrupt 9"),
    (loader(world_size=3, rank=3), ValueError, "rank"),
    (loader(block=5), TypeError, "block must be a sequence of integers"),
    (loader(block=(-1, 2)), ValueError, "a block of -1 chunks"),
    (loader(noise=5), TypeError, "noise must be a tuple"),
    (noise(scale=np.ones(3, np.float32)), ValueError, "the scale of photons must be an array of float64"),
    (noise(offset=np.ones(3, np.float32)), ValueError, "the offset of photons must be an array of float64"),
    (lambda: loader()().read(0, np.zeros(1, np.int64)), ValueError, "positions must be an array of uint64"),
    (lambda: loader()().read(0, 5), TypeError, "int"),
    (lambda: loader()().read(0, np.full(1, 2**40, np.uint64)), IndexError, "1099511627776"),
    (lambda: loader()().seek("0", 0), TypeError, "str"),
    (lambda: loader()().seek(0, 2**40), ValueError, "cannot continue with batch 1099511627776"),
    (lambda: loader()().set_state(5), TypeError, "bad argument type"),
    (lambda: loader()().set_state("{"), microtome.Error, "JSON|json|state"),
    (lambda: BATCH.array("0"), TypeError, "array must be an integer"),
    (lambda: BATCH.array(1), IndexError, "array 1 is out of bounds for 1 arrays"),
    (lambda: BATCH.array(-1), IndexError, "array -1 is out of bounds for 1 arrays"),
    (lambda: BATCH.column("area"), ValueError, "there is no column 'area'"),
    (lambda: BATCH.column(5), ValueError, "there is no column 5"),
    (statistics(stacks=(5,)), TypeError, "stacks and masks must be image stacks of microtome"),
    (statistics(stacks=[STACK]), TypeError, "stacks and masks must be a tuple, not list"),
    (statistics(stacks=(CLOSED,)), ValueError, "the image stack is closed"),
    (statistics(masks=(5,)), TypeError, "stacks and masks must be image stacks of microtome"),
    (statistics(masks=(STACK, STACK)), ValueError, "one mask for each image: 1, not 2"),
    (statistics(quantiles=np.ones(1, np.float32)), ValueError, "quantiles must be an array of float64"),
    (statistics(quantiles=np.full(1, 2.0)), ValueError, "quantile"),
    (statistics(bins="1"), TypeError, "bins must be an integer"),
    (statistics(bins=-1), ValueError, "bins must not be negative"),
    (statistics(range_=(0.0,)), TypeError, "1"),
    (statistics(share="1"), TypeError, "str"),
    (statistics(chunks="1"), TypeError, "int"),
    (statistics(seed="1"), TypeError, "int"),
    (statistics(missing=Bad()), RuntimeError, "asked"),
    (statistics(progress=5), TypeError, "int"),
    (lambda: _core.statistics((STACK,)), TypeError, "misses the argument"),
    (lambda: _core.parse_statistics(5, "x"), TypeError, "int"),
    (lambda: COMPUTED.channel("0"), TypeError, "channel must be an integer"),
    (lambda: COMPUTED.channel(3), IndexError, "no channel 3"),
    (lambda: COMPUTED.quantile("0", 0.5), TypeError, "str"),
    (lambda: COMPUTED.quantile(0, 0.25), ValueError, "quantile"),
    (lambda: COMPUTED.histogram("0"), TypeError, "channel must be an integer"),
    (lambda: COMPUTED.normalization("0", 0, 0.0, 1.0), TypeError, "str"),
    (lambda: COMPUTED.normalization(9, 0, 0.0, 1.0), ValueError, "normali[sz]ation"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[2] or "other")
def test_refused(case):
    call, kind, message = case
    with pytest.raises(kind, match=message):
        call()


def test_a_closed_loader():
    closed = loader()()
    closed.close()
    for call in (
        closed.next,
        closed.count,
        closed.tell,
        closed.state,
        closed.report,
        lambda: closed.seek(0, 0),
        lambda: closed.set_state("{}"),
        lambda: closed.read(0, np.zeros(1, np.uint64)),
    ):
        with pytest.raises(ValueError, match="closed"):
            call()


@pytest.mark.parametrize("name", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                                  "float16", "float32", "float64"])  # fmt: skip
def test_batches_of_every_type(name):
    pixels = (np.arange(400).reshape(20, 20) % 2).astype(name)
    stack = microtome.from_array(pixels, "YX")
    patching = microtome.Sequential([stack], (10, 10))
    batch = next(iter(microtome.Loader(patching, batch_size=4, shuffle=False, dtype="source")))
    [got] = batch.arrays if hasattr(batch, "arrays") else batch
    assert got.dtype == np.dtype(name)
    np.testing.assert_array_equal(got[1, 0], pixels[:10, 10:])
