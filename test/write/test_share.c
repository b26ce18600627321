/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies that share their units with other processes, by claims. The other processes are files here; real ones are killed
 * in test/cli/kill_test.py. */
#include "base/number.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "support/contract.h"
#include "support/folder.h"
#include "support/outputs.h"
#include "write/journal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 60, CHUNK = 20, N_CHUNKS = 9 };
static const int64_t shape[2] = { SIDE, SIDE }, chunk[2] = { CHUNK, CHUNK };

static mt_writer *begin_with(mt_context *context, const char *path, int shards)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_options options = { .struct_size = sizeof options,
                                  .axes = "YX",
                                  .shape = shape,
                                  .dtype = MT_UINT16,
                                  .chunk_shape = chunk,
                                  .shard_shape = shards ? shape : NULL,
                                  .durability = MT_DURABLE_NEVER };
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    return w;
}

static mt_writer *begin(const char *path) { return begin_with(NULL, path, 0); }

/* An image in a file, so that copies ask before each chunk whether to go on. */
static mt_stack *make_source(void)
{
    static uint16_t pixels[SIDE * SIDE];
    const char *path = temporary_path("source.zarr");
    const int64_t zero[2] = { 0, 0 };
    mt_writer_box all = { .start = zero, .extent = shape, .data = pixels };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint16_t)(i * 7 + 1);
    remove_tree(path);
    mt_writer *w = begin(path);
    check_ok(mt_writer_put(w, &all, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    return stack;
}

static void check_finished(mt_writer *w, mt_stack *source, const char *path)
{
    mt_stack *found;
    mt_checksum a, b;
    mt_error err = MT_ERROR_INIT;
    const mt_finish_options all = { .struct_size = sizeof all, .all_required = 1 };
    check_ok(mt_writer_finish(w, &all, &err), &err);
    mt_writer_close(w);
    assert_false(path_exists(path, "/.microtome")); /* nor claims */
    check_ok(mt_stack_open(NULL, path, NULL, &found, &err), &err);
    check_ok(mt_stack_checksum(source, NULL, &a, &err), &err);
    check_ok(mt_stack_checksum(found, NULL, &b, &err), &err);
    assert_string_equal(a.text, b.text);
    mt_stack_close(found);
    remove_tree(path);
}

/* --- Claims of others. --- */

#define ELSEWHERE "elsewhere 0 0 0 77 0 " /* and how often it was renewed */
#define NOBODY "- 0 0 0 0 0 0\n"

static void write_claim(const char *name, const char *text)
{
    char key[64];
    snprintf(key, sizeof key, "shared.zarr/.microtome/%s", name);
    write_temporary_text(key, text);
}

static void claim_for(unsigned unit, const char *text)
{
    char name[32];
    snprintf(name, sizeof name, "claim-%u.0", unit);
    write_claim(name, text);
}

static bool is_claimed(unsigned unit, unsigned number)
{
    char suffix[64];
    snprintf(suffix, sizeof suffix, "/.microtome/claim-%u.%u", unit, number);
    return path_exists(temporary_path("shared.zarr"), suffix);
}

/* A process of another machine, which renews its claim until a moment. */
typedef struct other {
    uint64_t until; /* of mt_clock_ns; 0: never */
    int beat;
    uint64_t most; /* units that were done while it was at work */
    mt_writer *w;
} other;

static int renew_other(void *user)
{
    other *o = user;
    char text[64];
    if (mt_clock_ns() >= o->until)
        return 0;
    snprintf(text, sizeof text, ELSEWHERE "%d\n", ++o->beat);
    write_claim("claim-4.0", text);
    o->most = progress_of(o->w).n_done;
    return 0;
}

/* Units of another machine's process are left to it as long as it renews its claim, and for a lease after that. */
static void a_silent_process_is_taken_for_dead(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    for (int renews = 0; renews < 2; renews++) {
        mt_writer *w = begin(path);
        uint64_t start = mt_clock_ns(), renewed = renews ? 1200 : 0;
        other o = { .until = renews ? start + renewed * 1000000 : 0, .w = w };
        mt_copy_options options = { .struct_size = sizeof options, .lease = 1, .cancelled = renew_other, .user = &o };
        write_claim("claim-4.0", ELSEWHERE "0\n");
        check_ok(mt_writer_copy(w, source, &options, &err), &err);
        assert_true(mt_clock_ns() - start >= (renewed + 990) * 1000000);
        assert_true(!renews || o.most == N_CHUNKS - 1);
        assert_true(is_claimed(4, 1));
        assert_int_equal(progress_of(w).n_done, N_CHUNKS);
        check_finished(w, source, path);
    }
    mt_stack_close(source);
}

/* A claim that was given back counts no more. */
static void nobody_is_not_waited_for(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    mt_copy_options options = { .struct_size = sizeof options, .lease = 1e8 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    mt_writer *w = begin(path);
    write_claim("claim-3.0", NOBODY);
    write_claim("claim-4.0", NOBODY);
    check_ok(mt_writer_copy(w, source, &options, &err), &err);
    assert_true(is_claimed(3, 1) && is_claimed(4, 1));
    mt_writer_close(w);
    w = begin(path); /* all is done: nothing is claimed */
    check_ok(mt_writer_copy(w, source, &options, &err), &err);
    assert_false(is_claimed(0, 1));
    check_finished(w, source, path);
    mt_stack_close(source);
}

/* A claim that cannot be read, because it is being made or its host name is too long, counts for a lease. So does one of
 * a process on another machine of the same name. */
static void what_is_not_known_counts_for_a_lease(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    char namesake[160], long_name[160];
    mt_copy_options options = { .struct_size = sizeof options, .lease = 1 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    mt_process own;
    mt_process_get(&own);
    snprintf(namesake, sizeof namesake, "%s 0 1 %lld 99999999 1 0\n", own.host, (long long)own.space);
    snprintf(long_name, sizeof long_name, "%0*d 0 0 0 77 0 0\n", (int)sizeof own.host, 0);
    const char *const texts[] = { "", "elsewhere 0\n", namesake, long_name };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mt_writer *w = begin(path);
        uint64_t start = mt_clock_ns();
        claim_for(4, texts[i]);
        check_ok(mt_writer_copy(w, source, &options, &err), &err);
        assert_true(mt_clock_ns() - start >= UINT64_C(990000000));
        assert_true(is_claimed(4, 1));
        check_finished(w, source, path);
    }
    mt_stack_close(source);
}

/* --- A process that was asleep. --- */

/* What happens after it has claimed its first unit. */
typedef struct sleeper {
    void (*meanwhile)(struct sleeper *s);
    mt_stack *source;
    bool has_slept;
    struct stat first; /* the first unit of the finished image */
} sleeper;

static int sleep_once(void *user)
{
    sleeper *s = user;
    if (s->has_slept)
        return 0;
    s->has_slept = true;
    s->meanwhile(s);
    mt_sleep(1100);
    return 0;
}

static const char *first_unit(void)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/0/c/0/0", temporary_path("shared.zarr"));
    return path;
}

static void finish_it(sleeper *s)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = begin(temporary_path("shared.zarr"));
    check_ok(mt_writer_copy(w, s->source, NULL, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    assert_int_equal(stat(first_unit(), &s->first), 0);
}

static void replace_it(sleeper *s)
{
    static const int64_t small[2] = { CHUNK, SIDE };
    const char *path = temporary_path("shared.zarr");
    mt_error err = MT_ERROR_INIT;
    mt_writer *w;
    mt_writer_options options = {
        .struct_size = sizeof options, .axes = "YX", .shape = small, .dtype = MT_UINT16, .durability = MT_DURABLE_NEVER
    };
    (void)s;
    remove_tree(path);
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    mt_writer_close(w);
}

/* It changes nothing of what others have finished, and has succeeded. */
static void who_wakes_up_leaves_a_finished_image_alone(void **state)
{
    (void)state;
    struct stat now;
    mt_error err = MT_ERROR_INIT;
    const char *path = temporary_path("shared.zarr");
    sleeper s = { .meanwhile = finish_it, .source = make_source() };
    mt_writer *w = begin(path);
    const mt_copy_options options = { .struct_size = sizeof options, .lease = 1, .cancelled = sleep_once, .user = &s };
    check_ok(mt_writer_copy(w, s.source, &options, &err), &err);
    assert_int_equal(progress_of(w).n_done, N_CHUNKS);
    assert_int_equal(progress_of(w).n_resumed, N_CHUNKS);
    assert_false(path_exists(path, "/.microtome"));
    assert_int_equal(stat(first_unit(), &now), 0);
    assert_true(now.st_ino == s.first.st_ino && now.st_mtime == s.first.st_mtime);
    check_ok(mt_writer_flush(w, &err), &err);
    check_finished(w, s.source, path);
    mt_stack_close(s.source);
}

static void who_wakes_up_leaves_another_image_alone(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    const char *path = temporary_path("shared.zarr");
    sleeper s = { .meanwhile = replace_it, .source = make_source() };
    mt_writer *w = begin(path);
    const mt_copy_options options = { .struct_size = sizeof options, .lease = 1, .cancelled = sleep_once, .user = &s };
    assert_int_equal(mt_writer_copy(w, s.source, &options, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "begun another one in its place"));
    mt_writer_close(w);
    assert_false(path_exists(path, "/0/c/0/0"));
    assert_false(is_claimed(0, 0));
    remove_tree(path);
    mt_stack_close(s.source);
}

/* --- Other writers of this process. --- */

/* The first writer has published units since the second one has opened the image. */
static void what_others_published_is_left_out(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    mt_writer *first = begin(path), *second = begin(path);
    mt_copy_options part = { .struct_size = sizeof part, .part = 0, .n_parts = 3 };
    mt_copy_options shared = { .struct_size = sizeof shared, .lease = 1 };
    check_ok(mt_writer_copy(first, source, &part, &err), &err);
    for (unsigned i = 0; i < 3; i++) /* as a process that ended after it had published them */
        claim_for(i, NOBODY);
    check_ok(mt_writer_copy(second, source, &shared, &err), &err);
    mt_writer_progress found = progress_of(second);
    assert_int_equal(found.n_done, N_CHUNKS);
    assert_int_equal(found.n_resumed, 3);
    mt_writer_close(first);
    check_finished(second, source, path);
    mt_stack_close(source);
}

/* Of a unit that another writer publishes, nothing is kept, so that nothing of it is published with zeros at the end. */
static void what_waits_for_published_units_is_dropped(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    const int64_t zero[2] = { 0, 0 }, some[2] = { SIDE, CHUNK / 2 };
    static uint16_t pixels[SIDE * SIDE];
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    for (int shards = 0; shards < 2; shards++) {
        mt_writer *first = begin_with(NULL, path, shards), *second = begin_with(NULL, path, shards);
        mt_writer_box box = { .start = zero, .extent = shards ? chunk : some, .data = pixels };
        mt_copy_options shared = { .struct_size = sizeof shared, .lease = 1 };
        for (size_t i = 0; i < SIDE * SIDE; i++)
            pixels[i] = (uint16_t)((i / (size_t)box.extent[1] * SIDE + i % (size_t)box.extent[1]) * 7 + 1);
        check_ok(mt_writer_put(first, &box, &err), &err);
        check_ok(mt_writer_flush(first, &err), &err);
        assert_true(progress_of(first).waiting_bytes > 0);
        check_ok(mt_writer_copy(second, source, &shared, &err), &err);
        mt_writer_close(second);
        check_ok(mt_writer_copy(first, source, &shared, &err), &err);
        mt_writer_progress found = progress_of(first);
        assert_int_equal(found.n_done, found.n_units);
        assert_int_equal(found.n_resumed, found.n_units);
        assert_int_equal(found.waiting_bytes, 0);
        check_finished(first, source, path);
    }
    mt_stack_close(source);
}

/* --- Threads of this process. --- */

/* A thread puts a unit that is published by another writer, too, and is held up before it publishes it: until the copy of
 * its own writer has counted the unit or, early, has read that record, and not yet counted it. */
enum { COPIES, PUTS };
static _Thread_local int role;
static struct gate {
    mt_writer *w;
    bool early;
    int n_large; /* allocations of the thread */
    _Atomic bool is_reached, is_open;
    mt_error err; /* of the thread */
} gate;

static void *resize_at_gate(void *user, void *memory, size_t old_size, size_t new_size)
{
    enum { PIXELS = CHUNK * CHUNK * 2, RECORDS = 256 * sizeof(mt_unit_record) };
    (void)user;
    (void)old_size;
    if (role == PUTS && new_size > PIXELS && gate.n_large++ == 1) { /* the encoded chunk; the first is the cover */
        gate.is_reached = true;
        while (!gate.is_open)
            mt_sleep(1);
    } else if (role == COPIES && new_size == RECORDS && gate.early && gate.is_reached && !gate.is_open) {
        gate.is_open = true;
        while (progress_of(gate.w).n_done == 0)
            mt_sleep(1);
    }
    if (new_size > 0)
        return realloc(memory, new_size);
    free(memory);
    return NULL;
}

static int open_gate(void *user)
{
    (void)user;
    if (progress_of(gate.w).n_done >= N_CHUNKS) {
        assert_true(!gate.early || gate.is_open);
        gate.is_open = true;
    }
    return 0;
}

static void put_first_unit(void *argument)
{
    static uint16_t pixels[CHUNK * CHUNK];
    const int64_t zero[2] = { 0, 0 };
    const mt_writer_box box = { .start = zero, .extent = chunk, .data = pixels };
    (void)argument;
    for (size_t i = 0; i < CHUNK * CHUNK; i++)
        pixels[i] = (uint16_t)((i / CHUNK * SIDE + i % CHUNK) * 7 + 1);
    role = PUTS;
    (void)!mt_writer_put(gate.w, &box, &gate.err);
}

/* A unit counts once, though the journal is read again while it is published. */
static void units_count_once(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    const mt_copy_options all = { .struct_size = sizeof all };
    const mt_copy_options shared = { .struct_size = sizeof shared, .lease = 1, .cancelled = open_gate };
    mt_context_options one = { .struct_size = sizeof one, .threads = 1, .allocator = { resize_at_gate, NULL } };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    for (int early = 0; early < 2; early++) {
        mt_thread thread;
        check_ok(mt_context_new(&one, &context, &err), &err);
        gate = (struct gate) { .w = begin_with(context, path, 0), .early = early, .err = MT_ERROR_INIT };
        mt_writer *second = begin(path);
        check_ok(mt_thread_start(&thread, put_first_unit, NULL, &err), &err);
        while (!gate.is_reached)
            mt_sleep(1);
        check_ok(mt_writer_copy(second, source, &all, &err), &err);
        mt_writer_close(second);
        for (unsigned i = 0; i < N_CHUNKS; i++)
            claim_for(i, NOBODY);
        check_ok(mt_writer_copy(gate.w, source, &shared, &err), &err);
        mt_thread_join(&thread);
        check_ok(gate.err.status, &gate.err);
        assert_int_equal(progress_of(gate.w).n_done, N_CHUNKS);
        check_finished(gate.w, source, path);
        mt_context_free(context);
    }
    mt_stack_close(source);
}

static int stop_at_once(void *user)
{
    (void)user;
    return 1;
}

/* The claims of what was not done are given back, so that the next call need not wait for their end. */
static void a_cancelled_copy_gives_its_claims_back(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    mt_writer *w = begin(path);
    mt_copy_options options = { .struct_size = sizeof options, .lease = 1e8, .cancelled = stop_at_once };
    assert_int_equal(mt_writer_copy(w, source, &options, &err), MT_E_CANCELLED);
    assert_true(is_claimed(0, 0));
    options.cancelled = NULL;
    check_ok(mt_writer_copy(w, source, &options, &err), &err);
    check_finished(w, source, path);

    w = begin(path); /* while it waits */
    options.cancelled = stop_at_once;
    for (unsigned i = 0; i < N_CHUNKS; i++)
        claim_for(i, ELSEWHERE "0\n");
    assert_int_equal(mt_writer_copy(w, source, &options, &err), MT_E_CANCELLED);
    mt_writer_close(w);
    remove_tree(path);
    mt_stack_close(source);
}

/* The first and the last renewal of the claim on the first unit. */
typedef struct beats {
    int64_t first, last;
} beats;

static int read_beat(void *user)
{
    beats *b = user;
    char path[1200], text[200] = "";
    int64_t beat = 0;
    snprintf(path, sizeof path, "%s/.microtome/claim-0.0", temporary_path("shared.zarr"));
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof text, file)) {
        const char *at = strrchr(text, ' ');
        assert_true(at && mt_parse_integer(&at, &beat));
    }
    if (file)
        (void)fclose(file);
    b->first = b->first ? b->first : beat;
    b->last = beat;
    for (uint64_t until = mt_clock_ns() + 300000000; b->last == b->first && mt_clock_ns() < until;)
        ;
    return 0;
}

