/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are written and read again: names and paths as long as the system allows, descriptor 0, and calls that do
 * their work in part. The functions below stand in front of those of the C library. */
#include "support/support.h"

#include "platform/file.h"
#include "platform/folder.h"
#include "platform/output.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "support/folder.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static int refused;       /* calls that still fail with code; those of pwritev and write write nothing if it is 0 */
static int code;          /* errno of these calls */
static size_t at_most;    /* bytes of a read; 0: all */
static bool no_types;     /* folders do not tell the types of their entries */
static const char *host;  /* in place of the name of the host */
static long magic;        /* of all file systems; 0: the real ones */
static int64_t truncated; /* the last size given */

static bool fails(void)
{
    if (refused == 0)
        return false;
    refused--;
    errno = code;
    return true;
}

ssize_t pwritev(int handle, const struct iovec *parts, int n, off_t offset)
{
    return fails() ? (code ? -1 : 0) : REAL(pwritev)(handle, parts, n, offset);
}

ssize_t write(int handle, const void *bytes, size_t size)
{
    return fails() ? (code ? -1 : 0) : REAL(write)(handle, bytes, size);
}

ssize_t read(int handle, void *out, size_t size)
{
    return REAL(read)(handle, out, at_most && size > at_most ? at_most : size);
}

int ftruncate(int handle, off_t size)
{
    truncated = size;
    return fails() ? -1 : REAL(ftruncate)(handle, size < 1000 ? size : 1000);
}

int fsync(int handle) { return fails() ? -1 : REAL(fsync)(handle); }

struct dirent *readdir(DIR *folder)
{
    struct dirent *entry = REAL(readdir)(folder);
    if (entry && no_types)
        entry->d_type = DT_UNKNOWN;
    return entry;
}

int gethostname(char *name, size_t size)
{
    if (!host)
        return REAL(gethostname)(name, size);
    snprintf(name, size, "%s", host);
    return 0;
}

int statfs(const char *path, struct statfs *fs)
{
    int result = REAL(statfs)(path, fs);
    fs->f_type = magic ? magic : fs->f_type;
    return result;
}

/* A path of this many bytes to something in the temporary folder. */
static const char *padded(const char *name, size_t size)
{
    static char path[2 * MT_PATH_BYTES];
    size_t first = (size_t)snprintf(path, sizeof path, "%s", temporary_path("")), tail = strlen(name), n = first;
    for (; n + 2 + tail <= size; n += 2)
        memcpy(path + n, "./", 2);
    if (n + tail < size)
        path[n++] = '/';
    memcpy(path + n, name, tail + 1);
    assert_int_equal(strlen(path), size);
    return path;
}

enum { MOST = MT_PATH_BYTES - 1 };

