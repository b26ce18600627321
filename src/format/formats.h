/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of formats, in the order in which they are tried: a line each. */
MT_FORMAT(npy)
MT_FORMAT(hdf5)
MT_FORMAT(czi)
MT_FORMAT(tiff)
MT_FORMAT(raw)
MT_FORMAT(zarr)
