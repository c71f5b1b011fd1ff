# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes paths, creates directories and writes files of a host's plan."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.component_files import ARGUMENTS
from ansible_collections.spire.fleet.plugins.plugin_utils.common import pipelining
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import written
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import UnknownFileError
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    ARGUMENTS = ARGUMENTS
    EXPECTED = (X509Error, UnknownFileError)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Runs the module with the contents, which may be secrets, kept out of every file and log. Returns its result without them."""
        planned = self.plan(arguments["component"])
        if arguments["machine"]:
            planned = planned.for_architecture(arguments["machine"])
        pipelining.switch_on(self, self.variables)
        result = self.execute_hidden("spire.fleet.component_files", {
            "component": planned.component,
            "spec": written.specification(planned, arguments),
        })
        if result.get("failed"):
            said = written.without_secrets(planned, str(result.get("said") or ""))
            raise failed(f"{self.host}: {result.get('msg', '')}{said and f': {said}'}")
        return result
