/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes valid and invalid zip archives. */
#ifndef MT_TEST_ZIP_WRITER_H
#define MT_TEST_ZIP_WRITER_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

/* A record of the directory; tests may change fields before zip_end. */
typedef struct zip_entry {
    char name[256];                  /* of the member */
    const char *long_name;           /* borrowed from zip_add instead of it, for names that are longer; else NULL */
    size_t name_size;                /* bytes */
    unsigned flags, method, made_by; /* as in the record */
    uint32_t crc, attributes;        /* as in the record */
    uint64_t packed, size, local;    /* bytes; local: offset of the local header */
    int zip64;                       /* 1: sizes and offset are in a ZIP64 field; 2: the field is missing */
} zip_entry;

typedef struct zip_writer {
    uint8_t *bytes;            /* allocated by malloc */
    size_t n, room, n_entries; /* bytes in use and allocated; entries in use */
    zip_entry entries[1200];   /* in the order of zip_add */
    size_t prepended;          /* bytes before the archive, which offsets do not count */
    unsigned local_extra;      /* bytes of the extra field in further local headers */
    /* End record: */
    int zip64;
    const char *comment;
    uint64_t count, size, offset; /* values in the end record, if not 0 */
    unsigned disk;                /* number of this volume */
} zip_writer;

void zip_begin(zip_writer *w, size_t prepended);
/* Adds a member. method: 0, 8 or 93. descriptor: sizes and checksum follow the data. The entry may be changed until
 * zip_end. */
zip_entry *zip_add(zip_writer *w, const char *name, const void *data, size_t size, unsigned method, int descriptor);
void zip_add_file(zip_writer *w, const char *name, const char *path, unsigned method);
void zip_end(zip_writer *w);
void zip_save(const zip_writer *w, const char *path);
void zip_free(zip_writer *w);

/* Opens the store of an archive in memory, named a.zip; bytes are borrowed. */
mt_status zip_open(mt_env *env, const void *bytes, size_t n, mt_store **out, mt_error *err);

/* Appends a gzip member to *n bytes at out, of room bytes. level: 0 to 9. */
void gzip_append(uint8_t *out, size_t room, size_t *n, const void *data, size_t size, int level);

#endif
