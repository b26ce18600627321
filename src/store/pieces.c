/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/pieces.h"

#include "store/files.h"

#include <string.h>

uint32_t mt_pieces_find(const mt_pieces *t, const char *key)
{
    uint64_t hash = mt_key_hash(key);
    for (uint32_t i = (uint32_t)hash & (t->room - 1); t->objects[i].key; i = (i + 1) & (t->room - 1))
        if (t->objects[i].hash == hash && strcmp(t->objects[i].key, key) == 0)
            return i;
    return MT_NO_OBJECT;
}

static void drop_piece(mt_pieces *t, size_t i)
{
    mt_piece *p = &t->pieces[i];
    t->objects[p->object].bytes -= p->room;
    t->bytes -= p->room;
    mt_release(t->env, p->bytes, p->room);
    *p = t->pieces[--t->n_pieces];
}

static void forget_all(mt_pieces *t)
{
    while (t->n_pieces > 0)
        drop_piece(t, t->n_pieces - 1);
    for (size_t i = 0; i < t->room; i++)
        if (t->objects[i].key)
            mt_release(t->env, t->objects[i].key, strlen(t->objects[i].key) + 1);
    memset(t->objects, 0, t->room * sizeof(mt_known_object));
    t->n_objects = 0;
    t->forgot = true;
}

/* Finds or adds the object of a key. MT_NO_OBJECT: out of memory. */
uint32_t mt_pieces_enter(mt_pieces *t, const char *key)
{
    uint32_t i = mt_pieces_find(t, key);
    char *copy;
    if (i != MT_NO_OBJECT || mt_copy_text(t->env, key, &copy, NULL))
        return i;
    if (t->n_objects >= t->room / 4 * 3)
        forget_all(t);
    uint64_t hash = mt_key_hash(key);
    i = (uint32_t)hash & (t->room - 1);
    while (t->objects[i].key)
        i = (i + 1) & (t->room - 1);
    t->objects[i] = (mt_known_object) { .key = copy, .hash = hash };
    t->n_objects++;
    return i;
}

/* Drops the least recently used piece of an object or, for MT_NO_OBJECT, of all. */
static void drop_oldest(mt_pieces *t, uint32_t of)
{
    size_t oldest = t->n_pieces;
    for (size_t i = 0; i < t->n_pieces; i++)
        if ((of == MT_NO_OBJECT || t->pieces[i].object == of) &&
            (oldest == t->n_pieces || t->pieces[i].last_use < t->pieces[oldest].last_use))
            oldest = i;
    if (oldest < t->n_pieces)
        drop_piece(t, oldest);
}

/* Adds a piece; takes ownership of bytes. */
void mt_pieces_add(mt_pieces *t, uint32_t of, uint64_t start, uint8_t *bytes, size_t size, size_t room)
{
    if (room > t->object_bytes) {
        mt_release(t->env, bytes, room);
        return;
    }
    while (t->objects[of].bytes + room > t->object_bytes)
        drop_oldest(t, of);
    while (t->n_pieces > 0 && (t->n_pieces == t->most_pieces || t->bytes + room > t->most_bytes))
        drop_oldest(t, MT_NO_OBJECT);
    t->hint = t->n_pieces++;
    t->pieces[t->hint] =
        (mt_piece) { .object = of, .start = start, .size = size, .room = room, .bytes = bytes, .last_use = ++t->clock };
    t->objects[of].bytes += room;
    t->bytes += room;
}

static bool holds(const mt_piece *p, uint32_t of, uint64_t offset)
{
    return p->object == of && offset >= p->start && offset - p->start < p->size;
}

/* Copies known bytes from offset on (out NULL: only counts); returns their number. */
size_t mt_pieces_copy(mt_pieces *t, uint32_t of, uint64_t offset, uint8_t *out, size_t size)
{
    size_t copied = 0;
    while (copied < size) {
        size_t i = t->hint;
        if (i >= t->n_pieces || !holds(&t->pieces[i], of, offset + copied))
            for (i = 0; i < t->n_pieces && !holds(&t->pieces[i], of, offset + copied); i++)
                ;
        if (i == t->n_pieces)
            break;
        mt_piece *p = &t->pieces[i];
        size_t skip = (size_t)(offset + copied - p->start), n = p->size - skip;
        n = n < size - copied ? n : size - copied;
        if (out)
            memcpy(out + copied, p->bytes + skip, n);
        p->last_use = ++t->clock;
        t->hint = i;
        copied += n;
    }
    return copied;
}

static size_t table_size(uint32_t room, size_t most_pieces)
{
    return sizeof(mt_pieces) + room * sizeof(mt_known_object) + most_pieces * sizeof(mt_piece);
}

mt_status mt_pieces_new(mt_env *env, uint32_t room, size_t most_pieces, size_t most_bytes, size_t object_bytes,
                        mt_pieces **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, table_size(room, most_pieces), &memory, err);
    if (st)
        return st;
    mt_pieces *t = memset(memory, 0, table_size(room, most_pieces));
    t->env = env;
    t->room = room;
    t->most_pieces = most_pieces;
    t->most_bytes = most_bytes;
    t->object_bytes = object_bytes;
    t->pieces = (mt_piece *)(void *)(t->objects + room);
    *out = t;
    return MT_OK;
}

void mt_pieces_free(mt_pieces *t)
{
    if (!t)
        return;
    forget_all(t);
    mt_release(t->env, t, table_size(t->room, t->most_pieces));
}

void mt_pieces_shrink(mt_pieces *t, size_t most_bytes)
{
    t->most_bytes = t->object_bytes = most_bytes;
    while (t->bytes > most_bytes)
        drop_oldest(t, MT_NO_OBJECT);
}
