/* SPDX-License-Identifier: BSD-3-Clause */
/* XML by expat, within limits.max_xml_bytes and max_xml_depth, as a tree in an arena. A document type declaration is
 * refused: it could declare entities. Names are local names, without their namespace. Expat's own memory, a few times
 * the document at most, is not counted. */
#ifndef MT_BASE_XML_H
#define MT_BASE_XML_H

#include "base/arena.h"

typedef struct mt_xml_attribute {
    const char *name, *value;
    struct mt_xml_attribute *next;
} mt_xml_attribute;

typedef struct mt_xml {
    const char *name;
    const char *text; /* character data behind the last child, "" if none */
    mt_xml_attribute *attributes;
    struct mt_xml *parent, *first_child, *last_child, *next_sibling;
} mt_xml;

MT_MUST_CHECK mt_status mt_xml_parse(mt_arena *arena, const char *text, size_t size, const char *what, mt_xml **root,
                                     mt_error *err);

/* As mt_xml_parse, but reads what other readers read, too: bytes of another encoding than the declared one, text before
 * or behind the document, characters that XML does not allow. *repair tells what was done, NULL: nothing. */
MT_MUST_CHECK mt_status mt_xml_parse_loosely(mt_arena *arena, const char *text, size_t size, const char *what,
                                             mt_xml **root, const char **repair, mt_error *err);

/* The value of an attribute, or NULL. */
const char *mt_xml_get(const mt_xml *element, const char *name);

/* The first child of a name, and the next sibling of the same name; NULL if none. */
const mt_xml *mt_xml_child(const mt_xml *element, const char *name);
const mt_xml *mt_xml_next(const mt_xml *element);

#endif
