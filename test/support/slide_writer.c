/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/slide_writer.h"

#include <stdio.h>
#include <string.h>

enum {
    ASCII = 2,
    SHORT = 3,
    LONG = 4,
    RATIONAL = 5,
    SLONG = 9,
    FLOAT = 11,
    MOST_SAMPLES = 3,
    MOST_TAGS = 32,
    MOST_TILES = 256,
    SIDE = 8,
    SUB_IFDS = 330
};

/* A directory that is being written. */
typedef struct writing {
    FILE *file;
    const slide_spec *page;
    uint64_t starts[MOST_TILES]; /* of restart intervals, from the start of the stream */
    int n_starts;
    struct {
        uint16_t tag, type;
        uint32_t count;
        uint64_t value;
    } tags[MOST_TAGS];
    int n;
} writing;

static void put(FILE *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), file);
}

static void add(writing *w, uint16_t tag, uint16_t type, uint32_t count, uint64_t value)
{
    assert_in_range(w->n, 0, MOST_TAGS - 1);
    w->tags[w->n].tag = tag;
    w->tags[w->n].type = type;
    w->tags[w->n].count = count;
    w->tags[w->n++].value = value;
}

static void add_text(writing *w, uint16_t tag, const char *text)
{
    if (!text)
        return;
    assert_true(strlen(text) > 3); /* else it would lie in the entry */
    add(w, tag, ASCII, (uint32_t)strlen(text) + 1, (uint64_t)ftell(w->file));
    fwrite(text, 1, strlen(text) + 1, w->file);
}

static void add_longs(writing *w, uint16_t tag, const uint64_t *values, int n)
{
    add(w, tag, LONG, (uint32_t)n, n == 1 ? values[0] : (uint64_t)ftell(w->file));
    for (int i = 0; n > 1 && i < n; i++)
        put(w->file, values[i], 4);
}

int slide_pixel(const slide_spec *page, int64_t y, int64_t x, int64_t s)
{
    y -= page->jpeg ? y % SIDE : 0;
    x -= page->jpeg ? x % SIDE : 0;
    int bits = page->bits ? page->bits : 8;
    return (int)((page->first + 5 * y + x + 50 * s) & ((INT64_C(1) << (bits < 32 ? bits : 31)) - 1));
}

/* Writes the rectangle of pixels from (y, x) on; those beyond the page are 0. */
static void put_pixels(const writing *w, int y0, int x0, int height, int width)
{
    const slide_spec *p = w->page;
    for (int y = y0; y < y0 + height; y++)
        for (int x = x0; x < x0 + width; x++)
            for (int s = 0; s < (p->samples ? p->samples : 1); s++)
                put(w->file, y < p->height && x < p->width ? (uint64_t)slide_pixel(p, y, x, s) : 0,
                    p->bits ? p->bits / 8 : 1);
}

/* Bits of a JPEG stream. */
typedef struct bits {
    FILE *file;
    unsigned value;
    int n;
} bits;

static void put_bits(bits *b, unsigned value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        b->value = b->value << 1 | (value >> i & 1);
        if (++b->n < 8)
            continue;
        fputc((int)b->value, b->file);
        if (b->value == 0xff)
            fputc(0, b->file);
        b->value = 0;
        b->n = 0;
    }
}

static int quantizer_of(const slide_spec *page) { return page->quantizer ? page->quantizer : 1; }

/* The mean of a block, as the difference from the one before: its number of bits by a code of four bits, the bits, and
 * the code 0 for "no other coefficients". */
static void put_block(bits *b, int difference, int quantizer)
{
    int size = 0, coefficient = 8 * difference / quantizer, positive = coefficient < 0 ? -coefficient : coefficient;
    while (positive >> size)
        size++;
    put_bits(b, (unsigned)size, 4);
    put_bits(b, (unsigned)(coefficient < 0 ? coefficient - 1 : coefficient), size);
    put_bits(b, 0, 1);
}

static void put_marker(FILE *file, int marker, const uint8_t *body, int size)
{
    const uint8_t head[4] = { 0xff, (uint8_t)marker, (uint8_t)((size + 2) >> 8), (uint8_t)(size + 2) };
    fwrite(head, 1, sizeof head, file);
    fwrite(body, 1, (size_t)size, file);
}

