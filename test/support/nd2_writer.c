/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/nd2_writer.h"

#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_NAME "ND2 FILEMAP SIGNATURE NAME 0001!"
#define END_NAME "ND2 CHUNK MAP SIGNATURE 0000001!"

/* Bytes in memory. */
typedef struct bytes {
    uint8_t *data;
    size_t size, room;
} bytes;

static void put(bytes *b, const void *data, size_t n)
{
    if (b->size + n > b->room) {
        b->room = 2 * (b->size + n);
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, n);
    b->size += n;
}

static void put_u32(bytes *b, uint32_t value)
{
    uint8_t out[4];
    mt_store_u32le(out, value);
    put(b, out, 4);
}

static void put_u64(bytes *b, uint64_t value)
{
    uint8_t out[8];
    mt_store_u64le(out, value);
    put(b, out, 8);
}

static void put_f64(bytes *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    put_u64(b, bits);
}

/* Metadata in either form. */
typedef struct values {
    bytes out;
    bool xml;
    int depth;
    struct {
        size_t start, head; /* of the level; of what follows its name */
        uint32_t count;
        char name[64];
    } level[16];
} values;

static void put_print(bytes *b, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(b, text, (size_t)n);
}

static void put_name(values *v, uint8_t type, const char *name)
{
    uint8_t head[2] = { type, (uint8_t)(strlen(name) + 1) };
    if (v->depth > 0)
        v->level[v->depth - 1].count++;
    put(&v->out, head, 2);
    for (size_t i = 0; i <= strlen(name); i++)
        put(&v->out, (const char[2]) { name[i], 0 }, 2);
}

static const char *xml_name(const char *name) { return *name ? name : "no_name"; }

static void put_number(values *v, const char *name, uint8_t type, double value)
{
    static const char *const types[] = { [1] = "bool", [3] = "lx_uint32", [6] = "double" };
    if (v->xml) {
        put_print(&v->out, "<%s runtype=\"%s\" value=\"%.17g\"/>", xml_name(name), types[type], value);
        return;
    }
    put_name(v, type, name);
    if (type == 1)
        put(&v->out, (const uint8_t[1]) { value != 0 }, 1);
    else if (type == 3)
        put_u32(&v->out, (uint32_t)value);
    else
        put_f64(&v->out, value);
}

static void put_count(values *v, const char *name, double value) { put_number(v, name, 3, value); }

static void put_text_value(values *v, const char *name, const char *text)
{
    if (v->xml) {
        put_print(&v->out, "<%s runtype=\"CLxStringW\" value=\"%s\"/>", xml_name(name), text);
        return;
    }
    put_name(v, 8, name);
    for (size_t i = 0; i <= strlen(text); i++) {
        /* the micro sign is the only character of two bytes in these tests */
        bool is_micro = (uint8_t)text[i] == 0xc2;
        put(&v->out, (const char[2]) { is_micro ? (char)0xb5 : text[i], 0 }, 2);
        i += is_micro;
    }
}

/* Flags are bytes in version 3, and values in version 2. */
static void open_level(values *v, const char *name);
static void close_level(values *v);
static void put_flags(values *v, const char *name, const char *flags)
{
    if (v->xml) {
        open_level(v, name);
        for (; *flags; flags++)
            put_number(v, "", 1, *flags == '1');
        close_level(v);
        return;
    }
    put_name(v, 9, name);
    put_u64(&v->out, strlen(flags));
    for (; *flags; flags++)
        put(&v->out, (const uint8_t[1]) { *flags == '1' }, 1);
}

static void open_level(values *v, const char *name)
{
    size_t start = v->out.size;
    if (v->xml)
        put_print(&v->out, "<%s runtype=\"CLxListVariant\">", xml_name(name));
    else
        put_name(v, 11, name);
    v->level[v->depth].start = start;
    v->level[v->depth].head = v->out.size;
    v->level[v->depth].count = 0;
    snprintf(v->level[v->depth++].name, sizeof v->level->name, "%s", name);
    if (!v->xml)
        put(&v->out, (const uint8_t[12]) { 0 }, 12);
}

static void close_level(values *v)
{
    v->depth--;
    if (v->xml) {
        put_print(&v->out, "</%s>", xml_name(v->level[v->depth].name));
        return;
    }
    uint8_t *head = v->out.data + v->level[v->depth].head;
    mt_store_u32le(head, v->level[v->depth].count);
    mt_store_u64le(head + 4, v->out.size - v->level[v->depth].start);
    for (uint32_t i = 0; i < v->level[v->depth].count; i++)
        put_u64(&v->out, 0);
}

