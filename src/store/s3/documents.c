/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/documents.h"

#include "base/number.h"
#include "base/xml.h"
#include "store/s3/config.h"

#include <stdlib.h>
#include <string.h>

static const char *child_text(const mt_xml *element, const char *name)
{
    const mt_xml *child = mt_xml_child(element, name);
    return child ? child->text : "";
}

static mt_status add_name(mt_s3_names *names, const char *text, size_t n, mt_error *err)
{
    if (n == 0 || (n == 1 && text[0] == '.') || (n == 2 && text[0] == '.' && text[1] == '.'))
        return MT_OK;
    const char *last = names->n > 0 ? names->names[names->n - 1] : "";
    if (strncmp(last, text, n) == 0 && last[n] == 0) /* the server ignores the delimiter */
        return MT_OK;
    void *grown = mt_arena_grow(names->arena, names->names, names->n, &names->capacity, 64, sizeof *names->names, err);
    const char *name = grown ? mt_arena_strndup(names->arena, text, n, err) : NULL;
    if (grown)
        names->names = grown;
    if (!name)
        return err && err->status ? err->status : MT_E_MEMORY;
    names->names[names->n++] = name;
    return MT_OK;
}

/* What becomes of a key, or common prefix, of a page, without the prefix of the listing; size: its text, or "". */
typedef mt_status (*take_key)(void *user, const char *key, const char *size, mt_error *err);

typedef struct page_reader {
    mt_arena *arena; /* of the token */
    const char *prefix;
    take_key take;
    void *user;
    const char **next; /* continuation token */
} page_reader;

static mt_status read_key(const page_reader *r, const mt_xml *element, const char *name, mt_error *err)
{
    const char *key = child_text(element, name);
    size_t n = strlen(r->prefix);
    if (strncmp(key, r->prefix, n) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the listing of \"%s\" names \"%.64s\"", r->prefix, key);
    return r->take(r->user, key + n, child_text(element, "Size"), err);
}

static mt_status read_page(const page_reader *r, const mt_xml *root, mt_error *err)
{
    mt_status st = MT_OK;
    if (strcmp(root->name, "ListBucketResult") != 0)
        return mt_fail(err, MT_E_CORRUPT, "the answer is not a listing but a document \"%.64s\"", root->name);
    for (const mt_xml *e = root->first_child; !st && e; e = e->next_sibling)
        if (strcmp(e->name, "Contents") == 0)
            st = read_key(r, e, "Key", err);
        else if (strcmp(e->name, "CommonPrefixes") == 0)
            st = read_key(r, e, "Prefix", err);
    if (st || strcmp(child_text(root, "IsTruncated"), "true") != 0)
        return st;
    const char *token = child_text(root, "NextContinuationToken");
    if (!*token)
        return mt_fail(err, MT_E_CORRUPT, "the listing is truncated, but has no continuation token");
    *r->next = mt_arena_strndup(r->arena, token, strlen(token), err);
    return *r->next ? MT_OK : MT_E_MEMORY;
}

static mt_status parse_page(const page_reader *r, const char *text, size_t size, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_arena *arena;
    mt_xml *root;
    err = err ? err : &own;
    *r->next = NULL;
    mt_status st = mt_arena_new(mt_arena_env(r->arena), &arena, err);
    if (st)
        return st;
    st = mt_xml_parse(arena, text, size, "the listing", &root, err);
    if (!st)
        st = read_page(r, root, err);
    mt_arena_free(arena);
    return st;
}

/* Adds the part up to the next '/'. */
static mt_status take_name(void *user, const char *key, const char *size, mt_error *err)
{
    (void)size;
    return add_name(user, key, strcspn(key, "/"), err);
}

mt_status mt_s3_parse_page(mt_s3_names *names, const char *text, size_t size, const char *prefix, const char **next,
                           mt_error *err)
{
    return parse_page(&(page_reader) { names->arena, prefix, take_name, names, next }, text, size, err);
}

typedef struct sized_visit {
    mt_store_visit_sized visit;
    void *user;
} sized_visit;

static mt_status take_sized(void *user, const char *key, const char *size, mt_error *err)
{
    const sized_visit *v = user;
    int64_t bytes;
    if (!mt_parse_digits(&size, &bytes) || *size)
        return mt_fail(err, MT_E_CORRUPT, "the listing has no size of \"%.64s\"", key);
    return v->visit(v->user, key, (uint64_t)bytes, err);
}

mt_status mt_s3_parse_sizes(mt_arena *arena, const char *text, size_t size, const char *prefix,
                            mt_store_visit_sized visit, void *user, const char **next, mt_error *err)
{
    sized_visit v = { visit, user };
    return parse_page(&(page_reader) { arena, prefix, take_sized, &v, next }, text, size, err);
}

static int compare(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

void mt_s3_sort_names(mt_s3_names *names)
{
    size_t n = 0;
    if (names->n > 0)
        qsort(names->names, names->n, sizeof *names->names, compare);
    for (size_t i = 0; i < names->n; i++)
        if (n == 0 || strcmp(names->names[n - 1], names->names[i]) != 0)
            names->names[n++] = names->names[i];
    names->n = n;
}

void mt_s3_get_element(const char *text, size_t size, const char *name, char *out, size_t capacity)
{
    size_t n = strlen(name), i = 0, k = 0;
    out[0] = 0;
    while (i + n + 2 <= size && !(text[i] == '<' && memcmp(text + i + 1, name, n) == 0 && text[i + n + 1] == '>'))
        i++;
    if (i + n + 2 > size)
        return;
    const char *from = text + i + n + 2, *end = memchr(from, '<', size - (i + n + 2));
    for (; end && from + k < end && k + 1 < capacity; k++)
        out[k] = (unsigned char)from[k] < ' ' || from[k] == 0x7f ? ' ' : from[k];
    out[k] = 0;
}

void mt_s3_parse_failure(const char *text, size_t size, mt_s3_failure *out)
{
    *out = (mt_s3_failure) { 0 };
    mt_s3_get_element(text, size, "Code", out->code, sizeof out->code);
    mt_s3_get_element(text, size, "Message", out->message, sizeof out->message);
    mt_s3_get_element(text, size, "Region", out->region, sizeof out->region);
    if (!mt_s3_is_region(out->region))
        out->region[0] = 0;
}
