# SPDX-License-Identifier: BSD-3-Clause
"""An option of datasets that h5py does not have."""

import ctypes
from pathlib import Path

import h5py


def leave_edges_raw(plist):
    """Store chunks that reach beyond the edge without filters (H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS)."""
    library = next((Path(h5py.__file__).parents[1] / "h5py.libs").glob("libhdf5-*.so*"))
    assert ctypes.CDLL(library).H5Pset_chunk_opts(ctypes.c_int64(plist.id), 2) == 0
