/* SPDX-License-Identifier: BSD-3-Clause */
/* The document: a header, and XML in UTF-16. Elements that are images, and memory blocks, are collected in its order.
 *
 * The tree is freed again: of megabytes of settings little is needed. */
#include "base/checked.h"
#include "base/number.h"
#include "base/xml.h"
#include "format/lif/lif.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 13 /* mark, size of what follows, test, number of UTF-16 units */

typedef struct collecting {
    lif_file *file;
    mt_arena *arena;
} collecting;

bool lif_get_integer(const mt_xml *element, const char *name, int64_t *out)
{
    const char *text = mt_xml_get(element, name);
    return text && mt_parse_integer(&text, out) && !*text;
}

/* A block has data, or belongs to the root. */
static mt_status add_block(const collecting *c, const mt_xml *element, bool is_root, size_t *out, mt_error *err)
{
    lif_file *file = c->file;
    const mt_xml *memory = mt_xml_child(element, "Memory");
    const char *id = memory ? mt_xml_get(memory, "MemoryBlockID") : NULL;
    int64_t size = 0;
    *out = SIZE_MAX;
    if (!id || !lif_get_integer(memory, "Size", &size) || size < 0 || (size == 0 && !is_root))
        return MT_OK;
    lif_block *blocks =
        mt_arena_grow(c->arena, file->blocks, file->n_blocks, &file->block_room, 16, sizeof *blocks, err);
    if (!blocks)
        return MT_E_MEMORY;
    file->blocks = blocks;
    *out = file->n_blocks;
    lif_block *block = &blocks[file->n_blocks++];
    *block = (lif_block) { .id = mt_arena_strndup(c->arena, id, strlen(id), err), .size = (uint64_t)size };
    return block->id ? MT_OK : MT_E_MEMORY;
}

/* Lists of single photons can be images, too. */
static bool is_image(const mt_xml *element)
{
    const mt_xml *data = mt_xml_child(element, "Data");
    const mt_xml *photons = data ? mt_xml_child(data, "SingleMoleculeDetection") : NULL;
    const char *flag = photons ? mt_xml_get(photons, "IsImage") : NULL;
    return data && (mt_xml_child(data, "Image") || (flag && strcmp(flag, "true") == 0));
}

/* Without a size, the pixels would seem to be missing. */
static mt_status check_size(const collecting *c, const mt_xml *element, lif_image *image, mt_error *err)
{
    int64_t size;
    const mt_xml *memory = mt_xml_child(element, "Memory");
    const char *text = memory ? mt_xml_get(memory, "Size") : NULL;
    if (image->status || !text || !*text || (lif_get_integer(memory, "Size", &size) && size >= 0))
        return MT_OK;
    image->status = MT_E_CORRUPT;
    image->why = mt_arena_printf(c->arena, err, "its memory block has \"%s\" bytes (Size)", text);
    return image->why ? MT_OK : MT_E_MEMORY;
}

static mt_status add_image(const collecting *c, const mt_xml *element, const char *path, size_t block, mt_error *err)
{
    lif_file *file = c->file;
    const char *name = mt_xml_get(element, "Name");
    lif_image *images =
        mt_arena_grow(c->arena, file->images, file->n_images, &file->image_room, 16, sizeof *images, err);
    if (!images)
        return MT_E_MEMORY;
    file->images = images;
    lif_image *image = &images[file->n_images++];
    *image = (lif_image) { .path = path, .block = block };
    image->name = mt_arena_strndup(c->arena, name ? name : "", name ? strlen(name) : 0, err);
    if (!image->name)
        return MT_E_MEMORY;
    mt_status st = lif_describe(element, image, c->arena, err);
    return st ? st : check_size(c, element, image, err);
}

/* The path of an element below another; those directly below the root have their name alone. */
static const char *join(const collecting *c, const char *above, const mt_xml *element, mt_error *err)
{
    const char *name = mt_xml_get(element, "Name");
    return mt_arena_printf(c->arena, err, "%s%s%s", above, *above ? "/" : "", name ? name : "");
}

/* Visits an element and those below it. The depth is that of the XML, which is bounded. */
static mt_status collect(const collecting *c, const mt_xml *element, const char *path, bool is_root, mt_error *err)
{
    size_t block;
    mt_status st = add_block(c, element, is_root, &block, err);
    if (!st && is_image(element)) {
        const char *own = is_root ? join(c, "", element, err) : path;
        st = own ? add_image(c, element, own, block, err) : MT_E_MEMORY;
    }
    const mt_xml *children = mt_xml_child(element, "Children");
    const mt_xml *child = children ? mt_xml_child(children, "Element") : NULL;
    for (; !st && child; child = mt_xml_next(child)) {
        const char *below = join(c, path, child, err);
        st = below ? collect(c, child, below, false, err) : MT_E_MEMORY;
    }
    return st;
}

