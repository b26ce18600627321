/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the chunks of a file whose map is lost, as after an acquisition that was interrupted. Each begins at a multiple
 * of 4096, after the one before. */
#include "base/checked.h"
#include "format/nd2/nd2.h"

#include <string.h>

#define ALIGNMENT 4096u
#define MOST_EMPTY (1 << 20) /* multiples of 4096 that may be searched where no chunk begins: 4 GiB */
#define FIRST_FRAMES 64      /* room for frames at first */

typedef struct found {
    char name[ND2_MOST_NAME + 1];
    size_t length;       /* of the name, with its '!'; 0: it is longer or has none */
    uint64_t bytes, end; /* of the data; offset past it; UINT64_MAX: past any file */
} found;

/* Reads the header of a chunk at a position; false if there is none. */
static mt_status look(const nd2_file *file, uint64_t position, found *out, bool *is_chunk, mt_error *err)
{
    uint8_t bytes[ND2_HEAD_BYTES + ND2_MOST_NAME] = { 0 };
    uint64_t room = file->size - position;
    *is_chunk = false;
    if (room < ND2_HEAD_BYTES)
        return MT_OK;
    mt_status st = nd2_read(file, position, bytes, room < sizeof bytes ? (size_t)room : sizeof bytes, err);
    mt_reader r = mt_reader_over(bytes, ND2_HEAD_BYTES, false);
    if (st || mt_read_u32(&r) != ND2_MAGIC)
        return st;
    *is_chunk = true;
    uint32_t name_bytes = mt_read_u32(&r);
    memcpy(out->name, bytes + ND2_HEAD_BYTES, ND2_MOST_NAME);
    const char *end = memchr(out->name, '!', name_bytes < ND2_MOST_NAME ? name_bytes : ND2_MOST_NAME);
    out->length = end ? (size_t)(end + 1 - out->name) : 0;
    out->bytes = mt_read_u64(&r);
    if (mt_add_u64(position + ND2_HEAD_BYTES + name_bytes, out->bytes, &out->end))
        out->end = UINT64_MAX;
    return MT_OK;
}

static uint64_t align(uint64_t position) { return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* The rest of a chunk that was cut off holds no other chunk. */
mt_status nd2_scan_chunks(nd2_file *file, mt_arena *arena, mt_error *err)
{
    uint64_t position = 0;
    int empty = 0;
    while (position < file->size) {
        found chunk;
        bool is_chunk;
        mt_status st = look(file, position, &chunk, &is_chunk, err);
        if (st)
            return st;
        if (!is_chunk && ++empty > MOST_EMPTY)
            return mt_fail(err, MT_E_LIMIT, "without a chunk map: no chunk begins in more than 4 GiB before %llu",
                           (unsigned long long)position);
        if (is_chunk && chunk.end > file->size) {
            chunk.name[chunk.length] = 0;
            return nd2_warn(file, arena, err, "the file ends inside its last chunk, %s, which is left out", chunk.name);
        }
        if (is_chunk && chunk.length > 0 &&
            (st = nd2_add_chunk(file, arena, chunk.name, chunk.length, &(nd2_chunk) { position, chunk.bytes },
                                FIRST_FRAMES, err)))
            return st;
        position = align(is_chunk && chunk.end > position ? chunk.end : position + 1);
    }
    return MT_OK;
}
