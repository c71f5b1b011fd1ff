# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the built-in layers, with which a server and an agent need only a trust domain.

Defaults that SPIRE has itself are not repeated here.
"""

from __future__ import annotations

import posixpath
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

SERVER_PORT = 8081
#: the ports of health_checks, which differ so that a server and an agent can run on one machine
HEALTH_PORTS = {"server": 8085, "agent": 8086}
#: the release that renamed the options of sockets and federation, and the fields of the CLI's JSON
SOCKET_PATH_SINCE = Version(1, 0, 0)


def server_defaults(paths: Paths, version: Version, trust_domain: str) -> dict[str, Any]:
    """Returns the server's built-in layer."""
    socket_option = "socket_path" if version >= SOCKET_PATH_SINCE else "registration_uds_path"
    return _known("server", version, {
        "server": {
            "trust_domain": trust_domain,
            "bind_address": "0.0.0.0",
            "bind_port": SERVER_PORT,
            "data_dir": paths.data_dir,
            "log_level": "INFO",
            socket_option: paths.socket,
        },
        "plugins": {
            "DataStore": {
                "sql": {
                    "plugin_data": {
                        "database_type": "sqlite3",
                        "connection_string": posixpath.join(paths.data_dir, "datastore.sqlite3"),
                    }
                }
            },
            "KeyManager": {"disk": {"plugin_data": {"keys_path": posixpath.join(paths.data_dir, "keys.json")}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
        },
        "health_checks": _health_checks("server"),
    })


def agent_defaults(
    paths: Paths, version: Version, trust_domain: str, server_address: str, server_port: int
) -> dict[str, Any]:
    """Returns the agent's built-in layer, with the address and port of its servers."""
    return _known("agent", version, {
        "agent": {
            "trust_domain": trust_domain,
            "server_address": server_address,
            "server_port": server_port,
            "data_dir": paths.data_dir,
            "log_level": "INFO",
            "socket_path": paths.socket,
            "trust_bundle_path": paths.bundle,
        },
        "plugins": {
            "KeyManager": {"disk": {"plugin_data": {"directory": paths.data_dir}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
            "WorkloadAttestor": {"unix": {"plugin_data": {}}},
        },
        "health_checks": _health_checks("agent"),
    })


def _known(component: str, version: Version, tree: dict[str, Any]) -> dict[str, Any]:
    """Returns the tree without the blocks that this release doesn't have yet."""
    known = schema_model.block(component).at(version).specs
    return {name: block for name, block in tree.items() if name in known}


def without_health_checks(builtin: dict[str, Any]) -> dict[str, Any]:
    """Returns the built-in layer without the options of the health checks' listener, which is switched off."""
    return {**builtin, "health_checks": {"listener_enabled": True}}


def _health_checks(component: str) -> dict[str, Any]:
    return {
        "listener_enabled": True,
        "bind_address": "127.0.0.1",
        "bind_port": str(HEALTH_PORTS[component]),
        "live_path": "/live",
        "ready_path": "/ready",
    }
