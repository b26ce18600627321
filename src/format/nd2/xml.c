/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata of version 2: the values of version 3 as XML, <name runtype="lx_uint32" value="5"/>. Items of lists are named
 * no_name. */
#include "base/number.h"
#include "base/xml.h"
#include "format/nd2/nd2.h"

#include <string.h>

static mt_status set_value(mt_arena *arena, const mt_xml *element, nd2_value *out, mt_error *err)
{
    const char *type = mt_xml_get(element, "runtype"), *text = mt_xml_get(element, "value");
    bool is_text = type && (strcmp(type, "CLxStringW") == 0 || strcmp(type, "unknown") == 0);
    double number;
    if (!text)
        return MT_OK;
    if (is_text) {
        out->text = mt_arena_strndup(arena, text, strlen(text), err);
        return out->text ? MT_OK : MT_E_MEMORY;
    }
    if (type && strcmp(type, "bool") == 0)
        out->number = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    else if (mt_parse_real(&text, &number))
        out->number = number;
    return MT_OK;
}

/* The parser has limited the depth. */
static mt_status convert(mt_arena *arena, const mt_xml *element, nd2_value *out, mt_error *err)
{
    nd2_value *last = NULL;
    mt_status st = set_value(arena, element, out, err);
    for (const mt_xml *e = element->first_child; e && !st; e = e->next_sibling) {
        bool has_name = strcmp(e->name, "no_name") != 0;
        const char *name = has_name ? mt_arena_strndup(arena, e->name, strlen(e->name), err) : "";
        nd2_value *value = name ? nd2_add(arena, out, &last, name, err) : NULL;
        st = value ? convert(arena, e, value, err) : MT_E_MEMORY;
    }
    return st;
}

mt_status nd2_parse_xml(mt_arena *arena, const uint8_t *bytes, size_t size, const char *what, nd2_value *root,
                        const char **repair, mt_error *err)
{
    mt_arena *scratch;
    mt_xml *xml;
    mt_status st = mt_arena_new(mt_arena_env(arena), &scratch, err);
    if (st)
        return st;
    st = mt_xml_parse_loosely(scratch, (const char *)bytes, size, what, &xml, repair, err);
    if (!st)
        st = convert(arena, xml, root, err);
    mt_arena_free(scratch);
    return st;
}
