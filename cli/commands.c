/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of subcommands, and the options of those that write no images (options_writing.c has the others). */
#include "options.h"

#include <string.h>

static const struct option info_options[] = {
    { "json", NULL, "Print JSON for programs: one array with an object for each image.", false },
    { "map", "FILE", "Save a map for --use-map: the parsed metadata and the location of each chunk, without --axes.",
      false },
    { "checksum", NULL, "Print a checksum of all pixels that does not depend on format or chunks.", false },
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
    { "microtome info cells.ome.tif", "Axes, shape, chunks, pixel size and more." },
    { "microtome info *.tif", "One line per file." },
    { "microtome info plate.ome.zarr --json", "The same for programs." },
    { "microtome info scan.tif --axes TC2YX", "Alternating pages of two channels, if the file does not declare them." },
    { "microtome info huge.ome.tif --map huge.map", "Parse an image once that is slow to open." },
    { "microtome info --checksum cells.tif cells.zarr", "Do two files hold the same pixels?" },
    { "microtome info camera.raw --raw uint16:100x2048x2048:512 --axes TYX", "A file without a header." },
    { NULL, NULL },
};

static const struct option patches_options[] = {
    { "size", "[Zx]YxX", "Size of a patch in pixels: 64x64, or 16x64x64 (Z first) if the image has Z. Required.",
      false },
    { "count", "N",
      "Number of random patches. Default: 64. With --strategy: the first N patches of the epoch. Default: all.",
      false },
    { "seed", "S", "Seed of the random numbers; patch i depends only on S, --epoch and i. Default: 0.", false },
    { "grid", NULL, "Cover the image with a grid of patches instead. The last patch of a row ends at the border.",
      false },
    { "overlap", "[Zx]YxX", "Pixels shared by neighbours of the grid, or of tiled and sequential patches. Default: 0.",
      false },
    { "at", "[Z,]Y,X", "Cut one patch with this first corner instead; it may lie outside the image. May be repeated.",
      true },
    { "strategy", "NAME",
      "The patches of an epoch of training instead, in the order of their index: stratified, random, fixed_random, "
      "tiled, sequential or whole (without --size).",
      false },
    { "epoch", "N", "Number of the epoch, from 0 on. Default: 0.", false },
    { "filter", "NAME:VALUES",
      "Draw fewer stratified patches from background, judged in the first of --channels: max:THRESHOLD[,COVERAGE], "
      "mean-std:MEAN[,STD], shannon:BITS or mask:IMAGE[,COVERAGE]. May be repeated: a region is background if any of "
      "the filters finds it so.",
      true },
    { "mask-axes", "AXES", "Axes of the masks of --filter.", false },
    { "probability", "P", "Share of background patches that --filter keeps, from 0 to 1. Default: 0.1.", false },
    { "augment", "NAME,...",
      "Symmetries drawn for each patch of --strategy: flip and rotate90, or d4 for all eight equally likely.", false },
    { "normalize", "NAME[@FILE.json]",
      "Normalize each channel, and write float32: mean-std, min-max, quantile[:LOW,HIGH] (default 0.01,0.99) or none. "
      "Statistics are those of all images, or of a file of 'microtome stats --json'; FILE.json alone: mean-std.",
      false },
    { "sample", "S", "Only this sample (S and T merged). Default: all; 0 with --at. Not with --strategy.", false },
    { "channels", "C,...", "Channels by number or name, in any order. Default: all.", false },
    { "labels", "IMAGE",
      "Also cut patches at the same places from a second image. For several images, repeat, or give a folder or glob.",
      true },
    { "labels-axes", "AXES", "Axes of the --labels images.", false },
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    USE_MAP,
    MISSING,
    { "float", NULL, "Write float32 instead of the stored type. Labels keep their type.", false },
    { "out", "FILE.npy", "Write the patches as one NumPy array: patch, C, (Z,) Y, X. -: standard output.", false },
    { "labels-out", "FILE.npy", "Write the --labels patches here. Default: out.labels.npy for --out out.npy.", false },
    { "coords", "FILE.csv",
      "Write the place of each patch: image, sample and first corner; with --augment its symmetry, of tiles the part "
      "to keep.",
      false },
    { "sheet", "FILE.png", "Draw the middle planes of up to 64 patches, channels merged in their colours.", false },
    DRAWING,
    FORCE,
    THREADS,
    CACHE,
    { "explain", NULL, "Print how much was read and decoded, and which chunk shape would suit better.", false },
    OPTION_END,
};
static const example patches_examples[] = {
    { "microtome patches cells.ome.tif --size 64x64 --count 100 --seed 1 --out patches.npy",
      "100 random patches, the same in each run." },
    { "microtome patches stack.tif --size 16x64x64 --grid --overlap 4x16x16 --out tiles.npy",
      "The whole stack in overlapping blocks." },
    { "microtome patches cells.tif --size 64x64 --at 0,0 --at=-32,100 --out two.npy",
      "Two patches; the second begins above the image and is padded with zeros." },
    { "microtome patches cells.tif --size 64x64 --count 60 --sheet sheet.png --legend", "A sheet of the patches." },
    { "microtome patches train/*.tif --size 64x64 --count 1000 --out patches.npy --coords places.csv",
      "From many images, with a list of the place of each patch." },
    { "microtome patches raw.tif --labels mask.tif --size 64x64 --grid --out raw.npy --labels-out mask.npy",
      "Patches of an image and of its labels, at the same places." },
    { "microtome patches train/*.tif --size 64x64 --strategy stratified --filter max:120 --augment d4 "
      "--normalize mean-std --epoch 3 --sheet sheet.png --out epoch.npy",
      "What training sees in epoch 3." },
    { "microtome patches volume.zarr --size 64x64 --count 1000 --explain", "Why is it slow?" },
    { NULL, NULL },
};

