/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of XML documents as programs really write them, made into what a parser accepts. */
#ifndef MT_BASE_XML_TEXT_H
#define MT_BASE_XML_TEXT_H

#include "base/arena.h"

#include <stdbool.h>

typedef struct mt_xml_text {
    const char *bytes;
    size_t size;
    const char *encoding; /* of bytes, whatever the document declares */
    const char *repair;   /* what was changed or ignored, for users; NULL: nothing */
} mt_xml_text;

/* Leaves out what stands around the document (byte order mark, white space, NULs), and decodes it to UTF-8: UTF-8 if all
 * of it is, whatever it declares; else windows-1252, which Latin-1 is a part of. UTF-16 stays. */
MT_MUST_CHECK mt_status mt_xml_text_decode(mt_arena *arena, const char *bytes, size_t size, mt_xml_text *out,
                                           mt_error *err);

/* Replaces characters that XML does not allow and '&' without a reference behind it; *changed tells if there were any. */
MT_MUST_CHECK mt_status mt_xml_text_mend(mt_arena *arena, mt_xml_text *text, bool *changed, mt_error *err);

#endif
