/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals: what was added is read back, by any number of writers, and whatever is damaged counts as not done. */
#include "write/journal.h"

#include "codec/codec.h"
#include "platform/file.h"
#include "platform/thread.h"
#include "support/target.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PLAN = 0x1234, RECORDS = 5, MOST = 20000, HEAD = 32, SLOT = 32 };

static int refused_write = -1, refused_sync = -1; /* the number of the call that fails with ENOSPC or EIO */

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

ssize_t pwritev(int handle, const struct iovec *parts, int n, off_t offset)
{
    if (refused_write >= 0 && refused_write-- == 0) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(pwritev)(handle, parts, n, offset);
}

int fsync(int handle)
{
    if (refused_sync >= 0 && refused_sync-- == 0) {
        errno = EIO;
        return -1;
    }
    return REAL(fsync)(handle);
}

/* All that a reading visits. */
typedef struct found {
    mt_unit_record records[MOST];
    size_t n;
    uint64_t n_damaged;
} found;

static found result;

static mt_status take(void *user, const mt_unit_record *record, mt_error *err)
{
    found *f = user;
    if (f->n == MOST)
        return mt_fail(err, MT_E_LIMIT, "too many records");
    f->records[f->n++] = *record;
    return MT_OK;
}

static int compare_units(const void *a, const void *b)
{
    uint64_t x = ((const mt_unit_record *)a)->unit, y = ((const mt_unit_record *)b)->unit;
    return (x > y) - (x < y);
}

/* Reads into result, sorted by unit. */
static void read_all(mt_target *target)
{
    mt_error err = MT_ERROR_INIT;
    result.n = 0;
    check_ok(mt_journal_read(target, PLAN, false, take, &result, &result.n_damaged, &err), &err);
    if (result.n > 0)
        qsort(result.records, result.n, sizeof *result.records, compare_units);
}

static mt_unit_record record_of(uint64_t unit)
{
    bool empty = unit % 5 == 0;
    return (mt_unit_record) { unit, empty ? 0 : unit << 33 | 7, empty ? 0 : (uint32_t)unit * 2654435761u,
                              empty ? MT_UNIT_EMPTY : 0 };
}

static void check_record(const mt_unit_record *r, uint64_t unit, uint32_t more_flags)
{
    mt_unit_record expected = record_of(unit);
    assert_int_equal(r->unit, unit);
    assert_true(r->size == expected.size);
    assert_int_equal(r->crc, expected.crc);
    assert_int_equal(r->flags, expected.flags | more_flags);
}

static mt_journal *open_journal(mt_target *target)
{
    mt_error err = MT_ERROR_INIT;
    mt_journal *journal;
    check_ok(mt_journal_new(target, PLAN, &journal, &err), &err);
    return journal;
}

static void add_units(mt_journal *journal, uint64_t first, uint64_t n)
{
    mt_error err = MT_ERROR_INIT;
    for (uint64_t i = first; i < first + n; i++) {
        mt_unit_record record = record_of(i);
        check_ok(mt_journal_add(journal, &record, &err), &err);
    }
}

static void write_units(mt_target *target, uint64_t first, uint64_t n)
{
    mt_error err = MT_ERROR_INIT;
    mt_journal *journal = open_journal(target);
    add_units(journal, first, n);
    check_ok(mt_journal_close(journal, &err), &err);
}

static mt_status take_name(void *user, const char *name, mt_error *err)
{
    (void)err;
    if (strncmp(name, "journal-", 8) == 0)
        snprintf(user, 256, "%s/%s", MT_JOURNAL_FOLDER, name);
    return MT_OK;
}

/* The path of the only journal of a target. */
static const char *journal_path(mt_target *target)
{
    static char path[MT_PATH_BYTES];
    char key[256] = "";
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_target_list(target, MT_JOURNAL_FOLDER, take_name, key, &err), &err);
    check_ok(mt_target_get_file(target, key, path, &err), &err);
    return path;
}

