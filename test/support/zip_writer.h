/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes zip archives, good ones and wrong ones. */
#ifndef MT_TEST_ZIP_WRITER_H
#define MT_TEST_ZIP_WRITER_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

/* A record of the directory; tests change fields before zip_end. */
typedef struct zip_entry {
    char name[256];                  /* of the member */
    size_t name_size;                /* bytes */
    unsigned flags, method, made_by; /* as in the record */
    uint32_t crc, attributes;        /* as in the record */
    uint64_t packed, size, local;    /* bytes; local: offset of the local header */
    int zip64;                       /* sizes and offset go to the ZIP64 field; 2: there is none of it */
} zip_entry;

typedef struct zip_writer {
    uint8_t *bytes;            /* malloc */
    size_t n, room, n_entries; /* bytes in use and allocated; entries in use */
    zip_entry entries[1200];   /* in the order of zip_add */
    size_t prepended;          /* bytes before the archive, which offsets do not count */
    unsigned local_extra;      /* bytes of extra field in local headers to come */
    /* Of the end record: */
    int zip64;
    const char *comment;
    uint64_t count, size, offset; /* what it says, if not 0 */
    unsigned disk;                /* number of this volume */
} zip_writer;

void zip_begin(zip_writer *w, size_t prepended);
/* method 0, 8 or 93; sizes and checksum stand behind the data if descriptor. The entry may be changed until zip_end. */
zip_entry *zip_add(zip_writer *w, const char *name, const void *data, size_t size, unsigned method, int descriptor);
void zip_add_file(zip_writer *w, const char *name, const char *path, unsigned method);
void zip_end(zip_writer *w);
void zip_save(const zip_writer *w, const char *path);
void zip_free(zip_writer *w);

/* The store of an archive in memory, which is borrowed, named a.zip. */
mt_status zip_open(mt_env *env, const void *bytes, size_t n, mt_store **out, mt_error *err);

/* One gzip member, appended to *n bytes at out, which have room. level 0 to 9. */
void gzip_append(uint8_t *out, size_t room, size_t *n, const void *data, size_t size, int level);

#endif
