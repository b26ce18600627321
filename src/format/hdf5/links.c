/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups: old-style with a symbol table (III.A.1, III.C, III.D), new-style with links in the header or in a heap. */
#include "format/hdf5/hdf5.h"

#include <string.h>

#define MAX_TREE_LEVEL 16
#define MAX_LINKS 32 /* soft and external links followed along a path */
#define MAX_PATH_SEGMENTS 256

typedef struct search {
    const h5_file *file;
    mt_arena *arena;
    const char *name; /* NULL: all */
    uint32_t hash;    /* of name */
    h5_link **first, *last;
    mt_reader names; /* local heap of an old-style group */
    uint64_t heap;   /* fractal heap of a new-style group */
    uint64_t nodes_left;
} search;

static mt_status add_link(search *s, const h5_link *link, mt_error *err)
{
    h5_link *copy = mt_arena_alloc(s->arena, 1, sizeof *copy, err);
    if (!copy)
        return MT_E_MEMORY;
    *copy = *link;
    if (s->last)
        s->last->next = copy;
    else
        *s->first = copy;
    s->last = copy;
    return MT_OK;
}

const char *h5_heap_name(const mt_reader *names, uint64_t offset)
{
    if (offset >= names->size || !memchr(names->data + offset, 0, names->size - (size_t)offset))
        return NULL;
    return (const char *)names->data + offset;
}

mt_status h5_read_names(const h5_file *file, mt_arena *arena, uint64_t address, mt_reader *out, mt_error *err)
{
    mt_reader r;
    mt_status st = h5_load(file, arena, address, (8 + 2 * file->length_bytes + file->address_bytes), &r, err);
    if (st)
        return st;
    bool right = memcmp(r.data, "HEAP", 4) == 0 && r.data[4] == 0;
    mt_read_skip(&r, 8);
    uint64_t size = h5_read_length(file, &r);
    h5_read_length(file, &r);
    uint64_t data = h5_read_address(file, &r);
    if (!right)
        return mt_fail(err, MT_E_CORRUPT, "there is no local heap at address %llu", (unsigned long long)address);
    return h5_load(file, arena, data, size, out, err);
}

static mt_status read_symbol(search *s, mt_reader *r, mt_error *err)
{
    const char *name = h5_heap_name(&s->names, h5_read_length(s->file, r));
    h5_link link = { .name = name, .kind = H5_HARD, .address = h5_read_address(s->file, r) };
    uint32_t cached = mt_read_u32(r);
    mt_read_skip(r, 4);
    uint32_t target = mt_read_u32(r);
    mt_read_skip(r, 12);
    if (r->failed || !name)
        return mt_fail(err, MT_E_CORRUPT, "a symbol table has a name outside its heap");
    if (s->name && strcmp(s->name, name) != 0)
        return MT_OK;
    if (cached == 2) {
        link.kind = H5_SOFT;
        link.target = h5_heap_name(&s->names, target);
        if (!link.target)
            return mt_fail(err, MT_E_CORRUPT, "the soft link \"%s\" has no target", name);
    }
    return add_link(s, &link, err);
}

static mt_status read_symbols(search *s, uint64_t address, mt_error *err)
{
    mt_reader r;
    size_t entry = s->file->length_bytes + s->file->address_bytes + 24;
    mt_status st = h5_load(s->file, s->arena, address, 8, &r, err);
    if (st)
        return st;
    if (memcmp(r.data, "SNOD", 4) != 0 || r.data[4] != 1)
        return mt_fail(err, MT_E_CORRUPT, "there is no symbol table node at address %llu", (unsigned long long)address);
    mt_read_skip(&r, 6);
    size_t n = mt_read_u16(&r);
    st = h5_load(s->file, s->arena, address + 8, n * entry, &r, err);
    for (size_t i = 0; !st && i < n; i++)
        st = read_symbol(s, &r, err);
    return st;
}

/* A child holds the names greater than the key before it, up to the key after it. */
static bool may_hold(const search *s, const char *before, const char *behind)
{
    return !s->name || (strcmp(s->name, before) > 0 && strcmp(s->name, behind) <= 0);
}

static mt_status read_name_tree(search *s, uint64_t address, int level, mt_error *err);

