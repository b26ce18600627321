/* SPDX-License-Identifier: BSD-3-Clause */
/* A checksum of all pixels of an image, independent of file format, chunks, compression and byte order: two images have
 * the same checksum if they have the same element type, the same shape as SC(Z)YX, and the same values. It detects
 * damage and differences. It is not cryptographic.
 *
 * Definition. p = 2^61 - 1. Two sums, k = 0 and 1, use the constants
 *
 *     B[0] = 0x1b873593cc9e2d6f    M[0] = 0x1e3779b97f4a7c19
 *     B[1] = 0x165667b19e3779fd    M[1] = 0x02b2ae3d27d4eb55
 *
 * Pixel i (from 0, in C order of data_shape: S, C, Z if there is one, Y, X) whose bits are the unsigned number low +
 * 2^32 high (a bool counts as 0 or 1; elements up to 32 bits have high 0) adds to sum k
 *
 *     (low + M[k] * high) * B[k]^i  mod p
 *
 * Then, for each byte c of the text "uint16 1x3x512x512" (element type, a space, data_shape), sum = (sum * B[k] + c +
 * 1) mod p; and the last step, in 64 bits, spreads the bits as SplitMix64 does:
 *
 *     z = sum;  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;  z = (z ^ z >> 27) * 0x94d049bb133111eb;  word[k] = z ^ z >> 31
 *
 * Addition is commutative, so chunks may be added in any order. A region without stored data takes a few microseconds,
 * whatever its size: its sum is a geometric series. */
#ifndef MICROTOME_CHECKSUM_H
#define MICROTOME_CHECKSUM_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

typedef struct mt_checksum {
    uint64_t words[2]; /* the checksum, 128 bits */
    char text[33];     /* both words as 32 hexadecimal digits, word 0 first, and a NUL */
} mt_checksum;

/* Computes the checksum of all pixels. Each chunk is read and decoded once, on all threads of the context, and is not
 * kept in the cache. A custom stack is read patch by patch as float32. options may be NULL; the call can be cancelled
 * like an extraction. The first chunk that cannot be read ends the call. */
MT_API MT_MUST_CHECK mt_status mt_stack_checksum(mt_stack *stack, const mt_extract_options *options, mt_checksum *out,
                                                 mt_error *err);

MT_END_DECLS

#endif
