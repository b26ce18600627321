/* SPDX-License-Identifier: BSD-3-Clause */
/* A store whose objects come by HTTP transfers: the common part of http:// and s3://. Requests become transfers. Sizes
 * and ETags are those of the first response; if an object changes later, reads fail with MT_E_CHANGED. */
#ifndef MT_STORE_HTTP_WEB_H
#define MT_STORE_HTTP_WEB_H

#include "store/http/objects.h"
#include "store/http/transfer.h"
#include "store/store.h"

#define MT_URL_BYTES 4096
#define MT_WEB_SCRATCH 6144                 /* bytes for headers: session tokens are long */
#define MT_FIRST_CONTACT ((size_t)64 << 10) /* bytes that the first request of an object reads and keeps */

typedef struct mt_web mt_web;

typedef struct mt_web_ops {
    /* Writes the URL of an object and its name in errors. */
    mt_status (*address)(mt_web *web, const char *key, char *url, char *name, mt_error *err);
    /* Optional hooks of each transfer (transfer.h). prepare may rewrite url, except its host; headers that it adds are
     * stored in scratch, of MT_WEB_SCRATCH bytes. */
    mt_status (*prepare)(mt_web *web, const char *key, mt_transfer *t, char *url, char *scratch, mt_error *err);
    mt_verdict (*judge)(mt_web *web, mt_transfer *t);
    bool follow; /* follow redirects */
    /* Optional: as in mt_store_ops. Without it, listing is MT_E_UNSUPPORTED. */
    mt_status (*list)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    mt_status (*sample)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    void (*close)(mt_web *web); /* frees the implementation */
} mt_web_ops;

/* An implementation embeds this as its first member. */
struct mt_web {
    mt_store base;         /* the store that callers see */
    const mt_web_ops *ops; /* of the implementation */
    mt_objects objects;    /* sizes, identities and kept bytes */
    _Atomic bool answered; /* the server has responded at least once */
};

/* Initialises all fields. Takes ownership of url, allocated by mt_alloc, which names the store in messages and contains
 * no secrets. */
MT_MUST_CHECK mt_status mt_web_init(mt_web *web, mt_env *env, const mt_web_ops *ops, char *url, mt_error *err);

/* For close: frees what mt_web_init allocated, and url. */
void mt_web_destroy(mt_web *web);

static inline mt_web *mt_web_of(mt_store *store) { return (mt_web *)(void *)store; }

#endif
