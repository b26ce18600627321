/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets in buckets, with a server of the test that keeps objects in memory. Real servers: test/stores. */
#include "support/target.h"

#include "engine/context.h"
#include "store/s3/parts.h"
#include "support/bucket.h"
#include "write/journal.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = MOST_BUCKET_BYTES };

static http_server *server;
static mt_context *context;
static mt_target *target;

static int set_up(void **state)
{
    mt_context_options options = { .struct_size = sizeof options };
    mt_error err = MT_ERROR_INIT;
    (void)state;
    server = http_server_start("127.0.0.1", NULL, bucket_serve, NULL);
    options.s3 = (mt_s3_options) { .key_id = "AKIA", .secret = "s", .region = "us-east-1" };
    options.s3.endpoint = http_server_url(server);
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_target_open(&context->env, "s3://lab/out.zarr/", MT_SYNC_SHARDS, &target, &err), &err);
    return set_up_target(state);
}

static int tear_down(void **state)
{
    mt_target_close(target);
    mt_context_free(context);
    http_server_stop(server);
    bucket_reset();
    return tear_down_target(state);
}

static void objects_are_published_replaced_listed_and_removed(void **state)
{
    mt_error err = MT_ERROR_INIT;
    (void)state;
    assert_string_equal(mt_target_get_path(target), "s3://lab/out.zarr");
    assert_false(mt_target_has_files(target));
    publish_ok(target, "c/0/1", "the first");
    publish_ok(target, "c/0/2", "");
    publish_ok(target, "zarr.json", "{}");
    check_object(target, "c/0/1", "the first");
    publish_ok(target, "c/0/1", "another");
    check_object(target, "c/0/1", "another");
    check_object(target, "c/0/2", "");
    check_absent(target, "c/0/3");
    check_names(target, "", "c zarr.json ");
    check_names(target, "c/0", "1 2 ");
    check_names(target, "d", "");
    check_ok(mt_target_remove(target, "c/0/1", &err), &err);
    check_ok(mt_target_remove(target, "c/0/1", &err), &err);
    check_absent(target, "c/0/1");
    check_ok(mt_target_sync(target, &err), &err);
    check_ok(mt_target_sweep(target, &err), &err);
    assert_int_equal(strncmp(bucket.objects[0].path, "/lab/out.zarr/", 14), 0);
}

/* The header holds the SHA-256 of what arrived. */
static void bodies_arrive_whole_and_hashed(void **state)
{
    static char bytes[BYTES];
    mt_error err = MT_ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 31 + i / 1000);
    mt_piece pieces[] = { { bytes, 1 }, { NULL, 0 }, { bytes + 1, 600000 }, { bytes + 600001, BYTES - 600001 } };
    check_ok(mt_target_publish(target, "big", pieces, 4, &err), &err);
    const bucket_object *o = bucket_find("/lab/out.zarr/big");
    assert_non_null(o);
    assert_int_equal(o->size, BYTES);
    assert_memory_equal(o->bytes, bytes, BYTES);
    check_ok(mt_target_publish(target, "abc", &(mt_piece) { "abc", 3 }, 1, &err), &err);
    /* FIPS 180-2, B.1 */
    assert_string_equal(bucket.payload, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_ok(mt_target_publish(target, "none", NULL, 0, &err), &err);
    assert_string_equal(bucket.payload, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(bucket.length, "0"); /* servers ask for it */
    check_object(target, "none", "");
}

/* Pieces of any sizes, some of them empty, in parts of 100,000 bytes. */
static void large_objects_are_uploaded_in_parts(void **state)
{
    static char bytes[BYTES];
    static const size_t totals[] = { 99999, 100000, 100001, 199999, 200000, 900000, 1000003 };
    (void)state;
    mt_s3_target_set_sizes(target, 100000, 100000);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 31 + i / 1000);
    for (size_t t = 0; t < sizeof totals / sizeof *totals; t++) {
        mt_error err = MT_ERROR_INIT;
        size_t total = totals[t], third = total / 3;
        unsigned before = bucket.n_uploads, requests = http_server_requests(server);
        mt_piece pieces[] = { { NULL, 0 },
                              { bytes, third },
                              { bytes + third, 0 },
                              { bytes + third, 2 },
                              { bytes + third + 2, total - third - 2 } };
        check_ok(mt_target_publish(target, "big", pieces, 5, &err), &err);
        const bucket_object *o = bucket_find("/lab/out.zarr/big");
        assert_non_null(o);
        assert_int_equal(o->size, total);
        assert_memory_equal(o->bytes, bytes, total);
        assert_int_equal(bucket.n_uploads - before, total > 100000);
        /* for the begin, each part and the end; nothing is asked for again */
        assert_int_equal(http_server_requests(server) - requests, total > 100000 ? 2 + (total + 99999) / 100000 : 1);
    }
    assert_int_equal(bucket.n_given_up, 0);
}

