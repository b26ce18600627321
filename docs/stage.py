# SPDX-License-Identifier: BSD-3-Clause
"""Prepares the input of Sphinx: pages, navigation and reference. Usage: stage.py COMMAND FOLDER.

The pages are plain Markdown whose links work in the repository. Here links that leave the folder docs are led to the
pages that stand for their targets, or to copies of files.
"""

import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import headers
import microtome

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

# Captions and pages of the side bar, by parent page. Pages without a caption are also listed on the parent page.
NAVIGATION = {
    "index": {
        "Use": [
            "quick-start",
            "formats/index",
            "Remote images <stores>",
            "S3 <stores-s3>",
            "Archives <stores-zip>",
            "Sampling <sampling>",
            "Training <training>",
            "Loader <loader>",
            "PyTorch <pytorch>",
            "JAX <jax>",
            "Predicting <predicting>",
            "Many machines <many-machines>",
            "Ray <ray>",
            "Converting <converting>",
            "Writing <writing>",
            "filters",
            "statistics",
            "Lateral context <lateral-context>",
            "Noise2Void and noise <n2v>",
            "dask, xarray, napari <arrays>",
            "implementing-an-image-stack",
            "command",
        ],
        "Coming from": ["CAREamics <careamics>", "tifffile <from-tifffile>", "zarr-python <from-zarr-python>"],
        "Reference": ["reference/python", "reference/c"],
        "Design": ["architecture", "adding-a-format", "decisions/index", "benchmarks"],
        "Project": ["project/CONTRIBUTING", "project/SECURITY", "project/CHANGELOG"],
    },
    "formats/index": {"Pages": ["*"]},
    "decisions/index": {"": ["*"]},
}
# Pages for files and folders outside docs.
STANDS_FOR = {
    "CONTRIBUTING.md": "project/CONTRIBUTING.md",
    "SECURITY.md": "project/SECURITY.md",
    "CHANGELOG.md": "project/CHANGELOG.md",
    "README.md": "index.md",
    "include/microtome": "reference/c.md",
}


def lead(text, page, source, folder):
    """Map the links of a page of the repository to pages of the site."""

    def target(match):
        link, anchor = match.group(1), match.group(2) or ""
        if re.match(r"\w+:|#|$", link):
            return match.group(0)
        file = Path(os.path.normpath(source.parent / link))
        place = file.relative_to(ROOT).as_posix()
        if place in STANDS_FOR:
            there = STANDS_FOR[place]
        elif file.is_dir() and (file / "index.md").exists():
            there = (file / "index.md").relative_to(DOCS).as_posix()
        elif file.is_relative_to(DOCS):
            there = file.relative_to(DOCS).as_posix()
        else:
            there = f"files/{place}"
            (folder / there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / there)
        return f"]({os.path.relpath(there, os.path.dirname(page))}{anchor})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    parts[::2] = [re.sub(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", target, part) for part in parts[::2]]
    return "".join(parts)


def navigation(page):
    """Write the toctrees for the side bar."""
    blocks = []
    for caption, pages in NAVIGATION.get(page.removesuffix(".md"), {}).items():
        options = [":glob:", *([":hidden:", f":caption: {caption}"] if caption else [])]
        blocks.append("\n".join(["", "```{toctree}", *options, "", *pages, "```", ""]))
    return "".join(blocks)


def describe(module):
    """List the public names of a module for autodoc, in groups."""
    groups = {"Functions": [], "Classes": [], "Errors": []}
    for name in module.__all__:
        thing = getattr(module, name)
        where = f"{module.__name__}.{name}"
        if inspect.isclass(thing) and issubclass(thing, Exception):
            groups["Errors"].append(f".. autoexception:: {where}\n   :show-inheritance:\n")
        elif inspect.isclass(thing):
            options = "   :members:\n   :inherited-members: list, tuple, object, Protocol, Generic\n"
            groups["Classes"].append(f".. autoclass:: {where}\n{options}")
        elif callable(thing):
            groups["Functions"].append(f".. autofunction:: {where}\n")
    text = [f".. currentmodule:: {module.__name__}\n"]
    return {title: "```{eval-rst}\n" + "\n".join(text + names) + "```\n" for title, names in groups.items() if names}


def python_reference():
    """Make the reference page of the package."""
    public = [m.name for m in pkgutil.iter_modules(microtome.__path__) if not m.name.startswith("_")]
    page = "# Python\n\n"
    for name in ["microtome", *(f"microtome.{name}" for name in public)]:
        for title, block in describe(import_module(name)).items():
            page += f"## {title}{'' if name == 'microtome' else f' of {name}'}\n\n{block}\n"
    return page


def command_options(command):
    """Append the command's own help."""

    def say(*arguments):
        return subprocess.run([command, *arguments], check=True, capture_output=True, text=True).stdout

    page = "\n## Options\n"
    for name in re.findall(r"^  (\w+)  ", say("help").partition("commands:")[2], re.M):
        page += f"\n### microtome {name}\n\n```text\n{say(name, '--help').strip()}\n```\n"
    return page


def main():
    command, folder = sys.argv[1], Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    sources = {path.relative_to(DOCS).as_posix(): path for path in DOCS.rglob("*.md")}
    sources |= {f"project/{name}": ROOT / name for name in STANDS_FOR if name != "README.md" and name.endswith(".md")}
    pages = {page: lead(path.read_text(), page, path, folder) for page, path in sources.items()}
    pages["command.md"] += command_options(command)
    pages["reference/python.md"] = python_reference()
    pages["reference/c.md"] = headers.render(ROOT / "include/microtome")
    for page, text in pages.items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text + navigation(page))
    shutil.copytree(DOCS / "images", folder / "images")


if __name__ == "__main__":
    main()
