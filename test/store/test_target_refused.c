/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets in folders: an object is published whole or not at all, whatever call the operating system refuses. The
 * functions below stand in front of those of the C library. */
#include "support/target.h"

#include "platform/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NEVER = -1 };

/* The calls that change files are counted; the fail_at-th fails with code. */
static struct calls {
    int count, fail_at, code;
    int syncs;      /* of files and folders */
    size_t at_most; /* bytes of a write; 0: all */
    bool no_links;  /* link fails */
    bool lost_link; /* link succeeds and says that the name is taken */
} calls = { .fail_at = NEVER };

static bool fails(void)
{
    if (calls.fail_at == NEVER || calls.count++ != calls.fail_at)
        return false;
    errno = calls.code;
    return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...) { return (flags & O_CREAT) && fails() ? -1 : REAL(open)(path, flags, 0666); }

ssize_t pwritev(int handle, const struct iovec *parts, int n, off_t offset)
{
    struct iovec first = parts[0];
    if (fails())
        return -1;
    if (calls.at_most == 0)
        return REAL(pwritev)(handle, parts, n, offset);
    first.iov_len = first.iov_len < calls.at_most ? first.iov_len : calls.at_most;
    return REAL(pwritev)(handle, &first, 1, offset);
}

int fsync(int handle)
{
    calls.syncs++;
    return fails() ? -1 : REAL(fsync)(handle);
}

int close(int handle)
{
    int code = REAL(close)(handle);
    return fails() ? -1 : code;
}

int mkdir(const char *path, mode_t mode) { return fails() ? -1 : REAL(mkdir)(path, mode); }
int rename(const char *from, const char *to) { return fails() ? -1 : REAL(rename)(from, to); }

int link(const char *from, const char *to)
{
    if (calls.no_links) {
        errno = EPERM;
        return -1;
    }
    if (calls.lost_link && REAL(link)(from, to) == 0) {
        errno = EEXIST;
        return -1;
    }
    return fails() ? -1 : REAL(link)(from, to);
}

/* Whichever call fails, there is the old or the new object, and nothing else. */
static void every_call_may_fail(void **state)
{
    static const int codes[] = { ENOSPC, EIO };
    int failures = 0;
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int k = 0;; k++) {
            mt_error err = MT_ERROR_INIT, err_new = MT_ERROR_INIT;
            char name[32];
            snprintf(name, sizeof name, "fail%d-%d", i, k);
            mt_target *target = open_target(name, MT_SYNC_SHARDS);
            publish_ok(target, "a/b", "old");
            calls = (struct calls) { .fail_at = k, .code = codes[i], .at_most = 2 };
            mt_status st = publish(target, "a/b", "replaced", &err);
            mt_status st_new = publish(target, "n/m/o", "new", &err_new);
            bool done = calls.count <= k;
            calls = (struct calls) { .fail_at = NEVER };
            failures += st || st_new;
            assert_int_equal((st != MT_OK) + (st_new != MT_OK), done ? 0 : 1);
            if (!done) {
                assert_int_equal(st ? st : st_new, MT_E_IO);
                check_message(st ? &err : &err_new, st ? "/a/b: cannot be" : "cannot be");
                check_message(st ? &err : &err_new, strerror(codes[i]));
            }
            check_object(target, "a/b", st ? "old" : "replaced");
            if (st_new)
                check_absent(target, "n/m/o");
            else
                check_object(target, "n/m/o", "new");
            assert_int_equal(count_files(name), st_new ? 1 : 2);
            mt_target_close(target);
            if (done)
                break;
        }
    assert_true(failures > 2 * 12);
}