static void open_root(values *v, const nd2_writer_spec *spec, const char *name)
{
    *v = (values) { .xml = spec->is_old };
    if (v->xml)
        put_print(&v->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><variant version=\"1.0\">");
    open_level(v, v->xml ? "" : name);
}

static void encode(const char *codec, const void *params, bytes *b)
{
    mt_env env;
    mt_scratch *scratch;
    mt_error err = MT_ERROR_INIT;
    const mt_codec *c = mt_codec_find(codec);
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, &err), &err);
    size_t room = c->encoded_bound(params, b->size), written;
    uint8_t *out = malloc(room);
    assert_non_null(out);
    check_ok(c->encode(params, b->data, b->size, out, room, &written, scratch, &err), &err);
    mt_scratch_free(scratch);
    free(b->data);
    *b = (bytes) { out, written, room };
}

static void close_root(values *v, const nd2_writer_spec *spec)
{
    close_level(v);
    if (v->xml)
        put_print(&v->out, "</variant>");
    if (!spec->is_metadata_packed)
        return;
    bytes packed = { .data = NULL };
    encode("zlib", NULL, &v->out);
    put(&packed, "L\0\0\0\0\0\0\0\0\0\0\0", 12);
    put(&packed, v->out.data, v->out.size);
    free(v->out.data);
    v->out = packed;
}

/* A file with its map. */
typedef struct writing {
    const nd2_writer_spec *spec;
    FILE *file;
    uint64_t end; /* of the last chunk, aligned */
    bytes map;
} writing;

static uint64_t align(uint64_t n) { return (n + 4095) / 4096 * 4096; }

/* hole: the chunk is listed in the map and not written. */
static void add_chunk(writing *w, const char *name, uint32_t name_bytes, const bytes *data, bool hole)
{
    bytes head = { .data = NULL };
    uint32_t length = (uint32_t)strlen(name);
    if (name_bytes < length)
        name_bytes = length;
    put(&w->map, name, length);
    put_u64(&w->map, w->end);
    put_u64(&w->map, data->size);
    put_u32(&head, 0x0abecedau);
    put_u32(&head, name_bytes);
    put_u64(&head, data->size);
    put(&head, name, length);
    if (!hole) {
        assert_int_equal(fseek(w->file, (long)w->end, SEEK_SET), 0);
        assert_int_equal(fwrite(head.data, 1, head.size, w->file), head.size);
        assert_int_equal(fseek(w->file, (long)(w->end + 16 + name_bytes), SEEK_SET), 0);
        assert_int_equal(fwrite(data->data, 1, data->size, w->file), data->size);
    }
    w->end = align(w->end + 16 + name_bytes + data->size);
    free(head.data);
}

static void add_values(writing *w, const char *name, const char *old_name, values *v)
{
    add_chunk(w, w->spec->is_old ? old_name : name, 60, &v->out, false);
    free(v->out.data);
}

static uint32_t or_one(uint32_t n) { return n ? n : 1; }

static uint32_t row_bytes(const nd2_writer_spec *s)
{
    uint32_t exact = s->width * or_one(s->components) * (s->bits ? s->bits : 16) / 8;
    return s->row_bytes ? s->row_bytes : exact;
}

static void add_attributes(writing *w)
{
    const nd2_writer_spec *s = w->spec;
    values v;
    open_root(&v, s, "SLxImageAttributes");
    put_count(&v, "uiWidth", s->width);
    put_count(&v, "uiWidthBytes", row_bytes(s));
    put_count(&v, "uiHeight", s->height);
    put_count(&v, "uiComp", or_one(s->components));
    put_count(&v, "uiBpcInMemory", s->bits ? s->bits : 16);
    put_count(&v, "uiSequenceCount", s->counted ? s->counted : s->frames);
    if (s->pixel_type)
        put_count(&v, "ePixelType", s->pixel_type - 1);
    if (s->compression)
        put_count(&v, "eCompression", s->compression - 1);
    close_root(&v, s);
    add_values(w, "ImageAttributesLV!", "ImageAttributes!", &v);
}

static const char *const coordinates[] = { "dPosX", "dPosY", "dPosZ" };

static double place_of(int coordinate, uint32_t i)
{
    return coordinate == 0 ? 100.5 * i : coordinate == 1 ? -3. * i : 7;
}

