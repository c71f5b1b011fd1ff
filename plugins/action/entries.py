# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares entries with what a server has, unless the drift check of this run has just found them all as they should be."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection, entries as spire_entries
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_purge import Purge
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    ARGUMENTS = connection.arguments(**spire_entries.OPTIONS)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the result of the module, which is not run where it would change nothing."""
        return self._known(arguments) or self._execute_module(module_name="spire.fleet.entries", task_vars=self.variables)

    def _known(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the module's result where the drift check has found all entries as they should be; empty where the module has to look."""
        digests = self.earlier_state(arguments["earlier"]).get("entries")
        if not digests or arguments["state"] != "present":
            return {}
        wanted, problems = spire_entries.desired(arguments["entries"])
        if problems or not spire_entries.all_there(wanted, digests):
            return {}
        if not arguments["purge"]:
            return spire_entries.unchanged()
        # The digests don't tell the parents, so the module looks wherever an entry of any parent would be deleted.
        purge = dataclasses.replace(Purge.of(arguments["purge"]), parents=None)
        shown = [{"id": entry_id} for entry_id in digests]
        deleted = purge.leftovers(shown, [entry["entry_id"] for entry in wanted])
        return {} if deleted else {**spire_entries.unchanged(), "kept": purge.kept(shown)}
