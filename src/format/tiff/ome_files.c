/* SPDX-License-Identifier: BSD-3-Clause */
/* Resolves file names of OME-XML. They may come from another machine or folder: renamed, in another case, with their
 * former path. */
#include "format/tiff/ome.h"
#include "store/blocks.h"

#include <string.h>

#define MAX_ASKED 1024 /* files looked up ahead in a slow store */
#define AT_ONCE 64
#define MAX_UUID_FILES 4096    /* files searched for a UUID */
#define MAX_SLOW_UUID_FILES 64 /* the same in a slow store */
#define UNKNOWN_SIZE UINT64_MAX

/* A file named by TiffData elements. */
typedef struct entry {
    const char *name, *uuid; /* "": not given */
    /* keys from the path and from the base name beside the document; NULL: outside the store */
    const char *path, *base;
    const char *asked; /* key to look up in the store */
    const char *key;   /* as spelled in the store; NULL: missing */
    const char *why;   /* reason why it is missing, or NULL */
    mt_error *doubt;   /* failure of the request that looked key up, or NULL */
    uint64_t size;
    bool assumed; /* key was not looked up */
    bool guessed; /* asked is only a guess */
    bool by_base; /* key is the base name, path was another */
    bool shared;  /* first of several names with the same key */
    uint32_t number;
} entry;

struct ome_files {
    const mt_source *source;
    mt_store *store; /* bypasses the metadata cache */
    mt_arena *scratch;
    tiff_images *images;
    const char *document;
    const char *own_uuid; /* clean, or "" */
    ome_folders *folders;
    entry *entries;
    size_t n, room;
    uint32_t *entry_slots, *key_slots; /* hash tables of entries and of files: index + 1 */
    uint32_t n_slots;                  /* of each, a power of two */
};

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (const char *c = text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U; /* FNV-1a */
    return (hash ^ 0xff) * 16777619U;
}

mt_status ome_files_new(const mt_source *source, mt_arena *scratch, tiff_images *images, const char *document,
                        const char *own_uuid, size_t most, ome_files **out, mt_error *err)
{
    char clean[OME_UUID_BYTES];
    uint32_t n_slots = 16;
    ome_files *f = mt_arena_alloc(scratch, 1, sizeof *f, err);
    if (!f)
        return MT_E_MEMORY;
    while (n_slots < 2 * TIFF_MAX_FILES && n_slots / 2 < most + 2)
        n_slots *= 2;
    ome_clean_uuid(own_uuid ? own_uuid : "", clean);
    *f = (ome_files) { .source = source,
                       .store = mt_blocks_inner(source->store),
                       .scratch = scratch,
                       .images = images,
                       .document = document,
                       .own_uuid = mt_arena_strndup(scratch, clean, strlen(clean), err),
                       .entry_slots = mt_arena_alloc(scratch, n_slots, sizeof(uint32_t), err),
                       .key_slots = mt_arena_alloc(scratch, n_slots, sizeof(uint32_t), err),
                       .n_slots = n_slots };
    if (!f->own_uuid || !f->entry_slots || !f->key_slots)
        return MT_E_MEMORY;
    *out = f;
    return ome_folders_new(f->store, scratch, &f->folders, err);
}

/* Joins the folder of the document and a relative path; *out is NULL if the result is outside the store or empty. */
static mt_status join(const ome_files *f, const char *path, const char **out, mt_error *err)
{
    const char *slash = strrchr(f->document, '/');
    mt_status st = mt_key_join(f->scratch, f->document, slash ? (size_t)(slash - f->document) : 0, path, out, err);
    if (st || **out == 0)
        *out = NULL;
    return st;
}

/* Sets the candidate keys of a name. */
static mt_status set_paths(const ome_files *f, const char *name, const char **path, const char **base, mt_error *err)
{
    char *text = mt_arena_strndup(f->scratch, name, strlen(name), err);
    const char *key = NULL;
    *path = *base = NULL;
    if (!text)
        return MT_E_MEMORY;
    for (char *c = text; *c; c++)
        *c = *c == '\\' ? '/' : *c;
    const char *slash = strrchr(text, '/'), *last = slash ? slash + 1 : text;
    bool drive = text[0] && text[1] == ':';
    bool absolute = text[0] == '/' || (drive && text[2] == '/') || strncmp(text, "file:/", 6) == 0;
    if (drive && !slash) /* "C:image.tif" */
        last = text + 2;
    mt_status st = absolute ? MT_OK : join(f, text, &key, err);
    *path = key;
    if (st || (st = join(f, last, &key, err)))
        return st;
    *base = *last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0 ? key : NULL;
    if (*path && *base && strcmp(*path, *base) == 0)
        *base = *path;
    return MT_OK;
}

