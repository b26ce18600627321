/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/documents.h"

#include "base/json.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *find(const json_t *at, const char *path)
{
    char part[64];
    for (const char *end; at && *path; path = end + (*end == '/')) {
        end = path + strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        at = json_is_array(at) ? json_array_get(at, (size_t)(*part - '0')) : json_object_get(at, part);
    }
    return at;
}

static void check_member(const char *folder, const member *m)
{
    char name[1200], text[1000];
    json_error_t why;
    snprintf(name, sizeof name, "%s/%s", folder, m->file);
    json_t *document = json_load_file(name, 0, &why);
    assert_non_null(document);
    const json_t *is = find(document, m->path);
    snprintf(text, sizeof text, "%s", m->value ? m->value : "null");
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, &why);
    assert_non_null(wanted);
    if (m->value ? !json_equal(is, wanted) : is != NULL) {
        char *found = is ? json_dumps(is, JSON_ENCODE_ANY) : NULL; /* lost with the test */
        fail_msg("%s: %s is %s, not %s", m->file, m->path, found ? found : "missing", text);
    }
    json_decref(wanted);
    json_decref(document);
}

void check_members(const char *folder, const member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_member(folder, &members[i]);
}
