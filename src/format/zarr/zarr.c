/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr stores as folders: the format, and the choice of the array of a path. */
#include "format/zarr/zarr.h"
#include "store/blocks.h"

#include <string.h>

mt_status zarr_map_array(const zarr_node *node, mt_chunk_map *map, mt_error *err)
{
    map->ask_axes = true;
    map->state = mt_arena_alloc(map->arena, 1, sizeof(zarr_state), err);
    if (!map->state)
        return zarr_failed(err);
    mt_status st = (node->version == 2 ? zarr_v2_parse : zarr_v3_parse)(node->document, node->path, map, err);
    if (st)
        mt_error_prefix(err, "%s%s%s", node->path, *node->path ? "/" : "",
                        node->version == 2 ? ".zarray" : "zarr.json");
    return st;
}

/* Loads the node of a level. A path that begins with "/" is tried relative to the group, then from the root. */
static mt_status load_level(const zarr_reader *r, const zarr_node *group, const char *dataset, size_t root,
                            zarr_node *out, mt_error *err)
{
    const char *path;
    size_t slashes = strspn(dataset, "/");
    mt_status st = zarr_join(r, group->path, dataset + slashes, MT_E_CORRUPT, &path, err);
    if (st || (st = zarr_node_load(r, path, out, err)) || slashes == 0 || out->kind == ZARR_ARRAY)
        return st;
    zarr_node_free(out);
    char *above = mt_arena_strndup(r->scratch, group->path, root, err);
    if (!above)
        return zarr_failed(err);
    st = zarr_join(r, above, dataset + slashes, MT_E_CORRUPT, &path, err);
    return st ? st : zarr_node_load(r, path, out, err);
}

/* What the writer says about a finished image. */
static mt_status warn_note(const zarr_node *group, mt_chunk_map *map, mt_error *err)
{
    const json_t *own = json_object_get(group->attributes, "microtome");
    const char *note = json_string_value(json_object_get(own, "note"));
    return note ? mt_chunk_map_warn(map, err, "%.400s", note) : MT_OK;
}

/* Maps one level of a multiscale image. */
static mt_status map_level(const zarr_reader *r, const zarr_node *group, const json_t *multiscale, int level,
                           size_t root, mt_chunk_map *map, mt_error *err)
{
    const char *dataset = zarr_ome_dataset(multiscale, (size_t)level);
    if (!dataset)
        return mt_fail(err, MT_E_CORRUPT, "level %d of the multiscale image '%s' has no path", level, group->path);
    zarr_node node;
    mt_status st = load_level(r, group, dataset, root, &node, err);
    if (st)
        return st;
    const char *path = node.path;
    if (node.kind != ZARR_ARRAY)
        st = mt_fail(err, MT_E_CORRUPT, "level %d of the multiscale image '%s' is not an array", level, group->path);
    else if (!(st = zarr_map_array(&node, map, err)))
        st = zarr_check_keys(map, err);
    zarr_node_free(&node);
    if (!st && (st = zarr_ome_describe(map, group, multiscale, level, err)))
        mt_error_prefix(err, "%s", path);
    return st ? st : warn_note(group, map, err);
}

static mt_status map_multiscale(const zarr_reader *r, const zarr_node *group, const mt_selection *selection,
                                int64_t series, size_t root, mt_chunk_map *map, mt_error *err)
{
    const json_t *multiscale = series < 0 ? NULL : zarr_ome_multiscale(group, (size_t)series);
    if (!multiscale)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no series %lld", group->path, (long long)series);
    mt_status st = zarr_ome_check_version(group, multiscale, err);
    if (st)
        return st;
    int64_t level = selection->level < 0 ? 0 : selection->level;
    int n = zarr_ome_levels(multiscale);
    if (n == 0)
        return mt_fail(err, MT_E_CORRUPT, "the multiscale image '%s' has no levels", group->path);
    if (level >= n)
        return mt_fail(err, MT_E_NOT_FOUND, "no level %lld: the image has %d", (long long)level, n);
    return map_level(r, group, multiscale, (int)level, root, map, err);
}

