# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the pages of the modules, filters and lookups that users call, with antsibull-docs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.collection import COLLECTIONS, REPO

KINDS = {"modules": "module", "filter": "filter", "lookup": "lookup"}
INTERNAL = re.compile(r'^description:\n  - "?Internal: ', re.MULTILINE)
CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)*", re.MULTILINE)
TITLE = "Modules, filters and lookups"


def is_internal(plugin: Path) -> bool:
    """Whether a plugin is internal, which means that only the collection's playbooks and roles call it; its documentation begins so."""
    return INTERNAL.search(plugin.read_text(encoding="utf-8")) is not None


def called() -> dict[str, str]:
    """Returns the name of the page of each plugin that users call, by the name of the plugin."""
    found = {}
    for folder, kind in KINDS.items():
        for file in (REPO / "plugins" / folder).glob("*.py"):
            if not is_internal(file):
                found[file.stem] = f"{file.stem}_{kind}"
    return found


def write(directory: Path) -> dict[str, str]:
    """Writes the pages and their index; returns the page of each plugin by its name."""
    directory.mkdir(parents=True)
    # antsibull-docs refuses a directory into which others may write.
    directory.chmod(0o755)
    programs = Path(sys.executable).parent
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = [str(programs / "antsibull-docs"), "collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--no-breadcrumbs"]
    subprocess.run([*command, "--dest-dir", str(directory), "spire.fleet"], env=environment, check=True, timeout=300)
    pages = called()
    for file in directory.glob("*.rst"):
        if file.stem in pages.values():
            # The theme shows the contents of a page beside it.
            file.write_text(CONTENTS.sub("", file.read_text(encoding="utf-8")), encoding="utf-8")
        elif file.stem != "index":
            file.unlink()
    target = directory / "index.rst"
    target.write_text(index(target.read_text(encoding="utf-8"), set(pages.values())), encoding="utf-8")
    return {name: f"plugins/{page}.rst" for name, page in pages.items()}


def index(text: str, pages: set[str]) -> str:
    """Returns the index that antsibull-docs wrote without its head, and without what is internal."""
    lines = [f"{TITLE}\n{'=' * len(TITLE)}\n"]
    for line in text[text.index(".. _module_plugins_in_"):].splitlines():
        named = re.match(r"\* :ansplugin:`(\w+) (\w+) <", line)
        page = f"{named[1]}_{named[2]}" if named else line.strip() if re.match(r" {4}\w+_(module|filter|lookup)$", line) else None
        if page is None or page in pages:
            lines.append(line)
    return "\n".join(lines) + "\n"