static void put_lists(values *v, const nd2_writer_loop *loop)
{
    for (int k = 0; k < 3; k++) {
        open_level(v, coordinates[k]);
        for (uint32_t i = 0; i < loop->count; i++)
            put_number(v, "", 6, place_of(k, i));
        close_level(v);
    }
}

static void put_points(values *v, const nd2_writer_loop *loop)
{
    open_level(v, "Points");
    for (uint32_t i = 0; i < loop->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "A%u", i + 1);
        open_level(v, "");
        for (int k = 0; k < 3; k++)
            put_number(v, coordinates[k], 6, place_of(k, i));
        put_text_value(v, "dPosName", name);
        close_level(v);
    }
    close_level(v);
}

static void put_positions(values *v, const nd2_writer_loop *loop, const nd2_writer_spec *spec)
{
    bool are_relative = spec->are_positions_relative;
    put_number(v, "bUseZ", 1, !are_relative);
    put_number(v, "bRelativeXY", 1, are_relative);
    put_number(v, "dReferenceX", 6, 1000);
    put_number(v, "dReferenceY", 6, 2000);
    (spec->are_positions_listed ? put_lists : put_points)(v, loop);
}

static void put_phases(values *v, const nd2_writer_loop *loop)
{
    open_level(v, "pPeriod");
    for (uint32_t i = 0; i < loop->count; i++) {
        open_level(v, "");
        put_count(v, "uiCount", 1);
        close_level(v);
    }
    close_level(v);
    if (loop->valid)
        put_flags(v, "pPeriodValid", loop->valid);
}

static void put_loop(values *v, const nd2_writer_spec *spec, int i);

static void put_inner(values *v, const nd2_writer_spec *spec, int i)
{
    if (i >= spec->n_loops)
        return;
    open_level(v, "ppNextLevelEx");
    open_level(v, "");
    put_loop(v, spec, i);
    close_level(v);
    close_level(v);
}

static void put_loop(values *v, const nd2_writer_spec *spec, int i)
{
    const nd2_writer_loop *loop = &spec->loops[i];
    put_count(v, "eType", loop->type);
    open_level(v, "uLoopPars");
    put_count(v, "uiCount", loop->count);
    if (loop->type == 2)
        put_positions(v, loop, spec);
    else if (loop->type == 8)
        put_phases(v, loop);
    put_number(v, "dZStep", 6, loop->type == 4 ? loop->step : 0);
    if (loop->range > 0) {
        put_number(v, "dZLow", 6, 3);
        put_number(v, "dZHigh", 6, 3 + loop->range);
    }
    put_number(v, "dPeriod", 6, loop->type == 1 ? loop->step : 0);
    if (i == 0 && spec->is_nested_in_phases) {
        open_level(v, "pSubLoops");
        open_level(v, "");
        put_inner(v, spec, 1);
        close_level(v);
        close_level(v);
    }
    close_level(v);
    if (loop->type == 2 && loop->valid)
        put_flags(v, "pItemValid", loop->valid);
    if (i > 0 || !spec->is_nested_in_phases)
        put_inner(v, spec, i + 1);
}

static void add_experiment(writing *w)
{
    values v;
    if (w->spec->n_loops == 0)
        return;
    open_root(&v, w->spec, "SLxExperiment");
    put_loop(&v, w->spec, 0);
    close_root(&v, w->spec);
    add_values(w, "ImageMetadataLV!", "ImageMetadata!", &v);
}

static void add_picture(writing *w)
{
    static const uint32_t colors[3] = { 0x0000ff, 0x00ff80, 0xff0102 }; /* blue, green, red */
    const nd2_writer_spec *s = w->spec;
    values v;
    open_root(&v, s, "SLxPictureMetadata");
    put_number(&v, "dCalibration", 6, 0.25);
    put_number(&v, "bCalibrated", 1, 1);
    put_number(&v, "dZPos", 6, 42);
    open_level(&v, "sPicturePlanes");
    if (s->counted_planes == 0)
        put_count(&v, "uiCount", or_one(s->planes));
    else if (s->counted_planes > 0)
        put_number(&v, "uiCount", 6, s->counted_planes);
    open_level(&v, "sPlaneNew");
    for (uint32_t i = 0; i < or_one(s->planes); i++) {
        char name[32], level[16];
        snprintf(name, sizeof name, "dye %u \xc2\xb5", i);
        snprintf(level, sizeof level, "a%u", i);
        open_level(&v, level);
        put_count(&v, "uiCompCount", or_one(s->components) / or_one(s->planes));
        put_text_value(&v, "sDescription", name);
        put_count(&v, "uiColor", colors[i % 3]);
        close_level(&v);
    }
    close_level(&v);
    close_level(&v);
    close_root(&v, s);
    add_values(w, "ImageMetadataSeqLV|0!", "ImageMetadataSeq|0!", &v);
}