/* If the array is a level of the multiscale image in group, maps it as such. */
static mt_status try_parent(const zarr_reader *r, const zarr_node *group, const char *array, size_t root,
                            mt_chunk_map *map, bool *found, mt_error *err)
{
    const char *path = array + strlen(group->path), *whole = array + root;
    path += *path == '/';
    whole += *whole == '/';
    for (size_t i = 0; zarr_ome_multiscale(group, i); i++) {
        const json_t *multiscale = zarr_ome_multiscale(group, i);
        int level = zarr_ome_find_dataset(multiscale, path, whole);
        *found = level >= 0 && zarr_ome_check_version(group, multiscale, NULL) == MT_OK;
        if (*found)
            return map_level(r, group, multiscale, level, root, map, err);
    }
    return MT_OK;
}

/* Whether a writer of microtome has not finished the image of a group. */
static bool is_incomplete(const zarr_node *group)
{
    return json_is_true(json_object_get(json_object_get(group->attributes, "microtome"), "incomplete"));
}

static mt_status warn_incomplete(const zarr_node *group, mt_chunk_map *map, mt_error *err)
{
    return !is_incomplete(group) ? MT_OK
                                 : mt_chunk_map_warn(map, err,
                                                     "the image is not finished: what is not yet written reads "
                                                     "as 0. \"microtome status\" tells how much that is");
}

/* Maps an array as a level of a multiscale image above it, if there is one. root is the length of the path of the
 * store's root, above which nothing is read. */
