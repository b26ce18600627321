/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of the subcommands that write images, and of those that tell about them. */
#include "options.h"

#define OUTPUT_FORMAT                                                                                                  \
    {                                                                                                                  \
        "format", "NAME", "Format of OUT: zarr, tiff or npy. Default: by its suffix.", false                           \
    }

#define DTYPE_HELP                                                                                                     \
    "Element type, such as uint16 or float32; source: that of the input. Values are rounded half to even and "         \
    "clipped; NaN becomes 0. Default: "
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
#define CLAIM                                                                                                          \
    { "claim", NULL,                                                                                                   \
      "Share the work with all processes that run this command at once: each takes what no other has claimed, until "  \
      "all is done. Then: microtome finish OUT.",                                                                      \
      false },                                                                                                         \
    {                                                                                                                  \
        "lease", "SECONDS",                                                                                            \
            "With --claim: a process that gives no sign of life for so long counts as dead, and others do "            \
            "its work. Choose more than one chunk or shard takes. Default: 60.",                                       \
            false                                                                                                      \
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

const struct option convert_options[] = {
    OUTPUT_FORMAT,
    OUTPUT_CHUNKS,
    OUTPUT_CODEC,
    { "dtype", "TYPE", DTYPE_HELP "that of the input.", false },
    OUTPUT_LEVELS,
    { "region", "AXIS=START[:SIZE],...",
      "Convert only SIZE pixels from START on along these axes (STZYX): Z=10:20,Y=0:512. START: reads to the end; "
      "START alone, one pixel.",
      false },
    { "channels", "C,...", "Channels by number or name, in any order. Default: all.", false },
    { "level", "L", "Level of the input's pyramid. Default: 0.", false },
    { "join", "T|C|Z|S",
      "Join several inputs along this axis, in the order given. S: all images of the inputs, of files with several and "
      "along S, become a collection, out.zarr/0, out.zarr/1 and so on.",
      false },
    { "plate", NULL,
      "With --join S: the images are the fields of an OME-Zarr plate. OUT becomes a plate with the same rows, columns "
      "and fields.",
      false },
    { "label-images", "all|none|NAME,...",
      "The label images of an OME-Zarr input that are written with the image, if the output is OME-Zarr, too. Default: "
      "all.",
      false },
    PART,
    CLAIM,
    { "verify", NULL, "Then compare the checksums of all pixels of input and output.", false },
    INPUT_MISSING,
    OUTPUT_DURABILITY,
    { "memory", "SIZE", "Memory to use, such as 2G. Default: 512M and what --cache is elsewhere.", false },
    AXES,
    RAW,
    EXTERNAL,
    PIXELS_OF_FILE,
    THREADS,
    OPTION_END,
};
const example convert_examples[] = {
    { "microtome convert in.czi out.ome.zarr --pyramid auto", "OME-Zarr with a pyramid." },
    { "microtome convert in.czi out.ome.zarr --chunks 256x256 --shards 2048x2048 --codec blosc-lz4",
      "Fast to read patch by patch, with few files." },
    { "microtome convert in.tif part.ome.zarr --region Z=10:20,Y=0:512,X=0:512 --channels DAPI", "A part of it." },
    { "microtome convert 'planes/*.tif' volume.ome.zarr --join Z", "A volume from planes." },
    { "microtome convert huge.czi out.ome.zarr --part 1/4", "The first of four processes." },
    { "microtome convert huge.ome.tif out.ome.zarr --claim", "One of any number of processes." },
    { NULL, NULL },
};

#define CUTTING                                                                                                        \
    { "tile", "[Zx]YxX",                                                                                               \
      "Size of a tile in pixels: 256x256, or 32x256x256 (Z first); 0: the whole axis. Two sizes for an image with Z: " \
      "tiles of its planes.",                                                                                          \
      false },                                                                                                         \
        { "overlap", "N|[Zx]YxX|P%",                                                                                   \
          "Pixels that neighbouring tiles share, twice the halo of the network: one number for all axes, one for "     \
          "each, or a share of the tile. Even. Required unless one tile is the whole image; with 0, seams may show.",  \
          false },                                                                                                     \
        { "align", "N",                                                                                                \
          "First corners and borders of tiles are multiples of this, for networks that downsample. Default: 1.",       \
          false },                                                                                                     \
        { "tile-memory", "SIZE", "Instead of --tile: the largest tiles of which a batch fits in SIZE bytes.", false }, \
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

const struct option tiles_options[] = {
    CUTTING,
    { "memory", "SIZE", "Fail if microtome predict would need more than this.", false },
    { "parts", "N", "Show what each of N parts (microtome predict --part) has to do.", false },
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
    PIXELS_OF_FILE,
    MISSING,
    FORCE,
    THREADS,
    OPTION_END,
};
const example tiles_examples[] = {
    { "microtome tiles in.czi --tile 256x256 --overlap 48", "How many tiles, and how much memory." },
    { "microtome tiles in.czi --tile 256x256 --overlap 48 --parts 4", "What each of four processes would do." },
    { "microtome tiles in.czi --tile-memory 64M --overlap 48 --picture tiles.png", "A picture of the largest tiles." },
    { NULL, NULL },
};

const struct option predict_options[] = {
    { "pipe", "'COMMAND'",
      "The program that predicts, run by the shell. It reads batches from its standard input and answers each on its "
      "standard output: a line '17: 8 1 256 256' with the number of the batch and the shape (tiles, channels, "
      "(planes,) rows, columns), then as many float32 in C order. Standard error is shown. A program that ends is "
      "started again; if it ends three times on one batch, the prediction fails.",
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
    PIXELS_OF_FILE,
    THREADS,
    OPTION_END,
};
const example predict_examples[] = {
    { "microtome predict in.czi out.ome.zarr --tile 256x256 --overlap 48 --stats stats.json --pipe 'python net.py'",
      "Through a network, normalized, and back." },
    { "microtome predict in.czi out.ome.zarr --tile 32x256x256 --overlap 8x48x48 --blend hann --output-channels 2 "
      "--pipe ./net",
      "A network for volumes with two outputs, blended." },
    { "microtome predict in.czi out.ome.zarr --tile 256x256 --overlap 48 --part 1/4 --pipe ./net",
      "The first of four processes." },
    { "microtome predict in.czi out.ome.zarr --identity --verify", "Does the image survive?" },
    { NULL, NULL },
};

const struct option status_options[] = {
    { "json", NULL, "Print JSON.", false },
    OUTPUT_FORMAT,
    OPTION_END,
};
const example status_examples[] = { { "microtome status out.ome.zarr", "How much is done." }, { NULL, NULL } };

const struct option finish_options[] = { OUTPUT_FORMAT, THREADS, OPTION_END };
const example finish_examples[] = {
    { "microtome finish out.ome.zarr", "After all parts of convert --part or predict --part." }, { NULL, NULL }
};
