#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks rules of the source tree that compilers do not check. Usage: check_source.py [ROOT]

Prints one line for each violation and fails if there is any. Needs nothing but the files themselves.
"""

import re
import sys
from pathlib import Path

# A file includes only from its own folder and from those before it.
LAYERS = [
    "base",
    "platform",
    "pool",
    "cache",
    "store",
    "codec",
    "format",
    "engine",
    "stack",
    "picture",
    "sampling",
    "loader",
    "write",
    "predict",
]
C11 = set(
    """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign
    stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar
    wctype
    """.split()
)
# Headers other than those of C11 and microtome: a pattern of paths that may include them, and of the headers.
THIRD_PARTY = [
    (r"src/platform/", r".*"),
    (r"src/base/json\.[ch]", r"jansson\.h"),
    (r"src/base/xml\.c", r"expat\.h"),
    (
        r"src/codec/",
        r"(libdeflate|zstd|zstd_errors|lz4|lz4hc|lz4frame|blosc|jpeglib|jerror|openjpeg"
        r"|webp/decode|Lerc_c_api|Lerc_types|bzlib|lzma|lzf|libaec)\.h",
    ),
    (r"src/engine/staged\.c", r"emmintrin\.h"),
    (r"src/store/http/", r"curl/curl\.h"),
    (r"src/picture/png\.c", r"png\.h"),
    (r"src/store/inflate_cursor\.[ch]", r"zlib\.h"),
    (r"src/store/zip/member\.c", r"zstd\.h"),
    (r"src/store/s3/sign\.c", r"openssl/(evp|hmac)\.h"),
    (r"python/src/", r"Python\.h"),
    (r"python/src/gil\.c", r"pthread\.h"),
    (r"cli/", r"(unistd|fcntl|strings|sys/ioctl|sys/stat|sys/statvfs)\.h"),
    (r"cli/process\.[ch]", r"(poll|spawn|sys/types|sys/wait)\.h"),  # the program of microtome predict --pipe
    (r"(test|bench|fuzz)/", r".*"),
]
# Functions to avoid, files that may use them, and the reason.
DENIED = [
    (
        r"malloc|calloc|realloc|free|aligned_alloc|posix_memalign",
        r"src/base/env\.c|src/platform/posix/memory\.c|(cli|test|bench|fuzz|examples)/",
        "memory comes from mt_alloc, mt_resize or an arena",
    ),
    (r"strdup|strndup|asprintf|vasprintf", r"(cli|test|bench|examples)/", "memory comes from an arena"),
    (
        r"strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|gets",
        r"",
        "has no bound, or one that misleads: snprintf",
    ),
    (
        r"strtok|strerror|localtime|gmtime|ctime|asctime|rand|srand|setlocale|getenv",
        r"src/platform/|(cli|test|bench|fuzz)/",
        "is not thread-safe or reads the state of the process",
    ),
    (r"atoi|atol|atoll|atof|sscanf|scanf", r"", "cannot tell an error: those of base/number.h"),
    (r"strtod|strtof|strtold", r"src/base/number\.c|(cli|test|bench)/", "reads the point of the locale: mt_parse_real"),
    (
        r"alloca|setjmp|longjmp|abort|exit|_exit|atexit|signal",
        r"src/codec/jpeg|src/picture/png|src/platform/|(cli|test|bench|fuzz|examples)/",
        "a library neither ends nor jumps over its caller",
    ),
    (r"printf|puts|putchar|perror", r"(cli|test|bench|fuzz|examples)/", "a library prints nothing"),
]
MAX_LINES = 600
MACHINE = re.compile(r"(?<![\w.:/-])/(?:home|root|work|Users)/|pythonhosted\.|pypi\.org|deb\.debian\.")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
CODE = {".c", ".h"}
TEXT = CODE | {".md", ".txt", ".cmake", ".in", ".py", ".sh", ".json", ".yml"}


def files(root):
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if re.match(r"(build[^/]*|demo|\.git|\.venv)/|.*/?__pycache__/", name) or not path.is_file():
            continue
        if path.suffix in TEXT or path.name in ("Makefile", "run"):
            yield name, path.read_text(encoding="utf-8", errors="replace")


def without_comments_and_strings(text):
    def blank(match):
        return "\n" * match.group(0).count("\n") or " "

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_include(name, header, quoted):
    """Return why the file may not include the header, or None."""
    layer = re.match(r"src/(\w+)/", name)
    if quoted:
        folder = header.partition("/")[0]
        if name.startswith(("cli/", "examples/", "include/")):
            return None if not (folder in LAYERS and "/" in header) else "only public headers may be included here"
        if layer and folder not in LAYERS:
            return "internal headers are included as <folder>/<file>.h"
        if layer and LAYERS.index(folder) > LAYERS.index(layer.group(1)):
            return f"src/{layer.group(1)} lies below src/{folder}"
        return None
    if header.startswith("microtome/") or header.removesuffix(".h") in C11:
        return None
    if any(re.match(where, name) and re.fullmatch(which, header) for where, which in THIRD_PARTY):
        return None
    return "this header has no place in this folder"


def check_code(name, text):
    layer = re.match(r"src/(\w+)/", name)
    if layer and layer.group(1) not in LAYERS:
        yield 1, f"src/{layer.group(1)} is no layer"
        return
    for include in re.finditer(r'^\s*#\s*include\s*(["<])([^">]+)', text, re.M):
        why = check_include(name, include.group(2), include.group(1) == '"')
        if why:
            yield line_of(text, include.start()), f"includes {include.group(2)}: {why}"
    code = without_comments_and_strings(text)
    for words, where, why in DENIED:
        if where and re.match(where, name):
            continue
        for call in re.finditer(rf"(?<![\w.>])(?:{words})(?=\s*\()", code):
            yield line_of(code, call.start()), f"calls {call.group(0)}: {why}"


def check_public_header(text):
    """Check that each public function has a comment above it, after it, or above its group."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if not line.startswith("MT_API"):
            continue
        end = i
        while ";" not in lines[end]:
            end += 1
        above = i - 1
        while above >= 0 and lines[above] and not lines[above].endswith("*/"):
            above -= 1
        if "/*" not in lines[end] and not lines[above].endswith("*/"):
            yield i + 1, "public function without a comment"


