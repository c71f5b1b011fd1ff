# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes after which a server would start with a new authority, so that every agent and workload of the trust domain is cut off."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, plugin_data
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import decode

ASK = "If this is intended, run once with -e spire_new_authority=true, and then site for all agents."


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Refuses what would make a new authority in silence, by the configuration that the server has, unless spire_new_authority allows it."""
    if plan.component == "server" and not plan.values["spire_new_authority"]:
        found.errors += [f"{reason} {ASK}" for reason in _reasons(plan, observed)]


def _reasons(plan: Plan, observed: Mapping[str, Any]) -> Iterator[str]:
    state = observed["files"]["configuration"]
    if not state["exists"] or not observed["was_healthy"]:
        return
    try:
        read = hcl.loads(base64.b64decode(state.get("content", "")).decode("utf-8", "replace"))
    except hcl.HclError:
        return
    tree, _notes = decode.decode(plan.component, read, plan.version)
    had = str(block(tree, "server").get("trust_domain") or "")
    if had and had != plan.trust_domain:
        yield (
            f"This server has the trust domain {had}, and the inventory has {plan.trust_domain}. A server with data of one trust domain does not "
            "start with another one: decommission it with spire_decommission_purge first, or move its data away."
        )
        return
    before, after = _database(tree), _database(plan.tree)
    if before and after and before != after:
        yield (
            f"This server uses {before}, and the inventory has {after}. With an empty database it would make a new authority, and all entries and "
            "agents would be gone. Copy the data first."
        )
    elif observed["datastore"] is False:
        yield (
            f"This server was installed before, and its datastore {plan.datastore_file} is missing. Without it the server would make a new authority. "
            "Restore it from a backup."
        )


def _database(tree: Mapping[str, Any]) -> str:
    """Returns what tells one database from another, and what a message may show; empty where that can't be told."""
    sql = plugin_data(tree, "DataStore", "sql")
    kind, text = connection_strings.kind(sql.get("database_type")), str(sql.get("connection_string") or "")
    if kind == "sqlite3":
        return f"the SQLite database {text.partition('?')[0]}"
    connection = connection_strings.read(kind, text)
    if connection is None or not connection.showable:
        return ""
    return f"the {kind} database {connection.database} on {connection.address}"
