/* SPDX-License-Identifier: BSD-3-Clause */
/* The formats in probing order, one line each. HDF5 comes after the formats with a signature at byte 0, because its own
 * may follow a user block. */
MT_FORMAT(npy)
MT_FORMAT(czi)
MT_FORMAT(tiff)
MT_FORMAT(mrc)
MT_FORMAT(hdf5)
MT_FORMAT(raw)
MT_FORMAT(zarr)
MT_FORMAT(n5)
