/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_LOADER_BATCH_H
#define MT_LOADER_BATCH_H

#include "loader/ring.h"

/* Makes a batch: cuts patches n of an epoch, batch->indices, with their symmetries. The batch has room for them. */
MT_MUST_CHECK mt_status mt_batch_make(const mt_recipe *recipe, uint64_t epoch, size_t n,
                                      const mt_extract_options *options, mt_batch_memory *batch, mt_error *err);

#endif
