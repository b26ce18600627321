/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksums of four bytes before or after the data. The data is unchanged. */
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"
#include "platform/thread.h"

#include <string.h>

#define CRC32C 0x82f63b78u /* the polynomial, reflected */

/* Tables for a reflected CRC-32, eight bytes at a time ("slicing by eight"). */
typedef struct crc_table {
    uint32_t of[8][256];
} crc_table;

static void fill_table(crc_table *t, uint32_t polynomial)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ polynomial : c >> 1;
        t->of[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            t->of[k][i] = t->of[k - 1][i] >> 8 ^ t->of[0][t->of[k - 1][i] & 0xff];
}

static uint32_t crc(const crc_table *t, uint32_t first, const uint8_t *p, size_t n)
{
    uint32_t c = ~first;
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low = mt_load_u32le(p) ^ c, high = mt_load_u32le(p + 4);
        c = t->of[7][low & 0xff] ^ t->of[6][low >> 8 & 0xff] ^ t->of[5][low >> 16 & 0xff] ^ t->of[4][low >> 24] ^
            t->of[3][high & 0xff] ^ t->of[2][high >> 8 & 0xff] ^ t->of[1][high >> 16 & 0xff] ^ t->of[0][high >> 24];
    }
    for (; n > 0; p++, n--)
        c = c >> 8 ^ t->of[0][(c ^ *p) & 0xff];
    return ~c;
}

static crc_table crc32_table, crc32c_table; /* constant once initialized */
static mt_once tables_once = MT_ONCE_INIT;
static void fill_tables(void)
{
    fill_table(&crc32_table, 0xedb88320);
    fill_table(&crc32c_table, CRC32C);
}

static uint32_t sum_crc32(const uint8_t *p, size_t n)
{
    mt_once_run(&tables_once, fill_tables);
    return crc(&crc32_table, 0, p, n);
}

#define ONE 0x80000000u /* a register holds a polynomial over GF(2), reflected: bit 31 is the coefficient of x^0 */

/* Multiplies polynomials, modulo that of CRC-32C. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a; a <<= 1, b = b & 1 ? b >> 1 ^ CRC32C : b >> 1)
        if (a & ONE)
            product ^= b;
    return product;
}

/* x^(8 n): what a register is multiplied by when n bytes of zeros follow. */
static uint32_t shift_of(size_t n)
{
    uint32_t shift = ONE, power = ONE >> 8;
    for (; n > 0; n >>= 1, power = multiply(power, power))
        if (n & 1)
            shift = multiply(shift, power);
    return shift;
}

uint32_t mt_crc32c_join(uint32_t first, uint32_t second, size_t n) { return multiply(first, shift_of(n)) ^ second; }

#ifdef __x86_64__
#define LANE 8192                   /* bytes */
#define SHIFT_LANE 0x28461564u      /* shift_of(LANE) */
#define SHIFT_TWO_LANES 0xbf455269u /* shift_of(2 * LANE) */

/* By the instruction of SSE 4.2, which takes three cycles: three lanes are summed at once. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_instruction(uint32_t first, const uint8_t *p, size_t n)
{
    uint64_t c = ~first;
    for (; n >= 3 * LANE; p += 3 * LANE, n -= 3 * LANE) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            c = __builtin_ia32_crc32di(c, mt_load_u64le(p + i));
            second = __builtin_ia32_crc32di(second, mt_load_u64le(p + LANE + i));
            third = __builtin_ia32_crc32di(third, mt_load_u64le(p + 2 * LANE + i));
        }
        c = multiply((uint32_t)c, SHIFT_TWO_LANES) ^ multiply((uint32_t)second, SHIFT_LANE) ^ (uint32_t)third;
    }
    for (; n >= 8; p += 8, n -= 8)
        c = __builtin_ia32_crc32di(c, mt_load_u64le(p));
    for (; n > 0; p++, n--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return ~(uint32_t)c;
}
#endif

uint32_t mt_crc32c_add(uint32_t first, const uint8_t *bytes, size_t n)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_by_instruction(first, bytes, n);
#endif
    mt_once_run(&tables_once, fill_tables);
    return crc(&crc32c_table, first, bytes, n);
}

static uint32_t sum_crc32c(const uint8_t *p, size_t n) { return mt_crc32c_add(0, p, n); }

uint32_t mt_crc32c(const uint8_t *bytes, size_t n) { return sum_crc32c(bytes, n); }

static uint32_t sum_adler32(const uint8_t *p, size_t n)
{
    uint32_t a = 1, b = 0;
    while (n > 0) {
        size_t run = n < 5552 ? n : 5552; /* the longest run that cannot overflow 32 bits */
        for (size_t i = 0; i < run; i++)
            b += a += p[i];
        a %= 65521, b %= 65521;
        p += run, n -= run;
    }
    return b << 16 | a;
}

