/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains as bytes, for saved maps: names of codecs, and their parameters. */
#ifndef MT_CODEC_SAVED_H
#define MT_CODEC_SAVED_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/reader.h"
#include "codec/codec.h"

void mt_chain_write(const mt_chain *chain, mt_buffer *out);

/* The parameters live in the arena. They are checked as if a format had parsed them: MT_E_CORRUPT for those that no codec
 * takes, MT_E_UNSUPPORTED for codecs that this build lacks. */
MT_MUST_CHECK mt_status mt_chain_read(mt_reader *r, mt_arena *arena, mt_chain *out, mt_error *err);

#endif
