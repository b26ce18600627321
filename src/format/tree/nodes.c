/* SPDX-License-Identifier: BSD-3-Clause */
/* A cache of loaded nodes: those above many images are needed repeatedly. Reference counts of documents are atomic in
 * jansson if the compiler supports it. */
#include "format/tree/tree.h"
#include "platform/thread.h"

#include <string.h>

#define BUCKETS 1024

/* Nodes beyond the bound are not kept. Groups are loaded before their arrays. */
#define MAX_NODES 65536
#define MAX_VALUES 500000 /* JSON values, about 100 bytes each */

typedef struct kept {
    struct kept *next;
    mt_node node; /* node.path is the key */
    char path[];
} kept;

struct mt_nodes {
    mt_env *env;
    mt_lock lock;
    size_t n, values;
    kept *buckets[BUCKETS];
};

mt_status mt_nodes_new(mt_env *env, mt_nodes **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_nodes), &memory, err);
    if (st)
        return st;
    mt_nodes *nodes = memset(memory, 0, sizeof(mt_nodes));
    nodes->env = env;
    if ((st = mt_lock_init(&nodes->lock, NULL, NULL, err)))
        mt_release(env, nodes, sizeof *nodes);
    else
        *out = nodes;
    return st;
}

static void free_kept(mt_env *env, kept *k)
{
    mt_node_free(&k->node);
    mt_release(env, k, sizeof *k + strlen(k->path) + 1);
}

void mt_nodes_free(mt_nodes *nodes)
{
    if (!nodes)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (kept *k = nodes->buckets[i], *next; k; k = next) {
            next = k->next;
            free_kept(nodes->env, k);
        }
    mt_lock_destroy(&nodes->lock);
    mt_release(nodes->env, nodes, sizeof *nodes);
}

static kept **bucket_of(mt_nodes *nodes, const char *path)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = path; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    return &nodes->buckets[hash % BUCKETS];
}

/* The lock is held. */
static kept *find_locked(mt_nodes *nodes, const char *path)
{
    kept *k = *bucket_of(nodes, path);
    while (k && strcmp(k->path, path) != 0)
        k = k->next;
    return k;
}

bool mt_nodes_find(mt_nodes *nodes, const char *path, mt_node *out)
{
    mt_lock_take(&nodes->lock);
    const kept *found = find_locked(nodes, path);
    if (found) {
        *out = found->node;
        out->path = path;
        json_incref(out->document);
        json_incref(out->attributes);
    }
    mt_lock_give(&nodes->lock);
    return found != NULL;
}

/* The number of JSON values in a document. */
static size_t count_values(const json_t *value)
{
    size_t n = 1, i;
    const char *key;
    json_t *below;
    json_object_foreach((json_t *)(uintptr_t)value, key, below) { n += count_values(below); }
    json_array_foreach(value, i, below) { n += count_values(below); }
    return n;
}

void mt_nodes_keep(mt_nodes *nodes, const mt_node *node)
{
    void *memory;
    size_t path_bytes = strlen(node->path) + 1;
    if (mt_alloc(nodes->env, sizeof(kept) + path_bytes, &memory, NULL))
        return;
    kept *k = memory;
    k->node = *node;
    k->node.path = memcpy(k->path, node->path, path_bytes);
    json_incref(k->node.document);
    json_incref(k->node.attributes);
    size_t values = count_values(node->document) + count_values(node->attributes);
    mt_lock_take(&nodes->lock);
    bool room = nodes->n < MAX_NODES && values <= MAX_VALUES - nodes->values && !find_locked(nodes, node->path);
    if (room) {
        kept **bucket = bucket_of(nodes, node->path);
        k->next = *bucket;
        *bucket = k;
        nodes->n++;
        nodes->values += values;
    }
    mt_lock_give(&nodes->lock);
    if (!room)
        free_kept(nodes->env, k);
}
