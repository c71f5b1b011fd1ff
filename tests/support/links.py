# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds links in Markdown pages that lead nowhere, and what stands at a place that a link names."""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


def sections(text: str) -> dict[str, str]:
    """Returns the text below each heading of a page up to the next one, and the row of each rule, by the anchors that code hosts make."""
    found: dict[str, list[str]] = {}
    anchor, rule, in_code = "", "", False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        heading = None if in_code else re.match(r"#+ +(.+)$", line)
        if heading:
            anchor, rule = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-"), ""
        named = re.search(r'<a id="(\w+)">', line)
        # A rule that has several sentences has its anchor in the first of its rows.
        rule = named[1] if named else rule if line.startswith("|  |") else ""
        found.setdefault(rule or anchor, []).append(line)
    return {name: " ".join(" ".join(lines).split()) for name, lines in found.items()}


def broken_links(page: Path, text: str) -> list[str]:
    """Returns the links of a page whose file or heading does not exist."""
    broken = []
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in sections(target.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken
