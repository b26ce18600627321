/* SPDX-License-Identifier: BSD-3-Clause */
/* A store whose objects come by HTTP transfers: what http:// and s3:// have in common. Requests become transfers; sizes
 * and ETags are those of the first contact; an object that changes meanwhile is MT_E_CHANGED. */
#ifndef MT_STORE_HTTP_WEB_H
#define MT_STORE_HTTP_WEB_H

#include "store/http/objects.h"
#include "store/http/transfer.h"
#include "store/store.h"

#define MT_URL_BYTES 4096
#define MT_WEB_SCRATCH 6144                 /* bytes for headers: tokens of sessions are long */
#define MT_FIRST_CONTACT ((size_t)64 << 10) /* bytes that are asked for, and kept, to learn the size of an object */

typedef struct mt_web mt_web;

typedef struct mt_web_ops {
    /* Writes the URL of an object, and how errors name it. */
    mt_status (*address)(mt_web *web, const char *key, char *url, char *name, mt_error *err);
    /* Optional: those of each transfer (transfer.h). prepare may write url again, for which address was enough to tell
     * the host; headers that it adds lie in scratch, of MT_WEB_SCRATCH bytes. */
    mt_status (*prepare)(mt_web *web, const char *key, mt_transfer *t, char *url, char *scratch, mt_error *err);
    mt_verdict (*judge)(mt_web *web, mt_transfer *t);
    bool follow; /* redirects */
    /* Optional: as in mt_store_ops. Without it, listing is MT_E_UNSUPPORTED. */
    mt_status (*list)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    mt_status (*sample)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    void (*close)(mt_web *web); /* frees what the implementation added, and itself */
} mt_web_ops;

/* An implementation embeds this as its first member. */
struct mt_web {
    mt_store base;         /* the store that callers see */
    const mt_web_ops *ops; /* of the implementation */
    mt_objects objects;    /* sizes, identities and kept bytes */
    _Atomic bool answered; /* the server did, whatever */
};

/* Sets up base and the rest. url, of mt_alloc, names the store in messages, without secrets; it becomes the store's own. */
MT_MUST_CHECK mt_status mt_web_init(mt_web *web, mt_env *env, const mt_web_ops *ops, char *url, mt_error *err);

/* For close: frees what mt_web_init made, and url. */
void mt_web_destroy(mt_web *web);

static inline mt_web *mt_web_of(mt_store *store) { return (mt_web *)(void *)store; }

#endif
