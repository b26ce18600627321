/* SPDX-License-Identifier: BSD-3-Clause */
/* What a server answers, and whether it is what was asked for: libcurl checks none of it. Nothing here waits. */
#ifndef MT_STORE_HTTP_RESPONSE_H
#define MT_STORE_HTTP_RESPONSE_H

#include "store/http/transfer.h"

/* The head of a response. Source: RFC 9110. */
typedef struct mt_response {
    int code;             /* HTTP status */
    bool has_range;       /* a Content-Range of the form "bytes first-last/total" or "bytes * /total" */
    bool bad_range;       /* one of another form */
    uint64_t first, last; /* 1 and 0 where none is satisfied */
    uint64_t total;       /* MT_SIZE_UNKNOWN where it is not told */
    uint64_t length;      /* Content-Length, or MT_SIZE_UNKNOWN */
    bool ends_clearly;    /* even without length: it comes in chunks, or by HTTP/2 */
    char encoding[24];    /* Content-Encoding, if it is not "identity" */
    char etag[128];       /* strong, quotes included */
    char modified[48];    /* Last-Modified */
    char retry_after[48]; /* seconds or a date */
} mt_response;

void mt_response_init(mt_response *r);

/* One line of the head, of n bytes, with or without its end. The status line starts anew. */
void mt_response_take_line(mt_response *r, const char *line, size_t n);

/* What is to be done with the body of a response. */
typedef struct mt_body {
    enum { MT_BODY_TEXT, MT_BODY_OUT, MT_BODY_WHOLE } kind; /* mt_transfer.text, .out, .whole */
    uint64_t size;        /* bytes that must come; MT_SIZE_UNKNOWN: to the end, at most most */
    uint64_t most;        /* bytes accepted */
    uint64_t object_size; /* bytes of the whole object, or MT_SIZE_UNKNOWN */
} mt_body;

/* Judges the head of a response to t; norange is the limit for objects of servers without ranges. On failure the
 * response is refused, and not to be asked for again. */
MT_MUST_CHECK mt_status mt_response_plan(const mt_response *r, const mt_transfer *t, size_t norange, mt_body *out,
                                         mt_error *err);

/* The range of a request, as it stands behind "bytes=". */
void mt_range_text(const mt_transfer *t, char *out, size_t room);

/* Where the bytes of a transfer lie in the whole object. */
MT_MUST_CHECK mt_status mt_span_in_object(const mt_transfer *t, uint64_t object_size, uint64_t *offset, size_t *size,
                                          mt_error *err);

#endif
