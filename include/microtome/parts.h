/* SPDX-License-Identifier: BSD-3-Clause */
/* What a path holds: the parts of a file, and the images of files, folders, globs and lists of them. */
#ifndef MICROTOME_PARTS_H
#define MICROTOME_PARTS_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* A list of names, owned by the list. */
typedef struct mt_names mt_names;
MT_API size_t mt_names_count(const mt_names *names);
MT_API const char *mt_names_get(const mt_names *names, size_t i); /* NULL where i is too large */
MT_API void mt_names_free(mt_names *names);

/* What is known of a part before it is opened. */
typedef struct mt_part {
    const char *name;      /* as it stands after '#'; "" for the whole */
    const char *title;     /* what the file calls it, such as the name of a scene; "" where it does not say */
    const char *type;      /* of an attachment, as the file puts it: "JPG", "CZTIMS"; "" of an image */
    uint64_t size;         /* of an attachment, in bytes */
    int64_t height, width; /* of an image; 0: not known yet */
} mt_part;

/* The same of the i-th name of mt_list_parts or mt_list_attachments; NULL where i is too large. */
MT_API const mt_part *mt_names_get_part(const mt_names *names, size_t i);

/* The images of one file or folder, each as it stands after '#': arrays of a group, series, scenes. Levels of a
 * pyramid are not listed. */
MT_API MT_MUST_CHECK mt_status mt_list_parts(mt_context *context, const char *path, const mt_open_options *options,
                                             mt_names **out, mt_error *err);

/* What a file holds besides its images, such as thumbnails, each as it stands after '#'. Those that are pictures open as
 * images of their own. Most formats have none. */
MT_API MT_MUST_CHECK mt_status mt_list_attachments(mt_context *context, const char *path,
                                                   const mt_open_options *options, mt_names **out, mt_error *err);

/* The same of the file or folder that a stack was opened from, which is not opened again. Empty for arrays and stacks of
 * one's own. */
MT_API MT_MUST_CHECK mt_status mt_stack_list_parts(const mt_stack *stack, mt_names **out, mt_error *err);
MT_API MT_MUST_CHECK mt_status mt_stack_list_attachments(const mt_stack *stack, mt_names **out, mt_error *err);

/* The stacks that a list of paths, folders and globs stands for. */
typedef struct mt_stacks mt_stacks;

/* Opens all images. Each path is a file, a "path#part", a glob (*, ?, [...]; ** for any depth), or a folder, which is
 * searched recursively for files of known formats, in the order of their names. Each file is opened once, whatever it
 * holds. options may be NULL.
 *
 * A path that is named must open, or the call fails with its reason; of a file with several images, one at the least
 * must open. Everything else that cannot be opened is skipped, and can be asked for: the other images of such a file
 * (under "path#part"), files and folders that a search finds, links to a folder that they lie in. An array that a search
 * finds and that has fewer than two dimensions or no pixels is skipped, too. A file that belongs to an image found in
 * the same search (a file of a multi-file OME-TIFF, a source of a virtual dataset) does not count as an image of its own;
 * each path of the list does. A folder without images, and a glob that matches nothing, bring none; it is not a failure.
 * If memory runs out, the call fails. */
MT_API MT_MUST_CHECK mt_status mt_stacks_open(mt_context *context, const char *const *paths, size_t n,
                                              const mt_open_options *options, mt_stacks **out, mt_error *err);
MT_API void mt_stacks_close(mt_stacks *stacks);
MT_API size_t mt_stacks_count(const mt_stacks *stacks);

/* Borrowed; mt_stack_retain it to keep it longer than the list. NULL where i is too large. */
MT_API mt_stack *mt_stacks_get(const mt_stacks *stacks, size_t i);

/* The path of the i-th thing that was skipped, and why, which leaves the path out; 0 where i is too large. */
MT_API int mt_stacks_skipped(const mt_stacks *stacks, size_t i, const char **path, const char **reason);

/* The status of the same: MT_E_NOT_AN_IMAGE for what is not an image. MT_OK if i is too large. */
MT_API mt_status mt_stacks_skipped_status(const mt_stacks *stacks, size_t i);

MT_END_DECLS

#endif