static void a_claim_is_renewed(void **state)
{
    (void)state;
    const char *path = temporary_path("shared.zarr");
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    mt_writer *w;
    beats b = { 0 };
    const int64_t whole[2] = { SIDE, SIDE };
    mt_writer_options one = { .struct_size = sizeof one,
                              .axes = "YX",
                              .shape = shape,
                              .dtype = MT_UINT16,
                              .chunk_shape = whole,
                              .durability = MT_DURABLE_NEVER };
    mt_copy_source halves[2] = { { 0 } };
    const int64_t extent[2] = { SIDE / 2, SIDE }, at[2][2] = { { 0, 0 }, { SIDE / 2, 0 } };
    for (int i = 0; i < 2; i++)
        halves[i] = (mt_copy_source) { .stack = source, .from = at[i], .to = at[i], .extent = extent };
    check_ok(mt_writer_create(NULL, path, &one, &w, &err), &err);
    mt_copy_options options = { .struct_size = sizeof options, .lease = 1, .cancelled = read_beat, .user = &b };
    check_ok(mt_writer_copy_sources(w, halves, 2, &options, &err), &err);
    assert_true(b.first != 0 && b.last > b.first);
    mt_writer_close(w);
    mt_stack_close(source);
    remove_tree(path);
}

/* --- Refusals. --- */

