/* SPDX-License-Identifier: BSD-3-Clause */
/* Random boxes that show parts of chunks, overlap, leave gaps and reach over the edge, against painting them one after
 * the other; and each chunk is decoded once, however many boxes show parts of it. */
#include "codec/params.h"
#include "support/map.h"

#include <stdlib.h>
#include <string.h>

enum { DIMS = 3, CHUNKS = 9, LARGEST = 6, BOXES = 40, READS = 12 };
static const int64_t shape[DIMS] = { 5, 17, 23 };
enum { PIXELS = 5 * 17 * 23 };

typedef struct boxes {
    mt_element_params element;
    uint8_t *bytes; /* of all chunks, shuffled or not */
    size_t size, n_bytes;
    uint64_t offset[CHUNKS];
    mt_shown box[BOXES];
    uint16_t image[PIXELS]; /* as painted */
    int shown[PIXELS];      /* the chunk of each pixel, or -1 */
} boxes;

static int64_t count(const int64_t *extent) { return extent[0] * extent[1] * extent[2]; }

static uint16_t pixel(uint64_t chunk, int64_t i) { return (uint16_t)(chunk * 1000 + (uint64_t)i + 1); }

static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    const boxes *b = map->state;
    for (uint64_t id = 0; id < BOXES; id++) {
        const mt_box *place = &b->box[id].place;
        bool meets = true;
        for (int d = 0; d < DIMS; d++)
            meets &= place->start[d] < high[d] && place->start[d] + place->extent[d] > low[d];
        mt_status st = meets ? visit(user, id, err) : MT_OK;
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    *out = ((const boxes *)map->state)->box[id];
    return MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    const boxes *b = map->state;
    uint64_t end = position[0] + 1 < CHUNKS ? b->offset[position[0] + 1] : b->size;
    out->key = "pixels";
    out->offset = b->offset[position[0]];
    out->size = end - out->offset;
    return MT_OK;
}

static void write_chunk(boxes *b, uint64_t chunk, const int64_t *whole, bool shuffled)
{
    int64_t n = count(whole);
    b->offset[chunk] = b->size;
    for (int64_t i = 0; i < n; i++) {
        uint16_t value = pixel(chunk, i);
        const uint8_t *bytes = (const uint8_t *)&value;
        b->bytes[b->size + (size_t)(shuffled ? i : 2 * i)] = bytes[0];
        b->bytes[b->size + (size_t)(shuffled ? n + i : 2 * i + 1)] = bytes[1];
    }
    b->size += 2 * (size_t)n;
}

static void paint(boxes *b, const mt_shown *box)
{
    for (int64_t i = 0; i < count(box->place.extent); i++) {
        int64_t rest = i, at = 0, in = 0, step_at = 1, step_in = 1;
        bool inside = true;
        for (int d = DIMS - 1; d >= 0; d--) {
            int64_t k = rest % box->place.extent[d], x = box->place.start[d] + k;
            rest /= box->place.extent[d];
            inside &= x >= 0 && x < shape[d];
            at += x * step_at, in += (box->low[d] + k) * step_in;
            step_at *= shape[d], step_in *= box->whole[d];
        }
        if (inside) {
            b->image[at] = pixel(box->chunk, in);
            b->shown[at] = (int)box->chunk;
        }
    }
}

static void make_boxes(boxes *b, uint64_t *seed, bool shuffled)
{
    int64_t whole[CHUNKS][DIMS];
    *b = (boxes) { .element = { 2 }, .n_bytes = (size_t)CHUNKS * LARGEST * LARGEST * LARGEST * 2 };
    b->bytes = malloc(b->n_bytes);
    for (int i = 0; i < PIXELS; i++)
        b->image[i] = 7, b->shown[i] = -1;
    for (uint64_t c = 0; c < CHUNKS; c++) {
        for (int d = 0; d < DIMS; d++)
            whole[c][d] = random_between(seed, 1, LARGEST);
        write_chunk(b, c, whole[c], shuffled);
    }
    for (int i = 0; i < BOXES; i++) {
        mt_shown *box = &b->box[i];
        box->chunk = (uint64_t)random_between(seed, 0, CHUNKS - 1);
        for (int d = 0; d < DIMS; d++) {
            box->whole[d] = whole[box->chunk][d];
            box->low[d] = random_between(seed, 0, box->whole[d] - 1);
            box->place.extent[d] = random_between(seed, 1, box->whole[d] - box->low[d]);
            box->place.start[d] = random_between(seed, -2, shape[d] - 1);
        }
        paint(b, box);
    }
}

static void make_map(opened_map *o, boxes *b, bool shuffled)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&o->context->env, "pixels", b->bytes, b->size, &o->store, &err), &err);
    check_ok(mt_chunk_map_new(&o->context->env, o->store, "boxes", &o->map, &err), &err);
    mt_chunk_map *map = o->map;
    map->ndim = DIMS;
    memcpy(map->axes, "ZYX", 4);
    map->dtype = MT_UINT16;
    memcpy(map->fill, &(uint16_t) { 7 }, 2);
    for (int d = 0; d < DIMS; d++)
        map->shape[d] = shape[d], map->chunk_shape[d] = LARGEST;
    mt_chunk_map_c_order(map);
    map->state = b;
    map->find_boxes = find_boxes;
    map->get_box = get_box;
    map->locate = locate;
    if (shuffled)
        check_ok(mt_chain_add(&map->chain, mt_codec_find("shuffle"), &b->element, &err), &err);
    check_ok(mt_chunk_map_check(map, &err), &err);
}

