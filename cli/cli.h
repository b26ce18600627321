/* SPDX-License-Identifier: BSD-3-Clause */
/* What the subcommands share. Each is one file, and one row of the table in commands.c. */
#ifndef MICROTOME_CLI_H
#define MICROTOME_CLI_H

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

#define MAX_OPTIONS 48

struct option {
    const char *name;     /* without the dashes */
    const char *argument; /* what stands behind it; NULL for a flag */
    const char *help;
    bool repeated; /* may be given several times */
};

typedef struct example {
    const char *line, *what;
} example;

struct args;

/* All text about a subcommand: parsing, help, man pages and completion come from here. */
struct command {
    const char *name, *arguments, *summary, *description;
    int min_arguments, max_arguments;
    const struct option *options; /* ends with a name of NULL; NULL: none */
    const example *examples;
    int (*run)(const struct args *args);
};

extern const struct command commands[]; /* ends with a name of NULL */
const struct command *command_find(const char *name);

/* What was given to a subcommand. Strings are those of main. */
struct args {
    const struct command *command;
    const char **values[MAX_OPTIONS]; /* of each option of the command, in order */
    size_t counts[MAX_OPTIONS];
    const char **paths;
    size_t n_paths;
    bool help;
};

/* Fills args; EXIT_USAGE after a message if they make no sense. args_free in any case. */
int args_parse(struct args *args, const struct command *command, int argc, char **argv);
void args_free(struct args *args);
size_t args_count(const struct args *args, const char *name);
const char *args_get(const struct args *args, const char *name, size_t i); /* NULL where it was not given */

/* Each leaves *out alone where the option was not given, and returns EXIT_USAGE after a message for a bad value. */
int args_integer(const struct args *args, const char *name, int64_t low, int64_t high, int64_t *out);
int args_seed(const struct args *args, const char *name, uint64_t *out);
int args_size(const struct args *args, const char *name, int64_t *out);
/* Integers between commas or 'x': at most most of them, *n in all. */
int args_list(const struct args *args, const char *name, size_t i, int64_t low, int64_t high, size_t most, int64_t *out,
              size_t *n);

/* The nearest to a mistyped word, of all that are tried. best is NULL if none is near. */
struct nearest {
    const char *word, *best;
    size_t length, distance;
};
struct nearest nearest_to(const char *word, size_t length);
void nearest_try(struct nearest *near, const char *candidate);

/* Says that there is no such kind of thing, and what may be meant. EXIT_USAGE. */
int unknown_name(const struct args *args, const char *kind, const struct nearest *near);

/* Says on one line what is wrong, and returns EXIT_USAGE. */
int usage_error(const struct args *args, const char *format, ...) MT_PRINTF(2, 3);
/* Says the error's message on one line, and returns EXIT_FAILED; EXIT_INTERRUPTED, silently, where that is why. */
int report(const mt_error *err);
/* The same for a message of our own. */
int failed(const char *format, ...) MT_PRINTF(1, 2);

int run_info(const struct args *args);
int run_patches(const struct args *args);
int run_view(const struct args *args);
int run_formats(const struct args *args);
int run_codecs(const struct args *args);
int run_completion(const struct args *args);
int run_man(const struct args *args);
int run_help(const struct args *args);
/* Says that there is no such command, and which is meant. EXIT_USAGE. */
int unknown_command(const char *name);
void print_help(const struct command *command); /* NULL: of microtome itself */
/* How a subcommand's options stand in a one-line synopsis. */
void print_synopsis(FILE *file, const struct command *command);

/* Memory, or the end of the program with a message. Freed by free. */
void *need(size_t n, size_t size);

extern char *volatile output_unfinished; /* the temporary file that a signal has to remove; of output.c */

/* Interruption: from interrupt_catch on, Ctrl-C only sets a flag. */
void interrupt_catch(void);
bool interrupted(void);
extern const mt_extract_options until_interrupted; /* with them an extraction ends early */

