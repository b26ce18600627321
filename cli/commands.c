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
#define VIEW_OF_FILE                                                                                                   \
    { "depth-axis", "AXIS", "Depth axis: none, Z or T. All other axes but C become samples.", false },                 \
        { "scaled", NULL, "Read the values that a file declares its pixels to stand for (NIfTI).", false },            \
    {                                                                                                                  \
        "masks", NULL, "Leave out pixels that CZI masks declare invalid.", false                                       \
    }
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

static const struct option info_options[] = {
    { "json", NULL, "Print JSON for programs: one array with an object for each image.", false },
    { "map", "FILE", "Save a map for --use-map: the parsed metadata and the location of each chunk.", false },
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
      "mean-std:MEAN[,STD], shannon:BITS or mask:IMAGE[,COVERAGE]. May be repeated: what one calls background is.",
      true },
    { "mask-axes", "AXES", "Axes of the masks of --filter.", false },
    { "probability", "P", "Share of the patches of background that --filter leaves, from 0 to 1. Default: 0.1.",
      false },
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
      "Of a training set, for its normalisation." },
    { "microtome stats cells.tif --mask nuclei.tif", "Inside the nuclei only." },
    { "microtome stats huge.zarr --sample 5%", "From a twentieth of the chunks, with the error of the mean." },
    { NULL, NULL },
};

#define MASKS_AND_SCALED                                                                                               \
    { "masks", NULL, "Leave out pixels that CZI masks declare invalid.", false },                                      \
    {                                                                                                                  \
        "scaled", NULL, "Read the values that a file declares its pixels to stand for (NIfTI).", false                 \
    }
#define OUTPUT_FORMAT                                                                                                  \
    {                                                                                                                  \
        "format", "NAME", "Format of OUT: zarr, tiff or npy. Default: by its suffix.", false                           \
    }

#define DTYPE_HELP                                                                                                     \
    "Element type, such as uint16 or float32. Values are rounded half to even and clipped; NaN becomes 0. Default: "
#define DTYPE                                                                                                          \
    {                                                                                                                  \
        "dtype", "TYPE", DTYPE_HELP "float32; that of the input with --identity.", false                               \
    }
#define OUTPUT_CHUNKS                                                                                                  \
    { "chunks", "[...x]YxX",                                                                                           \
      "Size of a chunk along the last axes, such as 256x256 or 64x64x64; 0: the whole axis. Default: 64x64x64 if "     \
      "there "                                                                                                         \
      "are at least 64 planes, else 256x256.",                                                                         \
      false },                                                                                                         \
        { "shards", "[...x]YxX",                                                                                       \
          "Size of a shard, a file of whole chunks. Default: about 32 MiB of pixels if there are more than 10,000 "    \
          "chunks, "                                                                                                   \
          "else none.",                                                                                                \
          false },                                                                                                     \
    {                                                                                                                  \
        "no-shards", NULL, "Write each chunk as a file.", false                                                        \
    }
#define OUTPUT_CODEC                                                                                                   \
    { "codec", "NAME",                                                                                                 \
      "zstd, blosc-zstd, blosc-lz4, gzip, lz4 or none; of a TIFF zstd, gzip or none. Default: blosc-lz4 for floats, "  \
      "else "                                                                                                          \
      "blosc-zstd; of a TIFF zstd.",                                                                                   \
      false },                                                                                                         \
        { "codec-level", "N", "Compression level. Default: that of the codec.", false },                               \
    {                                                                                                                  \
        "shuffle", "none|byte|bit", "Shuffling of a blosc codec. Default: byte for elements of several bytes.", false  \
    }
