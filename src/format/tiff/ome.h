/* SPDX-License-Identifier: BSD-3-Clause */
/* The files named by an OME-XML document, found in the store of the file that was opened. */
#ifndef MT_FORMAT_TIFF_OME_H
#define MT_FORMAT_TIFF_OME_H

#include "format/tiff/tiff.h"

typedef struct ome_files ome_files;

/* An empty list. Arguments are borrowed for the life of scratch. document is the key of the file with the OME-XML:
 * names are relative to its folder. own_uuid is that of the file that was opened, or NULL. most: upper bound on the
 * number of names. */
MT_MUST_CHECK mt_status ome_files_new(const mt_source *source, mt_arena *scratch, tiff_images *images,
                                      const char *document, const char *own_uuid, size_t most, ome_files **out,
                                      mt_error *err);

/* Adds the file of a TiffData element; name or uuid may be NULL, but not both. */
MT_MUST_CHECK mt_status ome_files_add(ome_files *files, const char *name, const char *uuid, mt_error *err);

/* Finds all files that were added; in a slow store, many at once. A name is tried as written (with '\' as a separator),
 * then in any case, then as a base name beside the document. A file with only a UUID is searched in the folder.
 * only_one: nothing else was named, so that a single missing file is taken to be the one that was opened. */
MT_MUST_CHECK mt_status ome_files_settle(ome_files *files, bool only_one, mt_error *err);

/* The index in images->files of a file that was added; missing files have one, too. */
uint32_t ome_files_find(const ome_files *files, const char *name, const char *uuid);

/* The key of a file by its name; NULL if it does not exist. */
MT_MUST_CHECK mt_status ome_files_resolve(ome_files *files, const char *name, const char **key, mt_error *err);

/* The index of a key. */
MT_MUST_CHECK mt_status ome_files_number(ome_files *files, const char *key, uint32_t *out, mt_error *err);

/* Text about missing files for messages: "a.tif and 3 more"; "" if none are missing. */
MT_MUST_CHECK mt_status ome_files_missing(const ome_files *files, const char **out, mt_error *err);

/* A cache of folder listings. Exact names take precedence over those that differ in case. */
typedef struct ome_folders ome_folders;
MT_MUST_CHECK mt_status ome_folders_new(mt_store *store, mt_arena *scratch, ome_folders **out, mt_error *err);
/* The key as spelled in the store; NULL if missing, or if several match (*ambiguous). *listed: the folder could be
 * listed. */
MT_MUST_CHECK mt_status ome_folders_find(ome_folders *folders, const char *key, const char **out, bool *listed,
                                         bool *ambiguous, mt_error *err);
/* The names in a folder ("" or "a/b"); 0 if it cannot be listed. */
MT_MUST_CHECK mt_status ome_folders_list(ome_folders *folders, const char *path, const char *const **names, size_t *n,
                                         mt_error *err);

/* The UUID of the root element of the OME-XML in a TIFF; "" if there is none or the file is not a TIFF. Fails only if
 * the file cannot be read. */
#define OME_UUID_BYTES 64
MT_MUST_CHECK mt_status ome_read_uuid(mt_env *env, mt_store *store, const char *key, char out[OME_UUID_BYTES],
                                      mt_error *err);
bool ome_is_tiff_name(const char *name);
/* Without "urn:uuid:" and white space, in lower case. */
void ome_clean_uuid(const char *text, char out[OME_UUID_BYTES]);

#endif
