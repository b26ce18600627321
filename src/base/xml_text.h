/* SPDX-License-Identifier: BSD-3-Clause */
/* Repairs the text of malformed XML documents, as found in real files, so that a parser accepts them. */
#ifndef MT_BASE_XML_TEXT_H
#define MT_BASE_XML_TEXT_H

#include "base/arena.h"

#include <stdbool.h>

typedef struct mt_xml_text {
    const char *bytes;    /* in the arena, or borrowed */
    size_t size;          /* bytes */
    const char *encoding; /* actual encoding of bytes, whatever the document declares */
    const char *repair;   /* what was changed or ignored, for a warning; NULL: nothing */
} mt_xml_text;

/* Strips byte order mark, white space and NULs around the document, and decodes it to UTF-8. The source is taken as
 * UTF-8 if all of it is valid UTF-8, whatever it declares, else as windows-1252, a superset of Latin-1. UTF-16 is
 * unchanged. */
MT_MUST_CHECK mt_status mt_xml_text_decode(mt_arena *arena, const char *bytes, size_t size, mt_xml_text *out,
                                           mt_error *err);

/* Replaces characters that XML does not allow, and '&' that does not start a reference. *changed: something was
 * replaced. */
MT_MUST_CHECK mt_status mt_xml_text_mend(mt_arena *arena, mt_xml_text *text, bool *changed, mt_error *err);

#endif
