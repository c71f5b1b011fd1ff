# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds links in Markdown pages that lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


def headings(text: str) -> set[str]:
    """Returns the anchors of a page as code hosts make them."""
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"^#+ +(.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def broken_links(page: Path, text: str) -> list[str]:
    """Returns the links of a page whose file or heading does not exist."""
    broken = []
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken
