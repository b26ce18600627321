/* SPDX-License-Identifier: BSD-3-Clause */
/* A bucket "lab" of S3 that keeps objects in memory, and misbehaves in ways of its own. */
#ifndef MT_TEST_BUCKET_H
#define MT_TEST_BUCKET_H

#include "support/http_server.h"

#include <pthread.h>

enum { MOST_OBJECTS = 64, MOST_BUCKET_BYTES = 1 << 20 /* of an object that is uploaded in parts */ };

/* A page of invented markers: of the journal of plan 7. The last one comes again on the next page. */
enum { MARKERS = 20 };

/* Of fails. FORGETS: there is no upload when it is to be completed; OTHER_ANSWER: status 200 and another document. */
enum { NO_ID = -1, NO_ETAG = -2, FAILS_AT_LAST = -3, FORGETS = -4, OTHER_ANSWER = -5, OTHER_ETAGS = -6, BAD_ETAG = -7 };

#define GONE "gone"

typedef struct bucket_object {
    char path[160];
    uint8_t *bytes;
    size_t size;
    char etag[48];
} bucket_object;

/* A bucket "lab", and how it misbehaves. */
typedef struct memory_bucket {
    pthread_mutex_t mutex;
    bucket_object objects[MOST_OBJECTS];
    size_t n;
    unsigned busy;           /* requests that are answered with 503 */
    unsigned lost;           /* of PUTs that are done, and whose answer is lost */
    unsigned conflicts;      /* of PUTs that are answered with 409 */
    bool ignores_conditions; /* of PUT */
    int refuses;             /* code of all answers; 0: none */
    unsigned together;       /* GETs of objects that are answered only when so many wait, or after long; 0: at once */
    unsigned waiting;        /* of them */
    bool were_alone;         /* so many did not come */
    /* An upload in parts. */
    bucket_object parts[MOST_OBJECTS];
    unsigned n_uploads, n_parts, n_given_up;
    unsigned lost_ends;  /* requests to join the parts that are done, and whose answers are lost */
    int fails;           /* number of the part that is refused, or NO_ID and so on */
    int pages;           /* not 0: of each listing, which is of invented markers */
    const char *outcome; /* not NULL: answer to requests to join the parts that are done */
    int id_bytes;        /* not 0: of the ids of uploads */
    char payload[80];    /* header x-amz-content-sha256 of the last PUT */
    char length[24];     /* header Content-Length of it; "": none */
    /* Not NULL: another writer makes the object with these bytes before the next PUT; GONE: and removes it after that. */
    const char *rival;
} memory_bucket;

extern memory_bucket bucket;

bucket_object *bucket_find(const char *path); /* NULL: there is none. path begins with "/lab/". */

/* A hook of http_server_start. */
void bucket_serve(void *user, const http_request *request, http_reply *reply);

/* Empties the bucket; it behaves well. */
void bucket_reset(void);

#endif
