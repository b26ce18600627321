/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/ini.h"

#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static mt_ini_value trim(const char *text, size_t size)
{
    while (size > 0 && is_blank(text[0]))
        text++, size--;
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    return (mt_ini_value) { text, size };
}

static bool is_text(mt_ini_value v, const char *text)
{
    return v.size == strlen(text) && !memcmp(v.text, text, v.size);
}

/* The next line, without its end; false at the end of the text. */
static bool next_line(const char *text, size_t size, size_t *at, mt_ini_value *line)
{
    if (*at >= size)
        return false;
    const char *end = memchr(text + *at, '\n', size - *at);
    size_t n = end ? (size_t)(end - text) - *at : size - *at;
    *line = (mt_ini_value) { text + *at, n };
    *at += n + 1;
    return true;
}

/* The text between [ and ]; false if the line is not a header. */
static bool take_header(mt_ini_value line, mt_ini_value *out)
{
    if (line.size == 0 || line.text[0] != '[')
        return false;
    const char *end = memchr(line.text, ']', line.size);
    *out = end ? trim(line.text + 1, (size_t)(end - line.text) - 1) : (mt_ini_value) { line.text, 0 };
    return true;
}

static bool is_section(mt_ini_value header, const char *prefix, const char *name)
{
    size_t n = prefix ? strlen(prefix) : 0;
    if (n == 0)
        return is_text(header, name);
    return header.size > n && memcmp(header.text, prefix, n) == 0 && is_blank(header.text[n]) &&
           is_text(trim(header.text + n, header.size - n), name);
}

/* A value ends before a comment, which begins with a blank and '#' or ';'. */
static mt_ini_value without_comment(mt_ini_value v)
{
    for (size_t i = 1; i < v.size; i++)
        if ((v.text[i] == '#' || v.text[i] == ';') && is_blank(v.text[i - 1]))
            return trim(v.text, i);
    return v;
}

static bool take_value(mt_ini_value line, const char *key, mt_ini_value *out)
{
    const char *sign = line.size > 0 && !is_blank(line.text[0]) ? memchr(line.text, '=', line.size) : NULL;
    if (!sign || !is_text(trim(line.text, (size_t)(sign - line.text)), key))
        return false;
    *out = without_comment(trim(sign + 1, line.size - (size_t)(sign - line.text) - 1));
    return true;
}

bool mt_ini_has_section(const char *text, size_t size, const char *prefix, const char *name)
{
    mt_ini_value line, header;
    for (size_t at = 0; next_line(text, size, &at, &line);)
        if (take_header(line, &header) && is_section(header, prefix, name))
            return true;
    return false;
}

bool mt_ini_get(const char *text, size_t size, const char *prefix, const char *name, const char *key, mt_ini_value *out)
{
    mt_ini_value line, header;
    bool inside = false, found = false;
    for (size_t at = 0; next_line(text, size, &at, &line);) {
        if (take_header(line, &header))
            inside = is_section(header, prefix, name);
        else if (inside)
            found |= take_value(line, key, out);
    }
    return found;
}