#define OUTPUT_LEVELS                                                                                                  \
    { "pyramid", "N|auto", "Resolution levels; auto: until a level fits in one chunk. Default: 1, no pyramid.",        \
      false },                                                                                                         \
        { "downsample", "mean|nearest|mode",                                                                           \
          "How 2 x 2 (x 2) pixels become one of the next level. Default: mean; nearest for labels.", false },          \
        { "labels", NULL, "The values are object numbers.", false },                                                   \
    {                                                                                                                  \
        "ome", "0.5|0.4", "Version of OME-Zarr: 0.5 has Zarr version 3, 0.4 has version 2. Default: 0.5.", false       \
    }
#define PART                                                                                                           \
    {                                                                                                                  \
        "part", "K/N", "Write part K of N only, for N processes at once. Then: microtome finish OUT.", false           \
    }
#define INPUT_MISSING                                                                                                  \
    {                                                                                                                  \
        "missing", "fill|error",                                                                                       \
            "Missing files, frames and chunks of the input: fill reads them as the fill value, error fails. Default: " \
            "error "                                                                                                   \
            "for files and frames; chunks that a Zarr array does not store have its fill value.",                      \
            false                                                                                                      \
    }
#define OUTPUT_DURABILITY                                                                                              \
    {                                                                                                                  \
        "durability", "units|end|never",                                                                               \
            "When data is forced to the disk, for power cuts: with each shard or chunk, at the end, or never. "        \
            "Default: "                                                                                                \
            "units.",                                                                                                  \
            false                                                                                                      \
    }

static const struct option convert_options[] = {
    OUTPUT_FORMAT,
    OUTPUT_CHUNKS,
    OUTPUT_CODEC,
    { "dtype", "TYPE", DTYPE_HELP "that of the input.", false },
    OUTPUT_LEVELS,
    { "region", "AXIS=START[:SIZE],...",
      "Convert only SIZE pixels from START on along these axes (STZYX): Z=10:20,Y=0:512. START: is up to the end, "
      "START "
      "alone one.",
      false },
    { "channels", "C,...", "Channels by number or name, in any order. Default: all.", false },
    { "level", "L", "Level of the input's pyramid. Default: 0.", false },
    { "join", "T|C|Z|S",
      "Join several inputs along this axis, in the order given. S: all images of the inputs, of files with several and "
      "along S, become a collection, out.zarr/0, out.zarr/1 and so on.",
      false },
    PART,
    { "verify", NULL, "Then compare the checksums of all pixels of input and output.", false },
    INPUT_MISSING,
    OUTPUT_DURABILITY,
    { "memory", "SIZE", "Memory to use, such as 2G. Default: 512M and what --cache is elsewhere.", false },
    AXES,
    RAW,
    EXTERNAL,
    { "scaled", NULL, "Read the values that a file declares its pixels to stand for (NIfTI).", false },
    MASKS_AND_SCALED,
    THREADS,
    OPTION_END,
};
static const example convert_examples[] = {
    { "microtome convert in.czi out.ome.zarr --pyramid auto", "OME-Zarr with a pyramid." },
    { "microtome convert in.czi out.ome.zarr --chunks 256x256 --shards 2048x2048 --codec blosc-lz4",
      "Fast to read patch by patch, with few files." },
    { "microtome convert in.tif part.ome.zarr --region Z=10:20,Y=0:512,X=0:512 --channels DAPI", "A part of it." },
    { "microtome convert 'planes/*.tif' volume.ome.zarr --join Z", "A volume from planes." },
    { "microtome convert huge.czi out.ome.zarr --part 1/4", "The first of four processes." },
    { NULL, NULL },
};