static void replace_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void the_journals_of_all_writers_are_united(void **state)
{
    (void)state;
    for (mt_sync sync = MT_SYNC_SHARDS; sync <= MT_SYNC_NONE; sync++) {
        char name[32];
        mt_error err = MT_ERROR_INIT;
        snprintf(name, sizeof name, "united%d", (int)sync);
        mt_target *target = open_target(name, sync);
        read_all(target);
        assert_int_equal(result.n, 0);
        mt_journal *a = open_journal(target), *b = open_journal(target);
        add_units(a, 0, 3);
        add_units(b, 3, 3000);
        add_units(a, 3003, 1);
        read_all(target); /* while they are at work */
        assert_int_equal(result.n, 3004);
        check_ok(mt_journal_close(a, &err), &err);
        check_ok(mt_journal_close(b, &err), &err);
        write_units(target, 3004, 1);
        write_units(target, 3004, 1); /* done twice */
        read_all(target);
        assert_int_equal(result.n, 3006);
        assert_int_equal(result.n_damaged, 0);
        for (uint64_t i = 0; i < 3006; i++)
            check_record(&result.records[i], i < 3005 ? i : 3004, sync == MT_SYNC_SHARDS ? MT_UNIT_SYNCED : 0);
        assert_int_equal(count_files(name), 4);
        mt_target_close(target);
    }
    check_ok(mt_journal_close(NULL, NULL), NULL);
}

/* A journal of five units, and its bytes, which the caller frees. */
static mt_target *make_five(const char *name, uint8_t **bytes, size_t *size)
{
    mt_target *target = open_target(name, MT_SYNC_NONE);
    write_units(target, 1, RECORDS);
    *bytes = read_file(journal_path(target), size);
    assert_int_equal(*size, HEAD + RECORDS * SLOT);
    return target;
}

static void a_journal_cut_at_any_byte(void **state)
{
    uint8_t *bytes;
    size_t size;
    mt_target *target = make_five("cut", &bytes, &size);
    (void)state;
    for (size_t n = 0; n <= size; n++) {
        replace_file(journal_path(target), bytes, n);
        read_all(target);
        assert_int_equal(result.n, n < HEAD ? 0 : (n - HEAD) / SLOT);
        assert_int_equal(result.n_damaged, n < HEAD || n % SLOT != 0);
        for (size_t i = 0; i < result.n; i++)
            check_record(&result.records[i], i + 1, 0);
    }
    free(bytes);
    mt_target_close(target);
}

/* Only the record with the byte is lost; all, if it belongs to the head. */
static void a_journal_with_any_byte_changed(void **state)
{
    static const uint8_t changes[] = { 0x01, 0x80, 0xff };
    uint8_t *bytes;
    size_t size;
    mt_target *target = make_five("flipped", &bytes, &size);
    (void)state;
    for (size_t at = 0; at < size; at++)
        for (size_t c = 0; c < sizeof changes; c++) {
            bytes[at] ^= changes[c];
            replace_file(journal_path(target), bytes, size);
            bytes[at] ^= changes[c];
            read_all(target);
            assert_int_equal(result.n, at < HEAD ? 0 : RECORDS - 1);
            assert_int_equal(result.n_damaged, 1);
            size_t lost = at < HEAD ? RECORDS : at / SLOT - 1;
            for (size_t i = 0; i < result.n; i++)
                check_record(&result.records[i], i + 1 + (i >= lost), 0);
        }
    free(bytes);
    mt_target_close(target);
}

/* After a power cut any slots may be zeros, and blocks may belong to another file. */
static void a_record_counts_only_in_its_place(void **state)
{
    uint8_t *bytes;
    size_t size;
    mt_target *target = make_five("places", &bytes, &size);
    (void)state;
    memset(bytes + HEAD + SLOT, 0, 2 * SLOT);
    memcpy(bytes + HEAD + 3 * SLOT, bytes + HEAD, SLOT);
    replace_file(journal_path(target), bytes, size);
    read_all(target);
    assert_int_equal(result.n, 2);
    assert_int_equal(result.n_damaged, 3);
    check_record(&result.records[0], 1, 0);
    check_record(&result.records[1], 5, 0);
    free(bytes);
    mt_target_close(target);
}

