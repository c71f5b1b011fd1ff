# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/selectors.md from plugins/plugin_utils/schema/selector_data.

    python -m tools.docs.selectors_page
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import collection
from tools.docs import wrong_data_as_message

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema.selectors import Condition, Selector

PAGE = collection.REPO / "docs" / "selectors.md"
INTRODUCTION = """\
<!-- Made by `make docs` from plugins/plugin_utils/schema/selector_data. Changes made here are lost. -->
# Selectors

The selectors that the built-in plugins make, from SPIRE 0.8.0 on. Preflight checks `spire_entries` against them and against the plugins,
options and releases of the fleet, because SPIRE accepts any selector: an entry with a selector that no plugin makes is never issued, and
no message says so.

- An entry whose `parent_id` is the server's own ID, `/spire/server`, is for nodes. Its selectors are those of node attestors, and up to
  SPIRE 1.4 those of node resolvers.
- Every other entry is for workloads. Its selectors are those of workload attestors, or, with `store_svid`, of the plugin that stores the
  SVID.
- Preflight reports an error where no agent can have the selector: the plugin never makes it, its value has another form, no agent of the
  group runs the plugin, or an option or the release disables it. It reports a warning where the parent is not a group of the inventory,
  because agents that are not in the inventory may have the selector.
- Preflight does not check selectors of external plugins.
"""
TITLES = {
    "NodeAttestor": "Node attestors",
    "NodeResolver": "Node resolvers",
    "WorkloadAttestor": "Workload attestors",
    "SVIDStore": "SVID stores",
}


def page() -> str:
    """Returns the whole page."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema import selectors

    parts = [INTRODUCTION]
    for kind, title in TITLES.items():
        parts.append(f"## {title}\n")
        for name in sorted(selectors.builtin(kind)):
            parts.append("\n".join(_plugin(name, selectors.of(kind, name))))
    return "\n".join(parts)


def _plugin(name: str, made: tuple[Selector, ...]) -> Iterator[str]:
    yield f"### {name}\n"
    if not made:
        yield "This plugin makes no selectors.\n"
        return
    yield "| selector | value | releases | only if |"
    yield "|---|---|---|---|"
    for selector in made:
        example = selector.written.replace("|", "\\|")
        conditions = "; ".join(_condition(condition) for condition in selector.conditions)
        span = f"{selector.span.since} - {selector.span.until or ''}".rstrip(" -")
        releases = span if selector.span.until else f"{span} on"
        yield f"| `{example}` | {selector.description} | {releases} | {conditions} |"
    yield ""


def _condition(condition: Condition) -> str:
    options = " or ".join(f"`{option}`" for option in condition.options)
    text = {
        "needs": f"{options} is set",
        "off_if": f"{options} is not true",
        "off_if_negative": f"{options} is not negative",
        "listed_in": f"the key is in {options}",
    }[condition.kind]
    span = condition.span
    if span.since and span.until:
        return f"{text} ({span.since} - {span.until})"
    return f"{text} (from {span.since} on)" if span.since else f"{text} (up to {span.until})" if span.until else text


def main(target: Path = PAGE) -> None:
    """Writes the page."""
    with wrong_data_as_message():
        target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
