/* SPDX-License-Identifier: BSD-3-Clause */
/* Resolves a path or URL to a store and a key.
 *
 * To add a scheme: a file that defines an mt_scheme, and a line in the table of resolve.c. To add an archive or a
 * compression whose members are opened by their paths ("a.zip/b.tif"): a file that defines an mt_layer, and a line in
 * the other table. */
#ifndef MT_STORE_RESOLVE_H
#define MT_STORE_RESOLVE_H

#include "store/store.h"

/* The location of an object or folder. Strings live in the arena of the resolver. */
typedef struct mt_location {
    mt_store *store;  /* owned by the holder of the location; NULL after a failure */
    const char *key;  /* "" is the store's root */
    const char *name; /* the last segment of the path, without a query: for suffixes and messages */
    const char *text; /* the path or URL as given, without secrets: for messages and for the source of stacks */
    bool folder;      /* key is a folder; true for "" unless the store is one object */
    bool names_top;   /* text must name the only top folder of an archive: the folder has a child of the same name */
} mt_location;

/* Arguments of an open function. */
typedef struct mt_resolver {
    mt_env *env;       /* memory, limits and caches */
    mt_arena *arena;   /* of the strings in the location */
    const char *path;  /* path or URL without "#part" and without the path inside an archive */
    const char *above; /* root requested by the caller, a folder above; NULL or "": the folder of the file */
    bool is_known;     /* the caller knows whether the path is a file or folder: no request is made */
} mt_resolver;

typedef struct mt_scheme {
    const char *name; /* "http", without "://" */
    /* Fills out; may ask the store whether the path is a folder. MT_E_NOT_FOUND only if certainly neither file nor
     * folder exists. */
    mt_status (*open)(const mt_resolver *resolver, mt_location *out, mt_error *err);
} mt_scheme;

/* A store inside an object of another: a zip archive, a compressed file. */
typedef struct mt_layer {
    const char *suffixes; /* of names, comma-separated, such as "zip,ozx" */
    /* Replaces the location of the archive by that of the path inside ("" for the whole archive). Takes ownership of
     * its store, also on failure. The caller sets text. */
    mt_status (*open)(const mt_resolver *resolver, mt_location *location, const char *inside, mt_error *err);
} mt_layer;

extern const mt_scheme mt_scheme_file; /* also for paths without a scheme */
extern const mt_layer mt_layer_zip, mt_layer_gzip;
extern const mt_scheme mt_scheme_http, mt_scheme_https;
extern const mt_scheme mt_scheme_s3, mt_scheme_gs;

/* Whether a text is a URL ("name://", of any scheme), not a local path or glob. */
bool mt_is_url(const char *text);

/* Splits "path#part" at the last '#' after an existing path (else at the last '#'), unless the whole text is an
 * existing path; a URL, and a path inside an archive, at the first '#'. *part is "" or points into text. */
MT_MUST_CHECK mt_status mt_path_split(const char *text, mt_arena *arena, const char **path, const char **part,
                                      mt_error *err);

/* Splits the same text at a later '#', or not at all: the archive has no member *path, but its names may contain '#'.
 * MT_E_NOT_FOUND, without a message, if the text can be split nowhere else. */
MT_MUST_CHECK mt_status mt_path_split_later(const char *text, mt_arena *arena, const char **path, const char **part,
                                            mt_error *err);

/* Opens the store of the folder that holds a file, or of the folder itself. */
MT_MUST_CHECK mt_status mt_resolve(mt_env *env, const char *path, const char *above, mt_arena *arena, mt_location *out,
                                   mt_error *err);

/* The same without asking a remote store whether the path exists and is a file or folder: the text decides, and a
 * folder may get a key. */
MT_MUST_CHECK mt_status mt_resolve_known(mt_env *env, const char *path, const char *above, mt_arena *arena,
                                         mt_location *out, mt_error *err);

#endif
