/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define HASH_BYTES 32
#define HEX_BYTES MT_S3_PAYLOAD_BYTES

/* Encodes a byte to 1 or 3 characters; returns their number. */
static size_t encode_byte(char c, bool keep_slash, char out[3])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    if (memchr(plain, c, sizeof plain - 1) || (keep_slash && c == '/')) {
        out[0] = c;
        return 1;
    }
    out[0] = '%';
    out[1] = digits[(unsigned char)c >> 4];
    out[2] = digits[(unsigned char)c & 15];
    return 3;
}

/* The destination of encoded text: a buffer or a hash. */
typedef struct sink {
    char *out;
    size_t capacity, length;
    EVP_MD_CTX *hash;
    bool failed;
} sink;

static void put_bytes(sink *s, const char *bytes, size_t n)
{
    if (s->hash) {
        s->failed |= EVP_DigestUpdate(s->hash, bytes, n) != 1;
        return;
    }
    for (size_t i = 0; i < n; i++, s->length++)
        if (s->length < s->capacity)
            s->out[s->length] = bytes[i];
    if (s->capacity > 0)
        s->out[s->length < s->capacity ? s->length : s->capacity - 1] = 0;
}

static void put(sink *s, const char *text) { put_bytes(s, text, strlen(text)); }

static void put_encoded(sink *s, const char *text, bool keep_slash)
{
    char encoded[3];
    put_bytes(s, "", 0);
    for (; *text; text++)
        put_bytes(s, encoded, encode_byte(*text, keep_slash, encoded));
}

size_t mt_s3_encode(const char *text, bool keep_slash, char *out, size_t capacity)
{
    sink s = { .out = out, .capacity = capacity };
    put_encoded(&s, text, keep_slash);
    return s.length;
}

/* Compares in the order of the encoded texts. */
static int compare_encoded(const char *a, const char *b)
{
    char x[3] = { 0 }, y[3] = { 0 };
    while (*a && *a == *b)
        a++, b++;
    if (!*a || !*b)
        return (*a != 0) - (*b != 0);
    encode_byte(*a, false, x);
    encode_byte(*b, false, y);
    return memcmp(x, y, sizeof x);
}

static int compare_pairs(const mt_s3_pair *a, const mt_s3_pair *b)
{
    int order = compare_encoded(a->name, b->name);
    return order ? order : compare_encoded(a->value, b->value);
}

/* Sorts pointers to n pairs; n is small. */
static void sort_pairs(const mt_s3_pair **pairs, const mt_s3_pair *given, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && compare_pairs(pairs[at - 1], &given[i]) > 0; at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = &given[i];
    }
}

static void put_query(sink *s, const mt_s3_pair *query, size_t n)
{
    const mt_s3_pair *sorted[MT_S3_MAX_PAIRS];
    sort_pairs(sorted, query, n);
    put_bytes(s, "", 0);
    for (size_t i = 0; i < n; i++) {
        put(s, i ? "&" : "");
        put_encoded(s, sorted[i]->name, false);
        put(s, "=");
        put_encoded(s, sorted[i]->value, false);
    }
}

size_t mt_s3_query(const mt_s3_pair *query, size_t n, char *out, size_t capacity)
{
    sink s = { .out = out, .capacity = capacity };
    put_query(&s, query, n);
    return s.length;
}

/* Writes a value without surrounding blanks. */
static void put_trimmed(sink *s, const char *value)
{
    value += strspn(value, " \t");
    size_t n = strlen(value);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        n--;
    put_bytes(s, value, n);
}

static void put_names(sink *s, const mt_s3_pair *const *header, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(s, i ? ";" : "");
        put(s, header[i]->name);
    }
}

static void put_canonical(sink *s, const mt_s3_to_sign *what, const mt_s3_pair *const *header, size_t n)
{
    put(s, what->method);
    put(s, "\n");
    put_encoded(s, what->path, true);
    put(s, "\n");
    put_query(s, what->query, what->n_query);
    put(s, "\n");
    for (size_t i = 0; i < n; i++) {
        put(s, header[i]->name);
        put(s, ":");
        put_trimmed(s, header[i]->value);
        put(s, "\n");
    }
    put(s, "\n");
    put_names(s, header, n);
    put(s, "\n");
    put(s, what->payload);
}

