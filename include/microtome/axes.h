/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MICROTOME_AXES_H
#define MICROTOME_AXES_H

#include <microtome/status.h>

#endif