static void long_names(void **state)
{
    (void)state;
    static const struct {
        const char *character;
        size_t size, kept; /* bytes of the name, and of what stands of it in the temporary name */
    } cases[] = { { "a", 1, 1 },     { "a", 228, 228 },        { "a", 229, 229 },        { "a", 230, 229 },
                  { "a", 255, 229 }, { "\xc3\xa9", 228, 228 }, { "\xc3\xa9", 230, 228 }, { "\xe2\x82\xac", 231, 228 },
                  { "\x80", 230, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[256] = "", temporary[MT_PATH_BYTES];
        mt_output out;
        mt_error err = MT_ERROR_INIT;
        for (size_t n = 0, step = strlen(cases[i].character); n < cases[i].size; n += step)
            memcpy(name + n, cases[i].character, step + 1);
        check_ok(mt_output_begin(temporary_path(name), temporary, &out, &err), &err);
        check_ok(mt_output_close(out, temporary, &err), &err);
        const char *last = strrchr(temporary, '/') + 1;
        assert_int_equal(strlen(last), cases[i].kept + 26);
        assert_memory_equal(last + 1, name, cases[i].kept);
        assert_true(mt_output_is_partial(last));
        check_ok(mt_output_remove(temporary, &err), &err);
    }
}

static void names_of_partial_files(void **state)
{
    (void)state;
    static const char *const names[] = { ".a.0123456789abcdef.partial", "..0123456789abcdef.partial",
                                         ".a.b.ffffffffffffffff.partial" };
    static const char *const others[] = { ".0123456789abcdef.partial",
                                          "a.0123456789abcdef.partial",
                                          ".a.123456789abcdef.partial",
                                          ".a.0123456789ABCDEF.partial",
                                          ".a.0123456789abcdef.partial1",
                                          ".a-0123456789abcdef.partial",
                                          ".a.0123456789abcdeg.partial",
                                          ".partial",
                                          "",
                                          ".a0.123456789abcdef.partial" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(mt_output_is_partial(names[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(mt_output_is_partial(others[i]));
}

static mt_status count(void *user, const char *path, bool is_folder, mt_error *err)
{
    int *n = user;
    (void)path, (void)err;
    n[is_folder]++;
    return MT_OK;
}

/* The longest path is in use, and one of one more byte is refused, before anything is done. */
static void long_paths(void **state)
{
    (void)state;
    char temporary[MT_PATH_BYTES];
    mt_output out;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_output_begin(padded("a", MOST - 26), temporary, &out, &err), &err);
    assert_int_equal(strlen(temporary), MOST);
    check_ok(mt_output_close(out, temporary, &err), &err);
    check_ok(mt_output_remove(temporary, &err), &err);
    check_failed(mt_output_begin(padded("a", MOST - 25), temporary, &out, &err), MT_E_IO, &err, "microtome-");
    mt_error_clear(&err);
    write_temporary("walked/f", "1", 1);
    check_ok(mt_file_publish(padded("walked/g", MOST - 7), "23", 2, &err), &err);
    check_failed(mt_file_publish(padded("walked/h", MOST - 6), "23", 2, &err), MT_E_ARGUMENT, &err,
                 "the path is too long");
    for (size_t size = MOST - 3; size < MOST + 3; size++) {
        int n[2] = { 0 };
        mt_error_clear(&err);
        mt_status st = mt_output_walk(padded("walked", size), count, n, &err);
        if (size <= MOST - 2)
            check_ok(st, &err);
        else
            check_failed(st, size <= MOST ? MT_E_IO : MT_E_ARGUMENT, &err, size <= MOST ? "microtome-" : "is too long");
        assert_int_equal(n[0], st ? 0 : 2);
        assert_int_equal(n[1], !st);
    }
    check_ok(mt_output_make_folder(temporary_path("empty"), &err), &err);
    int n[2] = { 0 };
    mt_error_clear(&err);
    check_ok(mt_output_walk(padded("empty", MOST), count, n, &err), &err);
    assert_int_equal(n[1], 1);
}

/* Links and other things are not visited, whether the folder tells the types or not. */
static void folders_that_are_walked(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    write_temporary("tree/a/b/f", "1", 1);
    write_temporary("tree/a/g", "1", 1);
    write_temporary("tree/h", "1", 1);
    assert_int_equal(symlink("a", temporary_path("tree/link")), 0);
    assert_int_equal(symlink("h", temporary_path("tree/to")), 0);
    assert_int_equal(mkfifo(temporary_path("tree/pipe"), 0600), 0);
    for (int i = 0; i < 2; i++) {
        int n[2] = { 0 };
        no_types = i;
        check_ok(mt_output_walk(temporary_path("tree"), count, n, &err), &err);
        assert_int_equal(n[0], 3);
        assert_int_equal(n[1], 3);
    }
    no_types = false;
    int n[2] = { 0 };
    check_failed(mt_output_walk(temporary_path("tree/h"), count, n, &err), MT_E_IO, &err, "cannot be listed");
    mt_error_clear(&err);
    check_failed(mt_output_walk(temporary_path("none"), count, n, &err), MT_E_NOT_FOUND, &err, "cannot be listed");
    unlink(temporary_path("tree/link"));
    unlink(temporary_path("tree/to"));
    unlink(temporary_path("tree/pipe"));
}

/* A program may have closed its standard input: 0 is a descriptor as any other. errno of an earlier call does not count. */
static void descriptor_0(void **state)
{
    (void)state;
    char temporary[MT_PATH_BYTES], text[8];
    mt_output out;
    mt_file file;
    mt_error err = MT_ERROR_INIT;
    bool is_new;
    size_t n;
    int input = dup(0);
    close(0);
    errno = EINTR;
    mt_status created = mt_output_create(temporary_path("zero"), &out, &is_new, &err);
    bool right = !created && is_new && out.handle == 0;
    close(0);
    errno = EINTR;
    right &= !mt_output_open(temporary_path("zero"), &out, &err) && out.handle == 0;
    close(0);
    errno = EINTR;
    right &= !mt_output_begin(temporary_path("zero"), temporary, &out, &err) && out.handle == 0;
    close(0);
    unlink(temporary);
    errno = EINTR;
    right &= !mt_file_publish(temporary_path("zero"), "abc", 3, &err);
    right &= mt_file_recall(temporary_path("zero"), text, 8, &n) && n == 3;
    right &= !mt_output_sync_folder(temporary_path(""), &err);
    errno = EINTR;
    right &= !mt_file_open(temporary_path("zero"), &file, &err) && file.handle == 0;
    close(0);
    if (input >= 0) {
        dup2(input, 0);
        close(input);
    }
    check_ok(err.status, &err);
    assert_true(right);
}

/* More pieces than one call takes, some of them empty. */
static void many_pieces(void **state)
{
    (void)state;
    enum { N = 200 };
    static uint8_t bytes[N * N];
    mt_piece pieces[N];
    size_t total = 0, size;
    mt_output out;
    mt_error err = MT_ERROR_INIT;
    bool is_new;
    for (size_t i = 0; i < N; i++) {
        pieces[i] = (mt_piece) { bytes + total, i % 7 == 3 ? 0 : i % 50 };
        for (size_t k = 0; k < pieces[i].size; k++)
            bytes[total++] = (uint8_t)(i + k);
    }
    check_ok(mt_output_create(temporary_path("pieces"), &out, &is_new, &err), &err);
    check_ok(mt_output_write(out, "pieces", 3, pieces, N, &err), &err);
    check_ok(mt_output_close(out, "pieces", &err), &err);
    uint8_t *found = read_file(temporary_path("pieces"), &size);
    assert_int_equal(size, total + 3);
    assert_memory_equal(found, "\0\0\0", 3);
    assert_memory_equal(found + 3, bytes, total);
    free(found);
    check_ok(mt_output_create(temporary_path("pieces"), &out, &is_new, &err), &err);
    assert_false(is_new);
}

static void calls_that_are_interrupted(void **state)
{
    (void)state;
    const mt_piece piece = { "abc", 3 };
    mt_output out;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_output_open(temporary_path("pieces"), &out, &err), &err);
    refused = 2, code = EINTR;
    check_ok(mt_output_write(out, "f", 0, &piece, 1, &err), &err);
    refused = 2;
    check_ok(mt_output_truncate(out, "f", 7, &err), &err);
    refused = 2;
    check_ok(mt_output_sync(out, "f", &err), &err);
    refused = 2;
    check_ok(mt_file_publish(temporary_path("published"), "abc", 3, &err), &err);
    assert_int_equal(refused, 0);
    refused = 1, code = 0; /* nothing is written: there is no space */
    check_failed(mt_output_write(out, "f", 0, &piece, 1, &err), MT_E_IO, &err, "free some space");
    mt_error_clear(&err);
    refused = 1;
    check_failed(mt_file_publish(temporary_path("published"), "abc", 3, &err), MT_E_IO, &err, "cannot be written");
    mt_error_clear(&err);
    refused = 1, code = EIO;
    check_failed(mt_output_truncate(out, "f", 7, &err), MT_E_IO, &err, "cannot be given its size: Input/output error");
    mt_error_clear(&err);
    refused = 1;
    check_failed(mt_output_sync(out, "f", &err), MT_E_IO, &err, "cannot be written to the device");
    mt_error_clear(&err);
    check_ok(mt_output_truncate(out, "f", INT64_MAX, &err), &err);
    assert_int_equal(truncated, INT64_MAX);
    check_failed(mt_output_truncate(out, "f", (uint64_t)INT64_MAX + 1, &err), MT_E_IO, &err, "File too large");
    mt_error_clear(&err);
    check_failed(mt_output_write(out, "f", (uint64_t)INT64_MAX + 1, &piece, 1, &err), MT_E_IO, &err, "File too large");
    assert_int_equal(refused, 0);
    mt_error_clear(&err);
    check_ok(mt_output_close(out, "f", &err), &err);
}

static time_t last_use(const char *path)
{
    uint64_t size;
    int64_t used;
    assert_true(mt_file_measure(path, &size, &used));
    return (time_t)used;
}

/* Reads that are short go on, up to the size that is asked for; the time of last use is set after a minute. */
static void files_that_are_recalled(void **state)
{
    (void)state;
    const char *path = temporary_path("recalled");
    char text[17] = "0123456789ABCDEF", expected[] = "abcdefgh89ABCDEF";
    mt_error err = MT_ERROR_INIT;
    size_t n;
    check_ok(mt_file_publish(path, "abcdefghijklmnop", 16, &err), &err);
    at_most = 3;
    assert_true(mt_file_recall(path, text, 8, &n));
    assert_int_equal(n, 8);
    assert_string_equal(text, expected);
    assert_true(mt_file_recall(path, text, 17, &n));
    at_most = 0;
    assert_int_equal(n, 16);
    static const struct {
        time_t age;
        bool is_set;
    } cases[] = { { 20, false }, { 3600, true } };
    for (size_t i = 0; i < 2; i++) {
        time_t now = time(NULL), before = now - cases[i].age;
        const struct timespec times[2] = { { .tv_sec = before }, { .tv_sec = before } };
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        assert_true(mt_file_recall(path, text, 8, &n));
        assert_true(cases[i].is_set ? last_use(path) >= now : last_use(path) == before);
    }
    assert_false(mt_file_recall(temporary_path("none"), text, 8, &n));
    mt_file_forget(path);
    assert_false(mt_file_recall(path, text, 8, &n));
}

static void ends_of_files(void **state)
{
    (void)state;
    mt_file file;
    mt_error err = MT_ERROR_INIT;
    uint8_t bytes[16];
    const void *map;
    size_t n;
    uint64_t size;
    int64_t when;
    struct stat st;
    const char *path = temporary_path("ends");
    const struct timespec times[2] = { { 1000, 5 }, { 2000, 123456789 } };
    write_temporary("ends", "", 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    check_ok(mt_file_open(path, &file, &err), &err);
    assert_int_equal(mt_file_map(file, "ends", &map, &n, &err), MT_E_IO);
    assert_string_equal(err.message, "ends: cannot be mapped");
    mt_error_clear(&err);
    check_failed(mt_file_read(file, "ends", INT64_MAX - 7, bytes, 7, &err), MT_E_CORRUPT, &err, "cut or damaged");
    mt_error_clear(&err);
    check_failed(mt_file_read(file, "ends", INT64_MAX - 7, bytes, 8, &err), MT_E_CORRUPT, &err, "beyond any file");
    mt_error_clear(&err);
    check_ok(mt_file_stamp(file, "ends", &size, &when, &err), &err);
    assert_int_equal(size, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(when, (int64_t)2000 * 1000000000 + st.st_mtim.tv_nsec); /* some systems keep less */
    mt_file_close(file);
}

static mt_status check_order(void *user, const char *name, mt_error *err)
{
    int *n = user;
    char expected[16];
    (void)err;
    snprintf(expected, sizeof expected, "%03d", (*n)++);
    assert_string_equal(name, expected);
    return MT_OK;
}

/* More names than the list first has room for. */
static void names_in_order(void **state)
{
    (void)state;
    enum { N = 131 };
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "names/%03d", i * 50 % N);
        write_temporary(name, "", 0);
    }
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    int n = 0;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_path_list(&env, temporary_path("names"), check_order, &n, &err), &err);
    assert_int_equal(n, N);
    assert_int_equal(env.memory_bytes, 0);
}

static void remote_file_systems(void **state)
{
    (void)state;
    static const long remote[] = { 0x6969,     0x517b,     0xfe534d42, 0xff534d42, 0x65735546, 0x0bd00bd0,
                                   0x00c36400, 0x01021997, 0x5346414f, 0x47504653, 0x19830326, ~0x00acb2bdL };
    static const long local[] = { 0xef53, 0x01021994, 0x58465342, 0x9123683e };
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        magic = remote[i];
        assert_true(mt_path_is_remote(temporary_path("")));
        assert_false(mt_path_is_remote(temporary_path("none")));
    }
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        magic = local[i];
        assert_false(mt_path_is_remote(temporary_path("")));
    }
    magic = 0;
}

