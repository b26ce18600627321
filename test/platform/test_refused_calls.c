/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of calls that the operating system refuses, interrupts or does only in part. The functions below stand in
 * front of those of the C library. */
#include "support/support.h"

#include "platform/file.h"
#include "platform/folder.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "pool/pool.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FOREVER = 1000 };

static struct fault {
    const char *call; /* that fails; NULL: none */
    int after, times; /* calls that still succeed, and calls that then fail */
    int code;         /* errno, or the result of a pthread function */
} fault;

static long magic;           /* of the file system, for statfs; 0: the real one */
static bool no_inodes;       /* stat reports none */
static size_t at_most;       /* bytes of a read or write; 0: all */
static const char *group;    /* folder in place of /sys/fs/cgroup */
static int closes_that_fail; /* the next ones */

static void refuse(const char *call, int after, int times, int code)
{
    fault = (struct fault) { call, after, times, code };
}

static bool fails(const char *call)
{
    if (!fault.call || strcmp(fault.call, call) != 0 || fault.after-- > 0)
        return false;
    if (--fault.times == 0)
        fault.call = NULL;
    else
        fault.after = 0;
    errno = fault.code;
    return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
/* REPLACE(type, name, failure, (parameters), (arguments)) */
#define REPLACE(type, name, failure, parameters, arguments)                                                            \
    type name parameters { return fails(#name) ? (failure) : REAL(name) arguments; }

REPLACE(int, fstat, -1, (int handle, struct stat *st), (handle, st))
REPLACE(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
REPLACE(int, statfs, -1, (const char *path, struct statfs *fs), (path, fs))
REPLACE(int, getrlimit, -1, (__rlimit_resource_t what, struct rlimit *limit), (what, limit))
REPLACE(void *, mmap, MAP_FAILED, (void *at, size_t n, int protection, int flags, int handle, off_t offset),
        (at, n, protection, flags, handle, offset))
REPLACE(struct dirent *, readdir, NULL, (DIR * folder), (folder))
REPLACE(ssize_t, pread, -1, (int handle, void *out, size_t size, off_t offset),
        (handle, out, at_most &&size > at_most ? at_most : size, offset))
REPLACE(ssize_t, read, -1, (int handle, void *out, size_t size),
        (handle, out, at_most &&size > at_most ? at_most : size))
REPLACE(ssize_t, write, -1, (int handle, const void *bytes, size_t size),
        (handle, bytes, at_most &&size > at_most ? at_most : size))
REPLACE(ssize_t, preadv2, -1, (int handle, const struct iovec *parts, int n, off_t offset, int flags),
        (handle, parts, n, offset, flags))
REPLACE(int, sched_getaffinity, -1, (pid_t process, size_t size, cpu_set_t *set), (process, size, set))
REPLACE(long, sysconf, -1, (int name), (name))
REPLACE(int, pthread_condattr_init, fault.code, (pthread_condattr_t * attributes), (attributes))
REPLACE(int, pthread_mutex_init, fault.code, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
        (mutex, attributes))
REPLACE(int, pthread_create, fault.code,
        (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument),
        (thread, attributes, run, argument))

int open(const char *path, int flags, ...) { return fails("open") ? -1 : REAL(open)(path, flags, 0600); }

int stat(const char *path, struct stat *st)
{
    int code = fails("stat") ? -1 : REAL(stat)(path, st);
    if (no_inodes && code == 0)
        st->st_ino = 0;
    return code;
}

int fstatfs(int handle, struct statfs *fs)
{
    int code = fails("fstatfs") ? -1 : REAL(fstatfs)(handle, fs);
    if (magic)
        fs->f_type = magic;
    return code;
}

int close(int handle)
{
    int code = REAL(close)(handle);
    if (closes_that_fail == 0)
        return code;
    closes_that_fail--;
    errno = EIO;
    return -1;
}

FILE *fopen(const char *path, const char *mode)
{
    static const char there[] = "/sys/fs/cgroup";
    char moved[512];
    if (group && strncmp(path, there, strlen(there)) == 0) {
        snprintf(moved, sizeof moved, "%s%s", group, path + strlen(there));
        path = moved;
    }
    return REAL(fopen)(path, mode);
}

/* A folder with the file "bytes" of 0 to 255. */
static char folder[] = "/tmp/microtome-refused-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    uint8_t bytes[256];
    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/bytes", folder);
    FILE *file = fopen(path, "wb");
    return file && fwrite(bytes, 1, 256, file) == 256 && fclose(file) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return unlink(path) || rmdir(folder);
}

static void check_message(const mt_error *err, const char *text)
{
    if (!strstr(err->message, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err->message);
}

static void opening(void **state)
{
    static const struct {
        int code;
        mt_status expected;
    } cases[] = { { ENOENT, MT_E_NOT_FOUND }, { EMFILE, MT_E_IO }, { EACCES, MT_E_IO }, { ENOMEM, MT_E_MEMORY } };
    mt_file file;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        refuse("open", 0, 1, cases[i].code);
        assert_int_equal(mt_file_open(path, &file, &err), cases[i].expected);
        check_message(&err, path);
        check_message(&err, strerror(cases[i].code));
    }
    mt_error err = MT_ERROR_INIT;
    refuse("open", 0, 3, EINTR);
    check_ok(mt_file_open(path, &file, &err), &err);
    mt_file_close(file);
    refuse("fstat", 0, 1, EIO);
    assert_int_equal(mt_file_open(path, &file, &err), MT_E_IO);
    assert_int_equal(mt_file_open(folder, &file, &err), MT_E_IO);
    refuse("getrlimit", 0, 1, EINVAL);
    assert_int_equal(mt_file_limit(), 256);
    assert_true(mt_file_limit() > 0);
}

static mt_file open_bytes(void)
{
    mt_file file;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_file_open(path, &file, &err), &err);
    return file;
}

static void sizes_and_maps(void **state)
{
    mt_file file = open_bytes();
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    int64_t when;
    const void *map;
    size_t n;
    (void)state;
    refuse("fstat", 0, 1, EIO);
    assert_int_equal(mt_file_size(file, path, &size, &err), MT_E_IO);
    check_message(&err, "has no size");
    mt_error_clear(&err);
    refuse("fstat", 0, 1, ENOMEM);
    assert_int_equal(mt_file_stamp(file, path, &size, &when, &err), MT_E_MEMORY);
    check_message(&err, "has no time");
    mt_error_clear(&err);
    refuse("fstat", 0, 1, EIO);
    assert_int_equal(mt_file_map(file, path, &map, &n, &err), MT_E_IO);
    mt_error_clear(&err);
    refuse("mmap", 0, 1, ENODEV);
    assert_int_equal(mt_file_map(file, path, &map, &n, &err), MT_E_IO);
    check_message(&err, "cannot be mapped");
    check_ok(mt_file_map(file, path, &map, &n, &err), &err);
    assert_int_equal(n, 256);
    assert_int_equal(((const uint8_t *)map)[255], 255);
    mt_file_unmap(map, n);
    mt_file_close(file);
}

static void check_bytes(const uint8_t *bytes, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], (uint8_t)(first + i));
}