/* While a writer is at work, what is not written yet is no damage: zeros before later slots, or a part of the last. */
static void a_journal_that_grows(void **state)
{
    static const struct {
        size_t from, zeros, size; /* bytes */
        uint64_t damaged, growing;
    } cases[] = {
        { 0, 0, HEAD + RECORDS * SLOT, 0, 0 },
        { HEAD + SLOT, SLOT, HEAD + RECORDS * SLOT, 1, 0 },
        { HEAD + SLOT, 3 * SLOT, HEAD + RECORDS * SLOT, 3, 0 },
        { HEAD + 4 * SLOT, SLOT, HEAD + RECORDS * SLOT, 1, 0 },
        { HEAD + SLOT, SLOT - 1, HEAD + RECORDS * SLOT, 1, 1 },
        { HEAD + SLOT + 1, SLOT, HEAD + RECORDS * SLOT, 2, 2 },
        { 0, 0, HEAD + RECORDS * SLOT - 1, 1, 0 },
        { 0, 0, HEAD + 2 * SLOT + 1, 1, 0 },
        { 0, HEAD, HEAD + RECORDS * SLOT, 1, 0 },
        { 0, HEAD - 1, HEAD + RECORDS * SLOT, 1, 1 },
        { 0, 0, HEAD - 1, 1, 0 },
        { 0, 0, 0, 1, 0 },
    };
    uint8_t *bytes;
    size_t size;
    mt_target *target = make_five("growing", &bytes, &size);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t spoiled[HEAD + RECORDS * SLOT];
        uint64_t n_damaged;
        mt_error err = MT_ERROR_INIT;
        memcpy(spoiled, bytes, size);
        memset(spoiled + cases[i].from, 0, cases[i].zeros);
        replace_file(journal_path(target), spoiled, cases[i].size);
        read_all(target);
        assert_int_equal(result.n_damaged, cases[i].damaged);
        result.n = 0;
        check_ok(mt_journal_read(target, PLAN, true, take, &result, &n_damaged, &err), &err);
        if (n_damaged != cases[i].growing)
            fail_msg("journal %zu: %d slots are damaged", i, (int)n_damaged);
    }
    free(bytes);
    mt_target_close(target);
}

/* Changes a number in the head and its checksum. */
static void change_head(uint8_t *bytes, size_t at, uint8_t value)
{
    bytes[at] = value;
    uint32_t crc = mt_crc32c(bytes, 28);
    for (int i = 0; i < 4; i++)
        bytes[28 + i] = (uint8_t)(crc >> 8 * i);
}

static void a_journal_of_something_else_is_refused(void **state)
{
    uint8_t *bytes;
    size_t size;
    uint64_t n_damaged;
    mt_target *target = make_five("others", &bytes, &size);
    const char *path = journal_path(target), *name = strrchr(path, '/');
    (void)state;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_journal_read(target, PLAN + 1, false, take, &result, &n_damaged, &err), MT_E_ARGUMENT);
    check_message(&err, name);
    check_message(&err, "another request");
    mt_error_clear(&err);
    change_head(bytes, 8, 2);
    replace_file(path, bytes, size);
    assert_int_equal(mt_journal_read(target, PLAN, false, take, &result, &n_damaged, &err), MT_E_UNSUPPORTED);
    check_message(&err, name);
    change_head(bytes, 8, 1);
    change_head(bytes, 16, 0x35); /* the records are those of PLAN */
    replace_file(path, bytes, size);
    assert_int_equal(mt_journal_read(target, (PLAN & ~0xff) | 0x35, false, take, &result, &n_damaged, NULL), MT_OK);
    assert_int_equal(n_damaged, RECORDS);
    replace_file(path, (const uint8_t *)"Dear diary, today was a long day, and nothing happened.", 55);
    read_all(target);
    assert_int_equal(result.n, 0);
    assert_int_equal(result.n_damaged, 1);
    free(bytes);
    mt_target_close(target);
}

