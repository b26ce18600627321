/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses responses and checks that they match the request, which libcurl does not do. Nothing here blocks. */
#ifndef MT_STORE_HTTP_RESPONSE_H
#define MT_STORE_HTTP_RESPONSE_H

#include "store/http/transfer.h"

/* The head of a response. Source: RFC 9110. */
typedef struct mt_response {
    int code;             /* HTTP status */
    bool has_range;       /* a Content-Range of the form "bytes first-last/total" or "bytes * /total" */
    bool bad_range;       /* Content-Range of another form */
    uint64_t first, last; /* range sent, inclusive; 1 and 0 if unsatisfied */
    uint64_t total;       /* bytes of the object, or MT_SIZE_UNKNOWN */
    uint64_t length;      /* Content-Length, or MT_SIZE_UNKNOWN */
    bool ends_clearly;    /* the end is detectable without length: chunked, or HTTP/2 */
    char encoding[24];    /* Content-Encoding, if it is not "identity" */
    char etag[128];       /* strong, quotes included */
    char modified[48];    /* Last-Modified */
    char retry_after[48]; /* seconds or a date */
} mt_response;

void mt_response_init(mt_response *r);

/* Parses a line of the head, of n bytes, with or without line end. A status line resets the response. */
void mt_response_take_line(mt_response *r, const char *line, size_t n);

/* How to treat the body of a response. */
typedef struct mt_body {
    enum { MT_BODY_TEXT, MT_BODY_OUT, MT_BODY_WHOLE } kind; /* mt_transfer.text, .out, .whole */
    uint64_t size;        /* bytes expected; MT_SIZE_UNKNOWN: until the end, at most most */
    uint64_t most;        /* bytes accepted */
    uint64_t object_size; /* bytes of the whole object, or MT_SIZE_UNKNOWN */
} mt_body;

/* Checks the head of a response to t; norange limits whole objects of servers without ranges. On failure the response
 * is refused and the request is not retried. */
MT_MUST_CHECK mt_status mt_response_plan(const mt_response *r, const mt_transfer *t, size_t norange, mt_body *out,
                                         mt_error *err);

/* Writes the range of a request, the text after "bytes=". */
void mt_range_text(const mt_transfer *t, char *out, size_t room);

/* The range of a transfer in the whole object. */
MT_MUST_CHECK mt_status mt_span_in_object(const mt_transfer *t, uint64_t object_size, uint64_t *offset, size_t *size,
                                          mt_error *err);

#endif
