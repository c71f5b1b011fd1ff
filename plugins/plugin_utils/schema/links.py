# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where SPIRE documents something, at exactly the release that a host runs."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import block, plugin_names, plugin_types, version as parsed

_TREE = "https://github.com/spiffe/spire/blob"
#: what servers and agents have beside their plugins, with a page of its own; the page of each of them tells of health_checks
_SHARED = frozenset({"telemetry"})
#: from here on SPIRE's tags begin with a v
_FIRST_V = Version(0, 9, 2)


def documentation(component: str, kind: str = "", plugin: str = "", release: Version | None = None) -> str:
    """The page of a component, of what it has beside its plugins (``telemetry``), or of a plugin.

    Nothing where SPIRE has no such page, as for plugins that are not its own. Without a release the newest one's.
    """
    if kind and plugin:
        known = plugin in plugin_names(component, kind)
        return page(f"{component}/{kind}/{plugin}", release) if known else ""
    return page(kind if kind in _SHARED else component, release)


def page(name: str, release: Version | None = None) -> str:
    """The page of what a file of schema/data describes: "server", "telemetry", "server/NodeAttestor/x509pop"."""
    release = release and _described(name, release)
    path = _path(name, release)
    if not path:
        return ""
    if release is None:
        return f"{_TREE}/main/{path}"
    return f"{_TREE}/{'v' if release >= _FIRST_V else ''}{release}/{path}"


def _described(name: str, release: Version) -> Version:
    """The nearest release that has it: the page goes with the plugin, and comes no sooner."""
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
    component, kind, plugin = name.split("/")
    return f"doc/plugin_{component}_{kind.lower()}_{plugin}.md"
