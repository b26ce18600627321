# SPDX-License-Identifier: BSD-3-Clause
"""The command as pip installs it: the same program, in Python's process."""

import subprocess
import sys

import numpy as np


def run(*arguments, **kinds):
    return subprocess.run(
        [sys.executable, "-m", "microtome", *map(str, arguments)], capture_output=True, text=True, timeout=300, **kinds
    )


def test_a_closed_pipe_is_quiet(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.uint8))
    many = 200 * f"'{tmp_path}/a.npy' "
    for shell in (
        f"info --json {many} | true",
        f"patches {many} --size 4x5 --count 1000000 --out - | head -c 10 >/dev/null",
    ):
        done = subprocess.run(
            ["bash", "-c", f"'{sys.executable}' -m microtome {shell}; exit ${{PIPESTATUS[0]}}"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.stdout, done.stderr) == ("", "")
        assert done.returncode in (0, 141)


def test_more_arguments_than_a_glob_brings(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.uint8))
    done = run("info", *300 * [tmp_path / "a.npy"])
    assert (done.returncode, done.stdout.count("\n")) == (0, 301)
