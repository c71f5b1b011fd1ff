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
    from ansible_collections.spire.fleet.plugins.plugin_utils.rules.catalogue import Listed, Variant

PAGE = collection.REPO / "docs" / "rules.md"
TITLES = {"tree": "One configuration", "host": "One server or agent", "fleet": "Several servers and agents"}
COMPONENTS = {"server": "Servers", "agent": "Agents", "oidc_discovery_provider": "The OIDC discovery provider", "inventory": "The inventory"}


def page() -> str:
    """Returns the whole page."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue

    everything = list(catalogue.everything().values())
    parts = [_introduction(everything)]
    for scope, title in TITLES.items():
        own = [one for one in everything if one.scope == scope]
        parts.append(f"## {title}\n")
        key = _places if scope == "tree" else lambda one: one.subject.replace("_", " ").capitalize()
        for subject, rules in groupby(sorted(own, key=lambda one: (key(one), one.id)), key=key):
            parts.append("\n".join(_table(subject, list(rules))))
    return "\n".join(parts)


def _introduction(everything: list[Listed]) -> str:
    asked = [one for one in everything if {place.component for place in one.places} != {"oidc_discovery_provider"}]
    warnings = sum(all(variant.severity == "warning" for variant in one.variants) for one in asked)
    return (
        "<!-- Made by `make docs` from plugins/plugin_utils. Changes made here are lost. -->\n"
        "# Rules\n\n"
        f"Preflight checks {len(asked)} rules in addition to the single options; {warnings} of the rules are only warnings. Another "
        f"{len(everything) - len(asked)} rules are about the OIDC discovery provider, which no playbook installs: only the filter "
        "[spire.fleet.validate_config](checks.md#files-of-your-own) checks these. The [reference](reference/README.md) describes the single "
        "options, and [checks.md](checks.md) explains the report of preflight.\n\n"
        "Every message about a rule contains the rule's id. This command prints a rule with a wrong and a right example:\n\n"
        "    ansible-playbook spire.fleet.explain -e spire_rule=memory_datastore\n\n"
        "In the last column, *warning* marks a rule that is only a warning, and *strict* marks a rule of strict mode, which SPIRE itself does "
        "not have. `spire_allow` can contain the ids of both.\n"
    )


def _table(title: str, rules: list[Listed]) -> Iterator[str]:
    yield f"### {title}\n"
    yield "| rule | what must hold | releases | source | |\n|---|---|---|---|---|"
    for one in rules:
        anchor = f'<a id="{one.id}"></a>`{one.id}`'
        for variant in one.variants:
            yield f"| {anchor} | {_cell(variant.description)} | {_releases(variant)} | {_cell(variant.source)} | {_mark(one, variant)} |"
            anchor = ""
    yield ""


def _mark(one: Listed, variant: Variant) -> str:
    words = {"warning": ["warning"], "either": ["error or warning"]}.get(variant.severity, [])
    return ", ".join([*words, *(["strict"] if one.strict else [])])


def _releases(variant: Variant) -> str:
    from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue

    return catalogue.releases(variant.span)


def _places(one: Listed) -> str:
    """Returns the places of a rule as a title: each component once, with its paths."""
    paths: dict[str, list[str]] = {}
    for place in one.places:
        paths.setdefault(place.component, []).append(place.path)
    if len(paths) == 2 and len({tuple(own) for own in paths.values()}) == 1:
        return f"Servers and agents: {_paths(next(iter(paths.values())))}"
    return "; ".join(f"{COMPONENTS[component]}: {_paths(own)}" for component, own in paths.items())


def _paths(own: list[str]) -> str:
    return ", ".join(f"`{path}`" if path else "the whole file" for path in own)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
