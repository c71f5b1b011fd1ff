# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds servers of one group that do not use one datastore, by what their trust bundles hold.

A server writes its keys to the bundle in its datastore, and answers with all of that bundle (pkg/server/ca/manager, v1.15.3). So servers with one
datastore have bundles with keys in common, even while one of them is replacing its keys, and others have not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet


def apart(fleet: Fleet, states: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yields a server and a problem for each server whose bundle has no key in common with that of the first healthy server of its group.

    ``states`` has the results of server_info, with ``spiffe_bundle``, by server. Two nested servers below one server are never found: the
    server above publishes the keys of both in its own bundle.
    """
    first: dict[str, tuple[str, Mapping[str, set[str]]]] = {}
    for server, state in states.items():
        keys = _keys(str(state.get("spiffe_bundle") or ""))
        if not state.get("healthy") or not keys:
            continue
        group = fleet.group_of_server(server)
        other, others = first.setdefault(group, (server, keys))
        # With an upstream authority the certificates are those of its roots, which tell nothing. JWT keys are always a server's own.
        use = "jwt-svid" if keys["jwt-svid"] and others["jwt-svid"] else "x509-svid"
        if keys[use].isdisjoint(others[use]):
            yield server, (
                f"{server} and {other}, which are both in {group}, do not use one database: their trust bundles have no key in common, so that an "
                "agent of the one is unknown to the other. Compare their connection strings, and where the name of the database leads to on each host."
            )


def _keys(document: str) -> dict[str, set[str]]:
    """Returns the certificates and the IDs of the JWT keys in a SPIFFE bundle document, by the use of the key; empty where it can't be read."""
    try:
        keys = json.loads(document)["keys"]
        return {
            "x509-svid": {str(key["x5c"][0]) for key in keys if key["use"] == "x509-svid"},
            "jwt-svid": {str(key["kid"]) for key in keys if key["use"] == "jwt-svid"},
        }
    except (ValueError, KeyError, TypeError, IndexError):
        return {}
