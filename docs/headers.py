# SPDX-License-Identifier: BSD-3-Clause
"""Converts the public headers into a page: comments as text, declarations as code."""

import re
import textwrap

WIDTH = 84
# Parts of a header without declarations: guards, includes, branches for other compilers and tools.
BRANCH = re.compile(r"^#ifdef .*?^#endif\n", re.M | re.S)
SKIPPED = re.compile(r"^(?:#(?:ifndef|endif|include|define \w+_H$).*|MT_(?:BEGIN|END)_DECLS)\n", re.M)


def split_blocks(text):
    """Split at blank lines outside braces and comments."""
    block, depth = [], 0
    for line in [*text.splitlines(), ""]:
        depth += line.count("{") - line.count("}") + line.count("/*") - line.count("*/")
        if line or depth:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []


def split_comment(block):
    """Split a declaration from the comment before it."""
    match = re.match(r"/\*(.*?)\*/\n?", block, re.S)
    if not match:
        return "", block
    paragraphs = re.sub(r"^ \* ?", "", match.group(1), flags=re.M)
    return paragraphs.strip(), block[match.end() :]


def wrap(function):
    """Rewrap a function declaration at arguments, because the page is narrower than the header."""
    start = re.sub(r"\b(?:MT_API|MT_MUST_CHECK) ", "", function.group(1))
    arguments = ", ".join(re.sub(r"\s", "\0", argument) for argument in re.split(r",\s+", function.group(2)))
    filled = textwrap.fill(arguments + ");", WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    return filled.replace("\0", " ")


def clean(code):
    """Remove linkage and attribute macros."""
    code = re.sub(r"\s+MT_PRINTF\(.*?\)", "", code)
    return re.sub(r"^(MT_API [^(]*\()([^;]*)\);", wrap, code, flags=re.M)


def names_of(code):
    """Return the names that a declaration declares, in order."""
    flat = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
    outside = re.sub(r"\{.*?\}", "{}", flat, flags=re.S)
    found = re.findall(r"#define (\w+)|typedef[^;]*?(\w+);|typedef [^;]*?\(\*(\w+)\)|^\w[^;(]*?(\w+)\(", outside, re.M)
    return [next(filter(None, groups)) for groups in found]


def to_markdown(text, targets):
    """Mark code in a comment, and link declared names."""

    def mark(match):
        word = match.group(0)
        if len(word) == 1:
            return "\\" + word
        return f"[`{word}`](#{word})" if word in targets else f"`{word}`"

    return re.sub(r"(?:\w+\.)*\w*_\w+(?:\[\w+\])?|\w+(?:->\w+|\[\w+\])+|[*\[\]<>`\\#]", mark, text)


def render(folder):
    """Render the headers of a folder as one page."""
    headers = []
    for path in sorted(folder.glob("*.h")):
        text = SKIPPED.sub("", BRANCH.sub("", path.read_text().partition("\n")[2]))
        blocks = [split_comment(block) for block in split_blocks(text)]
        if any(code.strip() for _, code in blocks) and path.name != "export.h":
            headers.append((path.name, blocks))
    targets = {n for _, blocks in headers for _, code in blocks for n in names_of(code) if n.islower()}
    lines = [
        "# C\n",
        "`#include <microtome/microtome.h>` brings all of it. What returns an `mt_status` must be checked: a compiler "
        "warns where it is not.\n",
    ]
    for name, blocks in headers:
        lines.append(f"## {name}\n")
        for comment, code in blocks:
            names = names_of(code)
            lines += [f"({n})=" for n in names if n in targets]
            if names:
                lines.append("### " + ", ".join(f"`{n}`" for n in names) + "\n")
            if comment:
                lines.append(to_markdown(comment, targets) + "\n")
            if code.strip():
                lines.append(f"```c\n{clean(code).strip()}\n```\n")
    return "\n".join(lines)
