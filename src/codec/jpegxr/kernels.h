/* SPDX-License-Identifier: BSD-3-Clause */
/* The elementary steps of transform and overlap, in arithmetic modulo 2^32. Source: ITU-T T.832. */
#ifndef MT_CODEC_JPEGXR_KERNELS_H
#define MT_CODEC_JPEGXR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Must be inlined into loops, so that the compiler vectorizes them. */
#define JXR_KERNEL static inline __attribute__((always_inline))

/* Arithmetic right shift. Implementation-defined in C11, but common to all compilers. */
JXR_KERNEL uint32_t jxr_sar(uint32_t v, int n)
{
    /* cppcheck-suppress shiftNegativeLHS */
    return (uint32_t)((int32_t)v >> n);
}

/* Sums and differences of four values, in place; rounding is 0 or 1. */
JXR_KERNEL void jxr_butterfly(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t rounding)
{
    uint32_t sum = *a + *d, difference = *b - *c, t = jxr_sar(sum - difference + rounding, 1), old = *c;
    *c = t - *d;
    *d = t - old;
    *a = sum - *d;
    *b = difference + *c;
}

/* Rotation by pi/8, and its finer form. */
JXR_KERNEL void jxr_rotate(uint32_t *a, uint32_t *b)
{
    *a -= jxr_sar(*b + 1, 1);
    *b += jxr_sar(*a + 1, 1);
}

JXR_KERNEL void jxr_rotate_fine(uint32_t *a, uint32_t *b)
{
    *a -= jxr_sar(*b * 3 + 4, 3);
    *b += jxr_sar(*a * 3 + 4, 3);
}

/* The transform that is odd in one direction. */
JXR_KERNEL void jxr_odd(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *b += *d;
    *a -= *c;
    *d -= jxr_sar(*b, 1);
    *c += jxr_sar(*a + 1, 1);
    jxr_rotate_fine(a, b);
    jxr_rotate_fine(c, d);
    *c -= jxr_sar(*b + 1, 1);
    *d = jxr_sar(*a + 1, 1) - *d;
    *b += *c;
    *a -= *d;
}

/* The transform that is odd in both directions, except for signs; first and second are rounding terms. */
JXR_KERNEL void jxr_odd_odd(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t first, uint32_t second)
{
    *d += *a;
    *c -= *b;
    uint32_t half_d = jxr_sar(*d, 1), half_c = jxr_sar(*c, 1);
    *a -= half_d;
    *b += half_c;
    *a -= jxr_sar(*b * 3 + first, 3);
    *b += jxr_sar(*a * 3 + second, 2);
    *a -= jxr_sar(*b * 3 + 4, 3);
    *b -= half_c;
    *a += half_d;
    *c += *b;
    *d -= *a;
}

/* The inverse core transform: 4 x 4 coefficients, in row order, to values. */
JXR_KERNEL void jxr_core(uint32_t v[16])
{
    uint32_t a[4] = { v[0], v[2], v[8], v[10] }, b[4] = { v[9], v[1], v[3], v[11] };
    uint32_t c[4] = { v[6], v[12], v[4], v[14] }, d[4] = { v[5], v[13], v[7], v[15] };
    jxr_butterfly(&a[0], &a[1], &a[2], &a[3], 1);
    jxr_odd(&b[1], &b[0], &b[3], &b[2]);
    jxr_odd(&c[2], &c[0], &c[3], &c[1]);
    jxr_odd_odd(&d[3], &d[2], &d[1], &d[0], 3, 3);
    d[2] = 0 - d[2];
    d[1] = 0 - d[1];
    jxr_butterfly(&a[0], &b[0], &c[0], &d[0], 0);
    jxr_butterfly(&a[1], &b[1], &c[1], &d[1], 0);
    jxr_butterfly(&a[2], &b[2], &c[2], &d[2], 0);
    jxr_butterfly(&a[3], &b[3], &c[3], &d[3], 0);
    v[0] = a[0], v[1] = a[1], v[2] = b[1], v[3] = b[0];
    v[4] = a[2], v[5] = a[3], v[6] = b[3], v[7] = b[2];
    v[8] = c[2], v[9] = c[3], v[10] = d[3], v[11] = d[2];
    v[12] = c[0], v[13] = c[1], v[14] = d[1], v[15] = d[0];
}

/* Scales a up and d down. */
JXR_KERNEL void jxr_scale(uint32_t *a, uint32_t *d, bool hd_photo)
{
    *a += *d;
    *d = jxr_sar(*a, 1) - *d;
    *a += jxr_sar(*d * 3, 3);
    *d += jxr_sar(*a * 3, 4);
    if (hd_photo)
        return;
    *d += jxr_sar(*a, 7);
    *d -= jxr_sar(*a, 10);
}

JXR_KERNEL void jxr_hadamard(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *b -= *c;
    *a += jxr_sar(*d * 3 + 4, 3);
    uint32_t third = *d - jxr_sar(*b, 1), fourth = jxr_sar(*a - *b, 1) - *c;
    *c = third;
    *d = fourth;
    *a -= fourth;
    *b += third;
}

JXR_KERNEL uint32_t jxr_magnitude(uint32_t v) { return v >> 31 ? 0 - v : v; }

