# SPDX-License-Identifier: BSD-3-Clause
"""Lets Python's allocations fail; skips tests with an interpreter that cannot."""

import pytest

_testcapi = pytest.importorskip("_testcapi")


def exhaust(call, check):
    """Let each allocation of call fail in turn, until there are none left. Returns the number of failures."""
    check(call())  # fills caches of Python
    failures, calm, k = 0, 0, 0
    while calm < 30:
        result = None
        _testcapi.set_nomemory(k, k + 1)
        try:
            result = call()
        except MemoryError:
            failed = True
        else:
            failed = False
        finally:
            _testcapi.remove_mem_hooks()
        if failed:
            failures, calm = failures + 1, 0
        else:
            check(result)
            calm += 1
        k += 1
    return failures
