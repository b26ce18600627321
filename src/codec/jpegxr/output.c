/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversion of planes to pixels. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"
#include "codec/jpegxr/kernels.h"

#include <string.h>

#define FRACTION 3 /* fractional bits of a scaled plane */

static uint32_t mean(uint32_t a, uint32_t b) { return jxr_sar(a + b + 1, 1); }

/* Reads a row of pixels of a channel; y counts from the top of the picture. */
static void read_line(const jxr_grid *g, uint64_t y, size_t n, uint32_t *line)
{
    const uint32_t *from = jxr_block_row(g, y / 4) + y % 4 * 4 * g->stride;
    size_t blocks = (n + 3) / 4;
    for (size_t i = 0; i < blocks; i++)
        for (size_t x = 0; x < 4; x++)
            line[4 * i + x] = from[x * g->stride + i];
}

/* Doubles n values in place: inserts the mean of each two neighbours. */
static void widen(uint32_t *line, size_t n)
{
    line[2 * n - 1] = line[2 * n - 2] = line[n - 1];
    for (size_t i = n - 1; i-- > 0;) {
        line[2 * i + 1] = mean(line[i], line[2 * i + 2]);
        line[2 * i] = line[i];
    }
}

/* Reads a row of a subsampled channel at full resolution. other: scratch for a row. */
static void read_chroma(const jxr_decoder *d, const jxr_grid *g, uint64_t y, uint32_t *line, uint32_t *other)
{
    size_t n = d->line_pixels / 2;
    if (g->rows == 4) {
        read_line(g, y, n, line);
    } else {
        read_line(g, y / 2, n, line);
        if (y % 2 && y / 2 + 1 < (uint64_t)d->rows * 8) {
            read_line(g, y / 2 + 1, n, other);
            for (size_t i = 0; i < n; i++)
                line[i] = mean(line[i], other[i]);
        }
    }
    widen(line, n);
}

static void make_rgb(uint32_t *restrict y, uint32_t *restrict u, uint32_t *restrict v, size_t n, uint32_t bias)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r = 0 - u[i], b = v[i], g = y[i] + bias - jxr_sar(r, 1);
        r -= jxr_sar(b + 1, 1) - g;
        y[i] = r;
        u[i] = g;
        v[i] = b + r;
    }
}

static void make_cmyk(uint32_t *restrict y, uint32_t *restrict u, uint32_t *restrict v, uint32_t *restrict k, size_t n,
                      uint32_t middle, uint32_t rounding)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t magenta = middle - y[i], cyan = u[i], yellow = 0 - v[i], black = k[i] + rounding;
        black -= jxr_sar(magenta + 1, 1);
        magenta -= jxr_sar(cyan, 1) - black;
        cyan -= jxr_sar(yellow + 1, 1) - magenta;
        y[i] = cyan;
        u[i] = magenta;
        v[i] = yellow + cyan;
        k[i] = black;
    }
}

/* The conversion from the values of a channel to samples. */
typedef struct rule {
    jxr_depth depth;
    uint32_t bias;
    int fraction, shift, exponent_bias;
} rule;

static uint32_t middle_of(jxr_depth depth, const jxr_plane_header *h)
{
    int fraction = h->scaled ? FRACTION : 0;
    switch (depth) {
    case JXR_8: return (uint32_t)128 << fraction;
    case JXR_16: return (uint32_t)0x8000 >> h->shift << fraction;
    case JXR_32: return jxr_sar((uint32_t)1 << 31, h->shift) << fraction;
    default: return 0;
    }
}

static uint32_t rounding_of(jxr_depth depth, const jxr_plane_header *h, bool is_alpha)
{
    return !h->scaled ? 0 : is_alpha || depth == JXR_16 || depth == JXR_32 ? 4 : 3;
}

static int32_t clamp(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

static uint16_t make_half(uint32_t v)
{
    uint32_t sign = 0 - (v >> 31);
    return (uint16_t)(((v & 0x7fff) ^ sign) - sign);
}

/* Converts a float with a mantissa of length bits and another exponent bias to the bits of a float32. */
static uint32_t make_float(uint32_t v, int length, int exponent_bias)
{
    uint32_t size = v >> 31 ? 0 - v : v, one = (uint32_t)1 << length;
    uint32_t exponent = size >> length, mantissa = (size & (one - 1)) | one;
    if (exponent == 0) {
        mantissa ^= one;
        exponent = 1;
    }
    exponent += (uint32_t)(127 - exponent_bias);
    for (; mantissa < one && exponent > 1 && mantissa > 0; exponent--)
        mantissa <<= 1;
    if (mantissa < one)
        exponent = 0;
    else
        mantissa ^= one;
    return (v & (uint32_t)1 << 31) | exponent << 23 | mantissa << (23 - length);
}

static inline void write_8(const rule *r, const uint32_t *line, size_t n, uint8_t *to, size_t samples)
{
    for (size_t i = 0; i < n; i++)
        to[i * samples] = (uint8_t)clamp((int32_t)jxr_sar(line[i] + r->bias, r->fraction), 0, 255);
}

static inline void write_16(const rule *r, const uint32_t *line, size_t n, uint8_t *to, size_t samples)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t wide = jxr_sar(line[i] + r->bias, r->fraction);
        int32_t shifted = (int32_t)(wide << r->shift);
        uint16_t v = r->depth == JXR_16          ? (uint16_t)clamp(shifted, 0, UINT16_MAX)
                     : r->depth == JXR_16_SIGNED ? (uint16_t)clamp(shifted, INT16_MIN, INT16_MAX)
                                                 : make_half(wide);
        memcpy(to + i * samples * sizeof v, &v, sizeof v);
    }
}

