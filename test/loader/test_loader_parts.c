/* SPDX-License-Identifier: BSD-3-Clause */
/* Epochs whose index does not fit into the memory budget: it is made in parts, and the order is the same. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 640,000 patches: with the smallest budget, three parts. */
enum { SIDE = 1600, PATCH = 2, PATCHES = 640000, STEP = 64, READ = PATCHES / STEP };
static uint8_t pixels[SIDE][SIDE];

static long memory_pages; /* the machine is given so little memory; 0: what it has */

long sysconf(int name)
{
    long (*real)(int) = (long (*)(int))(uintptr_t)dlsym(RTLD_NEXT, "sysconf");
    return name == _SC_PHYS_PAGES && memory_pages ? memory_pages : real(name);
}

typedef struct set {
    mt_context *context;
    mt_stack *stack;
    mt_patching *patching;
    uint64_t before; /* memory, before there is a loader */
    mt_loader *loader;
} set;

static uint64_t memory_of(mt_context *context)
{
    mt_counters counters;
    mt_context_drop_cache(context);
    mt_context_get_counters(context, &counters);
    return counters.memory_bytes;
}

/* block: in patches. */
static void open_set(set *s, int64_t cache_bytes, int64_t block)
{
    const mt_context_options context = { .struct_size = sizeof context, .threads = 2, .cache_bytes = cache_bytes };
    const mt_patching_options patching = { .struct_size = sizeof patching,
                                           .strategy = "random",
                                           .patch_size = (const int64_t[]) { PATCH, PATCH },
                                           .n_spatial = 2,
                                           .seed = 7 };
    const mt_loader_options options = {
        .struct_size = sizeof options, .seed = 11, .window = 3, .block = { block, block }
    };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&context, &s->context, &err), &err);
    check_ok(mt_stack_from_array(s->context, pixels, MT_UINT8, "YX", (const int64_t[]) { SIDE, SIDE }, NULL, "image",
                                 &s->stack, &err),
             &err);
    check_ok(mt_patching_new(&s->stack, 1, &patching, &s->patching, &err), &err);
    assert_int_equal(mt_patching_count(s->patching), PATCHES);
    s->before = memory_of(s->context);
    check_ok(mt_loader_new(s->patching, &options, &s->loader, &err), &err);
}

static void close_set(set *s)
{
    mt_loader_free(s->loader);
    assert_true(memory_of(s->context) == s->before);
    mt_patching_free(s->patching);
    mt_stack_close(s->stack);
    mt_context_free(s->context);
}

/* The indices of the patches at some positions. */
static void read_indices(set *s, uint64_t epoch, const uint64_t *positions, size_t n, uint64_t *out)
{
    mt_batch *batch;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_loader_read(s->loader, epoch, positions, n, NULL, &batch, &err), &err);
    memcpy(out, batch->indices, n * sizeof *out);
    mt_batch_release(batch);
}

static void parts_give_the_order_of_the_whole(void **state)
{
    (void)state;
    static uint64_t positions[READ], whole[READ], parts[READ];
    static uint8_t seen[PATCHES];
    set large, small;
    open_set(&large, (int64_t)256 << 20, 40);
    open_set(&small, MT_NO_CACHE, 40);
    for (uint64_t i = 0; i < READ; i++)
        positions[i] = i * STEP + i % STEP;
    read_indices(&large, 0, positions, READ, whole);
    read_indices(&small, 0, positions, READ, parts);
    assert_memory_equal(parts, whole, sizeof whole);
    for (size_t i = 0; i < READ; i++)
        assert_int_equal(seen[whole[i]]++, 0);
    for (size_t at = READ; at > 0; at -= READ / 4) { /* backwards: parts are made again */
        read_indices(&small, 0, positions + at - 1, 1, parts);
        assert_int_equal(parts[0], whole[at - 1]);
    }
    read_indices(&small, 0, positions, 1, parts); /* in the first window of a part */
    assert_int_equal(parts[0], whole[0]);
    read_indices(&small, 0, positions + READ - 1, 1, parts);
    read_indices(&small, 0, positions + READ / 2, 1, parts);
    read_indices(&small, 0, positions, 1, parts);
    assert_int_equal(parts[0], whole[0]);
    read_indices(&small, 1, positions + READ / 2, 1, parts);
    read_indices(&large, 1, positions + READ / 2, 1, whole);
    assert_int_equal(parts[0], whole[0]);
    close_set(&large);
    close_set(&small);
}

/* All patches come from one block: they are shuffled together, from the first to the last. */
static void parts_of_one_block(void **state)
{
    (void)state;
    static uint64_t positions[READ], whole[READ], parts[READ];
    static uint8_t seen[PATCHES];
    set large, small;
    size_t n_rising = 0;
    open_set(&large, (int64_t)256 << 20, SIDE);
    open_set(&small, MT_NO_CACHE, SIDE);
    for (uint64_t i = 0; i < READ; i++)
        positions[i] = i * STEP + i % STEP;
    read_indices(&large, 0, positions, READ, whole);
    read_indices(&small, 0, positions, READ, parts);
    assert_memory_equal(parts, whole, sizeof whole);
    for (size_t i = 0; i < READ; i++)
        assert_int_equal(seen[whole[i]]++, 0);
    for (size_t i = 1; i < READ; i++)
        n_rising += whole[i] > whole[i - 1];
    assert_in_range(n_rising, READ * 45 / 100, READ * 55 / 100);
    close_set(&large);
    close_set(&small);
}

/* A forked process has a smaller default budget: it must not mix its parts with those that it inherits. */
static void parts_of_a_parent(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "the sanitizers do not stand a fork while threads work");
    enum { FIRST = READ / 100 * 72, LAST = READ / 100 * 84 }; /* in part 1 of the parent, and in part 2 of the child */
    static uint64_t positions[READ], whole[READ], parts[READ];
    set large, small;
    open_set(&large, (int64_t)256 << 20, 40);
    memory_pages = (150L << 20) / sysconf(_SC_PAGESIZE); /* parts of 307,200 patches, in workers 262,144 */
    open_set(&small, 0, 40);
    for (uint64_t i = 0; i < READ; i++)
        positions[i] = i * STEP;
    read_indices(&large, 0, positions, READ, whole);
    read_indices(&small, 0, positions, LAST, parts);
    pid_t child = fork();
    if (child == 0) {
        read_indices(&small, 0, positions + READ - 1, 1, parts + READ - 1);
        read_indices(&small, 0, positions + FIRST, LAST - FIRST, parts + FIRST);
        leave_child(memcmp(parts, whole, LAST * sizeof *whole) != 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    memory_pages = 0;
    close_set(&large);
    close_set(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(parts_give_the_order_of_the_whole),
                                        cmocka_unit_test(parts_of_one_block), cmocka_unit_test(parts_of_a_parent) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
