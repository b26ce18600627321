/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that change objects of a bucket, or ask for one. */
#ifndef MT_STORE_S3_CALL_H
#define MT_STORE_S3_CALL_H

#include "store/s3/s3.h"

typedef struct mt_s3_call {
    mt_transfer transfer;
    mt_s3_store *store;
    mt_s3_pair query[2];
    size_t n_query;
    const char *payload;            /* SHA-256 of the body; NULL: none, or it is not needed */
    char hash[MT_S3_PAYLOAD_BYTES]; /* storage of payload */
    char answer[4096];              /* body of the response */
    char path[MT_URL_BYTES / 3];    /* of the object in the bucket */
    char url[MT_URL_BYTES], name[MT_URL_BYTES], scratch[MT_WEB_SCRATCH];
} mt_s3_call;

/* A request for an object. */
MT_MUST_CHECK mt_status mt_s3_call_new(mt_s3_store *store, const char *key, const char *method, mt_s3_call **out,
                                       mt_error *err);

/* A request for the first byte of an object, and its size. */
MT_MUST_CHECK mt_status mt_s3_call_new_look(mt_s3_store *store, const char *key, mt_s3_call **out, mt_error *err);

/* Gives it a body, the pieces, which must stay valid. */
MT_MUST_CHECK mt_status mt_s3_call_set_body(mt_s3_call *call, const mt_piece *pieces, size_t n, mt_error *err);

MT_MUST_CHECK mt_status mt_s3_call_perform(mt_s3_call *call, mt_error *err);

/* Performs n of them at once; each has its own outcome in its transfer. */
void mt_s3_call_perform_all(mt_s3_call *const *calls, size_t n);

void mt_s3_call_free(mt_s3_call *call); /* NULL is allowed */

#define MT_S3_AT_ONCE 64 /* most calls that are performed at once */

#endif