static const struct option view_options[] = {
    { "out", "FILE.png", "The picture; -: standard output. Required.", false },
    { "sample", "S", "Sample (S and T merged). Default: 0.", false },
    { "z", "Z", "Plane. Default: the middle one.", false },
    { "project", "max|mean|sum", "Projection along Z: maximum, mean or sum.", false },
    { "channels", "C,...", "Channels to merge, by number or name. Default: the first 7.", false },
    { "level", "L", "Level of a pyramid. Default: the smallest that fills the picture.", false },
    { "region", "Y,X,H,W", "Part of the plane, in pixels of --level (default 0).", false },
    { "max-size", "N", "Longest side of the picture in pixels; larger regions are downscaled. Default: 1024.", false },
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
    { "microtome view stack.czi --project max --scale-bar --legend --out projection.png", "Maximum projection." },
    { "microtome view cells.tif --contrast 100,4000 --out plane.png", "A fixed contrast, to compare pictures." },
    { "microtome view cells.ome.tif --z 3 --channels 1 --out dapi.png", "One channel of one plane." },
    { "microtome view slide.czi#attachment=Thumbnail --out thumbnail.png", "The thumbnail stored in a file." },
    { "microtome view huge.zarr --level 0 --region 0,0,2000,2000 --out corner.png", "A corner of the full image." },
    { NULL, NULL },
};

static const struct option stats_options[] = {
    { "quantiles", "Q,...", "Quantiles to compute, from 0 to 1. Default: 0.01,0.99.", false },
    { "mask", "IMAGE",
      "Measure only pixels where this image is above 0. For several images, repeat, or give a folder or glob.", true },
    { "sample", "N|P%", "Read only this number or share of the chunks, drawn at random.", false },
    { "seed", "S", "Seed of --sample. Default: 0.", false },
    { "json", NULL, "Print JSON for programs, which microtome.Statistics.load reads; with a histogram.", false },
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    USE_MAP,
    { "missing", "fill|error",
      "Missing files and frames: fill counts them as the fill value, error fails. Default: error.", false },
    THREADS,
    CACHE,
    OPTION_END,
};
static const example stats_examples[] = {
    { "microtome stats cells.ome.tif", "Mean, standard deviation, range and quantiles of each channel." },
    { "microtome stats train/*.tif --quantiles 0.001,0.5,0.999 --json > stats.json",
      "Of a training set, for its normalization." },
    { "microtome stats cells.tif --mask nuclei.tif", "Inside the nuclei only." },
    { "microtome stats huge.zarr --sample 5%", "From a twentieth of the chunks, with the error of the mean." },
    { NULL, NULL },
};

static const struct option bench_options[] = {
    { "patch", "SIZE", "Patch size, slowest axis first, such as 64x64 or 16x64x64. Required.", false },
    { "batch", "N", "Patches in a batch. Default: 64.", false },
    { "strategy", "NAME", "Patching strategy: stratified, random, tiled or sequential. Default: stratified.", false },
    { "window", "N",
      "Blocks of chunks in a window; 0 shuffles the epoch as a whole. Default: as the loader's, which depends on the "
      "images.",
      false },
    { "seconds", "N", "Duration of the measurement. Default: 5.", false },
    { "json", NULL, "Print JSON.", false },
    AXES,
    RAW,
    EXTERNAL,
    VIEW_OF_FILE,
    MISSING,
    THREADS,
    CACHE,
    OPTION_END,
};
static const example bench_examples[] = {
    { "microtome bench in.ome.zarr --patch 64x64 --batch 64", "Patches per second, and what limits them." },
    { "microtome bench volume.czi --patch 16x64x64 --cache 4G", "With more memory for decoded chunks." },
    { NULL, NULL },
};

static const example formats_examples[] = { { "microtome formats", "Names, titles and suffixes." }, { NULL, NULL } };
static const example codecs_examples[] = {
    { "microtome codecs", "Codecs, and the CMake option of each that is missing." }, { NULL, NULL }
};
static const example completion_examples[] = {
    { "microtome completion bash > ~/.local/share/bash-completion/completions/microtome", "For bash." },
    { "microtome completion zsh > ~/.zfunc/_microtome", "For zsh, with ~/.zfunc in fpath." },
    { NULL, NULL },
};
static const example man_examples[] = { { "microtome man patches | man -l -", "Show the page of a command." },
                                        { "microtome man > microtome.1", "The page of microtome itself." },
                                        { NULL, NULL } };