/* Reads inside the image. Returns how many chunks they show. */
static int draw_reads(const boxes *b, mt_image *image, mt_read *reads, uint16_t *out, uint64_t *seed)
{
    bool seen[CHUNKS] = { 0 };
    int n = 0;
    for (int r = 0; r < READS; r++) {
        mt_read *read = &reads[r];
        *read = (mt_read) { .image = image, .out = (uint8_t *)(out + r * PIXELS) };
        read->convert = (mt_convert) { .from = MT_UINT16, .to = MT_UINT16 };
        int64_t stride = 2;
        for (int d = DIMS - 1; d >= 0; d--) {
            read->start[d] = random_between(seed, 0, shape[d] - 1);
            read->extent[d] = random_between(seed, 1, shape[d] - read->start[d]);
            read->out_stride[d] = stride;
            stride *= read->extent[d];
        }
        for (int64_t z = 0; z < read->extent[0]; z++)
            for (int64_t y = 0; y < read->extent[1]; y++)
                for (int64_t x = 0; x < read->extent[2]; x++) {
                    int64_t at = ((read->start[0] + z) * shape[1] + read->start[1] + y) * shape[2] + read->start[2] + x;
                    int chunk = b->shown[at];
                    if (chunk >= 0 && !seen[chunk])
                        seen[chunk] = true, n++;
                }
    }
    return n;
}

static void check_reads(const boxes *b, const mt_read *reads)
{
    for (int r = 0; r < READS; r++) {
        const mt_read *read = &reads[r];
        const uint16_t *out = (const uint16_t *)(const void *)read->out;
        for (int64_t i = 0; i < count(read->extent); i++) {
            int64_t x = i % read->extent[2], y = i / read->extent[2] % read->extent[1],
                    z = i / read->extent[2] / read->extent[1];
            int64_t at = ((read->start[0] + z) * shape[1] + read->start[1] + y) * shape[2] + read->start[2] + x;
            assert_int_equal(out[i], b->image[at]);
        }
    }
}

static void check_case(uint64_t seed, bool shuffled, bool cached, unsigned threads)
{
    static boxes b;
    static uint16_t out[READS * PIXELS];
    mt_read reads[READS];
    mt_image image;
    mt_counters k;
    opened_map o = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_context_options options = { .struct_size = sizeof options,
                                   .threads = threads,
                                   .cache_bytes = cached ? 64 << 20 : MT_NO_CACHE };
    check_ok(mt_context_new(&options, &o.context, &err), &err);
    make_boxes(&b, &seed, shuffled);
    make_map(&o, &b, shuffled);
    mt_image_init(&image, o.context, o.map, o.store, "test", NULL, NULL);
    mt_cancel cancel;
    check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
    int chunks = draw_reads(&b, &image, reads, out, &seed);
    for (int again = 0; again < 2; again++) {
        mt_context_reset_counters(o.context);
        memset(out, 0x55, sizeof out);
        check_ok(mt_engine_read(o.context, reads, READS, &cancel, &err), &err);
        check_reads(&b, reads);
        mt_context_get_counters(o.context, &k);
        if (shuffled)
            assert_int_equal(k.chunks_decoded, again && cached ? 0 : chunks);
    }
    mt_image_forget(&image);
    mt_store_close(o.store);
    close_map(&o);
    free(b.bytes);
}

static void random_boxes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++)
        check_case(seed, seed & 1, seed & 2, seed & 4 ? 4 : 1);
}

/* A box for each pixel, in columns: more than are planned at once. */
enum { SIDE = 300, ROW = 100 };

static mt_status find_pixels(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                             void *user, mt_error *err)
{
    (void)map;
    mt_status st = MT_OK;
    for (int64_t x = low[2]; x < high[2]; x++)
        for (int64_t y = low[1]; y < high[1] && !st; y++)
            st = visit(user, (uint64_t)(x * SIDE + y), err);
    return st;
}

static mt_status get_pixel(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)map, (void)err;
    *out = (mt_shown) { .place = { { 0, (int64_t)(id % SIDE), (int64_t)(id / SIDE) }, { 1, 1, 1 } },
                        .chunk = id / ROW,
                        .low = { 0, 0, (int64_t)(id % ROW) },
                        .whole = { 1, 1, ROW } };
    return MT_OK;
}

static mt_status locate_row(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)err;
    out->key = "pixels";
    out->offset = (uint64_t)position[0] * ROW;
    out->size = ROW;
    return MT_OK;
}

static void many_boxes(void **state)
{
    (void)state;
    static uint8_t stored[SIDE * SIDE];
    opened_map o = { 0 };
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < sizeof stored; i++)
        stored[i] = (uint8_t)(i * 31 ^ i >> 8);
    check_ok(mt_context_new(NULL, &o.context, &err), &err);
    check_ok(mt_store_open_memory(&o.context->env, "pixels", stored, sizeof stored, &o.store, &err), &err);
    check_ok(mt_chunk_map_new(&o.context->env, o.store, "boxes", &o.map, &err), &err);
    mt_chunk_map *map = o.map;
    map->ndim = 3;
    map->dtype = MT_UINT8;
    memcpy(map->axes, "ZYX", 4);
    map->shape[0] = map->chunk_shape[0] = map->chunk_shape[1] = 1;
    map->shape[1] = map->shape[2] = SIDE;
    map->chunk_shape[2] = ROW;
    mt_chunk_map_c_order(map);
    map->find_boxes = find_pixels;
    map->get_box = get_pixel;
    map->locate = locate_row;
    uint8_t *pixels;
    size_t size;
    check_ok(read_map(&o, &pixels, &size, &err), &err);
    assert_int_equal(size, sizeof stored);
    for (size_t i = 0; i < sizeof stored; i++)
        assert_int_equal(pixels[i], stored[i % SIDE * SIDE + i / SIDE]);
    free(pixels);
    mt_store_close(o.store);
    close_map(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_boxes), cmocka_unit_test(many_boxes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
