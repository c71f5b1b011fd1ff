# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may want to read about a place in a tree: SPIRE's document, and the releases that have the option."""

from __future__ import annotations

import re
from functools import lru_cache

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.links import documentation
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Span, block, plugin

_PART = re.compile(r'"([^"]*)"|([^.\[\]"]+)(?:\[[0-9]+\])?')


def link(component: str, path: str, release: Version) -> str:
    """SPIRE's document about what stands at a path, as it was at the release, or at the nearest one that has the option.

    A component's document for a foreign plugin.
    """
    parts = _parts(path)
    since, until = span(component, path) or (None, None)
    release = max(release, since or release)
    release = min(release, until or release)
    if parts[:1] == ["plugins"] and len(parts) > 2:
        found = documentation(component, parts[1], parts[2], release)
    else:
        found = documentation(component, parts[0], "", release) if parts[:1] == ["telemetry"] else ""
    return found or documentation(component, "", "", release)


def releases(component: str, path: str) -> str:
    """From which release to which SPIRE has the option at a path; empty for what isn't one."""
    since, until = span(component, path) or (None, None)
    if since is None:
        return ""
    return f"SPIRE {since} to {until}" if until else f"SPIRE {since} and later"


@lru_cache(maxsize=4096)
def span(component: str, path: str) -> tuple[Version, Version | None] | None:
    """Returns the first and the last release that have the option at a path; None for what is no option."""
    spans: list[Span] = []
    known: Block | None = block(component)
    parts = _parts(path)
    if parts[:1] == ["plugins"] and len(parts) < 4:
        own = plugin(component, parts[1], parts[2]) if len(parts) == 3 else None
        return _between([own.span]) if own else None
    names = False
    for index, part in enumerate(parts):
        if names:
            names = False
            continue
        if index == 3 and parts[0] == "plugins":
            if part == "plugin_data":
                known = plugin(component, parts[1], parts[2])
                if known is None:
                    return None
                spans.append(known.span)
                continue
            known = block("plugin")
        if index in (1, 2) and parts[0] == "plugins":
            continue
        option = known.options.get(part) if known else None
        if option is None:
            return None
        spans.append(option.span)
        names = any(kind.startswith("map(") for kind in option.types)
        known = option.block
    return _between(spans) if spans else None


def _between(spans: list[Span]) -> tuple[Version, Version | None] | None:
    since = max((span.since for span in spans if span.since), default=RELEASES[0])
    until = min((span.until for span in spans if span.until), default=None)
    if until and until < since:
        return None  # a name that the option had elsewhere, and never here
    return since, until


def _parts(path: str) -> list[str]:
    return [quoted or plain for quoted, plain in _PART.findall(path)]