/* Interrupted and partial reads go on; an error is an error. */
static void reads(void **state)
{
    mt_file file = open_bytes();
    mt_error err = MT_ERROR_INIT;
    uint8_t bytes[256];
    (void)state;
    at_most = 7;
    refuse("pread", 3, 2, EINTR);
    check_ok(mt_file_read(file, path, 16, bytes, 240, &err), &err);
    check_bytes(bytes, 16, 240);
    assert_null(fault.call);
    refuse("pread", 3, 1, EIO);
    assert_int_equal(mt_file_read(file, path, 0, bytes, 256, &err), MT_E_IO);
    check_message(&err, "cannot be read");
    at_most = 0;
    mt_error_clear(&err);
    assert_int_equal(mt_file_read(file, path, 250, bytes, 7, &err), MT_E_CORRUPT);
    check_message(&err, "cut or damaged");
    for (uint64_t offset = UINT64_MAX; offset >= INT64_MAX; offset -= (uint64_t)1 << 62) {
        mt_error_clear(&err);
        assert_int_equal(mt_file_read(file, path, offset, bytes, 7, &err), MT_E_CORRUPT);
        check_message(&err, "beyond any file");
    }
    mt_file_close(file);
}

/* A system that cannot tell whether a read blocks: it is done on a local file, left to others on a remote one. */
static void reads_that_must_not_block(void **state)
{
    static const struct {
        int code;   /* of preadv2; 0: it succeeds */
        long magic; /* of the file system */
        bool is_done;
    } cases[] = {
        { 0, 0, true }, { EAGAIN, 0, false }, { EOPNOTSUPP, 0x01021994, true }, { EOPNOTSUPP, 0x6969, false }
    };
    mt_file file = open_bytes();
    mt_error err = MT_ERROR_INIT;
    mt_status status;
    uint8_t bytes[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        magic = cases[i].magic;
        memset(bytes, 0, sizeof bytes);
        status = MT_E_ARGUMENT;
        refuse(cases[i].code ? "preadv2" : NULL, 0, 1, cases[i].code);
        assert_int_equal(mt_file_read_now(file, path, 1, bytes, 200, &status, &err), cases[i].is_done);
        if (cases[i].is_done) {
            check_ok(status, &err);
            check_bytes(bytes, 1, 200);
        }
    }
    magic = 0;
    assert_false(mt_file_read_now(file, path, 250, bytes, 7, &status, &err)); /* a part of it */
    assert_true(mt_file_read_now(file, path, UINT64_MAX, bytes, 7, &status, &err));
    assert_int_equal(status, MT_E_CORRUPT);
    refuse("fstatfs", 0, 1, EIO);
    assert_true(mt_file_read_now(file, path, 256, bytes, 7, &status, &err));
    assert_int_equal(status, MT_E_CORRUPT);
    mt_file_will_need(file, UINT64_MAX, 1); /* ignored */
    mt_file_will_need(file, 0, UINT64_MAX);
    mt_file_close(file);
    refuse("statfs", 0, 1, EIO);
    assert_false(mt_path_is_remote(path));
}