/* Of an upload that fails, nothing is left, and the object is as before. */
static void an_upload_in_parts_fails_whole(void **state)
{
    static char bytes[900];
    static const struct {
        int fails;
        mt_status status;
        const char *words;
    } cases[] = { { 3, MT_E_IO, "s3://lab/out.zarr/big: the server answered 403 AccessDenied" },
                  { NO_ETAG, MT_E_CORRUPT, "part 1 no usable ETag" },
                  { BAD_ETAG, MT_E_CORRUPT, "part 1 no usable ETag" },
                  { NO_ID, MT_E_CORRUPT, "without an id" },
                  { FAILS_AT_LAST, MT_E_IO, "s3://lab/out.zarr/big: the server answered InvalidPart" },
                  { FORGETS, MT_E_IO, "s3://lab/out.zarr/big: the server answered 404 NoSuchUpload" },
                  { OTHER_ANSWER, MT_E_IO, "has not said that it has joined the parts" } };
    char words[sizeof bytes + 1] = "";
    (void)state;
    memset(words, 'b', sizeof bytes);
    publish_ok(target, "big", words);
    mt_s3_target_set_sizes(target, 100, 50);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        unsigned before = bucket.n_given_up;
        bucket.fails = cases[i].fails;
        assert_int_equal(mt_target_publish(target, "big", &(mt_piece) { bytes, sizeof bytes }, 1, &err),
                         cases[i].status);
        check_message(&err, cases[i].words);
        assert_int_equal(bucket.n_given_up - before, cases[i].fails != NO_ID);
        assert_int_equal(bucket.n_parts, 0);
        check_object(target, "big", words);
    }
    bucket.fails = 0;
}

static void the_answer_to_an_upload_in_parts_is_lost(void **state)
{
    static char bytes[900];
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    (void)state;
    mt_s3_target_set_sizes(target, 100, 100);
    bucket.lost_ends = 1;
    check_ok(mt_target_publish(target, "big", &(mt_piece) { bytes, sizeof bytes }, 1, &err), &err);
    assert_int_equal(bucket.lost_ends, 0);
    check_ok(mt_target_measure(target, "big", &size, &err), &err);
    assert_int_equal(size, sizeof bytes);
    bucket.fails = OTHER_ETAGS; /* which prove nothing */
    bucket.lost_ends = 1;
    assert_int_equal(mt_target_publish(target, "big", &(mt_piece) { bytes, sizeof bytes }, 1, &err), MT_E_IO);
    bucket.fails = 0;
}

/* The answer that joins parts is looked at only up to the end of the name of its document. */
static void outcomes_of_uploads(void **state)
{
    static const struct {
        const char *outcome;
        mt_status status;
    } cases[] = { { "<CompleteMultipartUploadResult>", MT_OK },
                  { "<CompleteMultipartUploadResult/>", MT_OK },
                  { "   <?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult xmlns=\"x\">", MT_OK },
                  { "<CompleteMultipartUploadResult", MT_E_IO },
                  { "<CompleteMultipartUploadResults>", MT_E_IO },
                  { "<CompleteMultipartUploadResul", MT_E_IO },
                  { " ", MT_E_IO },
                  { "", MT_E_IO } };
    static const char bytes[200];
    (void)state;
    mt_s3_target_set_sizes(target, 100, 100);
    bucket.fails = OTHER_ETAGS; /* so that the object proves nothing */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bucket.outcome = cases[i].outcome;
        mt_status st = mt_target_publish(target, "big", &(mt_piece) { bytes, sizeof bytes }, 1, NULL);
        if (st != cases[i].status)
            fail_msg("case %zu: %s", i, mt_status_name(st));
    }
}

