/* SPDX-License-Identifier: BSD-3-Clause */
/* The formats in probing order, one line each. HDF5 comes after the formats with a signature at byte 0, because its own
 * may follow a user block, and after N5, because it takes all other documents of BigDataViewer. N5 comes after Zarr, whose
 * folders are more. */
MT_FORMAT(npy)
MT_FORMAT(czi)
MT_FORMAT(lif)
MT_FORMAT(nd2)
MT_FORMAT(tiff)
MT_FORMAT(mrc)
MT_FORMAT(nifti)
MT_FORMAT(zarr)
MT_FORMAT(n5)
MT_FORMAT(hdf5)
MT_FORMAT(raw)