/* What is written: a file that comes into being whole, under a temporary name beside its place and renamed at the end; or
 * standard output. At most one file at a time. */
typedef struct output {
    FILE *file;
    const char *path;
    char *temporary; /* NULL: standard output */
} output;
/* Checks the path of an option, NULL if it is not given, before any work: EXIT_USAGE if its name has another suffix (".png"; NULL:
 * any that no image has) than what is written; EXIT_FAILED after a message if it is an input or lies inside one, exists
 * and --force is not given, or cannot be written. "-" is standard output for --out only. */
int output_check(const struct args *args, const char *option, const char *path, const char *suffix);
/* EXIT_FAILED after a message if a path is an image that is read, or lies inside one. */
int output_apart(const char *path, const char *input);
/* EXIT_FAILED after a message if the file system has no room for so many bytes. */
int output_room(const char *path, uint64_t bytes);
int output_open(output *out, const char *path);
/* Allocates the bytes if the file system can. EXIT_FAILED after a message, the output then is abandoned. */
int output_allocate(output *out, uint64_t bytes);
int output_finish(output *out); /* EXIT_FAILED after a message if not all could be written */
void output_abandon(output *out);
/* An mt_write_bytes whose user is an output; fails after Ctrl-C too. */
int output_write(void *user, const void *bytes, size_t size);
/* Ends an output that was drawn into, as drawing ended. */
int output_drawn(output *out, mt_status st, const mt_error *err);
/* Where to say what was done: standard error if --out is standard output. */
FILE *say_where(const struct args *args);

/* A bar on the terminal for what takes longer than a second. */
struct progress {
    double start, last;
    bool terminal, drawn;
};
double clock_seconds(void);
void progress_start(struct progress *p);
void progress_show(struct progress *p, double done, double total);
void progress_end(struct progress *p);

/* What --axes, --raw and so on say of a file. raw_shape points into the options themselves. */
struct open_options {
    mt_open_options options;
    int64_t shape[MT_MAX_DIMS];
};
int open_options_get(struct open_options *out, const struct args *args);

/* A context as --threads and --cache say. */
int context_open(mt_context **out, const struct args *args);

/* An open image for a subcommand. */
struct image {
    mt_context *context;
    mt_stack *stack;
    const mt_stack_info *info;
};
int image_open(struct image *image, const struct args *args);
void image_close(struct image *image);

/* The images of paths, folders and globs. */
struct images {
    mt_stack **stacks;
    const char **names; /* of each: the path that was given, or the source of what a search found */
    size_t n, room;
    bool failed;  /* a path that was given could not be opened */
    bool skipped; /* an image of a folder could not be opened */
};
/* Opens what a path stands for, and says what could not be opened. */
void images_add(struct images *images, mt_context *context, const char *path, const mt_open_options *options);
void images_free(struct images *images);

/* Notes on stderr of what was repaired, assumed or missing when an image was opened. */
void note_opened(const mt_stack_info *info);
/* A note on stderr if nothing that was read is stored. */
void note_absent(const mt_stack *stack);
/* "Y", "X" and, for 5-D data, "Z" of the data shape; d counts from the first spatial axis. */
size_t spatial_count(const mt_stack_info *info);
int64_t spatial_size(const mt_stack_info *info, size_t d);
/* Channels of --channels, or all. Caller frees *channels. */
int image_channels(const mt_stack_info *info, const struct args *args, int64_t **channels, size_t *n);
/* The index --NAME of something that the image has so many of. */
int image_index(const mt_stack_info *info, const struct args *args, const char *name, int64_t count, int64_t *out);
/* "40 x 512 x 512" into text. Returns text. */
const char *shape_text(const int64_t *shape, int ndim, char *text, size_t room);
/* "1.5 GiB" into text. Returns text. */
const char *bytes_text(double bytes, char *text, size_t room);

#endif
