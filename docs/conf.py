# SPDX-License-Identifier: BSD-3-Clause
"""Sphinx configuration. stage.py prepares the input."""

import microtome

project = "microtome"
version = release = microtome.__version__
copyright = "the microtome developers"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "microtome"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
