/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome: extracts patches from images larger than memory. */
#ifndef MICROTOME_H
#define MICROTOME_H

#include <microtome/axes.h>
#include <microtome/build.h>
#include <microtome/checksum.h>
#include <microtome/context.h>
#include <microtome/dtype.h>
#include <microtome/filter.h>
#include <microtome/lateral.h>
#include <microtome/loader.h>
#include <microtome/map.h>
#include <microtome/n2v.h>
#include <microtome/noise.h>
#include <microtome/parts.h>
#include <microtome/picture.h>
#include <microtome/predict.h>
#include <microtome/prefetch.h>
#include <microtome/sampling.h>
#include <microtome/stack.h>
#include <microtome/statistics.h>
#include <microtome/status.h>
#include <microtome/stores.h>
#include <microtome/write.h>

#endif
