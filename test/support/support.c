/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

const char *data_path(const char *name)
{
    static char paths[8][1024];
    static int turn;
    char *path = paths[turn++ % 8];
    const char *root = getenv("MICROTOME_TEST_DATA");
    const char *source = getenv("MT_SOURCE_DIR");
    char fallback[900];
    if (!root || !*root) {
        snprintf(fallback, sizeof fallback, "%s/../shared/data", source ? source : ".");
        root = fallback;
    }
    struct stat st;
    if (stat(root, &st) != 0) {
        print_message("skipped: no test data at %s (set MICROTOME_TEST_DATA)\n", root);
        skip();
    }
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

void check_status_ok(mt_status status, const mt_error *err, const char *file, int line)
{
    if (status == MT_OK)
        return;
    print_error("%s: %s\n", mt_status_name(status), err ? err->message : "");
    _fail(file, line);
}

void check_status_failed(mt_status status, mt_status expected, const mt_error *err, const char *words, const char *file,
                         int line)
{
    if (status == expected && strstr(err->message, words))
        return;
    print_error("%s, not %s: \"%s\", which must have \"%s\"\n", mt_status_name(status), mt_status_name(expected),
                err->message, words);
    _fail(file, line);
}

uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

json_t *read_json(const char *name)
{
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    size_t size;
    const char *path = data_path(name);
    char *text = (char *)read_file(path, &size);
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_json_parse(&env, text, size, path, &json, &err), &err);
    free(text);
    return json;
}

/* The size of a block, stored before it. */
typedef union header {
    size_t size;
    max_align_t aligned;
} header;

static void *failing_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    failing_allocator *state = user;
    header *block = memory ? (header *)memory - 1 : NULL;
    assert_int_equal(old_size, block ? block->size : 0); /* the contract of mt_allocator */
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    size_t number = __atomic_fetch_add(&state->count, 1, __ATOMIC_RELAXED);
    if (number == state->fail_at || (state->forever && number > state->fail_at))
        return NULL;
    block = realloc(block, sizeof *block + new_size);
    if (!block)
        return NULL;
    block->size = new_size;
    return block + 1;
}

mt_allocator failing_allocator_make(failing_allocator *state, size_t fail_at, int forever)
{
    *state = (failing_allocator) { 0, fail_at, forever };
    return (mt_allocator) { failing_resize, state };
}

#ifdef MT_COVERAGE
void __gcov_dump(void); /* of libgcov */
#endif

_Noreturn void leave_child(int status)
{
#ifdef MT_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(state) % (uint64_t)(high - low + 1));
}
