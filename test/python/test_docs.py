# SPDX-License-Identifier: BSD-3-Clause
"""The code in the documentation does what it says: Python and shell are run, C is a quotation of a file or a program.

Docstrings name what signatures have.
"""

import doctest
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import microtome
import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


def run_python(page, codes, names):
    """Run the blocks of a page, one after the other, in one namespace; those with prompts are doctests."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for number, code in enumerate(codes):
        if code.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(code, names, page, page, number)
            runner.run(test, clear_globs=False)
            names.update(test.globs)
        else:
            exec(compile(code, page, "exec"), names)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")])
def test_python(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes = blocks(page, "python")
    for library in re.findall(r"^(?:>>> )?(?:import|from) (\w+)", "\n".join(codes), re.M):
        if not find_spec(library):
            pytest.skip(f"there is no {library}")
    module = ModuleType("page")  # where pickle finds the classes of a page
    monkeypatch.setitem(sys.modules, "page", module)
    run_python(page, codes, vars(module))


def test_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python("quick-start.md", blocks("quick-start.md", "python")[:1], {})
    command = tmp_path / "bin/microtome"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m microtome "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    for code in blocks("quick-start.md", "sh"):
        run = subprocess.run(["sh", "-euc", code], capture_output=True, text=True, env={**os.environ, "PATH": path})
        assert run.returncode == 0, run.stderr
    assert {"plane.png", "patches.npy", "sheet.png"} <= {p.name for p in tmp_path.iterdir()}


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "c")])
def test_quotations_in_c(page):
    """A whole program is compiled by check_install.sh; anything else stands in a file that the page links."""
    links = re.findall(r"\]\(([^)]*\.c)\)", (DOCS / page).read_text())
    files = [re.sub(r"\s+", " ", ((DOCS / page).parent / link).read_text()) for link in links]
    for code in blocks(page, "c"):
        if "int main" not in code:
            assert any(re.sub(r"\s+", " ", code).strip() in file for file in files), code


def public():
    """All public names of the package and its modules."""
    names = [m.name for m in pkgutil.iter_modules(microtome.__path__, "microtome.") if not m.name[10:].startswith("_")]
    for module in [microtome, *map(import_module, names)]:
        for name in module.__all__:
            yield name, getattr(module, name)


def callables():
    """All that can be called in public, but the constructors of errors."""
    for name, thing in public():
        if inspect.isroutine(thing):
            yield name, thing
        elif inspect.isclass(thing) and not issubclass(thing, Exception) and not thing.__name__.endswith("Protocol"):
            inherited = {method for base in (list, tuple) if issubclass(thing, base) for method in vars(base)}
            for method, routine in inspect.getmembers(thing, inspect.isroutine):
                if not method.startswith("_") and method not in inherited:
                    yield f"{name}.{method}", routine


@pytest.mark.parametrize(("name", "routine"), list(callables()))
def test_docstrings(name, routine):
    wanted = [p for p in inspect.signature(routine).parameters if p != "self"]
    text = inspect.getdoc(routine)
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    named = re.findall(r"^\**(\w+(?:, \w+)*)(?: :|$)", section.group(1), re.M) if section else []
    assert ", ".join(named).split(", ") == (wanted or [""]), name


def test_every_public_attribute_has_a_docstring():
    standard = {*vars(BaseException), *vars(OSError)}
    for name, thing in public():
        for attribute in dir(thing) if inspect.isclass(thing) else []:
            value = inspect.getattr_static(thing, attribute)
            plain = attribute.startswith("_") or attribute in standard or isinstance(value, str | None)
            assert plain or inspect.getdoc(value), f"{name}.{attribute}"


def test_modules_show_what_users_need():
    import microtome.careamics

    modules = {"careamics", "dask", "torch"}  # once imported
    public = {name for name in dir(microtome) if not name.startswith("_")}
    assert public - modules == {name for name in microtome.__all__ if not name.startswith("_")}
    assert sorted(dir(microtome.axes)) == sorted(microtome.axes.__all__)
    assert sorted(dir(microtome.careamics)) == ["CAREamist", "DataModule", "PredictionWriter", "load", "loading"]


def test_fields_that_careamics_may_not_set_are_documented():
    page = (ROOT / "docs/careamics.md").read_text()
    for field in import_module("microtome._careamics_config").REFUSED:
        assert re.search(rf"^\|.*`{re.escape(field)}`.*\| refused: ", page, re.MULTILINE), field