static void ids_of_uploads(void **state)
{
    static const char bytes[200];
    (void)state;
    mt_s3_target_set_sizes(target, 100, 100);
    for (bucket.id_bytes = 1022; bucket.id_bytes <= 1023; bucket.id_bytes++) {
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_target_publish(target, "big", &(mt_piece) { bytes, sizeof bytes }, 1, &err);
        assert_int_equal(st, bucket.id_bytes == 1022 ? MT_OK : MT_E_CORRUPT);
    }
}

/* Another writer makes the object between our look and our PUT; its bytes tell whose it is. */
static void new_objects_of_others(void **state)
{
    static const struct {
        const char *rival;
        bool made;
    } cases[] = { { "two", false }, { "obe", false }, { "on", false }, { "ones", false },
                  { "", false },    { "one", true },  { GONE, false } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const mt_piece pieces[] = { { "o", 1 }, { NULL, 0 }, { "ne", 2 } };
        mt_error err = MT_ERROR_INIT;
        bool made;
        char key[16];
        snprintf(key, sizeof key, "new%zu", i);
        bucket.rival = cases[i].rival;
        check_ok(mt_target_make_new(target, key, pieces, 3, &made, &err), &err);
        if (made != cases[i].made)
            fail_msg("\"%s\"", cases[i].rival);
        if (strcmp(cases[i].rival, GONE) != 0)
            check_object(target, key, cases[i].rival);
    }
    bool made;
    bucket.rival = GONE;
    check_ok(mt_target_make_new(target, "empty", NULL, 0, &made, NULL), NULL);
    assert_false(made);
    bucket.rival = "";
    check_ok(mt_target_make_new(target, "empty", NULL, 0, &made, NULL), NULL);
    assert_true(made); /* nobody can tell whose it is */
}

static void requests_are_repeated(void **state)
{
    mt_error err = MT_ERROR_INIT;
    bool made;
    (void)state;
    bucket.busy = 2;
    publish_ok(target, "a", "text");
    bucket.lost = 1;
    publish_ok(target, "b", "text");
    check_object(target, "a", "text");
    check_object(target, "b", "text");
    bucket.conflicts = 1; /* of writers who replace: none waits for another */
    mt_error why = MT_ERROR_INIT;
    assert_int_equal(publish(target, "b", "text", &why), MT_E_IO);
    check_message(&why, "s3://lab/out.zarr/b: the server answered 409 ConditionalRequestConflict");
    bucket.conflicts = 1;
    check_ok(mt_target_make_new(target, "c", &(mt_piece) { "x", 1 }, 1, &made, &err), &err);
    assert_true(made);
    bucket.lost = 1; /* the second PUT finds the object of the first */
    check_ok(mt_target_make_new(target, "d", &(mt_piece) { "x", 1 }, 1, &made, &err), &err);
    assert_true(made);
    assert_int_equal(bucket.lost + bucket.conflicts + bucket.busy, 0);
}

static void new_objects_replace_nothing(void **state)
{
    (void)state;
    for (int ignores = 0; ignores < 2; ignores++) {
        mt_error err = MT_ERROR_INIT;
        bool made;
        char key[16];
        bucket.ignores_conditions = ignores;
        snprintf(key, sizeof key, "new%d", ignores);
        check_ok(mt_target_make_new(target, key, &(mt_piece) { "one", 3 }, 1, &made, &err), &err);
        assert_true(made);
        check_ok(mt_target_make_new(target, key, &(mt_piece) { "two", 3 }, 1, &made, &err), &err);
        assert_false(made);
        check_object(target, key, "one");
    }
    bucket.ignores_conditions = false;
}

