# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for the documentation site. `make site` writes the sources to .build/site/source first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref

GALAXY = yaml.safe_load((Path(__file__).resolve().parents[2] / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
author = project_copyright = "spire.fleet contributors"
version = release = GALAXY["version"]
language = "en"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
root_doc = "index"
# Every reference must lead somewhere.
nitpicky = True
# Anchors of headings as code hosts make them, since the pages are read there too.
myst_heading_anchors = 4
# for the anchors of rules, which stand in rows of tables
myst_enable_extensions = ["attrs_inline"]
highlight_language = "text"
# No lexer knows every word of SPIRE's HCL, nor the placeholders in SQL.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_use_index = False
pygments_style = "default"

ANSIBLE = "https://docs.ansible.com/ansible/latest"
#: pages of Ansible's documentation, by the labels that antsibull-docs writes
LABELS = {"common_return_values": "reference_appendices/common_return_values", "action_plugins": "plugins/action"}


def elsewhere(app: Any, env: Any, node: pending_xref, shown: nodes.Element) -> nodes.Node | None:
    """Returns a link to Ansible's documentation for a label of it, and the text alone for an internal plugin of the collection."""
    label = str(node.get("reftarget", ""))
    path = LABELS.get(label)
    if label.startswith("ansible_collections."):
        if label.startswith(f"ansible_collections.{project}."):
            return shown
        path = "collections/" + label.removeprefix("ansible_collections.").replace(".", "/", 2)
    return nodes.reference("", "", shown, refuri=f"{ANSIBLE}/{path}.html") if path else None


def setup(app: Any) -> None:
    app.connect("missing-reference", elsewhere)