static uint32_t *find_slot(const ome_files *f, const char *name, const char *uuid)
{
    uint32_t slot = hash_text(hash_text(2166136261U, name), uuid) & (f->n_slots - 1);
    while (f->entry_slots[slot]) {
        const entry *e = &f->entries[f->entry_slots[slot] - 1];
        if (strcmp(e->name, name) == 0 && strcmp(e->uuid, uuid) == 0)
            break;
        slot = (slot + 1) & (f->n_slots - 1);
    }
    return &f->entry_slots[slot];
}

mt_status ome_files_add(ome_files *f, const char *name, const char *uuid, mt_error *err)
{
    char clean[OME_UUID_BYTES];
    ome_clean_uuid(uuid ? uuid : "", clean);
    name = name ? name : "";
    uint32_t *slot = find_slot(f, name, clean);
    if (*slot)
        return MT_OK;
    if (f->n >= TIFF_MAX_FILES - 2)
        return mt_fail(err, MT_E_LIMIT, "an image of more than %d files", TIFF_MAX_FILES - 2);
    entry *all = mt_arena_grow(f->scratch, f->entries, f->n, &f->room, 4, sizeof *all, err);
    if (!all)
        return MT_E_MEMORY;
    f->entries = all;
    entry *e = &all[f->n];
    *e = (entry) { .name = mt_arena_strndup(f->scratch, name, strlen(name), err),
                   .uuid = mt_arena_strndup(f->scratch, clean, strlen(clean), err),
                   .size = UNKNOWN_SIZE };
    if (!e->name || !e->uuid)
        return MT_E_MEMORY;
    *slot = (uint32_t)++f->n;
    if (*clean && strcmp(clean, f->own_uuid) == 0) {
        e->key = f->source->key;
        return MT_OK;
    }
    mt_status st = *name ? set_paths(f, name, &e->path, &e->base, err) : MT_OK;
    if (!st && !e->path && strncmp(name, "..", 2) == 0)
        e->why = "outside the folder, which the option external_folder can widen";
    return st;
}

uint32_t ome_files_find(const ome_files *f, const char *name, const char *uuid)
{
    char clean[OME_UUID_BYTES];
    ome_clean_uuid(uuid ? uuid : "", clean);
    const uint32_t *slot = find_slot(f, name ? name : "", clean);
    return *slot ? f->entries[*slot - 1].number : TIFF_NO_FILE;
}

/* An object counts as existing unless its absence is certain: read errors are reported when it is read. If it is then
 * missing, the failure of its look-up is reported: the search for it under other names has not taken place. */
static mt_status take_answer(ome_files *f, entry *e, const mt_error *answer, uint64_t size, mt_error *err)
{
    mt_status st = answer->status;
    if (st != MT_E_NOT_FOUND && st != MT_E_ARGUMENT) {
        e->key = e->asked;
        e->size = st ? UNKNOWN_SIZE : size;
        e->doubt = st ? mt_arena_alloc(f->images->arena, 1, sizeof *e->doubt, err) : NULL;
        if (st && !e->doubt)
            return MT_E_MEMORY;
        if (st)
            *e->doubt = *answer;
        e->by_base = e->by_base || (e->key == e->base && e->base != e->path);
    }
    e->asked = NULL;
    return MT_OK;
}

static mt_status ask_at_once(ome_files *f, entry **some, size_t n, mt_error *err)
{
    mt_request *requests = mt_arena_alloc(f->scratch, n, sizeof *requests, err);
    if (!requests)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        requests[i] = (mt_request) { .key = some[i]->asked, .kind = MT_READ_TAIL };
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_store_perform(f->store, requests, n, &own);
    if (st == MT_E_MEMORY)
        return mt_fail(err, st, "%s", own.message);
    for (size_t i = 0; i < n; i++)
        if ((st = take_answer(f, some[i], &requests[i].error, requests[i].object_size, err)))
            return st;
    return MT_OK;
}

