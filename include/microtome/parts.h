/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a file, and the images in files, folders, globs and lists of these. */
#ifndef MICROTOME_PARTS_H
#define MICROTOME_PARTS_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* A list of names, owned by the list. */
typedef struct mt_names mt_names;
MT_API size_t mt_names_count(const mt_names *names);
MT_API const char *mt_names_get(const mt_names *names, size_t i); /* NULL if i is too large */
MT_API void mt_names_free(mt_names *names);

/* What is known of a part before it is opened. */
typedef struct mt_part {
    const char *name;      /* as written after '#'; "" for the whole file */
    const char *title;     /* the file's name for it, such as the name of a scene; "" if the file gives none */
    const char *type;      /* of an attachment, as in the file: "JPG", "CZTIMS"; "" for an image */
    uint64_t size;         /* of an attachment, in bytes */
    int64_t height, width; /* of an image, in pixels; 0: not known yet */
} mt_part;

/* The description of the i-th name of mt_list_parts or mt_list_attachments, owned by names; NULL if i is too large. */
MT_API const mt_part *mt_names_get_part(const mt_names *names, size_t i);

/* Lists the images of one file or folder, as written after '#': arrays of a group, series, scenes. Pyramid levels are
 * not listed. */
MT_API MT_MUST_CHECK mt_status mt_list_parts(mt_context *context, const char *path, const mt_open_options *options,
                                             mt_names **out, mt_error *err);

/* Lists the attachments of a file, such as thumbnails, as written after '#'. Those that are pictures can be opened as
 * images. Most formats have no attachments. */
MT_API MT_MUST_CHECK mt_status mt_list_attachments(mt_context *context, const char *path,
                                                   const mt_open_options *options, mt_names **out, mt_error *err);

/* The same lists for the file or folder of an open stack, which is not opened again. Empty for arrays and custom
 * stacks. */
MT_API MT_MUST_CHECK mt_status mt_stack_list_parts(const mt_stack *stack, mt_names **out, mt_error *err);
MT_API MT_MUST_CHECK mt_status mt_stack_list_attachments(const mt_stack *stack, mt_names **out, mt_error *err);

/* Lists the label images that an OME-Zarr image has: "labels/nuclei", with the title "nuclei". Other images have none. */
MT_API MT_MUST_CHECK mt_status mt_stack_list_labels(const mt_stack *stack, mt_names **out, mt_error *err);

/* Opens another image of the file or folder of an open stack, which is not opened again. part is written as after '#',
 * such as a name of the lists above; options->part, format, external_folder and map are not used. options may be NULL.
 * MT_E_ARGUMENT for arrays and custom stacks. */
MT_API MT_MUST_CHECK mt_status mt_stack_open_beside(const mt_stack *stack, const char *part,
                                                    const mt_open_options *options, mt_stack **out, mt_error *err);

/* The stacks opened from a list of paths, folders and globs. */
typedef struct mt_stacks mt_stacks;

/* Opens all images. Each path is a file, a "path#part", a glob (*, ?, [...]; ** for any depth), or a folder, which is
 * searched recursively for files of known formats, in the order of their names. Each file is opened once, even if it
 * has several images. options may be NULL.
 *
 * A path named by the caller must open, else the call fails with the reason; of a file with several images, at least
 * one must open. Everything else that cannot be opened is skipped and listed by mt_stacks_skipped: the other images of
 * such a file (as "path#part"), files and folders found by a search, links to an enclosing folder, arrays
 * found by a search that have fewer than two dimensions or no pixels. A file that belongs
 * to an image found in the same search (a file of a multi-file OME-TIFF, a source of a virtual dataset) is not a
 * separate image, unless its path is in the list. The call fails with MT_E_NOT_FOUND if a glob
 * matches no file or folder; a folder or matches without an image add nothing. The call fails if memory runs out. */
MT_API MT_MUST_CHECK mt_status mt_stacks_open(mt_context *context, const char *const *paths, size_t n,
                                              const mt_open_options *options, mt_stacks **out, mt_error *err);
MT_API void mt_stacks_close(mt_stacks *stacks);
MT_API size_t mt_stacks_count(const mt_stacks *stacks);

/* Owned by the list; call mt_stack_retain to keep it longer. NULL if i is too large. */
MT_API mt_stack *mt_stacks_get(const mt_stacks *stacks, size_t i);

/* The path of the i-th skipped item and the reason, which does not repeat the path. Returns 0 if i is too large. */
MT_API int mt_stacks_skipped(const mt_stacks *stacks, size_t i, const char **path, const char **reason);

/* The status of the i-th skipped item: MT_E_NOT_AN_IMAGE if its format is unknown or it holds no image. MT_OK if i is too large. */
MT_API mt_status mt_stacks_skipped_status(const mt_stacks *stacks, size_t i);

MT_END_DECLS

#endif
