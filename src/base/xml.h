/* SPDX-License-Identifier: BSD-3-Clause */
/* XML by expat, within limits.max_xml_bytes and max_xml_depth, as a tree in an arena. A document type declaration is an
 * error, because it could declare entities. Names are local names, without namespace. Expat's own memory, at most a few
 * times the size of the document, is not counted. */
#ifndef MT_BASE_XML_H
#define MT_BASE_XML_H

#include "base/arena.h"

typedef struct mt_xml_attribute {
    const char *name, *value;      /* UTF-8 */
    struct mt_xml_attribute *next; /* of the same element, or NULL */
} mt_xml_attribute;

typedef struct mt_xml {
    const char *name;                                                /* local name */
    const char *text;                                                /* character data after the last child, or "" */
    mt_xml_attribute *attributes;                                    /* a list, or NULL */
    struct mt_xml *parent, *first_child, *last_child, *next_sibling; /* or NULL */
} mt_xml;

MT_MUST_CHECK mt_status mt_xml_parse(mt_arena *arena, const char *text, size_t size, const char *what, mt_xml **root,
                                     mt_error *err);

/* Like mt_xml_parse, but tolerates what other readers tolerate: a wrong encoding declaration, text before or after the
 * document, characters that XML does not allow. *repair describes what was repaired; NULL: nothing. */
MT_MUST_CHECK mt_status mt_xml_parse_loosely(mt_arena *arena, const char *text, size_t size, const char *what,
                                             mt_xml **root, const char **repair, mt_error *err);

/* The value of an attribute, or NULL. */
const char *mt_xml_get(const mt_xml *element, const char *name);

/* The first child with that name, and the next sibling with the same name; NULL if there is none. */
const mt_xml *mt_xml_child(const mt_xml *element, const char *name);
const mt_xml *mt_xml_next(const mt_xml *element);

#endif