static void refusals_are_told(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_target *other;
    uint64_t size;
    bool made;
    (void)state;
    bucket.refuses = 403;
    assert_int_equal(publish(target, "a", "text", &err), MT_E_IO);
    check_message(&err, "s3://lab/out.zarr/a: the server answered 403 AccessDenied");
    assert_int_equal(mt_target_make_new(target, "a", NULL, 0, &made, NULL), MT_E_IO);
    assert_int_equal(mt_target_measure(target, "a", &size, NULL), MT_E_IO);
    assert_int_equal(mt_target_remove(target, "a", NULL), MT_E_IO);
    mt_error_clear(&err);
    mt_piece huge[] = { { "", (size_t)5 << 40 }, { "", 1 } };
    assert_int_equal(mt_target_publish(target, "huge", huge, 1, &err), MT_E_IO); /* as large as may be */
    check_message(&err, "s3://lab/out.zarr/huge: the server answered 403 AccessDenied");
    bucket.refuses = 0;
    mt_error_clear(&err);
    assert_int_equal(mt_target_publish(target, "huge", huge, 2, &err), MT_E_UNSUPPORTED);
    check_message(&err, "5 TiB");
    check_message(&err, "smaller shards");
    mt_error_clear(&err);
    assert_int_equal(mt_target_open(&context->env, "s3://lab/a/../b", MT_SYNC_END, &other, &err), MT_E_ARGUMENT);
    assert_null(other);
    assert_int_equal(mt_target_open(&context->env, "s3://user@lab/a", MT_SYNC_END, &other, NULL), MT_E_ARGUMENT);
    assert_int_equal(publish(target, "../a", "text", NULL), MT_E_ARGUMENT);
}

static mt_status join_sized(void *user, const char *key, uint64_t size, mt_error *err)
{
    char *all = user;
    (void)err;
    snprintf(all + strlen(all), 200 - strlen(all), "%s %d, ", key, (int)size);
    return MT_OK;
}

static void one_listing_tells_all_sizes(void **state)
{
    char all[200] = "";
    mt_error err = MT_ERROR_INIT;
    (void)state;
    publish_ok(target, "0/c/1", "four");
    publish_ok(target, "0/c/2/3", "");
    publish_ok(target, "1/c/1", "x");
    publish_ok(target, "0/c2", "x");
    unsigned before = http_server_requests(server);
    assert_true(mt_target_lists_sizes(target));
    check_ok(mt_target_list_sizes(target, "0/c", join_sized, all, &err), &err);
    assert_string_equal(all, "1 4, 2/3 0, ");
    assert_int_equal(http_server_requests(server), before + 1);
    assert_int_equal(mt_target_list_sizes(target, "", join_sized, all, &err), MT_E_ARGUMENT);
}

static void many_objects_are_removed(void **state)
{
    static char names[MOST_OBJECTS][8];
    const char *keys[MOST_OBJECTS + 4];
    mt_error err = MT_ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < MOST_OBJECTS; i++) {
        snprintf(names[i], sizeof names[i], "a%zu", i);
        publish_ok(target, keys[i] = names[i], "x");
    }
    keys[MOST_OBJECTS] = "b"; /* does not exist */
    check_ok(mt_target_remove_all(target, keys + 1, MOST_OBJECTS, &err), &err);
    assert_int_equal(bucket.n, 1);
    check_object(target, "a0", "x");
    assert_int_equal(mt_target_remove_all(target, (const char *[]) { "a0", "../a" }, 2, &err), MT_E_ARGUMENT);
    bucket.refuses = 403;
    mt_error_clear(&err);
    assert_int_equal(mt_target_remove_all(target, keys, 1, &err), MT_E_IO);
    check_message(&err, "s3://lab/out.zarr/a0: the server answered 403 AccessDenied");
    assert_int_equal(bucket.n, 1);
}

static mt_status count(void *user, const mt_unit_record *record, mt_error *err)
{
    (void)err;
    *(uint64_t *)user += record->unit;
    return MT_OK;
}

static void journals_are_markers(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_journal *journal;
    uint64_t sum = 0, n_damaged;
    (void)state;
    check_ok(mt_journal_new(target, 7, &journal, &err), &err);
    for (uint64_t i = 1; i <= 5; i++)
        check_ok(mt_journal_add(journal, &(mt_unit_record) { .unit = i, .size = 10 }, &err), &err);
    check_ok(mt_journal_close(journal, &err), &err);
    check_ok(mt_journal_read(target, 7, false, count, &sum, &n_damaged, &err), &err);
    assert_int_equal(sum, 15);
    assert_int_equal(n_damaged, 0);
    check_ok(mt_journal_remove(target, &err), &err);
    assert_int_equal(bucket.n, 0);
}

typedef struct seen_units {
    uint64_t next, largest_memory;
} seen_units;