uint32_t nd2_writer_value(uint32_t frame, uint32_t component, uint32_t y, uint32_t x)
{
    return (frame * 31 + component * 71 + y * 13 + x * 3 + 1) & 0xff;
}

static void put_pixel(bytes *b, uint32_t bits, uint32_t value)
{
    float real = (float)value;
    uint8_t out[8] = { 0 };
    mt_store_u32le(out, value);
    if (bits == 32) {
        memcpy(&value, &real, 4);
        mt_store_u32le(out, value);
    }
    put(b, out, bits / 8);
}

static void add_frame(writing *w, uint32_t frame)
{
    const nd2_writer_spec *s = w->spec;
    uint32_t exact = s->width * or_one(s->components) * (s->bits ? s->bits : 16) / 8;
    bytes data = { .data = NULL }, pixels = { .data = NULL };
    bool hole = s->is_sparse && frame > 0 && frame + 1 < s->frames;
    char name[32];
    for (uint32_t y = 0; y < s->height && !hole; y++) {
        for (uint32_t x = 0; x < s->width; x++)
            for (uint32_t c = 0; c < or_one(s->components); c++)
                put_pixel(&pixels, s->bits ? s->bits : 16, nd2_writer_value(frame, c, y, x));
        for (uint32_t i = exact; i < row_bytes(s); i++)
            put(&pixels, "\xee", 1);
    }
    pixels.size = hole ? (size_t)row_bytes(s) * s->height : pixels.size - s->cut;
    if (s->compression == 1)
        encode("zlib", NULL, &pixels);
    put_f64(&data, 250.0 * frame);
    if (hole)
        data.size += pixels.size; /* not written */
    else
        put(&data, pixels.data, pixels.size);
    snprintf(name, sizeof name, "ImageDataSeq|%u!", frame);
    add_chunk(w, name, s->name_bytes ? s->name_bytes : 4072, &data, hole);
    free(data.data);
    free(pixels.data);
}

static bool is_skipped(const nd2_writer_spec *s, uint32_t frame)
{
    for (int i = 0; i < s->n_skipped; i++)
        if (s->skipped[i] == frame)
            return true;
    return false;
}

static void add_times(writing *w)
{
    bytes times = { .data = NULL };
    for (uint32_t i = 0; i < w->spec->frames; i++)
        put_f64(&times, 1000 + 250.0 * i);
    add_chunk(w, "CustomData|AcqTimesCache!", 0, &times, false);
    free(times.data);
}

/* The map ends with the name of its end, and so does the file. */
static void finish(writing *w)
{
    uint64_t position = w->end;
    bytes map = w->map;
    w->map = (bytes) { .data = NULL };
    put(&map, END_NAME, 32);
    put_u64(&map, position);
    put(&map, END_NAME, 32);
    put_u64(&map, position);
    add_chunk(w, MAP_NAME, 0, &map, false);
    free(map.data);
}

void write_nd2(const char *path, const nd2_writer_spec *spec)
{
    writing w = { .spec = spec, .file = fopen(path, "wb") };
    bytes version = { .data = NULL };
    const char *text = spec->version ? spec->version : spec->is_old ? "Ver2.1" : "Ver3.0";
    assert_non_null(w.file);
    put(&version, text, strlen(text));
    for (size_t i = version.size; i < 64; i++)
        put(&version, "", 1);
    add_chunk(&w, "ND2 FILE SIGNATURE CHUNK NAME01!", 0, &version, false);
    w.map.size = 0; /* the map does not list it */
    if (spec->are_attributes_first)
        add_attributes(&w);
    add_experiment(&w);
    add_picture(&w);
    for (uint32_t i = 0; i < spec->frames; i++)
        if (!is_skipped(spec, i))
            add_frame(&w, i);
    if (spec->has_times)
        add_times(&w);
    if (!spec->are_attributes_first)
        add_attributes(&w);
    if (!spec->is_map_lost)
        finish(&w);
    free(w.map.data);
    free(version.data);
    assert_int_equal(fclose(w.file), 0);
}