static mt_status read_children(search *s, mt_reader *r, size_t n, int level, mt_error *err)
{
    const char *before = h5_heap_name(&s->names, h5_read_length(s->file, r));
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++) {
        uint64_t child = h5_read_address(s->file, r);
        const char *behind = h5_heap_name(&s->names, h5_read_length(s->file, r));
        if (!before || !behind)
            return mt_fail(err, MT_E_CORRUPT, "a group's B-tree has a name outside its heap");
        if (may_hold(s, before, behind))
            st = level > 0 ? read_name_tree(s, child, level - 1, err) : read_symbols(s, child, err);
        before = behind;
    }
    return st;
}

/* level -1: the root, which stores its level. */
static mt_status read_name_tree(search *s, uint64_t address, int level, mt_error *err)
{
    h5_block node;
    int found;
    size_t n;
    if (s->nodes_left-- == 0)
        return mt_fail(err, MT_E_CORRUPT, "the B-tree of a group's names contains a loop");
    mt_status st = h5_get_node(s->file, address, 0, s->file->length_bytes, &node, &found, &n, err);
    if (st)
        return st;
    if (found > MAX_TREE_LEVEL || (level >= 0 && found != level))
        st = mt_fail(err, MT_E_CORRUPT, "a node of a group's B-tree is of level %d", found);
    else
        st = read_children(s, &node.reader, n, found, err);
    h5_give_block(s->file, &node);
    return st;
}

/* The body of a link message (IV.A.2.g). */
static mt_status read_link(search *s, mt_reader r, mt_error *err)
{
    int version = mt_read_u8(&r), flags = mt_read_u8(&r);
    int kind = flags & 8 ? mt_read_u8(&r) : 0;
    mt_read_skip(&r, (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0));
    uint64_t length = h5_read_number(&r, 1 << (flags & 3));
    const uint8_t *name = length <= mt_read_left(&r) ? mt_read_bytes(&r, (size_t)length) : NULL;
    if (version != 1 || r.failed || !name || length == 0)
        return mt_fail(err, MT_E_CORRUPT, "a link message of version %d is broken", version);
    if (s->name && (strlen(s->name) != length || memcmp(s->name, name, (size_t)length) != 0))
        return MT_OK;
    h5_link link = { .kind = kind == 0 ? H5_HARD : kind == 1 ? H5_SOFT : kind == 64 ? H5_EXTERNAL : H5_OTHER };
    link.name = mt_arena_strndup(s->arena, (const char *)name, (size_t)length, err);
    if (!link.name)
        return MT_E_MEMORY;
    if (link.kind == H5_HARD) {
        link.address = h5_read_address(s->file, &r);
    } else if (link.kind != H5_OTHER) {
        size_t n = mt_read_u16(&r), skip = link.kind == H5_EXTERNAL;
        const uint8_t *target = mt_read_bytes(&r, n);
        if (!target || n < skip)
            return mt_fail(err, MT_E_CORRUPT, "the link \"%s\" has no target", link.name);
        link.target = mt_arena_strndup(s->arena, (const char *)target + skip, n - skip, err);
        if (!link.target)
            return MT_E_MEMORY;
        size_t first = strlen(link.target) + 1; /* an external link: file, NUL, path */
        link.inside = first < n - skip ? link.target + first : "";
    }
    return r.failed ? mt_fail(err, MT_E_CORRUPT, "the link \"%s\" is cut off", link.name) : add_link(s, &link, err);
}

static int compare_hash(const void *user, mt_reader record)
{
    const search *s = user;
    uint32_t hash = mt_read_u32(&record);
    return hash < s->hash ? -1 : hash > s->hash;
}

static mt_status visit_dense(void *user, mt_reader record, mt_error *err)
{
    search *s = user;
    mt_reader link;
    mt_read_skip(&record, 4);
    mt_reader id = mt_reader_over(record.data + record.position, mt_read_left(&record), false);
    mt_status st = h5_read_heap(s->file, s->arena, s->heap, id, &link, err);
    return st ? st : read_link(s, link, err);
}

static mt_status read_dense(search *s, mt_reader r, mt_error *err)
{
    int version = mt_read_u8(&r), flags = mt_read_u8(&r);
    mt_read_skip(&r, flags & 1 ? 8 : 0);
    s->heap = h5_read_address(s->file, &r);
    uint64_t tree = h5_read_address(s->file, &r);
    if (r.failed || version != 0)
        return mt_fail(err, MT_E_CORRUPT, "a link info message of version %d is broken", version);
    if (s->heap == H5_UNDEFINED || tree == H5_UNDEFINED)
        return MT_OK;
    h5_tree_walk walk = { .type = 5, .compare = s->name ? compare_hash : NULL, .visit = visit_dense, .user = s };
    return h5_walk_tree(s->file, tree, &walk, err);
}

