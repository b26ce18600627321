/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/xml.h"

#include "base/xml_text.h"

#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

typedef struct builder {
    mt_arena *arena;
    XML_Parser parser;
    const char *what;
    mt_xml *root, *open; /* open: the innermost open element */
    size_t depth, max_depth;
    char *text; /* character data since the last tag; capacity: room bytes */
    size_t length, room;
    mt_status status;
    mt_error *err;
} builder;

static void stop(builder *b, mt_status status)
{
    b->status = status;
    XML_StopParser(b->parser, XML_FALSE);
}

/* OME's namespaces change from year to year; local names do not. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static char *copy(builder *b, const char *text) { return mt_arena_strndup(b->arena, text, strlen(text), b->err); }

static bool add_attributes(builder *b, mt_xml *element, const char **pairs)
{
    mt_xml_attribute **end = &element->attributes;
    for (; pairs[0]; pairs += 2) {
        mt_xml_attribute *a = mt_arena_alloc(b->arena, 1, sizeof *a, b->err);
        if (!a || !(a->name = copy(b, local_name(pairs[0]))) || !(a->value = copy(b, pairs[1])))
            return false;
        *end = a;
        end = &a->next;
    }
    return true;
}

static void append_child(builder *b, mt_xml *element)
{
    element->parent = b->open;
    if (!b->open)
        b->root = element;
    else if (b->open->last_child)
        b->open->last_child->next_sibling = element;
    else
        b->open->first_child = element;
    if (b->open)
        b->open->last_child = element;
    b->open = element;
}

static void XMLCALL start_element(void *user, const char *name, const char **attributes)
{
    builder *b = user;
    if (++b->depth > b->max_depth) {
        stop(b, mt_fail(b->err, MT_E_LIMIT, "%s is nested deeper than max_xml_depth (%zu)", b->what, b->max_depth));
        return;
    }
    mt_xml *element = mt_arena_alloc(b->arena, 1, sizeof *element, b->err);
    if (!element || !(element->name = copy(b, local_name(name))) || !add_attributes(b, element, attributes)) {
        stop(b, MT_E_MEMORY);
        return;
    }
    element->text = "";
    append_child(b, element);
    b->length = 0;
}

static void XMLCALL end_element(void *user, const char *name)
{
    (void)name;
    builder *b = user;
    if (b->length > 0 && !(b->open->text = mt_arena_strndup(b->arena, b->text, b->length, b->err)))
        stop(b, MT_E_MEMORY);
    b->length = 0;
    b->open = b->open->parent;
    b->depth--;
}

static void XMLCALL add_text(void *user, const char *text, int size)
{
    builder *b = user;
    if ((size_t)size > b->room - b->length) /* UTF-8 is at most twice as long as its source */
        size = (int)(b->room - b->length);
    memcpy(b->text + b->length, text, (size_t)size);
    b->length += (size_t)size;
}

static void XMLCALL refuse_doctype(void *user, const char *name, const char *system, const char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    builder *b = user;
    stop(b, mt_fail(b->err, MT_E_UNSUPPORTED, "%s has a document type declaration", b->what));
}

static mt_status run(builder *b, const char *text, size_t size)
{
    XML_SetUserData(b->parser, b);
    XML_SetElementHandler(b->parser, start_element, end_element);
    XML_SetCharacterDataHandler(b->parser, add_text);
    XML_SetStartDoctypeDeclHandler(b->parser, refuse_doctype);
    if (XML_Parse(b->parser, text, (int)size, XML_TRUE) == XML_STATUS_OK || b->status)
        return b->status;
    enum XML_Error code = XML_GetErrorCode(b->parser);
    if (code == XML_ERROR_NO_MEMORY)
        return mt_fail(b->err, MT_E_MEMORY, "out of memory in %s", b->what);
    return mt_fail(b->err, MT_E_CORRUPT, "%s: line %lu, column %lu: %s", b->what,
                   (unsigned long)XML_GetCurrentLineNumber(b->parser),
                   (unsigned long)XML_GetCurrentColumnNumber(b->parser), XML_ErrorString(code));
}

/* encoding: NULL to use the declared one. *whole: the root element is complete, and the error lies after it. */
static mt_status parse_as(mt_arena *arena, const char *text, size_t size, const char *encoding, const char *what,
                          mt_xml **root, bool *whole, mt_error *err)
{
    mt_env *env = mt_arena_env(arena);
    if (size > env->limits.max_xml_bytes || size > INT_MAX / 2)
        return mt_fail(err, MT_E_LIMIT, "%s has %zu bytes, more than max_xml_bytes (%zu)", what, size,
                       env->limits.max_xml_bytes);
    builder b = { .arena = arena, .what = what, .max_depth = env->limits.max_xml_depth, .room = 2 * size, .err = err };
    void *buffer;
    mt_status st = mt_alloc(env, b.room, &buffer, err);
    if (st)
        return st;
    b.text = buffer;
    b.parser = XML_ParserCreate(encoding);
    st = b.parser ? run(&b, text, size) : mt_fail(err, MT_E_MEMORY, "out of memory in %s", what);
    if (st && err->status)
        st = err->status; /* set by the arena */
    XML_ParserFree(b.parser);
    mt_release(env, buffer, b.room);
    *root = b.root;
    *whole = b.root && !b.open;
    return st;
}

mt_status mt_xml_parse(mt_arena *arena, const char *text, size_t size, const char *what, mt_xml **root, mt_error *err)
{
    bool whole;
    mt_error own = MT_ERROR_INIT;
    return parse_as(arena, text, size, NULL, what, root, &whole, err ? err : &own);
}

mt_status mt_xml_parse_loosely(mt_arena *arena, const char *text, size_t size, const char *what, mt_xml **root,
                               const char **repair, mt_error *err)
{
    mt_xml_text decoded;
    mt_error own = MT_ERROR_INIT, first = MT_ERROR_INIT, second = MT_ERROR_INIT;
    bool whole = false, changed = false;
    err = err ? err : &own;
    *repair = NULL;
    if (size > mt_arena_env(arena)->limits.max_xml_bytes)
        return parse_as(arena, text, size, NULL, what, root, &whole, err); /* fails */
    mt_status st = mt_xml_text_decode(arena, text, size, &decoded, err);
    if (st)
        return st;
    st = parse_as(arena, decoded.bytes, decoded.size, decoded.encoding, what, root, &whole, &first);
    if (st == MT_E_CORRUPT && !whole) {
        mt_status other = mt_xml_text_mend(arena, &decoded, &changed, err);
        if (other)
            return other;
    }
    if (changed)
        st = parse_as(arena, decoded.bytes, decoded.size, decoded.encoding, what, root, &whole, &second);
    *repair = decoded.repair;
    if (st == MT_E_CORRUPT && whole) {
        *repair = "text behind its end is ignored";
        return MT_OK;
    }
    return st ? mt_fail(err, st, "%s", changed && st != MT_E_CORRUPT ? second.message : first.message) : MT_OK;
}

const char *mt_xml_get(const mt_xml *element, const char *name)
{
    for (const mt_xml_attribute *a = element->attributes; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            return a->value;
    return NULL;
}

static const mt_xml *find_named(const mt_xml *element, const char *name)
{
    while (element && strcmp(element->name, name) != 0)
        element = element->next_sibling;
    return element;
}

const mt_xml *mt_xml_child(const mt_xml *element, const char *name) { return find_named(element->first_child, name); }

const mt_xml *mt_xml_next(const mt_xml *element) { return find_named(element->next_sibling, element->name); }