static void journals_are_removed_and_nothing_else(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("remove", MT_SYNC_NONE);
    (void)state;
    check_ok(mt_journal_remove(target, &err), &err);
    publish_ok(target, ".microtome/plan.json", "{}");
    publish_ok(target, "journal-1", "");
    write_units(target, 0, 2);
    write_units(target, 2, 2);
    assert_int_equal(count_files("remove"), 4);
    check_ok(mt_journal_remove(target, &err), &err);
    check_names(target, MT_JOURNAL_FOLDER, "plan.json ");
    assert_int_equal(count_files("remove"), 2);
    read_all(target);
    assert_int_equal(result.n, 0);
    mt_target_close(target);
}

/* A slot that could not be written is lost, and no other. */
static void writes_that_fail(void **state)
{
    mt_target *target = open_target("full", MT_SYNC_SHARDS);
    mt_unit_record record = record_of(2);
    mt_error err = MT_ERROR_INIT;
    mt_journal *journal;
    (void)state;
    refused_write = 0;
    assert_int_equal(mt_journal_new(target, PLAN, &journal, &err), MT_E_IO);
    check_message(&err, "free some space");
    assert_int_equal(count_files("full"), 0);
    journal = open_journal(target);
    add_units(journal, 1, 1);
    refused_write = 0;
    assert_int_equal(mt_journal_add(journal, &record, NULL), MT_E_IO);
    add_units(journal, 3, 1);
    refused_sync = 0;
    mt_error_clear(&err);
    assert_int_equal(mt_journal_close(journal, &err), MT_E_IO);
    check_message(&err, "/.microtome/journal-");
    read_all(target);
    assert_int_equal(result.n, 2);
    assert_int_equal(result.n_damaged, 1);
    check_record(&result.records[0], 1, MT_UNIT_SYNCED);
    check_record(&result.records[1], 3, MT_UNIT_SYNCED);
    mt_target_close(target);
}

static mt_status refuse_record(void *user, const mt_unit_record *record, mt_error *err)
{
    ++*(int *)user;
    return mt_fail(err, MT_E_CANCELLED, "unit %d", (int)record->unit);
}

static void a_visit_that_fails_ends_the_reading(void **state)
{
    uint8_t *bytes;
    size_t size;
    uint64_t n_damaged;
    int calls = 0;
    mt_error err = MT_ERROR_INIT;
    mt_target *target = make_five("stopped", &bytes, &size);
    (void)state;
    assert_int_equal(mt_journal_read(target, PLAN, false, refuse_record, &calls, &n_damaged, &err), MT_E_CANCELLED);
    check_message(&err, "unit 1");
    assert_int_equal(calls, 1);
    free(bytes);
    mt_target_close(target);
}

static void journals_without_memory(void **state)
{
    size_t failures = 0;
    (void)state;
    for (;; failures++) {
        failing_allocator memory;
        mt_allocator allocator = failing_allocator_make(&memory, SIZE_MAX, 0);
        mt_error err = MT_ERROR_INIT;
        mt_env poor;
        mt_target *target;
        mt_journal *journal = NULL;
        char name[32];
        mt_env_init(&poor, &allocator, NULL);
        snprintf(name, sizeof name, "poor%zu", failures);
        check_ok(mt_target_open(&poor, temporary_path(name), MT_SYNC_NONE, &target, &err), &err);
        memory.fail_at = memory.count + failures;
        mt_status st = mt_journal_new(target, PLAN, &journal, &err);
        if (!st)
            st = mt_journal_close(journal, &err);
        result.n = 0;
        if (!st)
            st = mt_journal_read(target, PLAN, false, take, &result, &result.n_damaged, &err);
        if (!st)
            st = mt_journal_remove(target, &err);
        mt_target_close(target);
        assert_int_equal(poor.memory_bytes, 0);
        if (!st)
            break;
        assert_int_equal(st, MT_E_MEMORY);
    }
    assert_true(failures > 4);
}

/* As in an object store: records are empty objects. */
static mt_target_ops fileless;