/* Fletcher-32 of HDF5: big-endian words of two bytes; an odd last byte is the high byte of a word. */
static uint32_t sum_fletcher32(const uint8_t *p, size_t n)
{
    uint32_t a = 0, b = 0;
    while (n > 0) {
        size_t run = n < 720 ? n : 720; /* 360 words cannot overflow */
        for (size_t i = 0; i < run; i += 2)
            b += a += (uint32_t)p[i] << 8 | (i + 1 < run ? p[i + 1] : 0);
        a = (a & 0xffff) + (a >> 16), b = (b & 0xffff) + (b >> 16);
        p += run, n -= run;
    }
    a = (a & 0xffff) + (a >> 16), b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

static mt_status check(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                       size_t *written, uint32_t (*sum)(const uint8_t *, size_t), uint32_t *found, mt_error *err)
{
    const mt_checksum_params *p = params;
    if (size < 4 || size - 4 > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes, expected %zu and a checksum", size, capacity);
    bool at_start = p && p->at_start;
    const uint8_t *data = src + (at_start ? 4 : 0);
    *written = size - 4;
    *found = mt_load_u32le(at_start ? src : src + size - 4);
    memcpy(dst, data, *written);
    *found ^= sum(data, *written);
    return MT_OK;
}

#define DEFINE_CHECKSUM(kind)                                                                                          \
    static mt_status decode_##kind(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity, \
                                   size_t *written, mt_scratch *scratch, mt_error *err)                                \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        uint32_t difference = 0;                                                                                       \
        mt_status st = check(params, src, size, dst, capacity, written, sum_##kind, &difference, err);                 \
        if (!st && difference)                                                                                         \
            st = mt_fail(err, MT_E_CORRUPT, "the checksum is wrong");                                                  \
        return st;                                                                                                     \
    }

DEFINE_CHECKSUM(crc32)
DEFINE_CHECKSUM(crc32c)
DEFINE_CHECKSUM(adler32)

/* Old versions of HDF5 on little-endian machines swapped the bytes of each half of the checksum. */
static mt_status decode_fletcher32(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                   size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    uint32_t difference = 0;
    mt_status st = check(params, src, size, dst, capacity, written, sum_fletcher32, &difference, err);
    if (st || difference == 0)
        return st;
    uint32_t sum = sum_fletcher32(dst, *written), found = difference ^ sum;
    uint32_t swapped = (found & 0x00ff00ff) << 8 | (found >> 8 & 0x00ff00ff);
    return swapped == sum ? MT_OK : mt_fail(err, MT_E_CORRUPT, "the checksum is wrong");
}

static mt_status encode_crc32c(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                               size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_checksum_params *p = params;
    if (capacity < 4 || capacity - 4 < size)
        return mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not enough room", capacity);
    bool at_start = p && p->at_start;
    memcpy(dst + (at_start ? 4 : 0), src, size);
    mt_store_u32le(dst + (at_start ? 0 : size), sum_crc32c(src, size));
    *written = size + 4;
    return MT_OK;
}

static size_t with_checksum(const void *params, size_t n)
{
    (void)params;
    return n + 4;
}

const mt_codec mt_codec_crc32c = {
    .name = "crc32c", .decode = decode_crc32c, .encode = encode_crc32c, .encoded_size = with_checksum
};
const mt_codec mt_codec_crc32 = { .name = "crc32", .decode = decode_crc32, .encoded_size = with_checksum };
const mt_codec mt_codec_adler32 = { .name = "adler32", .decode = decode_adler32, .encoded_size = with_checksum };
const mt_codec mt_codec_fletcher32 = { .name = "fletcher32",
                                       .decode = decode_fletcher32,
                                       .encoded_size = with_checksum };