/* The same for new objects, with and without hard links. Only syncs of folders fail after the object has its name. */
static void every_call_of_a_new_object_may_fail(void **state)
{
    int failures = 0;
    (void)state;
    for (int no_links = 0; no_links < 2; no_links++)
        for (int k = 0;; k++) {
            mt_error err = MT_ERROR_INIT;
            char name[32];
            bool made;
            snprintf(name, sizeof name, "new%d-%d", no_links, k);
            mt_target *target = open_target(name, MT_SYNC_SHARDS);
            calls = (struct calls) { .fail_at = k, .code = EIO, .no_links = no_links };
            mt_status st = mt_target_make_new(target, "a/plan", &(mt_piece) { "plan", 4 }, 1, &made, &err);
            bool done = calls.count <= k;
            calls = (struct calls) { .fail_at = NEVER };
            assert_true(st == MT_OK || (st == MT_E_IO && !done)); /* some calls of close do not matter */
            failures += st != MT_OK;
            if (made)
                check_object(target, "a/plan", "plan");
            else
                check_absent(target, "a/plan");
            if (mt_path_get_kind(temporary_path(name)) == MT_PATH_FOLDER)
                assert_int_equal(count_files(name), made);
            mt_target_close(target);
            if (done)
                break;
        }
    assert_true(failures > 2 * 8);
}

static void messages_tell_the_remedy(void **state)
{
    static const struct {
        int code;
        const char *remedy;
    } cases[] = { { ENOSPC, "free some space" }, { EDQUOT, "free some space" }, { EROFS, "choose another place" },
                  { EACCES, "permissions" },     { EPERM, "permissions" },      { ENAMETOOLONG, "shorter name" },
                  { EMFILE, "ulimit -n" },       { ENFILE, "ulimit -n" } };
    mt_target *target = open_target("messages", MT_SYNC_NONE);
    (void)state;
    publish_ok(target, "a", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        calls = (struct calls) { .fail_at = 0, .code = cases[i].code };
        assert_int_equal(publish(target, "a", "text", &err), MT_E_IO);
        calls.fail_at = NEVER;
        check_message(&err, "messages/a: cannot be created: ");
        check_message(&err, cases[i].remedy);
    }
    mt_error err = MT_ERROR_INIT;
    calls = (struct calls) { .fail_at = 0, .code = ENOMEM };
    assert_int_equal(publish(target, "a", "text", &err), MT_E_MEMORY);
    calls.fail_at = NEVER;
    mt_target_close(target);
}

static void interrupted_and_partial_calls_go_on(void **state)
{
    enum { PIECES = 300 };
    mt_piece pieces[PIECES];
    char bytes[PIECES], expected[PIECES * 3 + 1];
    size_t n = 0;
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("interrupted", MT_SYNC_SHARDS);
    (void)state;
    for (size_t i = 0; i < PIECES; i++)
        bytes[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = (mt_piece) { bytes + i, i + 3 <= PIECES ? i % 4 : 0 };
        memcpy(expected + n, pieces[i].bytes, pieces[i].size);
        n += pieces[i].size;
    }
    expected[n] = 0;
    for (int k = 0; k < 8; k++) {
        calls = (struct calls) { .fail_at = k, .code = EINTR, .at_most = (size_t)k * 5 };
        check_ok(mt_target_publish(target, "a", pieces, PIECES, &err), &err);
        calls = (struct calls) { .fail_at = NEVER };
        check_object(target, "a", expected);
    }
    check_ok(mt_target_publish(target, "none", NULL, 0, &err), &err);
    check_object(target, "none", "");
    mt_target_close(target);
}

static void new_objects_replace_nothing(void **state)
{
    (void)state;
    for (int no_links = 0; no_links < 2; no_links++) {
        mt_error err = MT_ERROR_INIT;
        bool made;
        char name[32];
        snprintf(name, sizeof name, "make-%d", no_links);
        mt_target *target = open_target(name, MT_SYNC_SHARDS);
        calls.no_links = no_links;
        check_ok(mt_target_make_new(target, ".m/plan", &(mt_piece) { "one", 3 }, 1, &made, &err), &err);
        assert_true(made);
        check_ok(mt_target_make_new(target, ".m/plan", &(mt_piece) { "two", 3 }, 1, &made, &err), &err);
        assert_false(made);
        check_object(target, ".m/plan", "one");
        assert_int_equal(count_files(name), 1);
        mt_target_close(target);
        calls.no_links = false;
    }
}

