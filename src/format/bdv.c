/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/bdv.h"

#include "base/number.h"

#include <string.h>

bool mt_bdv_is_document(const mt_source *source)
{
    static const char word[] = "<SpimData";
    const char *head = (const char *)source->head;
    size_t size = head ? source->head_size : 0;
    size_t start = size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
    while (start < size && strchr(" \t\r\n", head[start]))                    /* as mt_xml_parse_loosely: NUL, too */
        start++;
    if (start == size || head[start] != '<')
        return false;
    for (size_t i = start; i + sizeof word <= size; i++)
        if (memcmp(head + i, word, sizeof word - 1) == 0)
            return true;
    return false;
}

mt_status mt_bdv_load(const mt_source *source, const char *key, mt_arena *arena, mt_bdv_document *out, mt_error *err)
{
    char *text;
    mt_xml *root = NULL;
    size_t size, limit = source->env->limits.max_xml_bytes;
    mt_status st = mt_store_load(source->store, key, limit, "max_xml_bytes", arena, &text, &size, err);
    if (!st)
        st = mt_xml_parse_loosely(arena, text, size, key, &root, &out->repair, err);
    out->root = root;
    return st;
}

mt_status mt_bdv_tell(const mt_bdv_document *document, mt_chunk_map *map, mt_error *err)
{
    return document->repair ? mt_chunk_map_warn(map, err, "the document of BigDataViewer: %s", document->repair)
                            : MT_OK;
}

/* Whether an element holds a path that does not depend on the place of the document. */
static bool is_absolute(const mt_xml *path)
{
    const char *type = mt_xml_get(path, "type");
    return *path->text == '/' || (type && strcmp(type, "relative") != 0);
}

/* As XmlHelpers.loadPath of BigDataViewer: the name of the data is relative to BasePath, which is relative to the
 * document. */
static mt_status join_paths(const mt_source *source, const mt_xml *base, const mt_xml *name, const char *document,
                            mt_arena *arena, const char **key, mt_error *err)
{
    const char *slash = strrchr(document, '/'), *folder = base ? base->text : ".";
    if (is_absolute(name))
        return mt_fail(err, MT_E_UNSUPPORTED, "the document names its data by an absolute path: open %s itself",
                       name->text);
    if (base && is_absolute(base))
        return mt_fail(err, MT_E_UNSUPPORTED, "the document has an absolute BasePath, %s: open %s in it itself", folder,
                       name->text);
    const char *path = mt_arena_printf(arena, err, "%s/%s", *folder ? folder : ".", name->text);
    mt_status st = path ? mt_key_join(arena, document, slash ? (size_t)(slash - document) : 0, path, key, err)
                        : mt_arena_failed(err);
    if (!st && **key == 0)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "the data of the document, %s, is not inside of %s: the option external_folder can widen it",
                       path, source->store->url);
    return st;
}

mt_status mt_bdv_find_data(const mt_source *source, const mt_xml *root, const char *document, const char *backend,
                           mt_arena *arena, const char **key, mt_error *err)
{
    const mt_xml *sequence = mt_xml_child(root, "SequenceDescription");
    const mt_xml *loader = sequence ? mt_xml_child(sequence, "ImageLoader") : NULL;
    const char *format = loader ? mt_xml_get(loader, "format") : NULL;
    const mt_xml *name = loader ? mt_xml_child(loader, backend) : NULL;
    if (!name || !format || strncmp(format, "bdv.", 4) != 0 || strcmp(format + 4, backend) != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "the BigDataViewer loader \"%s\" is not supported", format ? format : "");
    return join_paths(source, mt_xml_child(root, "BasePath"), name, document, arena, key, err);
}

/* The number in the text of a child; -1 if there is none. */
static int64_t number_of(const mt_xml *element, const char *name)
{
    const mt_xml *child = mt_xml_child(element, name);
    const char *text = child ? child->text : "";
    int64_t value;
    return mt_parse_integer(&text, &value) ? value : -1;
}

void mt_bdv_widen(int64_t number, int64_t *low, int64_t *high)
{
    if (number < 0)
        return;
    *low = number < *low ? number : *low;
    *high = number > *high ? number : *high;
}

