/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that several subcommands have, and the tables of those that write images. */
#ifndef MICROTOME_CLI_OPTIONS_H
#define MICROTOME_CLI_OPTIONS_H

#include "cli.h"

#define OPTION_END                                                                                                     \
    {                                                                                                                  \
        NULL, NULL, NULL, false                                                                                        \
    }
#define AXES                                                                                                           \
    {                                                                                                                  \
        "axes", "AXES",                                                                                                \
            "Axes of the image, such as TZCYX, if the file does not name them or is wrong; with sizes for a flat run " \
            "of pages: T4C2YX.",                                                                                       \
            false                                                                                                      \
    }
#define RAW                                                                                                            \
    {                                                                                                                  \
        "raw", "TYPE:SHAPE[:OFFSET][:big]",                                                                            \
            "Read a file without a header: element type, shape (slowest axis first), offset in bytes, byte order.",    \
            false                                                                                                      \
    }
#define EXTERNAL                                                                                                       \
    {                                                                                                                  \
        "external-folder", "FOLDER",                                                                                   \
            "Follow HDF5 links, virtual data and file names in OME-XML to other files in FOLDER, a parent of this "    \
            "file.",                                                                                                   \
            false                                                                                                      \
    }
#define PIXELS_OF_FILE                                                                                                 \
    { "scaled", NULL, "Apply the scaling of pixel values that the file declares (NIfTI).", false },                    \
        { "masks", NULL, "Leave out pixels that CZI masks declare invalid.", false },                                  \
    {                                                                                                                  \
        "merge-tiles", NULL, "Put the tiles of a LIF tile scan together in one plane.", false                          \
    }
#define VIEW_OF_FILE                                                                                                   \
    { "depth-axis", "AXIS", "Depth axis: none, Z or T. All other axes but C become samples.", false }, PIXELS_OF_FILE
#define USE_MAP                                                                                                        \
    {                                                                                                                  \
        "use-map", "FILE", "Open with a map saved by 'microtome info --map FILE', without reading the image.", false   \
    }
#define THREADS                                                                                                        \
    {                                                                                                                  \
        "threads", "N", "Number of decoding threads. Default: one per processor.", false                               \
    }
#define MISSING                                                                                                        \
    {                                                                                                                  \
        "missing", "fill|error",                                                                                       \
            "Missing files, frames and chunks: fill reads them as the fill value, error fails. Default: fill.", false  \
    }
#define CACHE                                                                                                          \
    {                                                                                                                  \
        "cache", "SIZE",                                                                                               \
            "Memory for decoded chunks, such as 512M or 2G; 0 disables the cache. Default: an eighth of the memory "   \
            "available.",                                                                                              \
            false                                                                                                      \
    }
#define DRAWING                                                                                                        \
    { "contrast", "LOW,HIGH",                                                                                          \
      "Values drawn black and at full brightness; repeat for each channel. auto: percentiles, even if the file has "   \
      "display windows.",                                                                                              \
      true },                                                                                                          \
        { "colors", "auto|channels|labels",                                                                            \
          "labels: one colour per value. channels: intensities. Default: auto, labels if the file declares a label "   \
          "image.",                                                                                                    \
          false },                                                                                                     \
        { "scale-bar", NULL, "Draw a scale bar of a round length.", false },                                           \
    {                                                                                                                  \
        "legend", NULL, "List the channels below the picture, with colours and contrast.", false                       \
    }
#define FORCE                                                                                                          \
    {                                                                                                                  \
        "force", NULL, "Replace existing files.", false                                                                \
    }

/* options_writing.c */
extern const struct option convert_options[], tiles_options[], predict_options[], status_options[], finish_options[];
extern const example convert_examples[], tiles_examples[], predict_examples[], status_examples[], finish_examples[];

#endif
