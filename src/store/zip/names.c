/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders of an archive and their contents. */
#include "store/zip/zip.h"

#include <stdlib.h>
#include <string.h>

bool zip_has_folder(const zip_directory *d, const char *name)
{
    size_t n = strlen(name);
    bool found = n == 0;
    for (size_t i = 0; i < d->n && !found; i++) {
        zip_record r = zip_get_record(d, &d->members[i]);
        found = r.name_size > n && r.name[n] == '/' && memcmp(r.name, name, n) == 0;
    }
    return found;
}

const char *zip_top_folder(const zip_directory *d, size_t *size)
{
    const char *top = NULL;
    *size = 0;
    for (size_t i = 0; i < d->n; i++) {
        zip_record r = zip_get_record(d, &d->members[i]);
        const char *slash = memchr(r.name, '/', r.name_size);
        size_t n = slash ? (size_t)(slash - r.name) : 0;
        if (n == 0 || (top && (n != *size || memcmp(top, r.name, n) != 0)))
            return NULL;
        top = r.name;
        *size = n;
    }
    return top;
}

typedef struct sorted_name {
    const char *name;
    size_t size;
} sorted_name;

struct zip_order {
    size_t n;
    sorted_name names[];
};

static size_t order_bytes(size_t n) { return sizeof(zip_order) + n * sizeof(sorted_name); }

/* Compares segment by segment in byte order: '/' sorts first. */
static int compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    for (size_t i = 0; i < n_a && i < n_b; i++)
        if (a[i] != b[i])
            return a[i] == '/' ? -1 : b[i] == '/' ? 1 : (uint8_t)a[i] < (uint8_t)b[i] ? -1 : 1;
    return n_a < n_b ? -1 : n_a > n_b;
}

static int compare_names(const void *a, const void *b)
{
    const sorted_name *x = a, *y = b;
    return compare(x->name, x->size, y->name, y->size);
}

mt_status zip_order_new(const zip_directory *d, zip_order **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(d->env, order_bytes(d->n), &memory, err);
    if (st)
        return st;
    zip_order *order = memory;
    order->n = d->n;
    for (size_t i = 0; i < d->n; i++) {
        zip_record r = zip_get_record(d, &d->members[i]);
        order->names[i] = (sorted_name) { r.name, r.name_size };
    }
    qsort(order->names, order->n, sizeof *order->names, compare_names);
    *out = order;
    return MT_OK;
}

void zip_order_free(mt_env *env, zip_order *order)
{
    if (order)
        mt_release(env, order, order_bytes(order->n));
}

/* The first name, from low on, after the first n bytes of a text or, with below, after everything in the folder of that
 * name. */
static size_t find_after(const zip_order *order, size_t low, const char *text, size_t n, bool below)
{
    size_t high = order->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const sorted_name *s = &order->names[middle];
        bool inside = below && s->size > n && s->name[n] == '/';
        if (compare(s->name, inside ? n : s->size, text, n) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mt_status visit_one(mt_store_visit visit, void *user, const char *name, size_t n, mt_error *err)
{
    char text[4096];
    if (n >= sizeof text)
        return mt_fail(err, MT_E_LIMIT, "a name of %zu bytes", n);
    memcpy(text, name, n);
    text[n] = 0;
    return visit(user, text, err);
}

mt_status zip_order_list(const zip_order *order, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    char folder[4096];
    size_t n = strlen(prefix);
    if (n + 1 >= sizeof folder)
        return mt_fail(err, MT_E_ARGUMENT, "%.100s...: the name is too long", prefix);
    memcpy(folder, prefix, n);
    if (n > 0)
        folder[n++] = '/';
    mt_status st = MT_OK;
    for (size_t i = n ? find_after(order, 0, folder, n, false) : 0; !st && i < order->n;) {
        const sorted_name *s = &order->names[i];
        if (s->size <= n || memcmp(s->name, folder, n) != 0)
            break;
        const char *slash = memchr(s->name + n, '/', s->size - n);
        size_t end = slash ? (size_t)(slash - s->name) : s->size;
        st = visit_one(visit, user, s->name + n, end - n, err);
        i = find_after(order, i, s->name, end, true);
    }
    return st;
}