static int compare_paths(const void *a, const void *b)
{
    const lif_image *x = *(lif_image *const *)a, *y = *(lif_image *const *)b;
    int order = strcmp(x->path, y->path);
    return order ? order : x < y ? -1 : x > y;
}

/* Decides which images can be named by their path: the first of equal paths, unless it reads as something else. */
static mt_status name_images(lif_file *file, mt_arena *scratch, mt_error *err)
{
    lif_image **sorted = mt_arena_alloc(scratch, file->n_images + 1, sizeof(lif_image *), err);
    if (!sorted)
        return MT_E_MEMORY;
    for (size_t i = 0; i < file->n_images; i++)
        sorted[i] = &file->images[i];
    qsort(sorted, file->n_images, sizeof *sorted, compare_paths);
    for (size_t i = 0; i < file->n_images; i++) {
        mt_selection read;
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_selection_parse(scratch, sorted[i]->path, &read, &own);
        if (st == MT_E_MEMORY || st == MT_E_LIMIT)
            return mt_fail(err, st, "%s", own.message);
        bool is_first = i == 0 || strcmp(sorted[i]->path, sorted[i - 1]->path) != 0;
        sorted[i]->is_named = is_first && *sorted[i]->path && !st && strcmp(read.path, sorted[i]->path) == 0;
    }
    return MT_OK;
}

static mt_status read_header(lif_file *file, size_t *size, mt_error *err)
{
    uint8_t bytes[HEADER];
    mt_status st = file->size < HEADER ? mt_fail(err, MT_E_CORRUPT, "the file ends in its header")
                                       : mt_store_read_at(file->store, file->key, 0, bytes, sizeof bytes, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, sizeof bytes, false);
    uint32_t mark = mt_read_u32(&r);
    mt_read_skip(&r, 4);
    uint8_t test = mt_read_u8(&r);
    uint64_t bytes_of_text = 2 * (uint64_t)mt_read_u32(&r);
    size_t limit = file->env->limits.max_xml_bytes;
    if (mark != LIF_MARK || test != LIF_TEST)
        return mt_fail(err, MT_E_CORRUPT, "the file does not start with the header of a LIF document");
    if (bytes_of_text > file->size - HEADER)
        return mt_fail(err, MT_E_CORRUPT, "a document of %llu bytes in a file of %llu",
                       (unsigned long long)bytes_of_text, (unsigned long long)file->size);
    if (bytes_of_text > limit)
        return mt_fail(err, MT_E_LIMIT, "a document of %llu bytes, more than max_xml_bytes (%zu)",
                       (unsigned long long)bytes_of_text, limit);
    *size = (size_t)bytes_of_text;
    file->xml_end = HEADER + bytes_of_text;
    return MT_OK;
}

static mt_status refuse_other(const mt_xml *root, int64_t version, mt_error *err)
{
    if (strcmp(root->name, "LMSDataContainerEnhancedHeader") == 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "Leica LIFEXT is not supported: open the .lif file beside it");
    if (strcmp(root->name, "LMSDataContainerHeader") != 0)
        return mt_fail(err, MT_E_CORRUPT, "the document is a %s, not a LMSDataContainerHeader", root->name);
    if (version != 1 && version != 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "version %s of the format is not supported",
                       mt_xml_get(root, "Version") ? mt_xml_get(root, "Version") : "\"\"");
    return MT_OK;
}

static mt_status read_tree(lif_file *file, const char *text, size_t size, mt_arena *scratch, mt_arena *arena,
                           mt_error *err)
{
    static const char lof[] = "L\0M\0S\0_\0O\0b\0j\0e\0c\0t\0_\0F\0i\0l\0e";
    mt_xml *root;
    int64_t version = 0;
    if (size >= sizeof lof && memcmp(text, lof, sizeof lof) == 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "Leica LOF is not supported: save the project as one LIF file");
    mt_status st = mt_xml_parse_loosely(scratch, text, size, "the document", &root, &file->repair, err);
    if (st)
        return st;
    lif_get_integer(root, "Version", &version);
    if ((st = refuse_other(root, version, err)))
        return st;
    file->version = (int)version;
    collecting c = { file, arena };
    for (const mt_xml *element = mt_xml_child(root, "Element"); !st && element; element = mt_xml_next(element))
        st = collect(&c, element, "", true, err);
    return st ? st : name_images(file, scratch, err);
}

mt_status lif_read_document(lif_file *file, mt_arena *arena, mt_error *err)
{
    mt_arena *scratch;
    size_t size = 0;
    mt_status st = mt_store_size(file->store, file->key, &file->size, err);
    if (st || (st = read_header(file, &size, err)) || (st = mt_arena_new(file->env, &scratch, err)))
        return st;
    char *text = mt_arena_alloc(scratch, size + 1, 1, err);
    st = text ? mt_store_read_at(file->store, file->key, HEADER, text, size, err) : MT_E_MEMORY;
    if (!st)
        st = read_tree(file, text, size, scratch, arena, err);
    mt_arena_free(scratch);
    if (!st)
        lif_predict_blocks(file);
    return st;
}