static const example help_examples[] = { { "microtome help patches", "The same as microtome patches --help." },
                                         { NULL, NULL } };

const struct command commands[] = {
    { "info", "PATH...", "Describe an image",
      "Prints format, axes, shape, element type, chunks, codecs, pixel size, pyramid levels, channels, parts and "
      "attachments: a table for one image, one line each for several. A PATH is a file, a folder, a URL (http, "
      "https, s3, gs), a member of an archive (a.zip/b.tif), or a glob in quotes. All but globs may name a part: "
      "plate.zarr#A/1/0, b.ome.tif#series=1, c.zarr#level=2. Images that cannot be opened are reported with one line "
      "each.",
      1, -1, info_options, info_examples, run_info },
    { "patches", "PATH...", "Cut patches from images",
      "Cuts random patches, a grid, patches at given places, or those of an epoch of training, from images of any "
      "size. A PATH is a file, a folder to "
      "search for images, a URL, a member of an archive, or a glob in quotes; all but folders and globs may name a "
      "part behind '#'. Several images must have the same spatial axes, channels and type. Pixels outside an image are "
      "zero. A file gets its name when it is complete.",
      1, -1, patches_options, patches_examples, run_patches },
    { "view", "PATH", "Draw a plane of an image",
      "Draws a plane, or a projection along Z, as PNG, and prints the contrast used. Contrast and colours are those of "
      "the file, if it has them; else percentiles 0.1 to 99.9 and default colours. Large planes are downscaled while "
      "they are read, in bounded memory; small ones are enlarged by a whole factor.",
      1, 1, view_options, view_examples, run_view },
    { "stats", "PATH...", "Measure mean, range and quantiles of images",
      "Prints the mean, standard deviation, minimum, maximum and quantiles of each channel, over all pixels of all "
      "images together. Each chunk is read once; integers of more than 16 bits and floats are read again for the "
      "quantiles. Sums are exact. NaN and infinite pixels are left out and counted. Several images must have the same "
      "channels; images of different types are measured as float32, if it holds their values exactly.",
      1, -1, stats_options, stats_examples, run_stats },
    { "convert", "IN... OUT", "Write images as OME-Zarr, OME-TIFF or NPY",
      "Writes an image, or several joined along an axis, in the format of the suffix of OUT: .zarr for OME-Zarr, .tif "
      "for "
      "OME-TIFF, .npy for NumPy. Each shard, or chunk without shards, is written once and gets its name when it is "
      "complete. A conversion that was interrupted or killed is continued by the same command, and ends with the same "
      "files. Inputs are named as for microtome info.",
      2, -1, convert_options, convert_examples, run_convert },
    { "tiles", "IN", "Show how an image would be cut into tiles",
      "Prints number and sizes of the tiles that microtome predict would make with the same options, the shards or "
      "chunks of the output, and the least memory. Only metadata is read.",
      1, 1, tiles_options, tiles_examples, run_tiles },
    { "predict", "IN OUT", "Send tiles through a program and stitch the answers",
      "Cuts an image into overlapping tiles, sends them in batches through a program, and writes the answers as one "
      "image, in the format of the suffix of OUT: .zarr for OME-Zarr, .tif for OME-TIFF, .npy for NumPy. A prediction "
      "that was interrupted or killed is continued by the same command, and ends with the same files, if the program "
      "gives the same answer to the same batch.",
      2, 2, predict_options, predict_examples, run_predict },
    { "status", "OUT", "Show how much of an output is written",
      "Prints how many shards or chunks of an output of microtome convert or predict are written. Exit code: 0 if it "
      "is complete, 3 if not.",
      1, 1, status_options, status_examples, run_status },
    { "finish", "OUT", "Complete an output that was written in parts",
      "Builds the missing levels of the pyramid and writes the metadata that completes the image. Exit code 3: "
      "shards or chunks are missing.",
      1, 1, finish_options, finish_examples, run_finish },
    { "bench", "PATH...", "Measure how fast images give batches for training",
      "Runs a loader on the images, as training does: batches of patches, flipped and turned, made ahead of time. "
      "Prints patches per second, the time of the first batch, bytes fetched and decoded per patch, what limits the "
      "rate, and what would help. Files may be in the page cache: the first run after a start of the machine is "
      "slower.",
      1, -1, bench_options, bench_examples, run_bench },
    { "formats", "[NAME]", "List the formats that this build reads",
      "Prints name, title and file suffixes of each format, or of one.", 0, 1, NULL, formats_examples, run_formats },
    { "codecs", "[NAME]", "List the codecs that this build has",
      "Prints each codec, or one, with the formats that use it, and the CMake option of each that this build lacks.", 0,
      1, NULL, codecs_examples, run_codecs },
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
