# SPDX-License-Identifier: BSD-3-Clause
"""Flips and quarter turns with probabilities of their own."""

import microtome
import numpy as np
import pytest

PATCHING = microtome.Random([microtome.from_array(np.arange(256 * 256).reshape(256, 256), "YX")], (16, 16), seed=3)


def make(augment):
    return microtome.Loader(PATCHING, batch_size=16, seed=3, augment=augment)


def shares(augment, epochs=8):
    """How often each symmetry is drawn."""
    loader = make(augment)
    drawn = np.concatenate([loader.read(range(256), epoch).symmetry for epoch in range(epochs)])
    return np.bincount(drawn, minlength=8) / len(drawn)


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        ("flip", [0.5, 0.25, 0.25, 0, 0, 0, 0, 0]),
        ("flip_y", [0.5, 0.5, 0, 0, 0, 0, 0, 0]),
        ({"flip": 0.2}, [0.8, 0.1, 0.1, 0, 0, 0, 0, 0]),
        ({"flip_x": 1}, [0, 0, 1, 0, 0, 0, 0, 0]),
        ({"flip": 0, "rotate90": 1.0}, [0, 0, 0, 1 / 3, 0, 1 / 3, 1 / 3, 0]),
        ({"flip": 0.0}, [1, 0, 0, 0, 0, 0, 0, 0]),
        ({"flip_x": 0.5, "rotate90": 0.5}, [1 / 4, 1 / 12, 1 / 4, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 12]),
    ],
)
def test_probabilities(augment, expected):
    found = shares(augment)
    assert (found[np.equal(expected, 0)] == 0).all()
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_order_does_not_matter():
    assert (shares({"flip": 0.3, "rotate90": 0.9}) == shares({"rotate90": 0.9, "flip": 0.3})).all()


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (["flip", "flip_x"], "only one of the flips"),
        ({"flip": 1.5}, "a probability of 1.5 for 'flip' is not possible"),
        ({"rotate90": -1}, "a probability of -1 for 'rotate90' is not possible"),
        ({"flip": float("nan")}, "a probability of nan for 'flip' is not possible"),
        ({"d4": 0.5}, "a probability of 0.5 for 'd4' is not possible"),
        ({"turn": 0.5}, "augment must be"),
    ],
)
def test_refusals(augment, message):
    with pytest.raises(microtome.ArgumentError, match=message):
        make(augment)


def test_probabilities_are_part_of_the_plan():
    state = make({"flip": 0.25, "rotate90": 0.5}).state_dict()
    make({"rotate90": 0.5, "flip": 0.25}).load_state_dict(state)
    with pytest.raises(microtome.ArgumentError, match="augmentation"):
        make(["flip", "rotate90"]).load_state_dict(state)
    make(["flip", "rotate90"]).load_state_dict(make({"flip": 0.5, "rotate90": 0.5}).state_dict())
