# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes everything that a SPIRE server or agent consists of on its host, in one call.

The controller compares. The host compares only what the controller would need a digest for, such as the stamp
over files that hold secrets, and returns names instead.
"""

from __future__ import annotations

import os
import platform
import time
from typing import Any, Dict, List, Tuple

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import binaries, files, identity, service

#: the options of the module's task; the action plugin adds which files, service and binary to observe
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "component": {"type": "str", "choices": ["server", "agent"], "required": True},
    "servers": {"type": "str"},
    "final": {"type": "bool", "default": False},
    "missing_ca_only": {"type": "bool", "default": False},
    "identity_only": {"type": "bool", "default": False},
    "reach_server": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["health", "all"]},
    "preflight": {"type": "str"},
    "earlier": {"type": "str"},
}


def observe(spec: Dict[str, Any], planned: Dict[str, str]) -> Dict[str, Any]:
    """Returns everything that ``spec`` asks about. A missing file or service is a result, never an error.

    ``planned`` has the SHA-256 of each file that the process should have been started with.
    """
    process = service.state(spec["service"])
    return {
        "machine": platform.machine(),
        "time": time.time(),
        "user": files.user(spec.get("user") or ""),
        "files": {name: files.file(path, content=True) for name, path in spec["files"].items()},
        "keys": {name: identity.private_key(asked["path"], asked["public"]) for name, asked in spec["keys"].items()},
        "issued": {path: files.file(path, content=True) for path in spec.get("issued") or []},
        "certificates": {path: identity.certificates(path) for path in spec.get("certificates") or []},
        "supplied": _supplied(spec["supplied"], spec.get("user") or "") if spec.get("supplied") else {},
        "readable": files.readable(spec.get("secrets") or []),
        "directories": {path: files.file(path, content=False) for path in spec["directories"]},
        "impassable": files.impassable(spec.get("traversed") or [], spec.get("user") or ""),
        "temporary_files": files.temporary_files(spec),
        "obsolete_files": [path for path in spec["obsolete_files"] if os.path.lexists(path)],
        # None where there is no file to look for.
        "datastore": os.path.exists(spec["datastore"]) if spec["datastore"] else None,
        "was_healthy": os.path.exists(spec["was_healthy"]),
        "kept": spec["kept"] if os.path.lexists(spec["kept"]) else "",
        "link": os.readlink(spec["link"]) if spec["link"] and os.path.islink(spec["link"]) else "",
        "release": binaries.release(spec["release"]),
        "binary": binaries.binary(spec["binary"], spec["probe_version"]),
        "service": process,
        "started_with_old_files": service.started_with_old_files(spec["service"]["stamp"], planned) if process["running"] else [],
        "binary_changed": service.binary_changed(process["pid"], spec["runs"]),
        "answers": service.answers(spec["socket"]),
        "state": _state(spec["binary"], spec["socket"], spec["state"]) if process["running"] and spec["state"] is not None else {},
        **_ports(spec["ports"], process["pid"] if process["running"] else 0),
        "identity": identity.agent_svid(spec["identity"]) if spec["identity"] else {},
        "plugins": [binaries.plugin(asked, spec.get("user") or "") for asked in spec["plugins"]],
        "unreached": _unreached(spec["server"]) if spec.get("server") else "",
    }


# Most hosts need none of these modules, which take time to import.
def _ports(asked: List[Dict[str, Any]], pid: int) -> Dict[str, List[Any]]:
    if not asked:
        return {"taken_ports": [], "silent_ports": []}
    from ansible_collections.spire.fleet.plugins.module_utils.host import ports

    return {"taken_ports": ports.taken(asked, pid), "silent_ports": ports.silent(asked, pid) if pid else []}


def _supplied(asked: Dict[str, Any], user: str) -> Dict[str, Any]:
    from ansible_collections.spire.fleet.plugins.module_utils.host.observe import supplied

    return supplied.observe(asked, user)


def _state(binary: str, socket: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
    from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
    from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

    server = SpireServer(binary, socket)
    if asked:
        try:
            return server_state.state(server, asked)
        except SpireCliError:
            # The task that needs the agents asks again, and reports the error.
            pass
    return {"healthy": server.healthcheck().healthy}


def _unreached(server: Dict[str, Any]) -> str:
    from ansible_collections.spire.fleet.plugins.module_utils.host.observe import reach

    return reach.problem(**server)


def own_variant(params: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Returns the specification and the planned digests for the architecture of this host."""
    machine = platform.machine()
    if machine in (params["variants"] or {}):
        return params["variants"][machine], params["planned_variants"][machine]
    return params["spec"], params["planned"]
