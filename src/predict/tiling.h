/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PREDICT_TILING_H
#define MT_PREDICT_TILING_H

#include "sampling/patching.h"

#include <microtome/predict.h>

struct mt_tiling {
    _Atomic unsigned owners;
    mt_patching *patching; /* "tiled", of one stack */
    mt_tiling_info info;
};

#endif
