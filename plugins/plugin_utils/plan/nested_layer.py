# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer of a nested server's tree that names its parent server and the socket of its agent."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.nested import PLUGIN, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version


def option_path(version: Version, name: str) -> str:
    """Returns the path of an option of the plugin in the tree."""
    return f"{pki_options.InjectedOptions(PLUGIN, version, {}).path}.{name}"


def layer(version: Version, address: str, port: int, socket: str) -> Layer:
    """Returns the layer between the built-in defaults and the inventory's layers."""
    options = {"server_address": address, "server_port": str(port), "workload_api_socket": socket}
    return Layer(VARIABLE, pki_options.InjectedOptions(PLUGIN, version, options).layer().tree)