/* Compensates the leakage of the mean caused by the inexact scaling of HD Photo, if it is below the threshold. */
JXR_KERNEL void jxr_stop_leak(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t threshold)
{
    uint32_t leak = jxr_sar(jxr_sar(*a + *b + *c + *d, 1) * 595 + 65536, 17);
    uint32_t other = jxr_sar(*a - *b - *c + *d, 1), least = jxr_magnitude(other);
    if (jxr_magnitude(leak) >= threshold || leak == 0 || other == 0 || (leak ^ other) >> 31)
        return;
    if (jxr_magnitude(leak) > least)
        leak = other;
    leak = jxr_sar(leak, 1);
    *a -= leak;
    *b += leak;
    *c += leak;
    *d -= leak;
}

/* Overlap of 4 x 4 values, in row order, around a common corner of four blocks. threshold is used by HD Photo. */
JXR_KERNEL void jxr_overlap_16(uint32_t v[16], bool hd_photo, uint32_t threshold)
{
    jxr_butterfly(&v[0], &v[3], &v[12], &v[15], 0);
    jxr_butterfly(&v[1], &v[2], &v[13], &v[14], 0);
    jxr_butterfly(&v[4], &v[7], &v[8], &v[11], 0);
    jxr_butterfly(&v[5], &v[6], &v[9], &v[10], 0);
    jxr_odd_odd(&v[10], &v[11], &v[14], &v[15], 6, 2);
    jxr_rotate(&v[13], &v[12]);
    jxr_rotate(&v[9], &v[8]);
    jxr_rotate(&v[7], &v[3]);
    jxr_rotate(&v[6], &v[2]);
    jxr_scale(&v[0], &v[15], hd_photo);
    jxr_scale(&v[1], &v[14], hd_photo);
    jxr_scale(&v[4], &v[11], hd_photo);
    jxr_scale(&v[5], &v[10], hd_photo);
    jxr_hadamard(&v[0], &v[3], &v[12], &v[15]);
    jxr_hadamard(&v[1], &v[2], &v[13], &v[14]);
    jxr_hadamard(&v[4], &v[7], &v[8], &v[11]);
    jxr_hadamard(&v[5], &v[6], &v[9], &v[10]);
    if (!hd_photo)
        return;
    jxr_stop_leak(&v[0], &v[3], &v[12], &v[15], threshold);
    jxr_stop_leak(&v[1], &v[2], &v[13], &v[14], threshold);
    jxr_stop_leak(&v[4], &v[7], &v[8], &v[11], threshold);
    jxr_stop_leak(&v[5], &v[6], &v[9], &v[10], threshold);
}

JXR_KERNEL void jxr_scale_edge(uint32_t *a, uint32_t *d)
{
    jxr_scale(a, d, false);
    *a += jxr_sar(*d * 3 + 4, 3);
    *d -= jxr_sar(*a, 1);
    *a += *d;
    *d = 0 - *d;
}

/* The scaling of HD Photo. */
JXR_KERNEL void jxr_lift_old(uint32_t *a, uint32_t *d)
{
    *a += jxr_sar(*d * 3 + 16, 5);
    *d += jxr_sar(*a * 3 + 8, 4);
    *a += jxr_sar(*d * 3 + 16, 5);
}

/* Overlap of four values in a line, across the border between two blocks at the edge of the picture. */
JXR_KERNEL void jxr_overlap_4(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, bool hd_photo)
{
    *a += *d;
    *b += *c;
    *d -= jxr_sar(*a + 1, 1);
    *c -= jxr_sar(*b + 1, 1);
    if (!hd_photo) {
        jxr_scale_edge(a, d);
        jxr_scale_edge(b, c);
    }
    jxr_rotate(c, d);
    *d += jxr_sar(*a + 1, 1);
    *c += jxr_sar(*b + 1, 1);
    *a -= *d;
    *b -= *c;
    if (hd_photo) {
        jxr_lift_old(a, d);
        jxr_lift_old(b, c);
    }
}

/* Overlap of subsampled chroma in the second transform, of two values and of 2 x 2 values. */
JXR_KERNEL void jxr_overlap_2(uint32_t *a, uint32_t *b, bool hd_photo)
{
    if (hd_photo) {
        *b += jxr_sar(*a + 4, 3);
        *a += jxr_sar(*b + 2, 2);
        *b += jxr_sar(*a + 4, 3);
        return;
    }
    *b += jxr_sar(*a + 2, 2);
    *a += jxr_sar(*b + 1, 1);
    *a += jxr_sar(*b, 5);
    *a += jxr_sar(*b, 9);
    *a += jxr_sar(*b, 13);
    *b += jxr_sar(*a + 2, 2);
}

JXR_KERNEL void jxr_overlap_2x2(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, bool hd_photo)
{
    *a += *d;
    *b += *c;
    *d -= jxr_sar(*a + 1, 1);
    *c -= jxr_sar(*b + 1, 1);
    if (hd_photo) {
        *b += jxr_sar(*a + 2, 2);
        *a += jxr_sar(*b + 1, 1);
        *b += jxr_sar(*a + 2, 2);
    } else {
        jxr_overlap_2(a, b, false);
    }
    *d += jxr_sar(*a + 1, 1);
    *c += jxr_sar(*b + 1, 1);
    *a -= *d;
    *b -= *c;
}

#endif
