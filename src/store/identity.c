/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/identity.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool mt_identity_same(const mt_identity *a, const mt_identity *b)
{
    if (a->size != b->size)
        return false;
    if (*a->etag && *b->etag)
        return strcmp(a->etag, b->etag) == 0;
    return !a->mtime_ns || !b->mtime_ns || a->mtime_ns == b->mtime_ns;
}

void mt_identity_text(const mt_identity *identity, char text[MT_IDENTITY_TEXT])
{
    char when[64] = "";
    time_t seconds = (time_t)(identity->mtime_ns / 1000000000);
    struct tm parts;
    if (identity->mtime_ns > 0 && gmtime_r(&seconds, &parts))
        strftime(when, sizeof when, ", changed at %Y-%m-%d %H:%M:%S UTC", &parts);
    snprintf(text, MT_IDENTITY_TEXT, "%llu bytes%s%s%s", (unsigned long long)identity->size, when,
             *identity->etag ? ", ETag " : "", identity->etag);
}
