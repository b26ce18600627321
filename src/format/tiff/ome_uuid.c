/* SPDX-License-Identifier: BSD-3-Clause */
/* The UUID of a file, stored in the root element of its OME-XML. */
#include "base/checked.h"
#include "format/tiff/ome.h"

#include <string.h>

#define HEAD_BYTES 4096 /* bytes of a description in which the root element must start */

void ome_clean_uuid(const char *text, char out[OME_UUID_BYTES])
{
    size_t n = 0;
    while (*text && strchr(" \t\r\n", *text))
        text++;
    if (strncmp(text, "urn:uuid:", 9) == 0)
        text += 9;
    for (; *text && !strchr(" \t\r\n", *text) && n + 1 < OME_UUID_BYTES; text++)
        out[n++] = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
    out[n] = 0;
}

bool ome_is_tiff_name(const char *name)
{
    static const char *const suffixes[] = { ".tif", ".tiff", ".btf", ".tf8", ".tf2" };
    char end[6] = { 0 };
    const char *dot = strrchr(name, '.');
    if (!dot || strlen(dot) >= sizeof end)
        return false;
    for (size_t i = 0; dot[i]; i++)
        end[i] = (char)(dot[i] >= 'A' && dot[i] <= 'Z' ? dot[i] + 32 : dot[i]);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(end, suffixes[i]) == 0)
            return true;
    return false;
}

/* The attribute of the element that starts with "<OME" or "<prefix:OME". */
static void find_attribute(char *text, char out[OME_UUID_BYTES])
{
    for (char *at = text; (at = strstr(at, "OME")); at += 3) {
        if (at == text || (at[-1] != '<' && at[-1] != ':') || !strchr(" \t\r\n", at[3]))
            continue;
        char *end = strchr(at, '>'), *value = strstr(at, "UUID=");
        if (!value || (end && value > end) || !value[5])
            return;
        char quote = value[5], *last = strchr(value + 6, quote);
        if (last) {
            *last = 0;
            ome_clean_uuid(value + 6, out);
        }
        return;
    }
}

mt_status ome_read_uuid(mt_env *env, mt_store *store, const char *key, char out[OME_UUID_BYTES], mt_error *err)
{
    tiff_file file;
    tiff_ifd ifd;
    mt_error own = MT_ERROR_INIT;
    char text[HEAD_BYTES + 1];
    out[0] = 0;
    mt_status st = tiff_open_file(env, store, key, &file, &own);
    if (!st)
        st = tiff_read_ifd(&file, file.first, &ifd, &own);
    const tiff_entry *entry = st ? NULL : tiff_find(&ifd, TAG_DESCRIPTION);
    if (entry && !entry->inside && entry->offset < file.size) {
        size_t n = (size_t)mt_min_i64((int64_t)mt_min_i64((int64_t)(entry->count & INT64_MAX), HEAD_BYTES),
                                      (int64_t)((file.size - entry->offset) & INT64_MAX));
        st = mt_store_read_at(store, key, entry->offset, text, n, &own);
        text[n] = 0;
        if (!st)
            find_attribute(text, out);
    }
    return st && st != MT_E_CORRUPT && st != MT_E_NOT_FOUND ? mt_fail(err, st, "%s", own.message) : MT_OK;
}