static void to_hex(const unsigned char *hash, char out[HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[2 * HASH_BYTES] = 0;
}

static bool hash_canonical(const mt_s3_to_sign *what, const mt_s3_pair *const *header, size_t n, char out[HEX_BYTES])
{
    unsigned char hash[HASH_BYTES];
    sink s = { .hash = EVP_MD_CTX_new() };
    if (!s.hash)
        return false;
    s.failed = EVP_DigestInit_ex(s.hash, EVP_sha256(), NULL) != 1;
    if (!s.failed)
        put_canonical(&s, what, header, n);
    s.failed |= EVP_DigestFinal_ex(s.hash, hash, NULL) != 1;
    EVP_MD_CTX_free(s.hash);
    if (!s.failed)
        to_hex(hash, out);
    return !s.failed;
}

mt_status mt_s3_hash(const mt_piece *pieces, size_t n, char out[HEX_BYTES], mt_error *err)
{
    unsigned char hash[HASH_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < n; i++)
        good = EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].size) == 1;
    good = good && EVP_DigestFinal_ex(context, hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        return mt_fail(err, MT_E_MEMORY, "SHA-256 failed");
    to_hex(hash, out);
    return MT_OK;
}

bool mt_s3_md5(const void *bytes, size_t n, unsigned char out[MT_S3_MD5_BYTES])
{
    return EVP_Digest(bytes, n, out, NULL, EVP_md5(), NULL) == 1;
}

static bool hmac(const void *key, size_t key_size, const char *text, unsigned char out[HASH_BYTES])
{
    return HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text), out, NULL) != NULL;
}

/* Chained HMACs of day, region, service and the string to sign. */
static bool derive(const char *secret, const char *const *texts, size_t n, char out[HEX_BYTES])
{
    char first[256];
    unsigned char key[HASH_BYTES], next[HASH_BYTES];
    int length = snprintf(first, sizeof first, "AWS4%s", secret);
    bool ok = (size_t)length < sizeof first && hmac(first, (size_t)length, texts[0], key);
    for (size_t i = 1; ok && i < n; i++) {
        ok = hmac(key, sizeof key, texts[i], next);
        memcpy(key, next, sizeof key);
    }
    if (ok)
        to_hex(key, out);
    OPENSSL_cleanse(first, sizeof first);
    return ok;
}

/* Days since 1970 to a date of the Gregorian calendar, in eras of 400 years that begin with March. */
static void format_time(int64_t time, char out[17])
{
    int64_t days = time / 86400, second = time % 86400;
    int64_t shifted = days + 719468, era = shifted / 146097, day = shifted % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
    int64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10);
    month = month < 10 ? month + 3 : month - 9;
    snprintf(out, 17, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)day_of_month % 100, (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60),
             (unsigned)(second % 60));
}

mt_status mt_s3_sign(const mt_s3_to_sign *what, const mt_s3_keys *keys, mt_s3_signature *out, mt_error *err)
{
    if (what->time < 0 || what->n_query > MT_S3_MAX_PAIRS || what->n_header >= MT_S3_MAX_PAIRS)
        return mt_fail(err, MT_E_ARGUMENT, "the request has too many headers to be signed");
    format_time(what->time, out->date);
    mt_s3_pair header[MT_S3_MAX_PAIRS];
    const mt_s3_pair *sorted[MT_S3_MAX_PAIRS];
    size_t n = what->n_header + 1;
    memcpy(header, what->header, what->n_header * sizeof *header);
    header[n - 1] = (mt_s3_pair) { "x-amz-date", out->date };
    sort_pairs(sorted, header, n);

    char hash[HEX_BYTES], signature[HEX_BYTES], day[9], scope[256], text[512], names[512];
    snprintf(day, sizeof day, "%.8s", out->date);
    int length = snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", day, what->region, what->service);
    if ((size_t)length >= sizeof scope)
        return mt_fail(err, MT_E_ARGUMENT, "the name of the region is too long");
    if (!hash_canonical(what, sorted, n, hash))
        return mt_fail(err, MT_E_MEMORY, "SHA-256 failed");
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", out->date, scope, hash);
    const char *texts[] = { day, what->region, what->service, "aws4_request", text };
    if (!derive(keys->secret, texts, sizeof texts / sizeof *texts, signature))
        return mt_fail(err, MT_E_ARGUMENT, "the secret key is too long, or HMAC failed");
    sink s = { .out = names, .capacity = sizeof names };
    put_names(&s, sorted, n);
    length = snprintf(out->authorization, sizeof out->authorization,
                      "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", keys->id, scope, names,
                      signature);
    if ((size_t)length >= sizeof out->authorization || s.length >= sizeof names)
        return mt_fail(err, MT_E_ARGUMENT, "the id of the access key is too long");
    return MT_OK;
}
