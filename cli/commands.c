/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of subcommands and their options. */
#include "cli.h"

#include <string.h>

#define OPTION_END                                                                                                     \
    {                                                                                                                  \
        NULL, NULL, NULL, false                                                                                        \
    }
#define AXES                                                                                                           \
    {                                                                                                                  \
        "axes", "AXES",                                                                                                \
            "Name the image's axes, such as TZCYX, if the file does not or is wrong; with sizes for a flat run of "    \
            "pages: T4C2YX.",                                                                                          \
            false                                                                                                      \
    }
#define RAW                                                                                                            \
    {                                                                                                                  \
        "raw", "TYPE:SHAPE[:OFFSET][:big]",                                                                            \
            "Read a file without a header: element type, sizes (slowest first), first byte, byte order.", false        \
    }
#define EXTERNAL                                                                                                       \
    {                                                                                                                  \
        "external-folder", "FOLDER",                                                                                   \
            "Follow links and virtual data of HDF5, and names in OME-XML, to other files of FOLDER, which holds this " \
            "one.",                                                                                                    \
            false                                                                                                      \
    }
#define VIEW_OF_FILE                                                                                                   \
    { "depth-axis", "AXIS", "none, Z or T: which axis is the depth, all others but C being samples.", false },         \
    {                                                                                                                  \
        "masks", NULL, "Leave out the pixels that the masks of a CZI call invalid.", false                             \
    }
#define USE_MAP                                                                                                        \
    {                                                                                                                  \
        "use-map", "FILE",                                                                                             \
            "Open with the map that 'microtome info --map FILE' saved, which reads nothing of the image.", false       \
    }
#define THREADS                                                                                                        \
    {                                                                                                                  \
        "threads", "N", "Threads that decode. Default: one for each processor.", false                                 \
    }
#define MISSING                                                                                                        \
    {                                                                                                                  \
        "missing", "fill|error",                                                                                       \
            "Missing files, frames and chunks read as the fill value, or are an error. Default: fill.", false          \
    }
#define CACHE                                                                                                          \
    {                                                                                                                  \
        "cache", "SIZE",                                                                                               \
            "Memory for decoded chunks, such as 512M or 2G; 0 keeps none. Default: an eighth of what there is.", false \
    }
#define DRAWING                                                                                                        \
    { "contrast", "LOW,HIGH",                                                                                          \
      "Values drawn black and at full brightness, for all channels, or repeated for each. auto: between percentiles, " \
      "even if the file has windows.",                                                                                 \
      true },                                                                                                          \
        { "colors", "auto|channels|labels",                                                                            \
          "labels: each value in a colour of its own. auto, the default: if the file declares a label image.",         \
          false },                                                                                                     \
        { "scale-bar", NULL, "Draw a scale bar of a round length.", false },                                           \
    {                                                                                                                  \
        "legend", NULL, "Name the channels below the picture, with colours and contrast.", false                       \
    }
#define FORCE                                                                                                          \
    {                                                                                                                  \
        "force", NULL, "Replace files that exist.", false                                                              \
    }

static const struct option info_options[] = {
    { "json", NULL, "Print JSON for programs: one array with an object for each image.", false },
    { "map", "FILE", "Save the map of the image: what was parsed, and where each chunk lies. For --use-map.", false },
    { "checksum", NULL, "Read all pixels, and print a checksum that does not depend on format or chunks.", false },
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    USE_MAP,
    MISSING,
    FORCE,
    OPTION_END,
};
static const example info_examples[] = {
    { "microtome info cells.ome.tif", "What is in there." },
    { "microtome info *.tif", "One line for each file." },
    { "microtome info plate.ome.zarr --json", "The same for programs." },
    { "microtome info scan.tif --axes TC2YX", "Pages of two channels in turn, which the file does not tell." },
    { "microtome info huge.ome.tif --map huge.map", "Parse once what takes long to open." },
    { "microtome info --checksum cells.tif cells.zarr", "Whether two files hold the same pixels." },
    { "microtome info camera.raw --raw uint16:100x2048x2048:512 --axes TYX", "A file without a header." },
    { NULL, NULL },
};

static const struct option patches_options[] = {
    { "size", "[Zx]YxX", "Size of a patch in pixels: 64x64, or 16x64x64 (Z first) where the image has Z. Needed.",
      false },
    { "count", "N", "Number of random patches. Default: 64.", false },
    { "seed", "S", "Seed of the random positions: patch i depends on S and i alone. Default: 0.", false },
    { "grid", NULL, "Cover the image with patches in rows instead. The last of a row ends at the border.", false },
    { "overlap", "[Zx]YxX", "Pixels that neighbours of the grid share. Default: 0.", false },
    { "at", "[Z,]Y,X", "Cut at this first corner instead, which may lie outside. May be repeated.", true },
    { "sample", "S", "Only from this sample (S and T merged). Default: all; 0 with --at.", false },
    { "channels", "C,...", "Channels, in any order. Default: all.", false },
    { "labels", "IMAGE",
      "Cut the same places out of a second image too. Repeated, or a folder or glob, for several images.", true },
    { "labels-axes", "AXES", "The same as --axes, for the images of --labels.", false },
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    USE_MAP,
    MISSING,
    { "float", NULL, "Write float32 instead of the stored type. Labels keep theirs.", false },
    { "out", "FILE.npy", "Write the patches as one NumPy array: patch, C, (Z,) Y, X. -: to standard output.", false },
    { "labels-out", "FILE.npy", "Write those of --labels there. Default: out.npy gives out.labels.npy.", false },
    { "coords", "FILE.csv", "Write where each patch came from: image, sample and first corner.", false },
    { "sheet", "FILE.png", "Draw up to 64 of the patches: the middle plane, channels merged in their colours.", false },
    DRAWING,
    FORCE,
    THREADS,
    CACHE,
    { "explain", NULL, "Print what was read and decoded for it, and which chunks would suit better.", false },
    OPTION_END,
};
static const example patches_examples[] = {
    { "microtome patches cells.ome.tif --size 64x64 --count 100 --seed 1 --out patches.npy",
      "100 random patches, the same for each run." },
    { "microtome patches stack.tif --size 16x64x64 --grid --overlap 4x16x16 --out tiles.npy",
      "The whole stack in overlapping blocks." },
    { "microtome patches cells.tif --size 64x64 --at 0,0 --at=-32,100 --out two.npy",
      "Two patches; the second begins above the image and is padded with zeros." },
    { "microtome patches cells.tif --size 64x64 --count 60 --sheet sheet.png --legend", "A look at them." },
    { "microtome patches train/*.tif --size 64x64 --count 1000 --out patches.npy --coords places.csv",
      "Out of many images, with a list of where each patch came from." },
    { "microtome patches raw.tif --labels mask.tif --size 64x64 --grid --out raw.npy --labels-out mask.npy",
      "The same places of an image and its labels." },
    { "microtome patches volume.zarr --size 64x64 --count 1000 --explain", "Why is it slow?" },
    { NULL, NULL },
};

static const struct option view_options[] = {
    { "out", "FILE.png", "The picture; -: to standard output. Needed.", false },
    { "sample", "S", "Sample (S and T merged). Default: 0.", false },
    { "z", "Z", "Plane. Default: the middle one.", false },
    { "project", "max|mean|sum", "Draw all planes of Z as one: largest values, averages or sums.", false },
    { "channels", "C,...", "Channels to merge. Default: all, at most the first 7.", false },
    { "level", "L", "Level of a pyramid. Default: the smallest that fills the picture.", false },
    { "region", "Y,X,H,W", "Part of the plane, in pixels of the level (0 unless given).", false },
    { "max-size", "N", "Longest side of the picture; larger regions are averaged down. Default: 1024.", false },
    DRAWING,
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    USE_MAP,
    MISSING,
    FORCE,
    THREADS,
    CACHE,
    OPTION_END,
};
static const example view_examples[] = {
    { "microtome view cells.ome.tif --out plane.png", "The middle plane, channels in their colours." },
    { "microtome view stack.czi --project max --scale-bar --legend --out projection.png", "All planes as one." },
    { "microtome view cells.tif --contrast 100,4000 --out plane.png", "The contrast of another picture." },
    { "microtome view cells.ome.tif --z 3 --channels 1 --out dapi.png", "One channel of one plane." },
    { "microtome view slide.czi#attachment=Thumbnail --out thumbnail.png", "The thumbnail that a file holds." },
    { "microtome view huge.zarr --level 0 --region 0,0,2000,2000 --out corner.png", "A corner of the full image." },
    { NULL, NULL },
};