static mt_status expect_next(void *user, const mt_unit_record *record, mt_error *err)
{
    seen_units *seen = user;
    (void)err;
    assert_int_equal(record->unit, seen->next++);
    uint64_t now = context->env.memory_bytes;
    seen->largest_memory = now > seen->largest_memory ? now : seen->largest_memory;
    return MT_OK;
}

/* More pages than a listing may have whose names are kept; the memory is that of one page. */
static void a_journal_of_any_size_is_read(void **state)
{
    static const int pages[] = { 2, 4200 };
    uint64_t memory[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        mt_error err = MT_ERROR_INIT;
        seen_units seen = { 0 };
        uint64_t n_damaged;
        bucket.pages = pages[i];
        check_ok(mt_journal_read(target, 7, false, expect_next, &seen, &n_damaged, &err), &err);
        assert_int_equal(seen.next, (uint64_t)pages[i] * (MARKERS - 1) + 1);
        assert_int_equal(n_damaged, 0);
        memory[i] = seen.largest_memory;
    }
    bucket.pages = 0;
    assert_true(memory[1] <= memory[0] + 1024);
}

enum { SIDE = 5, N_UNITS = SIDE * SIDE };

/* An image of one pixel for each unit. */
static mt_writer *open_writer(void)
{
    static const int64_t shape[] = { SIDE, SIDE }, chunk[] = { 1, 1 };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = shape,
                                        .dtype = MT_UINT8,
                                        .chunk_shape = chunk,
                                        .codec = "none" };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(context, "s3://lab/w.zarr", &options, &w, &err), &err);
    return w;
}

static void remove_markers(size_t n)
{
    for (size_t i = bucket.n; i-- > 0 && n > 0;)
        if (strstr(bucket.objects[i].path, "/unit-")) {
            free(bucket.objects[i].bytes);
            bucket.objects[i] = bucket.objects[--bucket.n];
            n--;
        }
}

/* Continuing and finishing ask for no unit by itself. */
static void units_are_listed(void **state)
{
    static uint8_t pixels[N_UNITS];
    mt_error err = MT_ERROR_INIT;
    const mt_writer_box box = { .start = (int64_t[]) { 0, 0 }, .extent = (int64_t[]) { SIDE, SIDE }, .data = pixels };
    const mt_finish_options options = { .struct_size = sizeof options, .all_required = 1 };
    mt_writer_progress now = { .struct_size = sizeof now };
    (void)state;
    for (int i = 0; i < N_UNITS; i++)
        pixels[i] = (uint8_t)(i + 1);
    mt_writer *w = open_writer();
    check_ok(mt_writer_put(w, &box, &err), &err);
    check_ok(mt_writer_flush(w, &err), &err);
    mt_writer_close(w);
    bucket_object *lost = bucket_find("/lab/w.zarr/0/c/1/2"), *cut = bucket_find("/lab/w.zarr/0/c/3/3");
    *strrchr(lost->path, '2') = 'x'; /* a name that is none of a unit */
    cut->size = 0;
    unsigned before = http_server_requests(server);
    w = open_writer();
    assert_true(http_server_requests(server) - before < N_UNITS / 2);
    check_ok(mt_writer_get_progress(w, &now, &err), &err);
    assert_true(now.n_resumed == N_UNITS - 2 && now.n_lost == 2 && now.bytes_published == N_UNITS - 2);
    check_ok(mt_writer_put(w, &box, &err), &err);
    check_ok(mt_writer_flush(w, &err), &err);
    mt_writer_close(w);
    remove_markers(N_UNITS - 4);
    w = open_writer();
    check_ok(mt_writer_get_progress(w, &now, &err), &err);
    assert_true(now.n_resumed < 6);
    before = http_server_requests(server);
    check_ok(mt_writer_finish(w, NULL, &err), &err); /* whose objects are whole, whatever the journal lacks */
    assert_true(http_server_requests(server) - before < N_UNITS - 6); /* the units that it lacks */
    check_ok(mt_writer_get_progress(w, &now, &err), &err);
    assert_int_equal(now.n_done, N_UNITS);
    check_ok(mt_writer_finish(w, &options, &err), &err);
    mt_writer_close(w);
    for (size_t i = 0; i < bucket.n; i++)
        assert_null(strstr(bucket.objects[i].path, ".microtome"));
}