static mt_status map_as_level(const zarr_reader *r, const char *path, size_t root, mt_chunk_map *map, bool *found,
                              mt_error *err)
{
    size_t end = strlen(path);
    *found = false;
    while (end > root && !*found) {
        do
            end--;
        while (end > root && path[end] != '/');
        char *above = mt_arena_strndup(r->scratch, path, end, err);
        if (!above)
            return zarr_failed(err);
        zarr_node group;
        mt_status st = zarr_node_load(r, above, &group, err);
        if (st)
            return st;
        if (!(st = warn_incomplete(&group, map, err)))
            st = try_parent(r, &group, path, root, map, found, err);
        zarr_node_free(&group);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status map_array(const zarr_reader *r, zarr_node *node, const mt_selection *selection, size_t root,
                           mt_chunk_map *map, mt_error *err)
{
    bool found;
    if (selection->series > 0 || selection->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' is one array, without series and levels", node->path);
    mt_status st = map_as_level(r, node->path, root, map, &found, err);
    if (st || found)
        return st;
    if ((st = zarr_node_load_attributes(r, node, err)) || (st = zarr_map_array(node, map, err)) ||
        (st = zarr_check_keys(map, err)) || (st = zarr_describe_array(node, map, err)))
        return st;
    return zarr_read_coordinates(r, node, root, map, err);
}

#define MAX_NAMED 10

/* "'#a', '#b', ..." */
static mt_status refuse_choice(const zarr_images *images, const zarr_node *group, const char *prefix, mt_error *err)
{
    if (images->n == 0 && group->kind == ZARR_NONE && *group->path)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' is not there, or holds nothing that is Zarr", group->path);
    if (images->n == 0) /* OME metadata promises an image */
        return mt_fail(err, *prefix || !zarr_is_plain(group) ? MT_E_NOT_FOUND : MT_E_NOT_AN_IMAGE,
                       "no image%s%s%s: no array of two or more dimensions", *group->path ? " in '" : "", group->path,
                       *group->path ? "'" : "");
    char text[400];
    size_t used = 0;
    size_t i = 0;
    for (; i < images->n && i < MAX_NAMED; i++) {
        size_t needed = strlen(prefix) + strlen(images->found[i].name) + 8;
        if (used + needed > sizeof text - 8)
            break;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s'#%s%s%s'", i ? ", " : "", prefix,
                                 *prefix ? "/" : "", images->found[i].name);
    }
    snprintf(text + used, sizeof text - used, "%s", i < images->n ? ", ..." : "");
    return mt_fail(err, MT_E_NOT_FOUND, "there are several images, name one: %s", text);
}

/* Fails if, because of a failed request, it is not known which image is meant. A plain group must have only one. In
 * others images are numbered, so only those before count. */
static mt_status check_search(const zarr_images *images, bool is_plain, size_t number, mt_error *err)
{
    const mt_error *failure = NULL;
    size_t n = is_plain || number >= images->n ? images->n : number + 1, n_certain = 0;
    for (size_t i = 0; i < n; i++) {
        n_certain += !images->found[i].failure;
        failure = failure ? failure : images->found[i].failure;
    }
    return !failure || (is_plain && n_certain > 1) ? MT_OK : mt_fail(err, failure->status, "%s", failure->message);
}

/* Chooses the image of a group by series number, or the only one: its path relative to the group. */
static mt_status choose_image(const zarr_reader *r, const zarr_node *group, const mt_selection *selection,
                              const char **out, mt_error *err)
{
    bool is_plain = zarr_is_plain(group);
    if (is_incomplete(group)) { /* its arrays are levels */
        *out = "0";
        return MT_OK;
    }
    size_t limit = selection->series < MAX_NAMED ? MAX_NAMED + 1 : SIZE_MAX;
    zarr_images images = { .reader = r, .limit = limit, .below = "" };
    mt_status st = (is_plain ? zarr_find_below : zarr_find_own_images)(&images, group, err);
    size_t i = selection->series < 0 ? 0 : (size_t)selection->series;
    if (st || (st = check_search(&images, is_plain, i, err)))
        return st;
    if (is_plain ? images.n != 1 : images.n == 0)
        return refuse_choice(&images, group, selection->path, err);
    if (i >= images.n)
        return mt_fail(err, MT_E_NOT_FOUND, "no series %zu: there are %zu", i, images.n);
    *out = images.found[i].name;
    return MT_OK;
}

static bool is_image(const zarr_node *node) { return node->kind == ZARR_ARRAY || zarr_ome_multiscale(node, 0); }

static mt_status map_image(const zarr_reader *r, zarr_node *node, const mt_selection *selection, int64_t series,
                           size_t root, mt_chunk_map *map, mt_error *err)
{
    if (node->kind == ZARR_ARRAY)
        return map_array(r, node, selection, root, map, err);
    return map_multiscale(r, node, selection, series, root, map, err);
}

/* Maps the image in a group that is not an image itself. */
static mt_status map_member(const zarr_reader *r, const zarr_node *group, const mt_selection *selection, size_t root,
                            const char **name, mt_chunk_map *map, mt_error *err)
{
    const char *path;
    zarr_node node;
    mt_status st = choose_image(r, group, selection, name, err);
    if (st || (st = zarr_join(r, group->path, *name, MT_E_CORRUPT, &path, err)) ||
        (st = zarr_node_load(r, path, &node, err)))
        return st;
    mt_selection rest = *selection;
    rest.series = -1;
    if (is_image(&node))
        st = map_image(r, &node, &rest, 0, root, map, err);
    else if (node.kind == ZARR_NONE)
        st = mt_fail(err, MT_E_NOT_FOUND, "'%s' is not there, though the metadata of '%s' lists it", path, group->path);
    else
        st = mt_fail(err, MT_E_CORRUPT, "'%s' should be an image, but is not", path);
    zarr_node_free(&node);
    return st;
}

/* Prefetches a node and all nodes up to the root, of which it may be a level. */
static mt_status touch_above(const zarr_reader *r, const char *path, size_t root, mt_error *err)
{
    enum { MOST = 16 };
    const char *paths[MOST] = { path };
    size_t n = 1;
    for (size_t end = strlen(path); end > root && n < MOST && r->store->costs.is_slow; n++) {
        do
            end--;
        while (end > root && path[end] != '/');
        if (!(paths[n] = mt_arena_strndup(r->scratch, path, end, err)))
            return zarr_failed(err);
    }
    zarr_touch(r, paths, n);
    return MT_OK;
}

static mt_status map_path(const zarr_reader *r, const mt_source *source, const mt_selection *selection,
                          mt_chunk_map *map, mt_error *err)
{
    const char *path, *name = "";
    zarr_node node;
    size_t root = strlen(source->key);
    mt_status st = zarr_join(r, source->key, selection->path, MT_E_ARGUMENT, &path, err);
    if (st || (st = touch_above(r, path, root, err)) || (st = zarr_node_load(r, path, &node, err)))
        return st;
    if (is_image(&node))
        st = map_image(r, &node, selection, selection->series < 0 ? 0 : selection->series, root, map, err);
    else
        st = map_member(r, &node, selection, root, &name, map, err);
    zarr_node_free(&node);
    if (!st && !*selection->text && !(map->part = mt_arena_strndup(map->arena, name, strlen(name), err)))
        st = zarr_failed(err);
    return st;
}

static mt_status zarr_open(mt_container *container, mt_error *err)
{
    if (!container->source.folder)
        return mt_fail(err, MT_E_UNSUPPORTED, "Zarr stores in zip files are not supported");
    zarr_nodes *nodes;
    mt_status st = zarr_nodes_new(container->source.env, &nodes, err);
    if (!st)
        container->state = nodes;
    return st;
}

static void zarr_close(mt_container *container) { zarr_nodes_free(container->state); }

static mt_status reader_new(const mt_container *container, zarr_reader *out, mt_error *err)
{
    *out = (zarr_reader) { .env = container->source.env, .store = container->source.store, .nodes = container->state };
    return mt_arena_new(out->env, &out->scratch, err);
}

static mt_status zarr_map(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    zarr_reader r;
    mt_status st = reader_new(container, &r, err);
    if (st)
        return st;
    st = map_path(&r, &container->source, part, map, err);
    mt_arena_free(r.scratch);
    return st;
}

static mt_status add_name(mt_names *out, const zarr_image *image, mt_error *err)
{
    return image->failure ? mt_names_add_failed(out, image->name, image->failure, err)
                          : mt_names_add(out, image->name, err);
}

static mt_status zarr_list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    zarr_reader r;
    mt_status st = reader_new(container, &r, err);
    if (st)
        return st;
    const char *prefix = below->path, *path;
    zarr_node node;
    if (!(st = zarr_join(&r, container->source.key, prefix, MT_E_ARGUMENT, &path, err)) &&
        !(st = zarr_node_load(&r, path, &node, err))) {
        zarr_images images = { .reader = &r, .limit = SIZE_MAX, .with_labels = true, .below = prefix };
        st = zarr_is_plain(&node) ? zarr_find_below(&images, &node, err) : zarr_find_own_images(&images, &node, err);
        for (size_t i = 0; !st && i < images.n; i++)
            st = add_name(out, &images.found[i], err);
        zarr_node_free(&node);
    }
    mt_arena_free(r.scratch);
    return st;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static mt_status probe_folder(const mt_source *source, int *score, mt_error *err)
{
    static const char *const documents[] = { "zarr.json", ".zarray", ".zgroup", ".zattrs" };
    enum { N = sizeof documents / sizeof *documents };
    char keys[N][MT_KEY_BYTES];
    mt_touch touches[N];
    uint64_t size;
    *score = ends_with(source->name, ".zarr");
    if (strlen(source->key) > MT_KEY_BYTES - 16)
        return MT_OK;
    for (size_t i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "%s%s%s", source->key, *source->key ? "/" : "", documents[i]);
        touches[i] = (mt_touch) { .key = keys[i] };
    }
    mt_blocks_touch(source->store, touches, N);
    for (size_t i = 0; i < N; i++) {
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_store_size(source->store, keys[i], &size, &own);
        if (st && st != MT_E_NOT_FOUND)
            return mt_fail(err, st, "%s", own.message);
        if (!st) {
            *score = 2;
            return MT_OK;
        }
    }
    return MT_OK;
}

static mt_status zarr_probe(const mt_source *source, int *score, mt_error *err)
{
    static const char *const zip_suffixes[] = { ".zarr.zip", ".ozx", ".zarr" };
    if (source->folder)
        return probe_folder(source, score, err);
    bool is_zip = source->head_size >= 4 && memcmp(source->head, "PK\3\4", 4) == 0;
    for (size_t i = 0; is_zip && i < sizeof zip_suffixes / sizeof *zip_suffixes; i++)
        if (ends_with(source->name, zip_suffixes[i]))
            *score = 2;
    return MT_OK;
}

const mt_format mt_format_zarr = {
    .name = "zarr",
    .title = "Zarr versions 2 and 3, OME-Zarr 0.1 to 0.5",
    .suffixes = "zarr",
    .folder_documents = "zarr.json,.zarray,.zgroup",
    .probe = zarr_probe,
    .open = zarr_open,
    .close = zarr_close,
    .list = zarr_list,
    .restore = zarr_restore,
    .map = zarr_map,
};