static inline void write_32(const rule *r, const uint32_t *line, size_t n, uint8_t *to, size_t samples)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v = jxr_sar(line[i] + r->bias, r->fraction);
        v = r->depth == JXR_32_FLOAT ? make_float(v, r->shift, r->exponent_bias) : v << r->shift;
        memcpy(to + i * samples * sizeof v, &v, sizeof v);
    }
}

static inline void write_1(const rule *r, const uint32_t *line, size_t n, uint8_t *to, size_t samples)
{
    int32_t threshold = r->fraction > 0 ? 4 : 1;
    for (size_t i = 0; i < n; i++)
        to[i * samples] = ((int32_t)line[i] >= threshold) != (r->depth == JXR_BLACK_1);
}

static inline void write_any(const rule *r, const uint32_t *line, size_t n, uint8_t *row, size_t sample, size_t samples)
{
    switch (r->depth) {
    case JXR_WHITE_1:
    case JXR_BLACK_1: write_1(r, line, n, row + sample, samples); break;
    case JXR_8: write_8(r, line, n, row + sample, samples); break;
    case JXR_16:
    case JXR_16_SIGNED:
    case JXR_16_FLOAT: write_16(r, line, n, row + 2 * sample, samples); break;
    default: write_32(r, line, n, row + 4 * sample, samples); break;
    }
}

/* Writes the samples of a channel to a row of pixels, with specialized loops for common numbers of samples. */
static void write_line(const rule *r, const uint32_t *line, size_t n, uint8_t *row, size_t sample, size_t samples)
{
    switch (samples) {
    case 1: write_any(r, line, n, row, sample, 1); break;
    case 3: write_any(r, line, n, row, sample, 3); break;
    default: write_any(r, line, n, row, sample, samples); break;
    }
}

static rule make_rule(const jxr_decoder *d, const jxr_plane_header *h, uint32_t bias)
{
    return (rule) { .depth = d->header->depth,
                    .bias = bias,
                    .fraction = h->scaled ? FRACTION : 0,
                    .shift = h->shift,
                    .exponent_bias = h->exponent_bias };
}

static void write_image(jxr_decoder *d, uint64_t y, uint8_t *row, const jxr_target *t)
{
    const jxr_plane *p = &d->planes[0];
    const jxr_plane_header *h = p->header;
    jxr_depth depth = d->header->depth;
    uint32_t middle = middle_of(depth, h), rounding = rounding_of(depth, h, false);
    size_t n = t->width, samples = (size_t)t->samples;
    for (int i = 0; i < h->channels; i++) {
        if (i > 0 && jxr_is_subsampled(h))
            read_chroma(d, &p->grids[i], y, d->lines[i], d->lines[h->channels]);
        else
            read_line(&p->grids[i], y, n, d->lines[i]);
    }
    bool is_rgb = d->header->color == JXR_RGB, converted = false;
    if (is_rgb && h->channels == 3) {
        make_rgb(d->lines[0], d->lines[1], d->lines[2], n, middle + rounding);
        converted = true;
    } else if (h->color == JXR_CMYK) {
        make_cmyk(d->lines[0], d->lines[1], d->lines[2], d->lines[3], n, middle, rounding);
        converted = true;
    }
    rule r = make_rule(d, h, converted ? 0 : middle + rounding);
    int out = is_rgb ? 3 : h->channels; /* RGB coded as gray: copy gray to all three */
    for (int i = 0; i < out; i++)
        write_line(&r, d->lines[h->channels == 1 ? 0 : i], n, row, (size_t)i, samples);
}

void jxr_write_row(jxr_decoder *d, uint32_t row, const jxr_target *t)
{
    uint64_t first = (uint64_t)row * 16, end = first + 16 < t->height ? first + 16 : t->height;
    for (uint64_t y = first; y < end; y++) {
        uint8_t *to = t->pixels + y * t->row_bytes;
        write_image(d, y, to, t);
        if (d->n_planes == 2 && t->samples == 4) {
            const jxr_plane *alpha = &d->planes[1];
            rule r = make_rule(d, alpha->header,
                               middle_of(d->header->depth, alpha->header) +
                                   rounding_of(d->header->depth, alpha->header, true));
            read_line(&alpha->grids[0], y, t->width, d->lines[0]);
            write_line(&r, d->lines[0], t->width, to, 3, 4);
        }
    }
}