/* Claims that others hold, and one of which nothing is heard. */
static void units_are_shared_by_claims(void **state)
{
    static const int64_t shape[] = { 3, 3 }, chunk[] = { 1, 1 };
    static const uint8_t pixels[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = shape,
                                        .dtype = MT_UINT8,
                                        .chunk_shape = chunk,
                                        .codec = "none" };
    const mt_copy_options shared = { .struct_size = sizeof shared, .lease = 1 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    mt_writer *w;
    (void)state;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", shape, NULL, "array", &stack, &err), &err);
    check_ok(mt_writer_create(context, "s3://lab/out.zarr", &options, &w, &err), &err);
    publish_ok(target, ".microtome/claim-4.0", "elsewhere 0 0 0 77 0 1\n");
    check_ok(mt_writer_copy(w, stack, &shared, &err), &err);
    check_object(target, "0/c/1/1", "\5");
    assert_non_null(bucket_find("/lab/out.zarr/.microtome/claim-4.1"));
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    mt_stack_close(stack);
    for (size_t i = 0; i < bucket.n; i++)
        assert_null(strstr(bucket.objects[i].path, ".microtome"));
}

static void images_of_a_collection_are_looked_for_at_once(void **state)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    const mt_collection_options options = {
        .struct_size = sizeof options, .n_images = 4, .kind = "labels", .names = names
    };
    mt_error err = MT_ERROR_INIT;
    (void)state;
    check_ok(mt_collection_begin(context, "s3://lab/out.zarr", &options, &err), &err);
    publish_ok(target, "a/zarr.json", "{}");
    publish_ok(target, "b/zarr.json", "{}");
    publish_ok(target, "d/zarr.json", "{}");
    assert_int_equal(mt_collection_finish(context, "s3://lab/out.zarr", &options, &err), MT_E_NOT_FOUND);
    check_message(&err, "s3://lab/out.zarr/c is missing");
    publish_ok(target, "c/zarr.json", "{}");
    publish_ok(target, "d/.microtome/plan.json", "{}");
    mt_error_clear(&err);
    assert_int_equal(mt_collection_finish(context, "s3://lab/out.zarr", &options, &err), MT_E_ARGUMENT);
    check_message(&err, "s3://lab/out.zarr/d is unfinished");
    check_ok(mt_target_remove(target, "d/.microtome/plan.json", &err), &err);
    bucket.together = 8;
    check_ok(mt_collection_finish(context, "s3://lab/out.zarr", &options, &err), &err);
    assert_false(bucket.were_alone);
}

static void long_keys_are_refused(void **state)
{
    char key[4000];
    mt_error err = MT_ERROR_INIT;
    (void)state;
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    assert_int_equal(mt_target_publish(target, key, &(mt_piece) { "x", 1 }, 1, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "the key is too long: s3://lab/out.zarr"));
    assert_int_equal(bucket.n, 0);
    for (size_t n = 1355; n <= 1356; n++) { /* the name in the bucket has 9 more; of its URL, it is the end */
        key[n] = 0;
        mt_error_clear(&err);
        assert_int_equal(mt_target_publish(target, key, &(mt_piece) { "x", 1 }, 1, &err), MT_E_ARGUMENT);
        assert_int_equal(strncmp(err.message, "the key is too long: ", 21) == 0, n == 1356);
        key[n] = 'k';
    }
    key[1350] = 0;
    publish_ok(target, key, "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_are_published_replaced_listed_and_removed),
        TEST(bodies_arrive_whole_and_hashed),
        TEST(large_objects_are_uploaded_in_parts),
        TEST(an_upload_in_parts_fails_whole),
        TEST(the_answer_to_an_upload_in_parts_is_lost),
        TEST(outcomes_of_uploads),
        TEST(ids_of_uploads),
        TEST(new_objects_of_others),
        TEST(requests_are_repeated),
        TEST(new_objects_replace_nothing),
        TEST(refusals_are_told),
        TEST(journals_are_markers),
        TEST(a_journal_of_any_size_is_read),
        TEST(one_listing_tells_all_sizes),
        TEST(many_objects_are_removed),
        TEST(images_of_a_collection_are_looked_for_at_once),
        TEST(units_are_listed),
        TEST(units_are_shared_by_claims),
        TEST(long_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