static void kinds_of_paths(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_path_kind kind;
    mt_path_id id;
    char below[80];
    (void)state;
    refuse("stat", 0, 1, EACCES);
    assert_int_equal(mt_path_find(path, &kind, &err), MT_E_IO);
    assert_int_equal(kind, MT_PATH_NONE);
    check_message(&err, "cannot be reached");
    snprintf(below, sizeof below, "%s/below", path); /* below a file */
    assert_int_equal(mt_path_find(below, &kind, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_path_get_kind(below), MT_PATH_NONE);
    assert_int_equal(mt_path_get_kind("/dev/null"), MT_PATH_OTHER);
    assert_true(mt_path_get_id(path, &id));
    no_inodes = true;
    assert_false(mt_path_get_id(path, &id));
    no_inodes = false;
    assert_false(mt_path_get_id(below, &id));
    assert_true(mt_path_is_same(path, path));
    assert_false(mt_path_is_same(path, folder));
    assert_false(mt_path_is_same(path, below));
    assert_false(mt_path_is_same(below, path));
}

static mt_status count(void *user, const char *name, mt_error *err)
{
    (void)err;
    assert_string_equal(name, "bytes");
    ++*(int *)user;
    return MT_OK;
}

static void listings(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        failing_allocator memory;
        mt_allocator allocator = failing_allocator_make(&memory, k, 0);
        mt_error err = MT_ERROR_INIT;
        mt_env env;
        int n = 0;
        mt_env_init(&env, &allocator, NULL);
        mt_status st = mt_path_list(&env, folder, count, &n, &err);
        assert_int_equal(env.memory_bytes, 0);
        assert_int_equal(n, st == MT_OK);
        if (!st)
            break;
        assert_int_equal(st, MT_E_MEMORY);
        assert_true(k < 8);
    }
    mt_error err = MT_ERROR_INIT;
    mt_env env;
    int n = 0;
    mt_env_init(&env, NULL, NULL);
    refuse("readdir", 2, 1, EIO);
    assert_int_equal(mt_path_list(&env, folder, count, &n, &err), MT_E_IO);
    check_message(&err, "cannot be listed");
    assert_int_equal(mt_path_list(&env, path, count, &n, NULL), MT_E_IO);
    assert_int_equal(mt_path_sample(folder, 0, count, &n, NULL), MT_OK);
    assert_int_equal(n, 0);
}

/* Number of entries of the folder but "bytes". */
static int others(void)
{
    int n = 0;
    DIR *names = opendir(folder);
    assert_non_null(names);
    for (const struct dirent *d; (d = readdir(names));)
        n += *d->d_name != '.' && strcmp(d->d_name, "bytes") != 0;
    closedir(names);
    return n;
}

