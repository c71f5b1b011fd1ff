# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links to SPIRE's documentation and the releases that have an option, for messages about a configuration."""

from __future__ import annotations

import re
from functools import lru_cache

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import (
    Block, Span, block, plugin, plugin_names, plugin_types, version as parsed,
)

_TREE = "https://github.com/spiffe/spire/blob"
#: blocks of both components with a page of their own; health_checks is described on the page of each component
_SHARED = frozenset({"telemetry"})
#: the first release whose tag in SPIRE's repository begins with a v
_FIRST_V = Version(0, 9, 2)
#: one name of a dotted path, in quotes where it holds dots; an index of a list is left out
_NAME = re.compile(r'"([^"]*)"|([^.\[\]"]+)(?:\[[0-9]+\])?')


def documentation(component: str, kind: str = "", name: str = "", release: Version | None = None) -> str:
    """Returns the link to the page of a component, of its ``telemetry``, or of a plugin; of the newest release unless one is given.

    It is empty where SPIRE has no such page, as for external plugins.
    """
    if kind and name:
        known = name in plugin_names(component, kind)
        return page(f"{component}/{kind}/{name}", release) if known else ""
    return page(kind if kind in _SHARED else component, release)


def documentation_of_path(component: str, path: str, release: Version) -> str:
    """Returns the link to the page that describes the option at a path, at the release or at the nearest one that has the option.

    The link for an external plugin is the component's page.
    """
    names = _names(path)
    since, until = releases_span(component, path) or (None, None)
    release = max(release, since or release)
    release = min(release, until or release)
    if names[:1] == ["plugins"] and len(names) > 2:
        found = documentation(component, names[1], names[2], release)
    else:
        found = documentation(component, names[0], "", release) if names[:1] == ["telemetry"] else ""
    return found or documentation(component, "", "", release)


def releases_of_path(component: str, path: str) -> str:
    """Returns the releases that have the option at a path, in words; empty where no option is at the path."""
    since, until = releases_span(component, path) or (None, None)
    if since is None:
        return ""
    return f"SPIRE {since} to {until}" if until else f"SPIRE {since} and later"


def page(name: str, release: Version | None = None) -> str:
    """Returns the link to the page about a file of schema/data, such as "server", "telemetry" or "server/NodeAttestor/x509pop"."""
    release = release and _nearest(name, release)
    path = _path(name, release)
    if not path:
        return ""
    if release is None:
        return f"{_TREE}/main/{path}"
    return f"{_TREE}/{'v' if release >= _FIRST_V else ''}{release}/{path}"


def _nearest(name: str, release: Version) -> Version:
    """Returns the nearest release that has the block: SPIRE adds and removes the page of a plugin with the plugin."""
    parts = name.split("/")
    spans = [block(name).span]
    if len(parts) == 3:
        spans.append(plugin_types(parts[0])[parts[1]].span)
    for span in spans:
        if span.since and release < span.since:
            release = span.since
        if span.until and release > span.until:
            release = span.until
    return release


def _path(name: str, release: Version | None) -> str:
    written = block(name).extra.get("documented", "")
    if isinstance(written, str) and written:
        return written
    if written:
        pages = sorted((parsed(since), path) for since, path in written.items())
        return next((path for since, path in reversed(pages) if release is None or release >= since), "")
    component, kind, plugin_name = name.split("/")
    return f"doc/plugin_{component}_{kind.lower()}_{plugin_name}.md"


@lru_cache(maxsize=4096)
def releases_span(component: str, path: str) -> tuple[Version, Version | None] | None:
    """Returns the first and the last release that have the option at a path; the last is None where the newest release has it."""
    spans: list[Span] = []
    known: Block | None = block(component)
    names = _names(path)
    if names[:1] == ["plugins"] and len(names) < 4:
        own = plugin(component, names[1], names[2]) if len(names) == 3 else None
        return _between([own.span]) if own else None
    in_map = False
    for index, name in enumerate(names):
        if in_map:  # the user chooses the name, for example that of a federated trust domain
            in_map = False
            continue
        if index == 3 and names[0] == "plugins":
            if name == "plugin_data":
                known = plugin(component, names[1], names[2])
                if known is None:
                    return None
                spans.append(known.span)
                continue
            known = block("plugin")
        if index in (1, 2) and names[0] == "plugins":
            continue
        option = known.options.get(name) if known else None
        if option is None:
            return None
        spans.append(option.span)
        in_map = any(kind.startswith("map(") for kind in option.types)
        known = option.block
    return _between(spans) if spans else None


def _between(spans: list[Span]) -> tuple[Version, Version | None] | None:
    since = max((span.since for span in spans if span.since), default=RELEASES[0])
    until = min((span.until for span in spans if span.until), default=None)
    if until and until < since:
        return None  # the option had this name only in another block
    return since, until


def _names(path: str) -> list[str]:
    return [quoted or plain for quoted, plain in _NAME.findall(path)]
