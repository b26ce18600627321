# SPDX-License-Identifier: BSD-3-Clause
"""What stacks say about the samples of an acquisition."""

import json
import pickle

import microtome
import numpy as np
import pytest


def test_times_and_positions(data):
    with microtome.open(data / "nd2/cluster.nd2") as stack:
        assert stack.original_axes == "TZCYX" and stack.channel_names == ["5-FAM/pH 9.0", "FM 4-64/2% CHAPS"]
        assert stack.sample_names == ["", "", ""]
        assert np.all(np.diff(stack.sample_times) > 10) and stack.units["T"] == "second"
        assert stack.pixel_size["T"] == pytest.approx(np.diff(stack.sample_times).mean())
        assert set(stack.sample_positions) == {(3914.3375000000005, -4155.462732842248, -26056.951209195162)}
        again = pickle.loads(pickle.dumps(stack))
        assert again.sample_times == stack.sample_times
        assert json.loads(json.dumps(stack.metadata))["sample_positions"][2][0] == 3914.3375000000005


def test_samples_have_names(data):
    with microtome.open(data / "nd2/syn_p3_invalid.nd2") as stack:
        assert stack.sample_names == ["p0", "p0", "p2", "p2"] and stack.sample_times == [None] * 4
        assert stack.sample_positions == [(0, 0, 0)] * 2 + [(0, 0, 20)] * 2


def test_other_axes_have_no_samples(data):
    with microtome.open(data / "nd2/syn_p3_invalid.nd2", axes="TSYX") as stack:
        assert stack.sample_names is None and stack.sample_positions is None and stack.sample_times is None
    assert microtome.from_array(np.zeros((2, 3), np.uint8), "YX").sample_names is None


def test_colors_are_red_green_blue(data):
    with microtome.open(data / "nd2/syn_rgb_t2.nd2") as stack:
        assert stack.channel_names == ["Red", "Green", "Blue"]
        stored = np.fromfile(data / "nd2/syn_rgb_t2.nd2", np.uint8, 3, offset=16384 + 4096)
        np.testing.assert_array_equal(stack[0, :, 0, 0], stored[::-1])
        np.testing.assert_array_equal(stack.extract_patch(0, ["Blue", "Red"], (0, 0), (1, 1)).ravel(), stored[[0, 2]])