/* A file is replaced whole or not at all, and nothing else is left behind. */
static void publishing(void **state)
{
    mt_error err = MT_ERROR_INIT;
    char file[80], too_long[5000];
    char back[16];
    size_t n;
    (void)state;
    snprintf(file, sizeof file, "%s/new", folder);
    at_most = 2;
    refuse("write", 1, 1, EINTR);
    check_ok(mt_file_publish(file, "content", 7, &err), &err);
    refuse("read", 1, 1, EINTR);
    assert_true(mt_file_recall(file, back, sizeof back, &n));
    assert_int_equal(n, 7);
    assert_memory_equal(back, "content", 7);
    at_most = 0;
    refuse("write", 0, 1, ENOSPC);
    assert_int_equal(mt_file_publish(file, "another", 7, &err), MT_E_IO);
    check_message(&err, strerror(ENOSPC));
    closes_that_fail = 1;
    assert_int_equal(mt_file_publish(file, "another", 7, NULL), MT_E_IO);
    assert_int_equal(mt_file_publish(folder, "another", 7, NULL), MT_E_IO); /* a folder lies there */
    assert_int_equal(others(), 1);
    assert_true(mt_file_recall(file, back, 3, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(back, "con", 3);
    refuse("read", 0, 1, EIO);
    assert_false(mt_file_recall(file, back, sizeof back, &n));
    refuse("fstat", 0, 1, EIO);
    assert_false(mt_file_recall(file, back, sizeof back, &n));
    assert_false(mt_file_recall(folder, back, sizeof back, &n));
    mt_file_forget(file);
    assert_false(mt_file_recall(file, back, sizeof back, &n));
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = 0;
    assert_int_equal(mt_file_publish(too_long, "", 0, NULL), MT_E_ARGUMENT);
    snprintf(file, sizeof file, "%s/absent/new", folder);
    assert_int_equal(mt_file_publish(file, "", 0, NULL), MT_E_IO);
    assert_int_equal(others(), 0);
}

static void folders_and_times_of_use(void **state)
{
    mt_error err = MT_ERROR_INIT;
    const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
    uint64_t size;
    int64_t used;
    size_t n;
    char byte;
    (void)state;
    check_ok(mt_folder_make(folder, &err), &err);
    refuse("mkdir", 0, 1, EACCES);
    assert_int_equal(mt_folder_make(folder, &err), MT_E_IO);
    check_message(&err, "cannot be made a folder");
    assert_int_equal(mt_folder_make(path, NULL), MT_E_IO); /* a file lies there */
    refuse("stat", 0, 1, EACCES);
    assert_int_equal(mt_folder_make(folder, NULL), MT_E_IO);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_true(mt_file_measure(path, &size, &used));
    assert_int_equal(size, 256);
    assert_int_equal(used, 1000);
    assert_true(mt_file_recall(path, &byte, 1, &n));
    assert_true(mt_file_measure(path, &size, &used));
    assert_true(used > 1000);
    assert_false(mt_file_measure(folder, &size, &used));
    assert_false(mt_file_measure("/absent", &size, &used));
}

/* Blocks keep their content across the size from which they are mapped. */
static void memory(void **state)
{
    enum { LARGE = 16 << 20 };
    static const size_t sizes[] = { 100, LARGE - 1, LARGE, 3 * LARGE, LARGE, 200, 0 };
    uint8_t *block = NULL;
    size_t old = 0;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; old = sizes[i++]) {
        block = mt_memory_resize(NULL, block, old, sizes[i]);
        assert_int_equal(block != NULL, sizes[i] > 0);
        if (old)
            assert_true(!block || block[99] == 42);
        if (block)
            block[99] = 42;
    }
    refuse("mmap", 0, 1, ENOMEM);
    assert_null(mt_memory_resize(NULL, NULL, 0, LARGE));
    block = mt_memory_resize(NULL, NULL, 0, 100);
    assert_non_null(block);
    block[99] = 42;
    refuse("mmap", 0, 1, ENOMEM);
    assert_null(mt_memory_resize(NULL, block, 100, LARGE));
    assert_int_equal(block[99], 42);
    assert_null(mt_memory_resize(NULL, block, 100, 0));
}

static void limit_memory(const char *name, const char *text)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *out = text ? fopen(file, "w") : NULL;
    if (out) {
        fputs(text, out);
        fclose(out);
    } else {
        unlink(file);
    }
}