#define CUTTING                                                                                                        \
    { "tile", "[Zx]YxX",                                                                                               \
      "Size of a tile in pixels: 256x256, or 32x256x256 (Z first); 0: the whole axis. Two sizes for an image with Z: " \
      "tiles of its planes.",                                                                                          \
      false },                                                                                                         \
        { "overlap", "N|[Zx]YxX|P%",                                                                                   \
          "Pixels that neighbouring tiles share, twice the halo of the network: one number for all axes, one for "     \
          "each, or a share of "                                                                                       \
          "the tile. Even. Default: 0.",                                                                               \
          false },                                                                                                     \
        { "align", "N",                                                                                                \
          "First corners and borders of tiles are multiples of this, as networks need that downsample. Default: 1.",   \
          false },                                                                                                     \
        { "tile-memory", "SIZE", "Instead of --tile: the largest tiles of which a batch has at most so many bytes.",   \
          false },                                                                                                     \
        { "batch-size", "N", "Tiles in a batch. Default: 8.", false },                                                 \
        { "blend", "crop|linear|hann|gaussian",                                                                        \
          "How tiles are combined where they overlap: crop takes each pixel from one tile, the others are weighted "   \
          "means. Default: crop.",                                                                                     \
          false },                                                                                                     \
        { "channels", "C,...", "Channels of the input by number or name, in any order. Default: all.", false },        \
        { "sample", "S", "Only this sample (S and T merged). Default: all, along T.", false },                         \
        { "level", "L", "Level of the input's pyramid. Default: 0.", false },                                          \
        { "output-channels", "N", "Channels of the output. Default: as many as of a tile.", false },                   \
    {                                                                                                                  \
        "scale", "N|1/N", "Size of the output relative to the input, along all axes of a tile. Default: 1.", false     \
    }

static const struct option tiles_options[] = {
    CUTTING,
    { "memory", "SIZE", "Fail if microtome predict would need more than this.", false },
    { "parts", "N", "Tell what each of N parts (microtome predict --part) has to do.", false },
    { "json", NULL, "Print JSON.", false },
    { "picture", "FILE.png", "Draw the tiles over a plane of the image, and what is kept of them.", false },
    { "z", "Z", "Plane of --picture. Default: the middle one.", false },
    { "max-size", "N", "Longest side of the picture in pixels. Default: 1024.", false },
    DRAWING,
    OUTPUT_FORMAT,
    OUTPUT_CHUNKS,
    DTYPE,
    AXES,
    RAW,
    EXTERNAL,
    MASKS_AND_SCALED,
    MISSING,
    FORCE,
    THREADS,
    OPTION_END,
};
static const example tiles_examples[] = {
    { "microtome tiles in.czi --tile 256x256 --overlap 48", "How many tiles, and how much memory." },
    { "microtome tiles in.czi --tile 256x256 --overlap 48 --parts 4", "What each of four processes would do." },
    { "microtome tiles in.czi --tile-memory 64M --overlap 48 --picture tiles.png", "A picture of the largest tiles." },
    { NULL, NULL },
};