static mt_status ask_slow(ome_files *f, mt_error *err)
{
    entry *some[AT_ONCE];
    size_t n = 0, asked = 0;
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < f->n; i++) {
        if (!f->entries[i].asked)
            continue;
        if (asked++ >= MAX_ASKED) {
            const mt_error assumed = { .status = f->entries[i].guessed ? MT_E_NOT_FOUND : MT_OK };
            st = take_answer(f, &f->entries[i], &assumed, UNKNOWN_SIZE, err);
            f->entries[i].assumed = true;
            continue;
        }
        some[n++] = &f->entries[i];
        if (n == AT_ONCE) {
            st = ask_at_once(f, some, n, err);
            n = 0;
        }
    }
    if (!st && n > 0)
        st = ask_at_once(f, some, n, err);
    return st || asked <= MAX_ASKED
               ? st
               : tiff_images_warn(f->images, err, "only %d of %zu files were looked up when the image was opened",
                                  MAX_ASKED, asked);
}

/* Looks up the key asked of each entry. */
static mt_status ask(ome_files *f, mt_error *err)
{
    if (f->store->costs.is_slow)
        return ask_slow(f, err);
    for (size_t i = 0; i < f->n; i++) {
        entry *e = &f->entries[i];
        uint64_t size = UNKNOWN_SIZE;
        mt_error own = MT_ERROR_INIT;
        mt_status st = e->asked ? mt_store_size(f->store, e->asked, &size, &own) : MT_OK;
        if (st == MT_E_MEMORY)
            return mt_fail(err, st, "%s", own.message);
        if (e->asked && (st = take_answer(f, e, &own, size, err)))
            return st;
    }
    return MT_OK;
}

/* Finds a file in another case, or beside the document. */
static mt_status find_elsewhere(ome_files *f, entry *e, mt_error *err)
{
    bool listed = false, ambiguous = false;
    const char *found = NULL;
    mt_status st = e->path ? ome_folders_find(f->folders, e->path, &found, &listed, &ambiguous, err) : MT_OK;
    if (!st && !found && !ambiguous && e->base && e->base != e->path) {
        st = ome_folders_find(f->folders, e->base, &found, &listed, &ambiguous, err);
        e->by_base = found != NULL;
    }
    if (ambiguous)
        e->why = "several files have this name in other case";
    e->guessed = !found && !listed && !ambiguous && e->base != e->path;
    e->asked = e->guessed ? e->base : found;
    return st;
}

static bool wants_uuid(const entry *e) { return !e->key && !e->asked && !*e->name; }

/* Assigns a key to the entries that have only this UUID. */
static mt_status match_uuid(ome_files *f, const char *key, mt_error *err)
{
    char uuid[OME_UUID_BYTES];
    mt_status st = ome_read_uuid(f->source->env, f->store, key, uuid, err);
    for (size_t i = 0; !st && *uuid && i < f->n; i++)
        if (wants_uuid(&f->entries[i]) && strcmp(f->entries[i].uuid, uuid) == 0)
            f->entries[i].asked = key;
    return st;
}

static bool is_any_wanted(const ome_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (wants_uuid(&f->entries[i]))
            return true;
    return false;
}

/* Unreadable files are an error only if a UUID is not found elsewhere. */
static mt_status search_uuids(ome_files *f, const char *folder, const char *const *names, size_t n, mt_error *err)
{
    size_t read = 0, most = f->store->costs.is_slow ? MAX_SLOW_UUID_FILES : MAX_UUID_FILES;
    mt_error first = MT_ERROR_INIT;
    for (size_t i = 0; i < n && is_any_wanted(f); i++) {
        if (!ome_is_tiff_name(names[i]))
            continue;
        if (read++ == most)
            return tiff_images_warn(f->images, err, "only %zu of the files beside it were searched for UUIDs", most);
        mt_error own = MT_ERROR_INIT;
        const char *key = mt_arena_printf(f->scratch, err, "%s%s%s", folder, *folder ? "/" : "", names[i]);
        if (!key)
            return MT_E_MEMORY;
        if (match_uuid(f, key, &own) && !first.status)
            first = own;
    }
    return first.status && is_any_wanted(f) ? mt_fail(err, first.status, "%s", first.message) : MT_OK;
}

