/* SPDX-License-Identifier: BSD-3-Clause */
/* Signatures when the library for cryptography fails. The functions below stand in front of its own. */
#include "store/s3/sign.h"
#include "support/support.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const char *failing = ""; /* the function that fails */
static unsigned calls, fail_at;  /* of them, the call that fails */

static bool fails(const char *name) { return strcmp(failing, name) == 0 && calls++ == fail_at; }

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

EVP_MD_CTX *EVP_MD_CTX_new(void) { return fails("new") ? NULL : REAL(EVP_MD_CTX_new)(); }

int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine)
{
    return fails("init") ? 0 : REAL(EVP_DigestInit_ex)(context, type, engine);
}

int EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t n)
{
    return fails("update") ? 0 : REAL(EVP_DigestUpdate)(context, bytes, n);
}

int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *out, unsigned *n)
{
    return fails("final") ? 0 : REAL(EVP_DigestFinal_ex)(context, out, n);
}

int EVP_Digest(const void *bytes, size_t n, unsigned char *out, unsigned *size, const EVP_MD *type, ENGINE *engine)
{
    return fails("digest") ? 0 : REAL(EVP_Digest)(bytes, n, out, size, type, engine);
}

unsigned char *HMAC(const EVP_MD *type, const void *key, int key_size, const unsigned char *bytes, size_t n,
                    unsigned char *out, unsigned *out_size)
{
    return fails("hmac") ? NULL : REAL(HMAC)(type, key, key_size, bytes, n, out, out_size);
}

static mt_status sign(mt_error *err)
{
    static const mt_s3_pair host = { "host", "h" };
    static const mt_s3_keys keys = { "id", "secret", NULL };
    mt_s3_signature out;
    const mt_s3_to_sign get = { .method = "GET",
                                .region = "r",
                                .service = "s3",
                                .path = "/",
                                .header = &host,
                                .n_header = 1,
                                .payload = MT_S3_EMPTY_PAYLOAD };
    return mt_s3_sign(&get, &keys, &out, err);
}

static mt_status hash(mt_error *err)
{
    const mt_piece pieces[] = { { "a", 1 }, { "b", 1 } };
    char out[MT_S3_PAYLOAD_BYTES];
    return mt_s3_hash(pieces, 2, out, err);
}

/* Each call of a function fails in turn, and all failures are told. */
static void check_all(mt_status (*use)(mt_error *err), const char *name, mt_status status, const char *message,
                      unsigned least)
{
    for (fail_at = 0;; fail_at++) {
        mt_error err = MT_ERROR_INIT;
        failing = name;
        calls = 0;
        mt_status st = use(&err);
        failing = "";
        if (calls <= fail_at) {
            check_ok(st, &err);
            break;
        }
        assert_int_equal(st, status);
        assert_string_equal(err.message, message);
    }
    assert_true(fail_at >= least);
}

/* As it does with the rules of FIPS. */
static void no_md5(void **state)
{
    unsigned char out[MT_S3_MD5_BYTES];
    (void)state;
    assert_true(mt_s3_md5("", 0, out));
    assert_int_equal(out[0], 0xd4);
    failing = "digest";
    calls = fail_at = 0;
    assert_false(mt_s3_md5("", 0, out));
    failing = "";
}

static void failures(void **state)
{
    static const char no_hash[] = "SHA-256 failed";
    (void)state;
    check_all(sign, "new", MT_E_MEMORY, no_hash, 1);
    check_all(sign, "init", MT_E_MEMORY, no_hash, 1);
    check_all(sign, "update", MT_E_MEMORY, no_hash, 10);
    check_all(sign, "final", MT_E_MEMORY, no_hash, 1);
    check_all(sign, "hmac", MT_E_ARGUMENT, "the secret key is too long, or HMAC failed", 5);
    check_all(hash, "new", MT_E_MEMORY, no_hash, 1);
    check_all(hash, "init", MT_E_MEMORY, no_hash, 1);
    check_all(hash, "update", MT_E_MEMORY, no_hash, 2);
    check_all(hash, "final", MT_E_MEMORY, no_hash, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(failures), cmocka_unit_test(no_md5) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