mt_status h5_read_links(mt_arena *arena, const h5_object *group, const char *name, h5_link **first, mt_error *err)
{
    const h5_file *file = group->file;
    search s = { .file = file, .arena = arena, .name = name, .first = first, .nodes_left = file->size / 16 };
    s.hash = name ? h5_checksum((const uint8_t *)name, strlen(name)) : 0;
    *first = NULL;
    mt_status st = MT_OK;
    for (const h5_message *m = group->first; m && !st; m = m->next) {
        mt_reader r = m->body;
        if (m->type == H5_MSG_SYMBOL_TABLE) {
            uint64_t tree = h5_read_address(file, &r);
            st = h5_read_names(file, arena, h5_read_address(file, &r), &s.names, err);
            if (!st)
                st = read_name_tree(&s, tree, -1, err);
        } else if (m->type == H5_MSG_LINK) {
            st = read_link(&s, r, err);
        } else if (m->type == H5_MSG_LINK_INFO) {
            st = read_dense(&s, r, err);
        }
    }
    return st;
}

/* A walk along a path. */
typedef struct walk {
    const h5_file *file;
    mt_arena *arena;
    uint64_t at[MAX_PATH_SEGMENTS]; /* the groups passed, for paths relative to one */
    int depth, links;               /* groups passed, links followed */
    const char *path;               /* the whole path, for messages */
} walk;

static mt_status follow(walk *w, const char *path, mt_error *err);

static mt_status enter_file(walk *w, const h5_link *link, mt_error *err)
{
    const char *key;
    mt_status st = h5_resolve(w->file, w->arena, link->name, link->target, false, &key, err);
    if (st)
        return st;
    mt_error own = MT_ERROR_INIT;
    st = h5_open_other(w->file, key, &w->file, &own);
    if (st == MT_E_NOT_FOUND) /* the file promises it: not a wrong name given by the caller */
        return mt_fail(err, MT_E_CORRUPT, "\"%s\" is a link into %s, which does not exist", link->name, key);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    w->depth = 0;
    w->at[0] = w->file->root;
    return follow(w, link->inside, err);
}

static mt_status enter(walk *w, const char *name, mt_error *err)
{
    h5_object group;
    h5_link *link;
    mt_status st = h5_read_object(w->file, w->arena, w->at[w->depth], &group, err);
    if (st || (st = h5_read_links(w->arena, &group, name, &link, err)))
        return st;
    if (!link)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no \"%s\" on the way to \"%s\"", name, w->path);
    if (link->kind == H5_OTHER)
        return mt_fail(err, MT_E_UNSUPPORTED, "\"%s\" is a link of an unsupported kind", name);
    if (link->kind != H5_HARD && ++w->links > MAX_LINKS)
        return mt_fail(err, MT_E_CORRUPT, "the link \"%s\" leads nowhere", name);
    if (link->kind == H5_EXTERNAL)
        return enter_file(w, link, err);
    if (link->kind == H5_SOFT) {
        if (*link->target == '/')
            w->depth = 0;
        return follow(w, link->target, err);
    }
    if (w->depth + 1 == MAX_PATH_SEGMENTS)
        return mt_fail(err, MT_E_LIMIT, "a path of more than %d groups", MAX_PATH_SEGMENTS);
    w->at[++w->depth] = link->address;
    return MT_OK;
}

static mt_status follow(walk *w, const char *path, mt_error *err)
{
    mt_status st = MT_OK;
    while (!st) {
        path += strspn(path, "/");
        size_t n = strcspn(path, "/");
        if (n == 0)
            break;
        char *name = mt_arena_strndup(w->arena, path, n, err);
        if (!name)
            return MT_E_MEMORY;
        path += n;
        if (strcmp(name, ".") != 0)
            st = enter(w, name, err);
    }
    return st;
}

static mt_status find(walk *w, h5_object *out, mt_error *err)
{
    mt_status st = follow(w, w->path, err);
    return st ? st : h5_read_object(w->file, w->arena, w->at[w->depth], out, err);
}

mt_status h5_find_object(const h5_file *file, mt_arena *arena, const char *path, h5_object *out, mt_error *err)
{
    walk w = { .file = file, .arena = arena, .path = path, .at = { file->root } };
    return find(&w, out, err);
}

mt_status h5_find_below(const h5_file *file, mt_arena *arena, uint64_t group, const char *path, h5_object *out,
                        mt_error *err)
{
    walk w = { .file = file, .arena = arena, .path = path, .at = { file->root, group }, .depth = 1 };
    return find(&w, out, err);
}