static mt_target *open_fileless(const char *name)
{
    mt_target *target = open_target(name, MT_SYNC_NONE);
    fileless = *target->ops;
    fileless.get_file = NULL;
    fileless.create_file = NULL;
    target->ops = &fileless;
    return target;
}

static void records_where_nothing_grows(void **state)
{
    static const char *const damaged[] = {
        "unit-", "unit-0000000000001234-0000000000000001-0000000000000001-00000001-0000000",
        "unit-0000000000001234-0000000000000001-0000000000000001-00000001-00000002x",
        "unit-0000000000001234-000000000000000A-0000000000000001-00000001-00000002",
        "unit-0000000000001234_0000000000000001-0000000000000001-00000001-00000002"
    };
    mt_error err = MT_ERROR_INIT;
    uint64_t n_damaged;
    mt_target *target = open_fileless("markers");
    char path[MT_PATH_BYTES], key[256];
    (void)state;
    assert_int_equal(mt_target_get_file(target, "a", path, &err), MT_E_UNSUPPORTED);
    check_message(&err, "only a file in a folder can grow");
    mt_error_clear(&err);
    write_units(target, 0, 20);
    write_units(target, 19, 20);
    assert_int_equal(count_files("markers"), 39);
    read_all(target);
    assert_int_equal(result.n, 39);
    assert_int_equal(result.n_damaged, 0);
    for (uint64_t i = 0; i < 39; i++)
        check_record(&result.records[i], i, MT_UNIT_SYNCED);
    assert_int_equal(mt_journal_read(target, PLAN + 1, false, take, &result, &n_damaged, &err), MT_E_ARGUMENT);
    check_message(&err, "/.microtome/unit-0000000000001234-0000000000000000-");
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        snprintf(key, sizeof key, "%s/%s", MT_JOURNAL_FOLDER, damaged[i]);
        publish_ok(target, key, "");
    }
    publish_ok(target, ".microtome/journal-x", "no file here");
    read_all(target);
    assert_int_equal(result.n, 39);
    assert_int_equal(result.n_damaged, sizeof damaged / sizeof *damaged);
    check_ok(mt_journal_remove(target, &err), &err);
    check_names(target, MT_JOURNAL_FOLDER, "");
    mt_target_close(target);
}

enum { THREADS = 8, EACH = 500 };

typedef struct adder {
    mt_thread thread;
    mt_journal *journal;
    uint64_t first;
    mt_status status;
} adder;

static void add_many(void *argument)
{
    adder *a = argument;
    for (uint64_t i = 0; !a->status && i < EACH; i++) {
        mt_unit_record record = record_of(a->first + i);
        a->status = mt_journal_add(a->journal, &record, NULL);
    }
}

static void many_threads_add(void **state)
{
    static adder adders[THREADS];
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("threads", MT_SYNC_NONE);
    mt_journal *journal = open_journal(target);
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (adder) { .journal = journal, .first = (uint64_t)i * EACH };
        check_ok(mt_thread_start(&adders[i].thread, add_many, &adders[i], NULL), NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        mt_thread_join(&adders[i].thread);
        assert_int_equal(adders[i].status, MT_OK);
    }
    check_ok(mt_journal_close(journal, &err), &err);
    read_all(target);
    assert_int_equal(result.n, THREADS * EACH);
    assert_int_equal(result.n_damaged, 0);
    for (uint64_t i = 0; i < result.n; i++)
        check_record(&result.records[i], i, 0);
    mt_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_TEST(the_journals_of_all_writers_are_united),
        TARGET_TEST(a_journal_cut_at_any_byte),
        TARGET_TEST(a_journal_with_any_byte_changed),
        TARGET_TEST(a_record_counts_only_in_its_place),
        TARGET_TEST(a_journal_that_grows),
        TARGET_TEST(a_journal_of_something_else_is_refused),
        TARGET_TEST(journals_are_removed_and_nothing_else),
        TARGET_TEST(writes_that_fail),
        TARGET_TEST(a_visit_that_fails_ends_the_reading),
        TARGET_TEST(journals_without_memory),
        TARGET_TEST(records_where_nothing_grows),
        TARGET_TEST(many_threads_add),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