/* With quantizers of up to 8 means are exact. */
static void put_jpeg_head(const writing *w)
{
    const slide_spec *p = w->page;
    uint8_t quantizers[65] = { 0 };
    memset(quantizers + 1, quantizer_of(p), 64);
    const int samples = p->samples ? p->samples : 1;
    uint8_t frame[6 + 3 * MOST_SAMPLES] = {
        8, (uint8_t)(p->height >> 8), (uint8_t)p->height, (uint8_t)(p->width >> 8), (uint8_t)p->width, (uint8_t)samples
    };
    const uint8_t mean_codes[29] = { 0x00, 0, 0, 0, 12, [17] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    const uint8_t other_codes[18] = { 0x10, 1 };
    const uint8_t interval[2] = { (uint8_t)(p->interval >> 8), (uint8_t)p->interval };
    assert_in_range(samples, 1, MOST_SAMPLES);
    for (int s = 0; s < samples; s++)
        frame[6 + 3 * s] = (uint8_t)(s + 1), frame[7 + 3 * s] = 0x11;
    fwrite("\xff\xd8", 1, 2, w->file);
    put_marker(w->file, 0xdb, quantizers, sizeof quantizers);
    put_marker(w->file, 0xc0, frame, 6 + 3 * samples);
    put_marker(w->file, 0xc4, mean_codes, sizeof mean_codes);
    put_marker(w->file, 0xc4, other_codes, sizeof other_codes);
    if (p->interval)
        put_marker(w->file, 0xdd, interval, sizeof interval);
}

static void note_start(writing *w, uint64_t stream)
{
    assert_in_range(w->n_starts, 0, MOST_TILES - 1);
    w->starts[w->n_starts++] = (uint64_t)ftell(w->file) - stream;
}

/* One scan of one sample. NDPI locates the intervals of one scan. */
static void put_scan(writing *w, int sample, uint64_t stream)
{
    const slide_spec *p = w->page;
    const uint8_t head[6] = { 1, (uint8_t)(sample + 1), 0, 0, 63, 0 };
    bits b = { .file = w->file };
    int before = 128, blocks = 0;
    put_marker(w->file, 0xda, head, sizeof head);
    if (sample == 0)
        note_start(w, stream);
    for (int y = 0; y < p->height && (int64_t)p->width * p->height <= 1000000; y += SIDE)
        for (int x = 0; x < p->width; x += SIDE, blocks++) {
            if (p->interval && blocks > 0 && blocks % p->interval == 0) {
                put_bits(&b, 0x7f, b.n ? SIDE - b.n : 0);
                fputc(0xff, w->file);
                fputc(0xd0 + (blocks / p->interval - 1) % 8, w->file);
                if (sample == 0)
                    note_start(w, stream);
                before = 128;
            }
            put_block(&b, slide_pixel(p, y, x, sample) - before, quantizer_of(p));
            before = slide_pixel(p, y, x, sample);
        }
    put_bits(&b, 0x7f, b.n ? SIDE - b.n : 0);
}

static void put_jpeg(writing *w)
{
    const uint64_t stream = (uint64_t)ftell(w->file);
    put_jpeg_head(w);
    for (int s = 0; s < (w->page->scans ? w->page->scans : 1); s++)
        put_scan(w, s, stream);
    fwrite("\xff\xd9", 1, 2, w->file);
}

/* Writes the pixels, and returns the number of strips or tiles. */
static int put_chunks(writing *w, uint64_t *offsets, uint64_t *counts)
{
    const slide_spec *p = w->page;
    int n = 0, side = p->tile;
    if (p->jpeg || side == 0) {
        offsets[0] = (uint64_t)ftell(w->file);
        if (p->jpeg)
            put_jpeg(w);
        else
            put_pixels(w, 0, 0, p->height, p->width);
        counts[0] = (uint64_t)ftell(w->file) - offsets[0];
        return 1;
    }
    for (int y = 0; y < p->height; y += side)
        for (int x = 0; x < p->width; x += side, n++) {
            assert_in_range(n, 0, MOST_TILES - 1);
            offsets[n] = (uint64_t)ftell(w->file);
            put_pixels(w, y, x, side, side);
            counts[n] = (uint64_t)ftell(w->file) - offsets[n];
        }
    return n;
}

static void add_resolution(writing *w)
{
    if (w->page->per_cm == 0)
        return;
    for (uint16_t tag = 282; tag <= 283; tag++) {
        add(w, tag, RATIONAL, 1, (uint64_t)ftell(w->file));
        put(w->file, (uint64_t)w->page->per_cm, 4);
        put(w->file, 1, 4);
    }
    add(w, 296, SHORT, 1, 3); /* centimeter */
}

static void add_hamamatsu(writing *w)
{
    uint32_t lens;
    memcpy(&lens, &w->page->lens, sizeof lens);
    add_text(w, 271, "Hamamatsu");
    add(w, 65420, LONG, 1, 1);
    if (w->page->lens != 0)
        add(w, 65421, FLOAT, 1, lens);
    if (w->page->depth)
        add(w, 65424, SLONG, 1, (uint32_t)w->page->depth);
    if (w->page->interval)
        add_longs(w, 65426, w->starts, w->n_starts);
    const uint64_t high[MOST_TILES] = { 0 };
    if (w->page->wide)
        add_longs(w, 65432, high, w->n_starts);
    if (w->page->mode)
        add(w, 65441, LONG, 1, (uint64_t)w->page->mode);
}

/* Writes the directory and the link to it at *link, which becomes the place of the next. */
static void put_directory(writing *w, long *link, bool ndpi)
{
    FILE *file = w->file;
    if (ftell(file) % 2)
        fputc(0, file);
    long at = ftell(file);
    fseek(file, *link, SEEK_SET);
    put(file, (uint64_t)at, ndpi ? 8 : 4);
    fseek(file, at, SEEK_SET);
    put(file, (uint64_t)w->n, 2);
    long sub = 0;
    for (int i = 0; i < w->n; i++) {
        put(file, w->tags[i].tag, 2);
        put(file, w->tags[i].type, 2);
        put(file, w->tags[i].count, 4);
        sub = w->tags[i].tag == SUB_IFDS ? ftell(file) : sub;
        put(file, w->tags[i].value, 4);
    }
    *link = sub ? sub : ftell(file);
    put(file, 0, ndpi ? 8 : 4);
    for (int i = 0; ndpi && i < w->n; i++)
        put(file, w->tags[i].value >> 32, 4);
}

static void put_page(FILE *file, const slide_spec *p, long *link, bool ndpi)
{
    writing w = { .file = file, .page = p };
    uint64_t offsets[MOST_TILES], counts[MOST_TILES];
    int samples = p->samples ? p->samples : 1, n = put_chunks(&w, offsets, counts);
    add(&w, 254, LONG, 1, (uint64_t)p->subfile);
    add(&w, 256, LONG, 1, (uint64_t)p->width);
    add(&w, 257, LONG, 1, (uint64_t)p->height);
    add(&w, 258, SHORT, 1, (uint64_t)(p->bits ? p->bits : 8));
    add(&w, 259, SHORT, 1, p->jpeg ? 7 : 1);
    add(&w, 262, SHORT, 1, samples == 1 ? 1 : 2);
    add_text(&w, 270, p->description);
    if (!p->tile)
        add_longs(&w, 273, offsets, n);
    add(&w, 277, SHORT, 1, (uint64_t)samples);
    if (!p->tile) {
        add(&w, 278, LONG, 1, (uint64_t)p->height);
        add_longs(&w, 279, counts, n);
    }
    add_resolution(&w);
    add_text(&w, 305, p->software);
    if (p->tile) {
        add(&w, 322, SHORT, 1, (uint64_t)p->tile);
        add(&w, 323, SHORT, 1, (uint64_t)p->tile);
        add_longs(&w, 324, offsets, n);
        add_longs(&w, 325, counts, n);
    }
    if (p->sub)
        add(&w, SUB_IFDS, LONG, 1, 0);
    if (ndpi)
        add_hamamatsu(&w);
    put_directory(&w, link, ndpi);
}

void write_slide(const char *path, const slide_spec *pages, size_t n, bool ndpi)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("II*\0", 1, 4, file);
    put(file, 0, ndpi ? 8 : 4);
    long link = 4;
    for (size_t i = 0; i < n; i++) {
        if (pages[i].at)
            fseek(file, (long)pages[i].at, SEEK_SET);
        put_page(file, &pages[i], &link, ndpi);
    }
    fclose(file);
}