static const example formats_examples[] = { { "microtome formats", "Names, titles and suffixes." }, { NULL, NULL } };
static const example codecs_examples[] = { { "microtome codecs", "Codecs, and how to build those that are missing." },
                                           { NULL, NULL } };
static const example completion_examples[] = {
    { "microtome completion bash > ~/.local/share/bash-completion/completions/microtome", "For bash." },
    { "microtome completion zsh > ~/.zfunc/_microtome", "For zsh, where ~/.zfunc is in fpath." },
    { NULL, NULL },
};
static const example man_examples[] = { { "microtome man patches | man -l -", "Read the page of a command." },
                                        { "microtome man > microtome.1", "The page of microtome itself." },
                                        { NULL, NULL } };
static const example help_examples[] = { { "microtome help patches", "The same as microtome patches --help." },
                                         { NULL, NULL } };

const struct command commands[] = {
    { "info", "PATH...", "Say what an image is",
      "Prints format, axes, shape, element type, chunks, codecs, pixel size, pyramid levels, channels, parts and "
      "attachments: a table for one image, a line each for several. A PATH is a file, a folder, a URL (http, "
      "https, s3, gs), a member of an archive (a.zip/b.tif), or a glob in quotes. All but the last may name a part: "
      "plate.zarr#A/1/0, b.ome.tif#series=1, c.zarr#level=2. Images that cannot be opened are reported on one line "
      "each.",
      1, -1, info_options, info_examples, run_info },
    { "patches", "PATH...", "Cut patches out of images",
      "Cuts random patches, a grid, or patches at given places out of images of any size. A PATH is a file, a folder "
      "that is searched for images, a URL, a member of an archive, or a glob in quotes; all but the folders and globs "
      "may name a part behind '#'. Several images must have the same axes, channels and type. Pixels outside an image "
      "are zero. Files are written beside their place and renamed when they are whole.",
      1, -1, patches_options, patches_examples, run_patches },
    { "view", "PATH", "Draw a plane of an image",
      "Draws a plane as PNG, or a projection along Z, and prints the contrast that it used: for each channel the "
      "window "
      "that the file gives, else from percentile 0.1 to 99.9. Channels are added in the colours that the file gives, "
      "else in the usual ones. Planes larger than the picture are averaged down while they are read, in a bounded "
      "amount of memory; small ones are enlarged by a whole factor.",
      1, 1, view_options, view_examples, run_view },
    { "formats", "[NAME]", "List the formats that this build reads",
      "Prints name, title and suffixes of each format, or of one.", 0, 1, NULL, formats_examples, run_formats },
    { "codecs", "[NAME]", "List the codecs that this build has",
      "Prints each codec, or one, with the formats that use it; for those left out of this build also the CMake option "
      "that brings them.",
      0, 1, NULL, codecs_examples, run_codecs },
    { "completion", "SHELL", "Print completion for bash or zsh",
      "Prints a script that completes commands, options and files. SHELL is bash or zsh.", 1, 1, NULL,
      completion_examples, run_completion },
    { "man", "[COMMAND]", "Print a man page", "Prints the man page of microtome or of a command, as roff.", 0, 1, NULL,
      man_examples, run_man },
    { "help", "[COMMAND]", "Show help", "Shows the help of microtome or of a command.", 0, 1, NULL, help_examples,
      run_help },
    { NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}