static void names_of_writers(void **state)
{
    (void)state;
    static const char *const hosts[][2] = { { "a.b-1Z", "a_b_1Z-" }, { "", "host-" } };
    char pid[32];
    snprintf(pid, sizeof pid, "%ld-", (long)getpid());
    for (size_t i = 0; i < 2; i++) {
        char name[MT_WRITER_BYTES];
        mt_process own;
        host = hosts[i][0];
        mt_output_name_writer(name);
        size_t n = strlen(hosts[i][1]);
        assert_memory_equal(name, hosts[i][1], n);
        assert_memory_equal(name + n, pid, strlen(pid));
        assert_int_equal(strlen(name), n + strlen(pid) + 16);
        mt_process_get(&own);
        assert_string_equal(own.host, *host ? host : "host");
    }
    host = NULL;
}

/* A process that cannot be told from a living one has not certainly ended. */
static void processes_that_have_ended(void **state)
{
    (void)state;
    mt_process own, p;
    mt_process_get(&own);
    assert_int_equal(own.number, getpid());
    assert_false(mt_process_has_ended(&own));
    pid_t child = fork();
    if (child == 0)
        leave_child(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    p = own, p.number = child;
    assert_true(mt_process_has_ended(&p));
    p.space++; /* of another container */
    assert_false(mt_process_has_ended(&p));
    p = own, p.number = child, p.host[0] ^= 1;
    assert_false(mt_process_has_ended(&p));
    for (int64_t number = -1; number <= 0; number++) {
        p = own, p.number = number;
        assert_false(mt_process_has_ended(&p));
    }
    p = own, p.started = 0;
    assert_false(mt_process_has_ended(&p));
    p.started = own.started + 1; /* the number was given again */
    assert_int_equal(mt_process_has_ended(&p), own.started > 0);
    p = own, p.boot++;
    assert_int_equal(mt_process_has_ended(&p), own.machine != 0);
    p.machine++;
    assert_false(mt_process_has_ended(&p));
}

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = mt_clock_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = mt_clock_ns();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_names),
        cmocka_unit_test(names_of_partial_files),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(folders_that_are_walked),
        cmocka_unit_test(descriptor_0),
        cmocka_unit_test(many_pieces),
        cmocka_unit_test(calls_that_are_interrupted),
        cmocka_unit_test(files_that_are_recalled),
        cmocka_unit_test(ends_of_files),
        cmocka_unit_test(names_in_order),
        cmocka_unit_test(remote_file_systems),
        cmocka_unit_test(names_of_writers),
        cmocka_unit_test(processes_that_have_ended),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