static mt_status find_uuids(ome_files *f, mt_error *err)
{
    if (!is_any_wanted(f))
        return MT_OK;
    const char *slash = strrchr(f->document, '/'), *const * names;
    const char *folder = mt_arena_strndup(f->scratch, f->document, slash ? (size_t)(slash - f->document) : 0, err);
    size_t n;
    mt_status st = folder ? ome_folders_list(f->folders, folder, &names, &n, err) : MT_E_MEMORY;
    if (st || (st = search_uuids(f, folder, names, n, err)))
        return st;
    return ask(f, err);
}

static mt_status append_file(ome_files *f, const char *key, mt_error *err)
{
    tiff_images *images = f->images;
    if (images->n_files >= TIFF_MAX_FILES)
        return mt_fail(err, MT_E_LIMIT, "an image of more than %d files", TIFF_MAX_FILES);
    if ((images->n_files & (images->n_files - 1)) == 0) { /* full: capacity is a power of two */
        tiff_chain **moved = mt_arena_alloc(images->arena, 2 * images->n_files, sizeof *moved, err);
        if (!moved)
            return MT_E_MEMORY;
        memcpy(moved, images->files, images->n_files * sizeof *moved);
        images->files = moved;
    }
    mt_status st =
        tiff_chain_new(f->source->env, f->source->store, key, images->arena, &images->files[images->n_files], err);
    images->n_files += !st;
    return st;
}

/* The index of an existing or missing file; *added: it is new. */
static mt_status find_number(ome_files *f, const char *key, bool missing, bool *added, uint32_t *out, mt_error *err)
{
    uint32_t slot = hash_text(2166136261U, key) & (f->n_slots - 1);
    for (; f->key_slots[slot]; slot = (slot + 1) & (f->n_slots - 1)) {
        tiff_chain *chain = f->images->files[f->key_slots[slot] - 1];
        if (strcmp(tiff_chain_key(chain), key) == 0 && tiff_chain_is_missing(chain, NULL) == missing)
            break;
    }
    *added = f->key_slots[slot] == 0;
    if (*added) {
        mt_status st = append_file(f, key, err);
        if (st)
            return st;
        f->key_slots[slot] = f->images->n_files;
    }
    *out = f->key_slots[slot] - 1;
    return MT_OK;
}

mt_status ome_files_number(ome_files *f, const char *key, uint32_t *out, mt_error *err)
{
    bool added;
    *out = 0;
    return strcmp(key, f->source->key) == 0 ? MT_OK : find_number(f, key, false, &added, out, err);
}

/* Adds a missing file under the name in the document. */
static mt_status number_missing(ome_files *f, entry *e, mt_error *err)
{
    bool added;
    const char *name = *e->name ? e->name : mt_arena_printf(f->scratch, err, "a file with the UUID %s", e->uuid);
    mt_status st = name ? find_number(f, name, true, &added, &e->number, err) : MT_E_MEMORY;
    if (!st && added)
        tiff_chain_set_missing(f->images->files[e->number], e->why);
    return st;
}

static bool is_other_file(const entry *a, const entry *b)
{
    return strcmp(a->name, b->name) != 0 && (!*a->uuid || strcmp(a->uuid, b->uuid) != 0);
}

/* If a base name leads to a file to which another name leads, too, it is unknown which one is meant. */
static mt_status drop_shared(ome_files *f, mt_error *err)
{
    bool any = false;
    for (size_t i = 0; i < f->n; i++)
        any = any || f->entries[i].by_base;
    if (!any)
        return MT_OK;
    /* hash table by key: first entry + 1 */
    uint32_t *slots = mt_arena_alloc(f->scratch, f->n_slots, sizeof *slots, err);
    entry **first = mt_arena_alloc(f->scratch, f->n, sizeof *first, err);
    if (!slots || !first)
        return MT_E_MEMORY;
    for (size_t i = 0; i < f->n; i++) {
        entry *e = &f->entries[i];
        if (!e->key)
            continue;
        uint32_t slot = hash_text(2166136261U, e->key) & (f->n_slots - 1);
        while (slots[slot] && strcmp(f->entries[slots[slot] - 1].key, e->key) != 0)
            slot = (slot + 1) & (f->n_slots - 1);
        slots[slot] = slots[slot] ? slots[slot] : (uint32_t)i + 1;
        first[i] = &f->entries[slots[slot] - 1];
        first[i]->shared = first[i]->shared || is_other_file(first[i], e);
    }
    for (size_t i = 0; i < f->n; i++)
        if (first[i] && first[i]->shared && f->entries[i].by_base) {
            f->entries[i].key = NULL;
            f->entries[i].why = "several names lead to the file beside it";
        }
    return MT_OK;
}

