# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of SPIRE's upstream authority plugin that this collection adds to a server's tree."""

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
#: the release that renamed the type of the plugin
AUTHORITY_SINCE = Version(0, 10, 0)
#: the names of the type of the plugin since then, and before
AUTHORITY_KINDS = ("UpstreamAuthority", "UpstreamCA")


@dataclasses.dataclass(frozen=True)
class InjectedOptions:
    """The plugin options that a server's tree gets for its upstream CA."""

    plugin: str
    version: Version
    #: options that name the CA
    options: dict[str, str]
    #: options that the inventory may override
    overridable: dict[str, str] = dataclasses.field(default_factory=dict)
    region: str = ""
    #: the controller's file with the facts about the CA in AWS that the options were read from
    record_path: str = ""

    @property
    def kind(self) -> str:
        return AUTHORITY_KINDS[self.version < AUTHORITY_SINCE]

    @property
    def path(self) -> str:
        """The path of the options in the tree."""
        return f"plugins.{self.kind}.{self.plugin}.plugin_data"

    def layer(self) -> Layer:
        """Returns the layer with the options. It is above the built-in defaults and below the inventory, which may name another CA."""
        tree: dict[str, Any] = {"plugins": {self.kind: {self.plugin: {"plugin_data": {**self.options, **self.overridable}}}}}
        if self.version < AUTHORITY_SINCE:
            # Without this option, releases with the old name of the type put the servers' own CAs into the bundle.
            tree["server"] = {"upstream_bundle": True}
        return Layer(VARIABLE, tree)

    def unchanged(self, merged: Merged) -> list[str]:
        """Returns the names of the options that name the CA and still have the values that were set here."""
        options = _last_value([merged.tree], "plugins", self.kind, self.plugin, "plugin_data")
        return [name for name, value in self.options.items() if isinstance(options, dict) and options.get(name) == value]


def injected_options(
    host: str, values: Mapping[str, Any], stack: Sequence[Layer], paths: Paths, version: Version
) -> InjectedOptions | None:
    """Returns the options for a server's upstream CA; None where this collection makes none. ``stack`` is the tree without them."""
    storage_mode = values[VARIABLE]
    if storage_mode == "none":
        return None
    if storage_mode in aws_record.AWS_MODES and version < AUTHORITY_SINCE:
        # Preflight reports the mistake.
        return None
    if storage_mode not in aws_record.AWS_MODES:
        return InjectedOptions("disk", version, disk_options(paths))
    trees = [layer.tree for layer in stack]
    trust_domain = str(_last_value(trees, "server", "trust_domain") or "")
    region = str(_last_value(trees, "plugins", "UpstreamAuthority", storage_mode, "plugin_data", "region") or "")
    pki_dir = directory(values, trust_domain)
    own, overridable = aws_record.plugin_options(storage_mode, values, host, trust_domain, region, pki_dir, version)
    return InjectedOptions(storage_mode, version, own, overridable, region, aws_record.record_path(pki_dir, storage_mode, host))


def _last_value(trees: Sequence[Any], *keys: str) -> Any:
    """Returns the value at a path in the last of these trees that has one."""
    for tree in reversed(trees):
        found = get(tree, *keys)
        if found is not None:
            return found
    return None


def disk_options(paths: Paths) -> dict[str, str]:
    """Returns the options of SPIRE's plugin disk."""
    return {
        "cert_file_path": paths.upstream_certificate,
        "key_file_path": paths.upstream_key,
        "bundle_file_path": paths.upstream_bundle,
    }