static void make_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A name that is taken by this very file was given; one that is taken by another file was not, however many names the
 * file itself has. */
static void a_name_that_is_taken(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        mt_error err = MT_ERROR_INIT;
        char from[MT_PATH_BYTES], to[MT_PATH_BYTES], elsewhere[MT_PATH_BYTES];
        bool is_new;
        snprintf(from, sizeof from, "%s", temporary_path(own ? "own-from" : "from"));
        snprintf(to, sizeof to, "%s", temporary_path(own ? "own-to" : "to"));
        snprintf(elsewhere, sizeof elsewhere, "%s", temporary_path("elsewhere"));
        make_file(from, "mine");
        if (!own) {
            make_file(to, "foreign");
            assert_int_equal(link(from, elsewhere), 0);
        }
        calls.lost_link = own;
        check_ok(mt_output_rename_new(from, to, &is_new, &err), &err);
        calls.lost_link = false;
        assert_int_equal(is_new, own);
        assert_int_equal(mt_path_get_kind(from), own ? MT_PATH_NONE : MT_PATH_FILE);
        assert_int_equal(mt_path_get_kind(to), MT_PATH_FILE);
    }
}

static void syncs_are_as_asked_for(void **state)
{
    static const int published[] = { 1, 0, 0 }, new[] = { 1 + 3, 0, 0 };
    static const int at_end[] = { 3 + 1, 3 + 1 + 2, 0 }; /* folders and the one above; files */
    (void)state;
    calls.syncs = 0;
    for (mt_sync sync = MT_SYNC_SHARDS; sync <= MT_SYNC_NONE; sync++) {
        mt_error err = MT_ERROR_INIT;
        bool made;
        char name[32];
        snprintf(name, sizeof name, "sync-%d", (int)sync);
        mt_target *target = open_target(name, sync);
        publish_ok(target, "a/b/c", "text");
        assert_int_equal(calls.syncs, published[sync]);
        calls.syncs = 0;
        check_ok(mt_target_make_new(target, "a/new", NULL, 0, &made, &err), &err);
        assert_int_equal(calls.syncs, new[sync]);
        calls.syncs = 0;
        check_ok(mt_target_sync(target, &err), &err);
        assert_int_equal(calls.syncs, at_end[sync]);
        for (int k = 0; sync == MT_SYNC_END && k < 6; k++) {
            mt_error why = MT_ERROR_INIT;
            calls = (struct calls) { .fail_at = 0, .code = EIO };
            assert_int_equal(mt_target_sync(target, &why), MT_E_IO);
            calls.fail_at = NEVER;
        }
        calls.syncs = 0;
        mt_target_close(target);
    }
}

/* A file system that cannot sync folders. */
static void folders_need_not_be_synced_where_they_cannot(void **state)
{
    mt_error err = MT_ERROR_INIT;
    bool made;
    mt_target *target = open_target("unsynced", MT_SYNC_SHARDS);
    (void)state;
    publish_ok(target, "a/b", "text");
    for (int k = 0; k < 2; k++) {
        calls = (struct calls) { .fail_at = 2 * k, .code = k ? EINVAL : EBADF }; /* fsync, close, fsync, close */
        check_ok(mt_target_sync(target, &err), &err);
        calls.fail_at = NEVER;
    }
    calls = (struct calls) { .fail_at = 0, .code = EIO };
    assert_int_equal(mt_target_sync(target, &err), MT_E_IO);
    calls.fail_at = NEVER;
    check_message(&err, "cannot be written to the device");
    check_ok(mt_target_make_new(target, "a/b", NULL, 0, &made, NULL), NULL);
    mt_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_TEST(every_call_may_fail),         TARGET_TEST(every_call_of_a_new_object_may_fail),
        TARGET_TEST(messages_tell_the_remedy),    TARGET_TEST(interrupted_and_partial_calls_go_on),
        TARGET_TEST(new_objects_replace_nothing), TARGET_TEST(a_name_that_is_taken),
        TARGET_TEST(syncs_are_as_asked_for),      TARGET_TEST(folders_need_not_be_synced_where_they_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
