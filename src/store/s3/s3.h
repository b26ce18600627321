/* SPDX-License-Identifier: BSD-3-Clause */
/* The store of objects below a prefix of a bucket: a web store (store/http/web.h) whose requests are signed.
 * Thread-safe. s3.c implements the store, list.c listings, open.c the resolution of URLs. */
#ifndef MT_STORE_S3_S3_H
#define MT_STORE_S3_S3_H

#include "store/http/web.h"
#include "store/s3/config.h"
#include "store/s3/instance.h"
#include "store/s3/place.h"

typedef struct mt_s3_store {
    mt_web web;                  /* base */
    mt_arena *arena;             /* owns the constant strings below */
    mt_s3_config config;         /* credentials, region and endpoint */
    const char *scheme, *bucket; /* "s3" or "gs"; without '/' */
    const char *root;            /* prefix of the store's keys in the bucket: "" or ends with '/' */
    bool lends;                  /* keys are temporary, from the container or machine */
    _Atomic bool was_forbidden;  /* a response was 403, access denied */

    mt_lock lock;         /* guards the fields below */
    mt_s3_place place;    /* URL and host of the bucket */
    char region[64];      /* that requests are signed for */
    bool knows_region;    /* region is from a response */
    int64_t ahead;        /* seconds by which the server's clock is ahead of ours; 0 if tolerable */
    mt_s3_lent lent;      /* temporary keys */
    mt_arena *lent_arena; /* of the strings in lent */
    bool is_asking;       /* a thread is renewing the keys */
    bool asked;           /* a thread was started and must be joined */
    mt_thread thread;     /* that renews the keys */
} mt_s3_store;

/* A store below root, which is "" or ends with '/'. Finds credentials; makes no request to the bucket. */
MT_MUST_CHECK mt_status mt_s3_store_new(mt_env *env, const char *scheme, const char *bucket, const char *root,
                                        mt_s3_store **out, mt_error *err);

/* Moves the root of a new, unshared store to a folder below it. */
MT_MUST_CHECK mt_status mt_s3_store_descend(mt_s3_store *store, const char *full, mt_error *err);

static inline mt_s3_store *mt_s3_store_of(mt_web *web) { return (mt_s3_store *)(void *)web; }

/* A request for a page of a listing. The response has at most MT_S3_PAGE_BYTES. */
#define MT_S3_PAGE_BYTES ((size_t)8 << 20)
typedef struct mt_s3_page {
    mt_transfer transfer;                                       /* of the page */
    mt_s3_store *store;                                         /* that lists */
    mt_s3_pair query[5];                                        /* of the request */
    size_t n_query;                                             /* entries of query */
    char url[MT_URL_BYTES], name[512], scratch[MT_WEB_SCRATCH]; /* storage of transfer */
} mt_s3_page;

/* prefix: in the bucket; delimiter: "/", or NULL for a listing of all that is below it; token: NULL for the first page;
 * most: number of names, at most 1000. Strings are borrowed. */
void mt_s3_page_init(mt_s3_page *page, mt_s3_store *store, const char *prefix, const char *delimiter, const char *token,
                     const char *most);

/* mt_web_ops.list and sample. */
MT_MUST_CHECK mt_status mt_s3_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                   mt_error *err);
MT_MUST_CHECK mt_status mt_s3_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                     mt_error *err);

/* As mt_s3_list, for any number of names: keeps those of one page. They are in byte order if all are objects, or all are
 * folders. */
MT_MUST_CHECK mt_status mt_s3_list_pages(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                         mt_error *err);

/* Visits all objects below a prefix, in byte order: their keys are those below it. */
MT_MUST_CHECK mt_status mt_s3_list_sizes(mt_store *store, const char *prefix, mt_store_visit_sized visit, void *user,
                                         mt_error *err);

/* For requests that are not reads: adds the signature headers for a path of the bucket and writes the URL. scratch
 * stores the headers. payload is the SHA-256 of the body (sign.h); NULL: it has none, or TLS protects it. */
MT_MUST_CHECK mt_status mt_s3_prepare(mt_s3_store *store, const char *path, const mt_s3_pair *query, size_t n_query,
                                      const char *payload, mt_transfer *t, char *url, char *scratch, mt_error *err);
mt_verdict mt_s3_judge(mt_s3_store *store, mt_transfer *t);

#endif