/* Finds the ends of an integer pattern of numbers and ranges with steps, such as "0-10:2, 12". */
static void read_pattern(const char *text, int64_t *low, int64_t *high)
{
    while (*text) {
        bool is_step = *text == ':';
        size_t skipped = strcspn(text, "0123456789");
        is_step = is_step && skipped == 1;
        text += skipped;
        int64_t number;
        if (!mt_parse_integer(&text, &number))
            return;
        mt_bdv_widen(is_step ? -1 : number, low, high);
    }
}

void mt_bdv_read_times(const mt_xml *root, int64_t *low, int64_t *high)
{
    const mt_xml *sequence = root ? mt_xml_child(root, "SequenceDescription") : NULL;
    const mt_xml *list = sequence ? mt_xml_child(sequence, "Timepoints") : NULL;
    if (!list)
        return;
    mt_bdv_widen(number_of(list, "first"), low, high);
    mt_bdv_widen(number_of(list, "last"), low, high);
    const mt_xml *pattern = mt_xml_child(list, "integerpattern");
    read_pattern(pattern ? pattern->text : "", low, high);
    for (const mt_xml *time = mt_xml_child(list, "Timepoint"); time; time = mt_xml_next(time))
        mt_bdv_widen(number_of(time, "id"), low, high);
}

void mt_bdv_mark_missing(const mt_xml *root, int64_t setup, int64_t first, int64_t n, bool *missing)
{
    const mt_xml *sequence = root ? mt_xml_child(root, "SequenceDescription") : NULL;
    const mt_xml *views = sequence ? mt_xml_child(sequence, "MissingViews") : NULL;
    const mt_xml *view = views ? mt_xml_child(views, "MissingView") : NULL;
    for (; view; view = mt_xml_next(view)) {
        const char *number = mt_xml_get(view, "setup"), *time = mt_xml_get(view, "timepoint");
        int64_t s, t;
        if (number && time && mt_parse_integer(&number, &s) && mt_parse_integer(&time, &t) && s == setup &&
            t >= first && t - first < n)
            missing[t - first] = true;
    }
}

const mt_xml *mt_bdv_find_setup(const mt_xml *root, int64_t number)
{
    const mt_xml *sequence = root ? mt_xml_child(root, "SequenceDescription") : NULL;
    const mt_xml *setups = sequence ? mt_xml_child(sequence, "ViewSetups") : NULL;
    const mt_xml *setup = setups ? mt_xml_child(setups, "ViewSetup") : NULL;
    while (setup && number_of(setup, "id") != number)
        setup = mt_xml_next(setup);
    return setup;
}

static mt_status name_channel(const mt_xml *setup, mt_chunk_map *map, mt_error *err)
{
    const mt_xml *name = setup ? mt_xml_child(setup, "name") : NULL;
    if (!name || !*name->text)
        return MT_OK;
    mt_channel *channel = mt_arena_alloc(map->arena, 1, sizeof *channel, err);
    if (!channel || !(channel->name = mt_arena_strndup(map->arena, name->text, strlen(name->text), err)))
        return MT_E_MEMORY;
    map->channels = channel;
    map->n_channels = 1;
    return MT_OK;
}

/* Reads the voxel sizes of the setup: X, Y, Z of level 0. */
static mt_status set_voxels(const mt_xml *setup, const double *factors, mt_chunk_map *map, mt_error *err)
{
    const mt_xml *voxel = setup ? mt_xml_child(setup, "voxelSize") : NULL;
    const mt_xml *size = voxel ? mt_xml_child(voxel, "size") : NULL, *unit = voxel ? mt_xml_child(voxel, "unit") : NULL;
    const char *at = size ? size->text : "";
    for (int d = 2; d >= 0; d--) {
        double value;
        if (!mt_parse_real(&at, &value) || !(value > 0))
            break;
        map->pixel_size[1 + d] = value * factors[d];
        if (unit && *unit->text && !(map->unit[1 + d] = mt_unit_name(map->arena, unit->text, err)))
            return mt_arena_failed(err);
    }
    return MT_OK;
}

mt_status mt_bdv_describe(const mt_xml *setup, const double *factors, mt_chunk_map *map, mt_error *err)
{
    mt_status st = name_channel(setup, map, err);
    return st || !factors ? st : set_voxels(setup, factors, map, err);
}