/* The limits of control groups count, of either version; without any, the machine's size does. */
static void processors_and_memory(void **state)
{
    static const struct {
        const char *texts[2];
        uint64_t limit; /* 0: none */
    } cases[] = { { { NULL, NULL }, 0 },
                  { { "max\n", NULL }, 0 },
                  { { "1048576\n", NULL }, 1 << 20 },
                  { { NULL, "2097152\n" }, 2 << 20 },
                  { { "9223372036854771712\n", NULL }, 0 },
                  { { "", "" }, 0 } };
    char below[80];
    (void)state;
    group = folder;
    snprintf(below, sizeof below, "%s/memory", folder);
    assert_int_equal(mkdir(below, 0700), 0);
    uint64_t whole = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        limit_memory("memory.max", cases[i].texts[0]);
        limit_memory("memory/memory.limit_in_bytes", cases[i].texts[1]);
        assert_int_equal(mt_memory_size(), cases[i].limit ? cases[i].limit : whole);
    }
    limit_memory("memory.max", NULL);
    limit_memory("memory/memory.limit_in_bytes", NULL);
    rmdir(below);
    refuse("sysconf", 0, 2, EINVAL);
    assert_int_equal(mt_memory_size(), 1 << 30);
    limit_memory("cpu.max", "1000 100000\n");
    assert_int_equal(mt_processor_count(), 1);
    limit_memory("cpu.max", NULL);
    refuse("sched_getaffinity", 0, 1, ENOSYS);
    assert_int_equal(mt_processor_count(), sysconf(_SC_NPROCESSORS_ONLN));
    group = NULL;
}

static void add_one(void *argument, size_t i)
{
    (void)i;
    ++*(_Atomic int *)argument;
}

typedef struct mark {
    mt_task task;
    bool ran;
} mark;

static void run_mark(mt_task *task) { ((mark *)(void *)task)->ran = true; }
static bool has_run(void *argument) { return ((mark *)argument)->ran; }

/* Where no thread can be started, the caller does the work. */
static void pools_without_threads(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_pool *pool;
    mt_env env;
    _Atomic int sum = 0;
    mark m = { { run_mark, NULL }, false };
    (void)state;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_pool_new(&env, 4, &pool, &err), &err);
    refuse("pthread_create", 0, FOREVER, EAGAIN);
    mt_pool_run(pool, 100, add_one, &sum);
    assert_int_equal(sum, 100);
    mt_pool_submit(pool, &m.task);
    assert_false(m.ran);
    mt_pool_wait(pool, has_run, &m);
    assert_true(m.ran);
    refuse(NULL, 0, 0, 0);
    mt_pool_free(pool);
    assert_int_equal(env.memory_bytes, 0);
    mt_pool_free(NULL);
}

/* What a pool needs is refused, one thing after the other; nothing leaks. */
static void pools_that_cannot_be_made(void **state)
{
    static const struct {
        const char *call;
        int n; /* calls that a pool makes */
    } needs[] = { { "pthread_condattr_init", 3 }, { "pthread_mutex_init", 1 } };
    mt_pool *pool;
    mt_env env;
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int k = 0; k < needs[i].n; k++) {
            mt_error err = MT_ERROR_INIT;
            mt_env_init(&env, NULL, NULL);
            refuse(needs[i].call, k, 1, EAGAIN);
            assert_int_equal(mt_pool_new(&env, 2, &pool, &err), MT_E_MEMORY);
            check_message(&err, strerror(EAGAIN));
            assert_int_equal(env.memory_bytes, 0);
        }
    for (size_t k = 0; k < 2; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env_init(&env, &allocator, NULL);
        assert_int_equal(mt_pool_new(&env, 2, &pool, NULL), MT_E_MEMORY);
        assert_int_equal(env.memory_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(sizes_and_maps),
        cmocka_unit_test(reads),
        cmocka_unit_test(reads_that_must_not_block),
        cmocka_unit_test(kinds_of_paths),
        cmocka_unit_test(listings),
        cmocka_unit_test(publishing),
        cmocka_unit_test(folders_and_times_of_use),
        cmocka_unit_test(memory),
        cmocka_unit_test(processors_and_memory),
        cmocka_unit_test(pools_without_threads),
        cmocka_unit_test(pools_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