static mt_status tell_renamed(ome_files *f, mt_error *err)
{
    size_t n = 0;
    const entry *first = NULL;
    for (size_t i = 0; i < f->n; i++) {
        const entry *e = &f->entries[i];
        if (!e->key || !(e->by_base || (e->path && strcmp(e->key, e->path) != 0)))
            continue;
        first = first ? first : e;
        n++;
    }
    return n == 0 ? MT_OK
                  : tiff_images_warn(
                        f->images, err,
                        "%zu of the files that the OME-XML names %s found under another name: %s for \"%s\"%s", n,
                        n > 1 ? "were" : "was", first->key, first->name, n > 1 ? " and so on" : "");
}

static mt_status number_all(ome_files *f, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < f->n; i++) {
        entry *e = &f->entries[i];
        if (e->key && e->size == 0) {
            e->key = NULL;
            e->why = "the file is empty";
        }
        st = e->key ? ome_files_number(f, e->key, &e->number, err) : number_missing(f, e, err);
        if (!st && e->key && e->number > 0 && !e->assumed)
            tiff_chain_set_expected(f->images->files[e->number], e->doubt);
    }
    return st;
}

/* Whether a single file is named and missing. */
static bool is_one_missing_file(const ome_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->entries[i].key || strcmp(f->entries[i].name, f->entries[0].name) != 0 ||
            (!*f->entries[i].name && f->n > 1))
            return false;
    return f->n > 0;
}

mt_status ome_files_settle(ome_files *f, bool only_one, mt_error *err)
{
    for (size_t i = 0; i < f->n; i++) {
        entry *e = &f->entries[i];
        bool is_own = e->path && strcmp(e->path, f->source->key) == 0;
        e->key = is_own ? f->source->key : e->key;
        e->asked = e->key ? NULL : e->path ? e->path : e->base;
    }
    mt_status st = ask(f, err);
    for (size_t i = 0; !st && i < f->n; i++)
        if (!f->entries[i].key && *f->entries[i].name)
            st = find_elsewhere(f, &f->entries[i], err);
    if (st || (st = ask(f, err)) || (st = find_uuids(f, err)) || (st = drop_shared(f, err)))
        return st;
    if (only_one && is_one_missing_file(f)) {
        for (size_t i = 0; i < f->n; i++)
            f->entries[i].key = f->source->key;
        const entry *e = &f->entries[0];
        st = tiff_images_warn(f->images, err,
                              "the OME-XML names %s%s, which is not there: its planes are taken from this file",
                              *e->name ? e->name : "another file, with the UUID ", *e->name ? "" : e->uuid);
        return st ? st : number_all(f, err);
    }
    return (st = number_all(f, err)) ? st : tell_renamed(f, err);
}

mt_status ome_files_resolve(ome_files *f, const char *name, const char **key, mt_error *err)
{
    ome_files one = *f;
    entry e = { .name = name, .uuid = "", .size = UNKNOWN_SIZE };
    one.entries = &e;
    one.n = 1;
    mt_status st = set_paths(f, name, &e.path, &e.base, err);
    e.asked = e.path ? e.path : e.base;
    if (!st && !(st = ask(&one, err)) && !e.key && !(st = find_elsewhere(&one, &e, err)))
        st = ask(&one, err);
    if (!st && e.doubt)
        return mt_fail(err, e.doubt->status, "%s", e.doubt->message);
    *key = e.size == 0 ? NULL : e.key;
    return st;
}

mt_status ome_files_missing(const ome_files *f, const char **out, mt_error *err)
{
    size_t n = 0;
    const entry *first = NULL;
    *out = "";
    for (size_t i = 0; i < f->n; i++)
        if (tiff_chain_is_missing(f->images->files[f->entries[i].number], NULL)) {
            first = first ? first : &f->entries[i];
            n++;
        }
    if (n == 0)
        return MT_OK;
    const char *name = *first->name ? first->name : first->uuid, *why = first->why;
    *out = n == 1 ? mt_arena_printf(f->scratch, err, "%s%s%s%s", name, why ? " (" : "", why ? why : "", why ? ")" : "")
                  : mt_arena_printf(f->scratch, err, "%s%s%s%s and %zu more", name, why ? " (" : "", why ? why : "",
                                    why ? ")" : "", n - 1);
    return *out ? MT_OK : MT_E_MEMORY;
}
