# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on a server's host whether the planned SPIRE can use its database."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import pipelining
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import datastore
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what is noteworthy about the databases; raises AnsibleActionFail where SPIRE could not use one."""
        named = list(datastore.databases(self.plan("server")))
        asked = [one for one in named if one.connection]
        answers = self._ask(asked) if asked else []
        wrong = [datastore.sentence(self.host, one, answer["wrong"]) for one, answer in zip(asked, answers) if answer["wrong"]]
        if wrong:
            raise failed("\n".join([*wrong, f"{self.host}: Nothing was changed on this host, and a server that runs goes on as it is."]))
        notes = [datastore.sentence(self.host, one, f"It was not checked, because {one.unchecked}.") for one in named if one.unchecked]
        notes += [datastore.sentence(self.host, one, answer["note"]) for one, answer in zip(asked, answers) if answer["note"]]
        return {"changed": False, "databases": answers, **({"warnings": notes} if notes else {})}

    def _ask(self, asked: list[datastore.Database]) -> list[dict[str, str]]:
        """Runs the module with its arguments, which hold passwords, kept out of every file and log."""
        pipelining.switch_on(self, self.variables)
        result = self.execute_hidden("spire.fleet.datastore_info", {
            "connections": [dict(one.connection) for one in asked],
            "contents": {path: content for one in asked for path, content in one.contents.items()},
        })
        if "databases" not in result:
            raise failed(f"{self.host}: The check of the database failed on the host: {result.get('msg', 'it printed nothing that can be read')}")
        return list(result["databases"])