static const struct option predict_options[] = {
    { "pipe", "'COMMAND'",
      "The program that predicts, run by the shell. It reads batches from its standard input and answers each on its "
      "standard output: a line '17: 8 1 256 256' with the number of the batch and the shape (tiles, channels, "
      "(planes,) "
      "rows, columns), then as many float32 in C order. Standard error is shown. A program that ends is started again; "
      "the third end on one batch is an error.",
      false },
    { "network", "FILE",
      "A file that the program uses, such as its weights: an unfinished output is not continued if it has changed. May "
      "be repeated.",
      true },
    { "identity", NULL,
      "No program: the tiles are their own answers, which shows that tiling and writing are right. Default tiles: "
      "256x256, overlap 48.",
      false },
    { "verify", NULL, "After --identity: compare the checksums of all pixels of input and output.", false },
    CUTTING,
    { "pad", "zero|mean|reflect",
      "Pixels of tiles beyond the image: zero before normalization, the mean, or a mirror image. Default: zero.",
      false },
    { "stats", "FILE.json", "Normalize the tiles by statistics that microtome stats --json has written.", false },
    { "normalize", "NAME",
      "mean-std, min-max, quantile[:LOW,HIGH] (default 0.01,0.99) or none. Default: mean-std with --stats, else none. "
      "Without --stats, the image is measured first.",
      false },
    { "inverse", "input|none|FILE.json",
      "The normalization undone in the output: that of the input, none, or by statistics of its own. Default: input.",
      false },
    DTYPE,
    PART,
    OUTPUT_FORMAT,
    OUTPUT_CHUNKS,
    OUTPUT_CODEC,
    OUTPUT_LEVELS,
    INPUT_MISSING,
    OUTPUT_DURABILITY,
    { "memory", "SIZE",
      "Memory to use, such as 2G: half for pixels that wait to be written, a quarter each for batches and for decoded "
      "chunks of the input. Default: as much as is needed.",
      false },
    AXES,
    RAW,
    EXTERNAL,
    MASKS_AND_SCALED,
    THREADS,
    OPTION_END,
};
static const example predict_examples[] = {
    { "microtome predict in.czi out.ome.zarr --tile 256x256 --overlap 48 --stats stats.json --pipe 'python net.py'",
      "Through a network, normalized, and back." },
    { "microtome predict in.czi out.ome.zarr --tile 32x256x256 --overlap 8x48x48 --blend hann --output-channels 2 "
      "--pipe ./net",
      "A network for volumes with two outputs, blended." },
    { "microtome predict in.czi out.ome.zarr --tile 256x256 --part 1/4 --pipe ./net", "The first of four processes." },
    { "microtome predict in.czi out.ome.zarr --identity --verify", "Does the image survive?" },
    { NULL, NULL },
};

static const struct option status_options[] = {
    { "json", NULL, "Print JSON.", false },
    OUTPUT_FORMAT,
    OPTION_END,
};
static const example status_examples[] = { { "microtome status out.ome.zarr", "How much is done." }, { NULL, NULL } };

static const struct option finish_options[] = { OUTPUT_FORMAT, THREADS, OPTION_END };
static const example finish_examples[] = {
    { "microtome finish out.ome.zarr", "After all parts of convert --part or predict --part." }, { NULL, NULL }
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
      "channels and type.",
      1, -1, stats_options, stats_examples, run_stats },
    { "convert", "IN... OUT", "Write images as OME-Zarr, OME-TIFF or NPY",
      "Writes an image, or several joined along an axis, in the format of the suffix of OUT: .zarr for OME-Zarr, .tif "
      "for "
      "OME-TIFF, .npy for NumPy. Each shard, or chunk without shards, is written once and gets its name when it is "
      "complete. A conversion that was interrupted or killed is continued by the same command, and ends with the same "
      "files. Inputs are named as for microtome info.",
      2, -1, convert_options, convert_examples, run_convert },
    { "tiles", "IN", "Tell how an image would be cut into tiles",
      "Prints number and sizes of the tiles that microtome predict would make with the same options, the shards or "
      "chunks "
      "of the output, and the least memory. Nothing is read but the description of the image.",
      1, 1, tiles_options, tiles_examples, run_tiles },
    { "predict", "IN OUT", "Send tiles through a program and stitch the answers",
      "Cuts an image into overlapping tiles, sends them in batches through a program, and writes the answers as one "
      "image, "
      "in the format of the suffix of OUT: .zarr for OME-Zarr, .tif for OME-TIFF, .npy for NumPy. A prediction that "
      "was "
      "interrupted or killed is continued by the same command, and ends with the same files, if the program answers "
      "equal batches alike.",
      2, 2, predict_options, predict_examples, run_predict },
    { "status", "OUT", "Tell how much of an output is written",
      "Prints how many shards or chunks of an output of microtome convert or predict are written. Exit code 0: it is "
      "complete; "
      "3: "
      "it is not.",
      1, 1, status_options, status_examples, run_status },
    { "finish", "OUT", "Complete an output that was written in parts",
      "Builds what is missing of the pyramid and writes the metadata that makes the image complete. Exit code 3: "
      "shards "
      "or chunks are missing.",
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
