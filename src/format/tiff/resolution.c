/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixel sizes from the resolution of a page: TIFF 6.0, section 8. */
#include "format/tiff/tiff.h"

/* The default of ResolutionUnit, inch, is not applied: files without the tag mean no unit. Damaged tags are ignored. */
mt_status tiff_find_resolution(const tiff_file *file, const tiff_ifd *ifd, tiff_series *series, mt_error *err)
{
    enum { NO_UNIT = 1, INCH = 2, CENTIMETER = 3 };
    static const uint16_t tags[2] = { TAG_Y_RESOLUTION, TAG_X_RESOLUTION };
    uint64_t unit;
    if (series->pixel_size[2] > 0 || series->pixel_size[3] > 0)
        return MT_OK;
    mt_error own = MT_ERROR_INIT;
    mt_status st = tiff_get_number(file, ifd, TAG_RESOLUTION_UNIT, NO_UNIT, &unit, &own);
    double micrometers = unit == INCH ? 25400 : 10000;
    for (int i = 0; !st && i < 2 && (unit == INCH || unit == CENTIMETER); i++) {
        double per_unit;
        st = tiff_get_fraction(file, ifd, tags[i], &per_unit, &own);
        if (!st && per_unit > 0) {
            series->pixel_size[2 + i] = micrometers / per_unit;
            series->unit[2 + i] = "micrometer";
        }
    }
    return st && st != MT_E_CORRUPT ? mt_fail(err, st, "%s", own.message) : MT_OK;
}