static void refuses(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_stack *source = make_source();
    const char *path = temporary_path("shared.zarr");
    mt_writer *w = begin(path);
    const double leases[] = { -1, 0.999, NAN, INFINITY, 1e10 };
    for (size_t i = 0; i < sizeof leases / sizeof *leases; i++) {
        mt_copy_options options = { .struct_size = sizeof options, .lease = leases[i] };
        assert_int_equal(mt_writer_copy(w, source, &options, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "a lease of"));
    }
    mt_copy_options both = { .struct_size = sizeof both, .lease = 1, .n_parts = 2 };
    assert_int_equal(mt_writer_copy(w, source, &both, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "not both"));
    mt_copy_options some = { .struct_size = sizeof some, .lease = 1, .extent = chunk };
    assert_int_equal(mt_writer_copy(w, source, &some, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "cover each pixel once"));
    assert_false(is_claimed(0, 0));
    mt_writer_close(w);
    remove_tree(path);

    path = temporary_path("shared.npy");
    mt_writer_options npy = { .struct_size = sizeof npy, .axes = "YX", .shape = shape, .dtype = MT_UINT16 };
    check_ok(mt_writer_create(NULL, path, &npy, &w, &err), &err);
    mt_copy_options options = { .struct_size = sizeof options, .lease = 1 };
    assert_int_equal(mt_writer_copy(w, source, &options, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "one process at a time writes a file of format npy"));
    mt_writer_close(w);
    remove_tree(temporary_path("shared.npy.partial"));
    mt_stack_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_process_is_taken_for_dead),
        cmocka_unit_test(nobody_is_not_waited_for),
        cmocka_unit_test(what_others_published_is_left_out),
        cmocka_unit_test(what_is_not_known_counts_for_a_lease),
        cmocka_unit_test(who_wakes_up_leaves_a_finished_image_alone),
        cmocka_unit_test(who_wakes_up_leaves_another_image_alone),
        cmocka_unit_test(what_waits_for_published_units_is_dropped),
        cmocka_unit_test(units_count_once),
        cmocka_unit_test(a_cancelled_copy_gives_its_claims_back),
        cmocka_unit_test(a_claim_is_renewed),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
