/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/xml_text.h"

#include <string.h>

/* Characters 0x80 to 0x9f of windows-1252. Its five undefined codes map to Latin-1. */
static const uint16_t windows_1252[32] = { 0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                           0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
                                           0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                           0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178 };

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Length in bytes of the UTF-8 sequence at the start of text; 0 if invalid. Source: RFC 3629, section 4. */
static size_t sequence_length(const char *text, size_t left)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f); /* surrogates, beyond 10FFFF */
    return overlong || outside ? 0 : n;
}

/* Converts a byte of windows-1252 to UTF-8. */
static size_t put_byte(uint8_t byte, char *out)
{
    uint32_t c = byte >= 0x80 && byte < 0xa0 ? windows_1252[byte - 0x80] : byte;
    size_t n = c < 0x800 ? 2 : 3;
    if (out && n == 2) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
    } else if (out) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
    }
    return n;
}

/* Writes to out unless it is NULL; returns the size. Keeps valid UTF-8 sequences: some programs mix both encodings. */
static size_t decode(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        size_t length = sequence_length(text + i, size - i);
        if (length == 0) {
            n += put_byte((uint8_t)text[i++], out ? out + n : NULL);
            continue;
        }
        if (out)
            memcpy(out + n, text + i, length);
        n += length;
        i += length;
    }
    return n;
}

static bool is_ascii(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] >= 0x80)
            return false;
    return true;
}

/* The encoding named in the XML declaration, up to 31 characters in lower case; "" if none. */
static void read_declared(const char *text, size_t size, char out[32])
{
    static const char word[] = "encoding";
    size_t i = 0, n = 0, room = size < 256 ? size : 256;
    const char *end = memchr(text, '>', room);
    room = end && size > 5 && memcmp(text, "<?xml", 5) == 0 ? (size_t)(end - text) : 0;
    while (i + sizeof word <= room && memcmp(text + i, word, sizeof word - 1) != 0)
        i++;
    for (i += sizeof word - 1; i < room && (is_space(text[i]) || text[i] == '=');)
        i++;
    char quote = i < room ? text[i++] : 0;
    for (; i < room && n < 31 && text[i] != quote; i++)
        out[n++] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    out[n] = 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The repair to report for a document that is UTF-8, or is not; NULL if it agrees with its declaration. */
static const char *judge_encoding(const char *declared, bool is_utf8)
{
    static const char *const utf8[] = { "", "utf-8", "utf8" };
    static const char *const latin[] = { "iso-8859-1", "latin1", "latin-1", "iso8859-1", "windows-1252", "cp1252" };
    if (is_utf8)
        return is_one_of(declared, utf8, 3) ? NULL : "it is UTF-8, though it declares another encoding";
    return is_one_of(declared, latin, 6) ? NULL
                                         : "it is not in the encoding that it declares, and read as windows-1252";
}

static const char *find_utf16(const char *bytes, size_t size)
{
    if (size < 4)
        return NULL;
    if (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)
        return "UTF-16";
    return memcmp(bytes, "<\0", 2) == 0 ? "UTF-16LE" : memcmp(bytes, "\0<", 2) == 0 ? "UTF-16BE" : NULL;
}

mt_status mt_xml_text_decode(mt_arena *arena, const char *bytes, size_t size, mt_xml_text *out, mt_error *err)
{
    *out = (mt_xml_text) { .bytes = bytes, .size = size, .encoding = find_utf16(bytes, size) };
    if (out->encoding)
        return MT_OK;
    out->encoding = "UTF-8";
    size_t mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, start = mark;
    while (start < size && (is_space(bytes[start]) || bytes[start] == 0))
        start++;
    while (size > start && (is_space(bytes[size - 1]) || bytes[size - 1] == 0))
        size--;
    bool declares = size - start > 5 && memcmp(bytes + start, "<?xml", 5) == 0;
    if (start > mark && declares)
        out->repair = "white space before the XML declaration is ignored";
    bytes += start;
    out->bytes = bytes;
    out->size = size -= start;
    if (is_ascii(bytes, size))
        return MT_OK;
    char declared[32];
    read_declared(bytes, size, declared);
    size_t n = decode(bytes, size, NULL); /* larger than size if a byte is not UTF-8 */
    const char *told = judge_encoding(declared, n == size);
    out->repair = told ? told : out->repair;
    if (n == size)
        return MT_OK;
    char *text = mt_arena_alloc(arena, n, 1, err);
    if (!text)
        return MT_E_MEMORY;
    out->size = decode(bytes, size, text);
    out->bytes = text;
    return MT_OK;
}

/* Length of the reference at '&'; 0 if it is not predefined in XML 1.0 (sections 4.1 and 4.6). */
static size_t reference_length(const char *text, size_t left)
{
    static const char *const known[] = { "&lt;", "&gt;", "&amp;", "&quot;", "&apos;" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) <= left && memcmp(text, known[i], strlen(known[i])) == 0)
            return strlen(known[i]);
    if (left < 4 || text[1] != '#')
        return 0;
    bool hex = text[2] == 'x';
    size_t i = hex ? 3 : 2, first = i;
    uint32_t c = 0;
    for (; i < left && i < first + 7; i++) {
        uint8_t digit = (uint8_t)text[i];
        uint32_t value = digit >= '0' && digit <= '9'          ? digit - (uint32_t)'0'
                         : hex && digit >= 'a' && digit <= 'f' ? digit - (uint32_t)'a' + 10
                         : hex && digit >= 'A' && digit <= 'F' ? digit - (uint32_t)'A' + 10
                                                               : 16;
        if (value == 16)
            break;
        c = c * (hex ? 16 : 10) + value;
    }
    bool allowed = c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xd800) || (c >= 0xe000 && c < 0xfffe) ||
                   (c >= 0x10000 && c < 0x110000);
    return i < left && i > first && text[i] == ';' && allowed ? i + 1 : 0;
}

/* Writes to out unless it is NULL; returns the size. */
static size_t mend(const char *text, size_t size, char *out, bool *changed)
{
    size_t n = 0;
    *changed = false;
    for (size_t i = 0; i < size; i++) {
        const char *put = text + i;
        size_t length = 1;
        bool is_control = (uint8_t)text[i] < 0x20 && !is_space(text[i]);
        bool is_none = (uint8_t)text[i] == 0xef && size - i >= 3 && (uint8_t)text[i + 1] == 0xbf &&
                       (uint8_t)text[i + 2] >= 0xbe; /* U+FFFE and U+FFFF are not characters */
        if (is_control || is_none) {
            put = "?";
            *changed = true;
            i += is_none ? 2 : 0;
        } else if (text[i] == '&' && reference_length(text + i, size - i) == 0) {
            put = "&amp;";
            length = 5;
            *changed = true;
        }
        if (out)
            memcpy(out + n, put, length);
        n += length;
    }
    return n;
}

mt_status mt_xml_text_mend(mt_arena *arena, mt_xml_text *text, bool *changed, mt_error *err)
{
    *changed = false;
    if (strcmp(text->encoding, "UTF-8") != 0)
        return MT_OK;
    size_t n = mend(text->bytes, text->size, NULL, changed);
    if (!*changed)
        return MT_OK;
    char *out = mt_arena_alloc(arena, n, 1, err);
    if (!out)
        return MT_E_MEMORY;
    text->size = mend(text->bytes, text->size, out, changed);
    text->bytes = out;
    text->repair = "characters that XML does not allow are replaced";
    return MT_OK;
}
