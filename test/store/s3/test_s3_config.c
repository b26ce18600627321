/* SPDX-License-Identifier: BSD-3-Clause */
/* Where credentials, region and endpoint come from, and which wins. */
#include "store/s3/config.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const variables[] = { "AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY",       "AWS_SESSION_TOKEN",
                                         "AWS_REGION",          "AWS_DEFAULT_REGION",          "AWS_PROFILE",
                                         "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
                                         "AWS_ENDPOINT_URL",    "AWS_ENDPOINT_URL_S3",         "GS_ACCESS_KEY_ID",
                                         "GS_SECRET_ACCESS_KEY" };

typedef struct fixture {
    char home[64];
    mt_env env;
    mt_arena *arena;
    mt_s3_config config;
    mt_error err;
} fixture;

static void path_of(const fixture *f, const char *name, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s/.aws%s%s", f->home, *name ? "/" : "", name);
}

static void write_text(const fixture *f, const char *name, const char *text)
{
    char path[128];
    path_of(f, name, path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    static fixture f;
    char path[128];
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    snprintf(f.home, sizeof f.home, "/tmp/mt-s3-XXXXXX");
    assert_non_null(mkdtemp(f.home));
    path_of(&f, "", path, sizeof path);
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("HOME", f.home, 1);
    mt_env_init(&f.env, NULL, NULL);
    *state = &f;
    return mt_arena_new(&f.env, &f.arena, NULL);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char path[128];
    mt_arena_free(f->arena);
    static const char *const names[] = { "credentials", "config" };
    for (int i = 0; i < 2; i++) {
        path_of(f, names[i], path, sizeof path);
        remove(path);
    }
    path_of(f, "", path, sizeof path);
    rmdir(path);
    rmdir(f->home);
    return f->env.memory_bytes != 0;
}

static mt_status configure(fixture *f, mt_s3_options given)
{
    f->err = (mt_error)MT_ERROR_INIT;
    return mt_s3_configure(f->arena, &given, &f->config, &f->err);
}

static void check_keys(fixture *f, mt_s3_options given, const char *id, const char *origin)
{
    check_ok(configure(f, given), &f->err);
    if (id)
        assert_string_equal(f->config.keys.id, id);
    else
        assert_null(f->config.keys.id);
    assert_non_null(strstr(f->config.origin, origin));
}

static void nothing_is_anonymous(void **state)
{
    fixture *f = *state;
    check_keys(f, (mt_s3_options) { 0 }, NULL, "nobody");
    assert_string_equal(f->config.region, "us-east-1");
    assert_null(f->config.endpoint);
    unsetenv("HOME");
    check_keys(f, (mt_s3_options) { 0 }, NULL, "nobody");
}

static void the_order(void **state)
{
    fixture *f = *state;
    write_text(f, "credentials",
               "[default]\naws_access_key_id = D\naws_secret_access_key = d\n"
               "[lab]\naws_access_key_id = L\naws_secret_access_key = l\naws_session_token = t\n");
    write_text(f, "config",
               "[default]\nregion = eu-north-1\n[profile lab]\nregion = eu-west-3\n"
               "endpoint_url = https://s3.lab.example/\n");
    check_keys(f, (mt_s3_options) { 0 }, "D", "default");
    assert_string_equal(f->config.region, "eu-north-1");
    setenv("AWS_PROFILE", "lab", 1);
    check_keys(f, (mt_s3_options) { 0 }, "L", "lab");
    assert_string_equal(f->config.keys.token, "t");
    assert_string_equal(f->config.region, "eu-west-3");
    assert_string_equal(f->config.endpoint, "https://s3.lab.example");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
    setenv("AWS_DEFAULT_REGION", "us-west-1", 1);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    check_keys(f, (mt_s3_options) { 0 }, "E", "environment");
    assert_string_equal(f->config.region, "us-west-1");
    assert_string_equal(f->config.endpoint, "http://127.0.0.1:1");
    setenv("AWS_REGION", "us-west-2", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2/", 1);
    check_keys(f, (mt_s3_options) { .profile = "default" }, "D", "default");
    assert_string_equal(f->config.region, "us-west-2");
    assert_string_equal(f->config.endpoint, "http://127.0.0.1:2");
    check_keys(f, (mt_s3_options) { .key_id = "O", .secret = "o", .region = "r", .endpoint = "http://h" }, "O",
               "options");
    assert_string_equal(f->config.region, "r");
    assert_string_equal(f->config.endpoint, "http://h");
    check_keys(f, (mt_s3_options) { .anonymous = true }, NULL, "nobody");
}

static void check_refused(fixture *f, mt_s3_options given, const char *word)
{
    assert_int_equal(configure(f, given), MT_E_ARGUMENT);
    assert_non_null(strstr(f->err.message, word));
}

static void what_is_refused(void **state)
{
    fixture *f = *state;
    write_text(f, "config", "[profile sso]\nsso_session = x\n[profile half]\naws_access_key_id = H\n");
    check_refused(f, (mt_s3_options) { .profile = "none" }, "\"none\"");
    check_refused(f, (mt_s3_options) { .profile = "sso" }, "export-credentials");
    check_refused(f, (mt_s3_options) { .profile = "half" }, "secret key");
    check_refused(f, (mt_s3_options) { .key_id = "a" }, "secret key");
    check_refused(f, (mt_s3_options) { .region = "evil.example/" }, "region");
    check_refused(f, (mt_s3_options) { .endpoint = "https://u:hidden@h" }, "endpoint");
    assert_null(strstr(f->err.message, "hidden"));
    check_refused(f, (mt_s3_options) { .endpoint = "file:///etc" }, "endpoint");
    setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
    check_refused(f, (mt_s3_options) { 0 }, "environment");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_PROFILE", "gone", 1);
    check_refused(f, (mt_s3_options) { 0 }, "\"gone\"");
    check_keys(f, (mt_s3_options) { .anonymous = true }, NULL, "nobody");
    unsetenv("AWS_PROFILE");
    setenv("AWS_CONFIG_FILE", f->home, 1); /* a folder */
    assert_int_equal(configure(f, (mt_s3_options) { 0 }), MT_E_IO);
    unsetenv("AWS_CONFIG_FILE");
    char path[128];
    path_of(f, "config", path, sizeof path);
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    assert_int_equal(configure(f, (mt_s3_options) { 0 }), MT_E_LIMIT);
    assert_non_null(strstr(f->err.message, "has 1048577 bytes, more than a file of profiles may have (1048576)"));
}

static void names_and_sizes(void **state)
{
    fixture *f = *state;
    char text[600], path[128];
    check_refused(f, (mt_s3_options) { .region = "" }, "region");
    check_refused(f, (mt_s3_options) { .region = "-eu" }, "region");
    for (int n = 62; n <= 65; n++) {
        snprintf(text, sizeof text, "%0*d", n, 0);
        assert_int_equal(configure(f, (mt_s3_options) { .region = text }), n < 64 ? MT_OK : MT_E_ARGUMENT);
    }
    for (int n = 510; n <= 513; n++) {
        snprintf(text, sizeof text, "http://%0*d", n - 7, 0);
        assert_int_equal(configure(f, (mt_s3_options) { .endpoint = text }), n < 512 ? MT_OK : MT_E_ARGUMENT);
    }
    static const char *const bad[] = {
        "http://", "https://", "http:///a", "h", "http://a b", "http://a\\b", "http://a#"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(f, (mt_s3_options) { .endpoint = bad[i] }, "endpoint");
    write_text(f, "credentials", "[default]\naws_access_key_id = D\naws_secret_access_key = d\n");
    path_of(f, "credentials", path, sizeof path);
    assert_int_equal(truncate(path, 1 << 20), 0);
    check_keys(f, (mt_s3_options) { 0 }, "D", "default");
    unsetenv("HOME");
    check_refused(f, (mt_s3_options) { .profile = "lab" },
                  "the profile \"lab\" is neither in a file of credentials nor in a file of profiles");
}

/* Profiles that have no keys, or only ways to get some. */
static void profiles_without_keys(void **state)
{
    fixture *f = *state;
    write_text(
        f, "credentials",
        "# A file of credentials as tools write it, with a remark on where it is from and who may read it, which "
        "is longer than the name of a file may be: so long that it goes on in the next lines, and then has a "
        "third one that says nothing. It is not a path, whatever\n# else it may be.\n"
        "[lab]\nregion = eu-west-1\n");
    write_text(f, "config",
               "[default]\nsso_session = x\nregion = eu-north-1\n[profile half]\naws_access_key_id = H\nregion = r\n"
               "[profile role]\nrole_arn = x\n[profile token]\nweb_identity_token_file = x\n"
               "[profile start]\nsso_start_url = x\n[profile process]\ncredential_process = x\n");
    check_keys(f, (mt_s3_options) { 0 }, NULL, "nobody");
    assert_string_equal(f->config.region, "eu-north-1");
    check_keys(f, (mt_s3_options) { .anonymous = 1 }, NULL, "nobody");
    assert_string_equal(f->config.region, "us-east-1"); /* no file is read */
    check_keys(f, (mt_s3_options) { .anonymous = 1, .profile = "lab" }, NULL, "nobody");
    assert_string_equal(f->config.region, "eu-west-1");
    check_keys(f, (mt_s3_options) { .profile = "lab" }, NULL, "nobody");
    check_refused(f, (mt_s3_options) { .profile = "half" }, "the id of an access key without its secret key");
    check_refused(f, (mt_s3_options) { .profile = "none" }, "the profile \"none\" is neither in ");
    check_refused(f, (mt_s3_options) { .profile = "role" }, "role_arn is not supported");
    check_refused(f, (mt_s3_options) { .profile = "token" }, "web_identity_token_file is not supported");
    check_refused(f, (mt_s3_options) { .profile = "start" }, "sso_start_url is not supported");
    check_refused(f, (mt_s3_options) { .profile = "process" }, "credential_process is not supported");
    check_keys(f, (mt_s3_options) { .profile = "none", .key_id = "O", .secret = "o" }, "O", "options");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
    check_keys(f, (mt_s3_options) { .profile = "lab" }, "E", "environment");
}

static void files_elsewhere(void **state)
{
    fixture *f = *state;
    write_text(f, "credentials", "[default]\naws_access_key_id = X\naws_secret_access_key = x\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/none", 1);
    check_keys(f, (mt_s3_options) { 0 }, NULL, "nobody");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", 1);
    check_keys(f, (mt_s3_options) { 0 }, "X", "default");
}

static void google(void **state)
{
    fixture *f = *state;
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
    check_ok(mt_s3_configure_gs(f->arena, &f->config, &f->err), &f->err);
    assert_null(f->config.keys.id);
    setenv("GS_ACCESS_KEY_ID", "G", 1);
    setenv("GS_SECRET_ACCESS_KEY", "g", 1);
    check_ok(mt_s3_configure_gs(f->arena, &f->config, &f->err), &f->err);
    assert_string_equal(f->config.keys.id, "G");
}

static void failing_allocations(void **state)
{
    fixture *f = *state;
    write_text(f, "credentials", "[default]\naws_access_key_id = X\naws_secret_access_key = x\n");
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env env;
        mt_arena *arena;
        mt_env_init(&env, &allocator, NULL);
        mt_status st = mt_arena_new(&env, &arena, NULL);
        if (!st) {
            st = mt_s3_configure(arena, &(mt_s3_options) { 0 }, &f->config, NULL);
            mt_arena_free(arena);
        }
        assert_int_equal(env.memory_bytes, 0);
        if (failing.count <= k) {
            check_ok(st, NULL);
            return;
        }
        assert_int_equal(st, MT_E_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_anonymous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(profiles_without_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(google, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_allocations, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
