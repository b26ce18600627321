/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are not supported but can be named in the error: empty files, Git LFS pointers, web pages, other image
 * formats. */
#include "format/format.h"

#include "base/suffix.h"

#include <stdio.h>
#include <string.h>

/* A signature: bytes at an offset in the head, or, if there are none, the suffix alone. */
typedef struct mark {
    size_t offset;
    const char *bytes;
    size_t n;
    const char *suffix, *what;
    mt_status status;
} mark;

#define MT_BYTES(text) text, sizeof text - 1

/* Sources: the specification of each format. Pictures are skipped when a folder of images is opened. */
static const mark marks[] = {
    { 0, MT_BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ".oib", "Olympus OIB", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ".zvi", "Zeiss ZVI", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\x5c\1\0\0"), ".hdr", "Analyze 7.5", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\0\0\1\x5c"), ".hdr", "Analyze 7.5", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("ENVI"), ".hdr", "ENVI", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("NRRD000"), NULL, "NRRD", MT_E_UNSUPPORTED },
    { 128, MT_BYTES("DICM"), NULL, "DICOM", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("SIMPLE  ="), NULL, "FITS", MT_E_UNSUPPORTED },
    { 0, NULL, 0, ".klb", "KLB", MT_E_UNSUPPORTED },
    { 0, NULL, 0, ".xlef", "Leica XLEF", MT_E_UNSUPPORTED },
    { 0, NULL, 0, ".xlif", "Leica XLIF", MT_E_UNSUPPORTED },
    { 0, NULL, 0, ".xlcf", "Leica XLCF", MT_E_UNSUPPORTED },
    { 0, NULL, 0, ".ndpis", "Hamamatsu NDPIS (a list of NDPI files, one for each channel: open these)",
      MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\0\0\0\x0cjP  "), ".nd2", "Nikon ND2 of version 1 (a container of JPEG 2000)", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\0\0\0\x0cjP  "), NULL, "a JPEG 2000 file", MT_E_UNSUPPORTED },
    { 0, MT_BYTES("\x89PNG\r\n\x1a\n"), NULL, "PNG", MT_E_NOT_AN_IMAGE },
    { 0, MT_BYTES("\xff\xd8\xff"), NULL, "JPEG", MT_E_NOT_AN_IMAGE },
    { 0, MT_BYTES("GIF8"), NULL, "GIF", MT_E_NOT_AN_IMAGE },
};

static bool fits(const mt_source *source, const mark *m)
{
    if (m->suffix && !mt_name_ends_with(source->name, m->suffix))
        return false;
    return m->offset + m->n <= source->head_size &&
           (!m->bytes || memcmp(source->head + m->offset, m->bytes, m->n) == 0);
}

/* Pixels without a signature: the header beside them tells what they are. */
static mt_status refuse_pixels(const mt_source *source, mt_error *err)
{
    uint8_t head[4];
    size_t n = 0;
    uint64_t size;
    bool exists;
    mt_arena *arena;
    const char *key;
    mt_source header = *source;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    st = mt_source_find_beside(source, arena, "hdr", &key, &exists, err);
    if (!st && exists)
        st = mt_store_read_start(source->store, key, head, sizeof head, &n, &size, err);
    header.name = ".hdr";
    header.head = head;
    header.head_size = n;
    for (size_t i = 0; !st && i < sizeof marks / sizeof *marks; i++)
        if (marks[i].suffix && fits(&header, &marks[i]))
            st = mt_fail(err, marks[i].status,
                         "%s is not supported (the header is %s): open the pixels as raw, with their type and shape",
                         marks[i].what, key);
    if (!st)
        st = mt_fail(err, MT_E_NOT_AN_IMAGE,
                     "an .img has pixels only, and no NIfTI header (.hdr) is beside it: open it as raw, with type and "
                     "shape");
    mt_arena_free(arena);
    return st;
}

/* Whether a file starts with a word, in capital or small letters, after white space. */
static bool starts_with(const mt_source *source, const char *word)
{
    size_t at = 0, n = strlen(word);
    while (at < source->head_size && strchr(" \t\r\n", source->head[at]) && source->head[at])
        at++;
    return at + n <= source->head_size && mt_ends_with((const char *)source->head + at, n, word, n);
}

static mt_status refuse_file(const mt_source *source, mt_error *err)
{
    /* Source: git-lfs, docs/spec.md: "version" is the first line. */
    static const char pointer[] = "version https://git-lfs.github.com/";
    if (source->head_size == 0)
        return mt_fail(err, MT_E_NOT_AN_IMAGE, "the file is empty");
    if (source->head_size >= sizeof pointer - 1 && memcmp(source->head, pointer, sizeof pointer - 1) == 0)
        return mt_fail(err, MT_E_NOT_AN_IMAGE, "a Git LFS pointer, not the file itself: run git lfs pull");
    if (starts_with(source, "<!doctype html") || starts_with(source, "<html"))
        return mt_fail(err, MT_E_NOT_AN_IMAGE, "a web page, not an image: the download went wrong, or needs a login");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (fits(source, &marks[i]))
            return mt_fail(err, marks[i].status, "%s is not supported", marks[i].what);
    return mt_has_suffix(source->name, strlen(source->name), "img") ? refuse_pixels(source, err) : MT_OK;
}

/* Whether the start of a document in the folder contains both words. A missing document is not an error. */
static bool has_words(const mt_source *source, const char *document, const char *one, const char *other)
{
    char key[1024], text[4097];
    size_t n;
    uint64_t size;
    int length = snprintf(key, sizeof key, "%s%s%s", source->key, *source->key ? "/" : "", document);
    if ((size_t)length >= sizeof key || mt_store_read_start(source->store, key, text, sizeof text - 1, &n, &size, NULL))
        return false;
    text[n] = 0;
    return strstr(text, one) && strstr(text, other);
}

/* Source: neuroglancer, precomputed/volume.md. */
static mt_status refuse_folder(const mt_source *source, mt_error *err)
{
    if (has_words(source, "info", "\"scales\"", "\"num_channels\""))
        return mt_fail(err, MT_E_UNSUPPORTED, "Neuroglancer precomputed is not supported");
    return MT_OK;
}

mt_status mt_format_refuse_known(const mt_source *source, mt_error *err)
{
    return source->folder ? refuse_folder(source, err) : refuse_file(source, err);
}