def check_file(name, text):
    lines = text.splitlines()
    if not any("SPDX-License-Identifier: BSD-3-Clause" in line for line in lines[:2]) and (
        name.endswith((".c", ".h", ".py", ".sh")) or name in ("Makefile", ".ci/run")
    ):
        yield 1, "no SPDX line"
    if name.endswith((".c", ".h", ".py", ".sh")) and len(lines) > MAX_LINES:
        yield len(lines), f"longer than {MAX_LINES} lines"
    for number, line in enumerate(lines, 1):
        if MACHINE.search(line) and name != "tools/check_source.py":
            yield number, "names a path or host of one machine"
        if UNFINISHED.search(line):
            yield number, "left for later"
        if line != line.rstrip() or ("\t" in line and name.endswith((".c", ".h", ".py"))):
            yield number, "tab or space at the end of a line"
    if name.endswith((".c", ".h")):
        yield from check_code(name, text)
    if re.match(r"include/.*\.h$", name):
        yield from check_public_header(text)


DECLARED = re.compile(r"^(?:MT_\w+ )?(?:const )?\w+ \**(\w+)\([^;{}]*\);", re.M)


def check_declared(sources):
    """Functions that one source uses are static, so internal headers do not declare them."""
    words = {name: set(re.findall(r"\w+", text)) for name, text in sources.items()}
    for name, text in sources.items():
        if not re.match(r"(src|cli|python/src)/.*\.h$", name):
            continue
        for match in DECLARED.finditer(text):
            files_with = sum(match[1] in found for found in words.values())
            if files_with < 3 and len(re.findall(rf"\b{match[1]}\b", text)) < 2:
                yield name, line_of(text, match.start(1)), f"{match[1]} is used by one file only: make it static"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    found, sources = [], {}
    for name, text in files(root):
        found += [(name, line, why) for line, why in check_file(name, text)]
        if name.endswith((".c", ".h")):
            sources[name] = without_comments_and_strings(text)
    found += check_declared(sources)
    for name, line, why in found:
        print(f"{name}:{line}: {why}")
    sys.exit(len(found) > 0)


if __name__ == "__main__":
    main()
