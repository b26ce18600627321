/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of formats, in the order in which they are tried: a line each. HDF5 comes after those that the first bytes tell,
 * for it may begin behind a user block, and is looked for there. */
MT_FORMAT(npy)
MT_FORMAT(czi)
MT_FORMAT(tiff)
MT_FORMAT(hdf5)
MT_FORMAT(raw)
MT_FORMAT(zarr)
