# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of SPIRE's upstream authority plugin that a server's tree gets for an upstream CA of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import get
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer, Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import directory
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version

VARIABLE = "spire_pki"
#: the type of the plugins was renamed here
AUTHORITY_SINCE = Version(0, 10, 0)
#: what it is called, and was called until then
AUTHORITY_KINDS = ("UpstreamAuthority", "UpstreamCA")


@dataclasses.dataclass(frozen=True)
class InjectedOptions:
    """What a server's tree gets for its upstream CA."""

    plugin: str
    version: Version
    #: options that lead to the CA
    options: dict[str, str]
    #: options that the inventory may say otherwise
    overridable: dict[str, str] = dataclasses.field(default_factory=dict)
    region: str = ""

    @property
    def kind(self) -> str:
        return AUTHORITY_KINDS[self.version < AUTHORITY_SINCE]

    @property
    def path(self) -> str:
        """Of its options in the tree."""
        return f"plugins.{self.kind}.{self.plugin}.plugin_data"

    def layer(self) -> Layer:
        """Between the built-in defaults and the inventory's layers, which may name another authority."""
        tree: dict[str, Any] = {"plugins": {self.kind: {self.plugin: {"plugin_data": {**self.options, **self.overridable}}}}}
        if self.version < AUTHORITY_SINCE:
            # until then the bundle was the servers' own CAs unless this was said
            tree["server"] = {"upstream_bundle": True}
        return Layer(VARIABLE, tree)

    def unchanged(self, merged: Merged) -> list[str]:
        """The options that lead to the CA and are as they were set here: all, some, or none of them."""
        options = _last_value([merged.tree], "plugins", self.kind, self.plugin, "plugin_data")
        return [name for name, value in self.options.items() if isinstance(options, dict) and options.get(name) == value]


def injected_options(host: str, values: Mapping[str, Any], stack: Sequence[Layer], paths: Paths, version: Version) -> InjectedOptions | None:
    """How this server's tree leads to its upstream CA; None where it has none of ours. The stack is without it."""
    storage_mode = values[VARIABLE]
    if storage_mode == "none":
        return None
    if storage_mode in aws_record.WAYS and version < AUTHORITY_SINCE:
        # told by preflight
        return None
    if storage_mode not in aws_record.WAYS:
        return InjectedOptions("disk", version, disk_options(paths))
    trees = [layer.tree for layer in stack]
    trust_domain = str(_last_value(trees, "server", "trust_domain") or "")
    region = str(_last_value(trees, "plugins", "UpstreamAuthority", storage_mode, "plugin_data", "region") or "")
    own, overridable = aws_record.options(storage_mode, values, host, trust_domain, region, directory(values, trust_domain), version)
    return InjectedOptions(storage_mode, version, own, overridable, region)


def _last_value(trees: Sequence[Any], *keys: str) -> Any:
    """What the last of these trees that says anything says at a path."""
    for tree in reversed(trees):
        found = get(tree, *keys)
        if found is not None:
            return found
    return None


def disk_options(paths: Paths) -> dict[str, str]:
    """The options of SPIRE's disk plugin."""
    return {
        "cert_file_path": paths.upstream_certificate,
        "key_file_path": paths.upstream_key,
        "bundle_file_path": paths.upstream_bundle,
    }
