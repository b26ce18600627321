/* SPDX-License-Identifier: BSD-3-Clause */
/* Serialization of chains for saved maps: names of codecs and their parameters. */
#ifndef MT_CODEC_SAVED_H
#define MT_CODEC_SAVED_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/reader.h"
#include "codec/codec.h"

void mt_chain_write(const mt_chain *chain, mt_buffer *out);

/* Reads a chain; its parameters are allocated in the arena. MT_E_CORRUPT for invalid parameters, MT_E_UNSUPPORTED for a
 * codec that is unknown or not in this build. */
MT_MUST_CHECK mt_status mt_chain_read(mt_reader *r, mt_arena *arena, mt_chain *out, mt_error *err);

#endif
