# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/rules.md from the rules in the schema's data and in the code.

    python -m tools.docs.rules_page
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from tests.support import collection

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import Listed

PAGE = collection.REPO / "docs" / "rules.md"
TITLES = {
    "server": "Servers",
    "agent": "Agents",
    "both": "Plugins of servers and agents",
    "oidc_discovery_provider": "The OIDC discovery provider",
}


def page() -> str:
    """The whole page."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue as rules_catalogue

    everything = rules_catalogue.everything()
    trees = [one for one in everything if one.path != "inventory"]
    fleets = [one for one in everything if one.path == "inventory"]
    parts = [_introduction(everything)]
    for component, title in TITLES.items():
        parts.append(f"## {title}\n")
        own = [one for one in trees if one.component == component]
        for path, rules in groupby(own, key=lambda one: one.path):
            parts.append("\n".join(_table(f"`{path}`" if path else "The whole file", list(rules))))
    parts.append("## Fleets\n")
    parts.append("\n".join(_table("Servers and agents against each other", fleets)))
    return "\n".join(parts)


def _introduction(everything: list[Listed]) -> str:
    asked = [one for one in everything if one.component != "oidc_discovery_provider"]
    warnings = sum(one.severity == "warning" for one in asked)
    return (
        "<!-- Made by `make docs` from plugins/plugin_utils. Changes made here are lost. -->\n"
        "# Rules\n\n"
        f"What preflight asks beyond single options: {len(asked)} rules, {warnings} of which only warn. Another "
        f"{len(everything) - len(asked)} are of the OIDC discovery provider, which no playbook installs: the filter "
        "[spire.fleet.validate_config](checks.md#files-of-your-own) asks them, no run does. What each option may be "
        "is in the [reference](reference/README.md); how to read what preflight says is in [checks.md](checks.md). A name in the last "
        "column is one for `spire_allow`.\n"
    )


def _table(title: str, rules: list[Listed]) -> Iterator[str]:
    yield f"### {title}\n"
    yield "| rule | releases | source | |\n|---|---|---|---|"
    for one in rules:
        mark = ", ".join(filter(None, ("warning" if one.severity == "warning" else "", f"`{one.allow}`" if one.allow else "")))
        yield f"| {_cell(one.says)} | {_releases(one)} | {_cell(one.source)} | {mark} |"
    yield ""


def _releases(one: Listed) -> str:
    if one.span.since and one.span.until:
        return f"{one.span.since} to {one.span.until}"
    if one.span.since:
        return f"{one.span.since} and later"
    return f"up to {one.span.until}" if one.span.until else "all"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
