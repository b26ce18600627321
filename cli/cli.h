/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared declarations of the subcommands. Each subcommand has one file and one row in commands.c. */
#ifndef MICROTOME_CLI_H
#define MICROTOME_CLI_H

#include <microtome/microtome.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INCOMPLETE = 3, EXIT_INTERRUPTED = 130 };

#define MAX_OPTIONS 48

struct option {
    const char *name;     /* without dashes */
    const char *argument; /* name of its value in the help; NULL for a flag */
    const char *help;     /* one or more sentences */
    bool repeated;        /* may be given several times */
};

typedef struct example {
    const char *line, *what; /* command line; its description */
} example;

struct args;

/* A subcommand. Parsing, help, man pages and completion are generated from this. */
struct command {
    const char *name, *arguments, *summary, *description; /* texts of the help */
    int min_arguments, max_arguments;                     /* number of arguments; max -1: no limit */
    const struct option *options;                         /* ends with a name of NULL; NULL: no options */
    const example *examples;                              /* ends with a line of NULL */
    int (*run)(const struct args *args);                  /* returns the exit status */
};

extern const struct command commands[]; /* ends with a name of NULL */
const struct command *command_find(const char *name);

/* The parsed command line of a subcommand. Strings are borrowed from argv. */
struct args {
    const struct command *command;    /* the subcommand */
    const char **values[MAX_OPTIONS]; /* values of each option of the command, in the order of command->options */
    size_t counts[MAX_OPTIONS];       /* number of values; for a flag, 1 if given */
    const char **paths;               /* arguments that are not options */
    size_t n_paths;                   /* number of paths */
    bool help;                        /* --help was given */
    int argc;                         /* the words after the name of the subcommand */
    char **argv;
};

/* Fills args. EXIT_USAGE after a message if the command line is invalid. Call args_free in any case. */
int args_parse(struct args *args, const struct command *command, int argc, char **argv);
void args_free(struct args *args);
size_t args_count(const struct args *args, const char *name);
const char *args_get(const struct args *args, const char *name, size_t i); /* NULL if not given */

/* Each leaves *out unchanged if the option is not given, and returns EXIT_USAGE after a message if its value is
 * invalid. */
int args_integer(const struct args *args, const char *name, int64_t low, int64_t high, int64_t *out);
int args_seed(const struct args *args, const char *name, uint64_t *out);
int args_size(const struct args *args, const char *name, int64_t *out);
/* A list of integers separated by commas or 'x'; *n is their number, at most `most`. */
int args_list(const struct args *args, const char *name, size_t i, int64_t low, int64_t high, size_t most, int64_t *out,
              size_t *n);

/* The candidate nearest to a mistyped word. */
struct nearest {
    const char *word, *best; /* the word; the nearest candidate so far, NULL: none is near */
    size_t length, distance; /* bytes of word; edit distance of best */
};
struct nearest nearest_to(const char *word, size_t length);
void nearest_try(struct nearest *near, const char *candidate);

/* Reports an unknown name of this kind and suggests the nearest. Returns EXIT_USAGE. */
int unknown_name(const struct args *args, const char *kind, const struct nearest *near);
/* The index of a word of this length among names, which end with NULL; or -1 after unknown_name. */
int word_index(const struct args *args, const char *kind, const char *word, size_t length, const char *const *names);

/* Prints a one-line message and returns EXIT_USAGE. */
int usage_error(const struct args *args, const char *format, ...) MT_PRINTF(2, 3);
/* Prints the message of an error and returns EXIT_FAILED; after an interruption, prints nothing and returns
 * EXIT_INTERRUPTED. */
int report(const mt_error *err);
/* Prints a message and returns EXIT_FAILED. */
int failed(const char *format, ...) MT_PRINTF(1, 2);

int run_info(const struct args *args);
int run_patches(const struct args *args);
int run_view(const struct args *args);
int run_convert(const struct args *args);
int run_tiles(const struct args *args);
int run_predict(const struct args *args);
int run_status(const struct args *args);
int run_finish(const struct args *args);
int run_stats(const struct args *args);
int run_bench(const struct args *args);
int run_formats(const struct args *args);
int run_codecs(const struct args *args);
int run_completion(const struct args *args);
int run_man(const struct args *args);
int run_help(const struct args *args);
/* Reports an unknown command and suggests the nearest. Returns EXIT_USAGE. */
int unknown_command(const char *name);
void print_help(const struct command *command); /* NULL: of microtome itself */
/* Prints the one-line synopsis of a subcommand's options. */
void print_synopsis(FILE *file, const struct command *command);

/* Allocates memory, or exits with a message. The caller calls free. */
void *need(size_t n, size_t size);

extern char *volatile output_unfinished;    /* temporary file that a signal handler must remove; set by output.c */
extern volatile sig_atomic_t program_group; /* process group that it must kill; 0: none; set by process.c */

/* Interruption. After interrupt_catch, the first Ctrl-C only sets a flag. */
void interrupt_catch(void);
bool interrupted(void);
extern const mt_extract_options until_interrupted; /* cancel an extraction when interrupted */

/* An output file, written under a temporary name in the same folder and renamed when it is complete; or standard
 * output. At most one file at a time. */
typedef struct output {
    FILE *file;       /* open for writing */
    const char *path; /* final path, borrowed */
    char *temporary;  /* temporary path; NULL: standard output */
    int error;        /* errno of a failed output_write; 0: none */
} output;
/* Checks the path of an option (NULL: not given) before any work. EXIT_USAGE if its suffix is not `suffix` (such as
 * ".png"; NULL: any suffix that is not of an image format). EXIT_FAILED after a message if the path is an input or lies
 * inside one, exists without --force, or cannot be written. "-" is standard output, for --out only. */
int output_check(const struct args *args, const char *option, const char *path, const char *suffix);
/* EXIT_FAILED after a message if path is the input image or lies inside it, or is a folder that contains it. */
int output_apart(const char *path, const char *input);
/* EXIT_FAILED after a message if the file system has less free space. */
int output_room(const char *path, uint64_t bytes);
int output_open(output *out, const char *path);
/* Allocates disk space, if the file system supports it. EXIT_FAILED after a message; the output is then abandoned. */
int output_allocate(output *out, uint64_t bytes);
int output_finish(output *out); /* EXIT_FAILED after a message if writing failed */
void output_abandon(output *out);
/* An mt_write_bytes for an output. Also fails after Ctrl-C. */
int output_write(void *user, const void *bytes, size_t size);
/* Finishes or abandons an output, depending on the result of drawing. */
int output_drawn(output *out, mt_status st, const mt_error *err);
/* The stream for reports: standard error if --out is standard output, else standard output. */
FILE *say_where(const struct args *args);

/* A progress bar on the terminal, shown after one second. */
struct progress {
    double start, last;   /* times of the start and of the last update, in seconds */
    double bytes;         /* done since the start, for the rate; 0: no rate is shown */
    bool terminal, drawn; /* standard error is a terminal; the bar is visible */
};
double clock_seconds(void);
void progress_start(struct progress *p);
void progress_show(struct progress *p, double done, double total);
void progress_end(struct progress *p);

/* The values of --axes, --raw and so on. */
struct open_options {
    mt_open_options options;    /* options.raw_shape points to shape */
    int64_t shape[MT_MAX_DIMS]; /* shape of --raw, in elements */
};
int open_options_get(struct open_options *out, const struct args *args);

/* Creates a context with --threads and --cache. */
int context_open(mt_context **out, const struct args *args);
/* Creates a context with --threads and a memory budget in bytes; 0: the default. */
int context_open_sized(mt_context **out, const struct args *args, int64_t bytes);

/* An open image for a subcommand. */
struct image {
    mt_context *context;       /* owned */
    mt_stack *stack;           /* owned */
    const mt_stack_info *info; /* of stack */
};
int image_open(struct image *image, const struct args *args);
void image_close(struct image *image);

/* The images of paths, folders and globs. */
struct images {
    mt_stack **stacks;  /* owned */
    const char **names; /* of each stack: the path given, or the source of an image found by a search */
    size_t n, room;     /* number and capacity of stacks and names */
    bool failed;        /* a path given could not be opened */
    bool skipped;       /* an image of a folder could not be opened */
};
/* Opens the images of a path, and reports what could not be opened. */
void images_add(struct images *images, mt_context *context, const char *path, const mt_open_options *options);
/* Opens all images of a path: of a file with several, each. */
void images_add_all(struct images *images, mt_context *context, const char *path, const mt_open_options *options);
/* Replaces an image by a level of it. */
int images_choose_level(struct images *images, size_t i, mt_context *context, const struct args *args,
                        const mt_open_options *options, int64_t level);
/* Prints notes on an input of an output. EXIT_FAILED after a message if files or frames are missing without --missing
 * fill, or if the output is the input. */
int images_check_input(const struct images *images, size_t i, const struct args *args, const char *out);
void images_free(struct images *images);

/* Prints to stderr what was repaired, assumed or missing when an image was opened. */
void note_opened(const mt_stack_info *info);
/* Prints a note to stderr if all chunks read are absent. */
void note_absent(const mt_stack *stack);
/* EXIT_FAILED after a message if the image has no such level. */
int check_level(const mt_stack_info *info, int64_t level);
/* Number and sizes of the spatial axes, (Z)YX; d counts from the first. */
size_t spatial_count(const mt_stack_info *info);
int64_t spatial_size(const mt_stack_info *info, size_t d);
/* The channels of --channels, by number or name, or all. The caller frees *channels. */
int image_channels(const mt_stack_info *info, const struct args *args, int64_t **channels, size_t *n);
/* The index given by the option NAME, below count. */
int image_index(const mt_stack_info *info, const struct args *args, const char *name, int64_t count, int64_t *out);
/* Suggests the next power of two of the patch size along each axis, (Z)YX: random patches then touch few chunks and
 * decode few unused pixels. */
void suggest_chunk(const mt_stack_info *info, const int64_t *size, size_t n_spatial, int64_t *chunk);
/* What an output consists of: "shards" or "chunks". */
const char *unit_name(const mt_writer_info *info);
mt_writer_progress writer_progress(mt_writer *writer);
/* Finishes an image, all of which is written, with a progress bar; MT_E_CANCELLED if interrupted. */
mt_status finish_writer(mt_writer *writer, mt_error *err);
/* Prints a JSON string to stdout; invalid UTF-8 becomes the replacement character. */
void print_json_string(const char *string);
/* Writes a shape such as "40 x 512 x 512" to text, of room bytes, and returns it. */
const char *shape_text(const int64_t *shape, int ndim, char *text, size_t room);
/* Writes a size such as "1.5 GiB" to text, of room bytes, and returns it. */
const char *bytes_text(double bytes, char *text, size_t room);

#endif
