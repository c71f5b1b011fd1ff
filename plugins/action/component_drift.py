# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes a host once and compares what it has with what it should have."""

from __future__ import annotations

import datetime
import time
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.probe import ARGUMENTS
from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.common.clocks import Clock
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import bare_server, release_jump
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.check import DriftCheck, DriftError, missing_cas
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of, variants_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry_sources
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    ARGUMENTS = ARGUMENTS
    EXPECTED = (AwsError, X509Error)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns how the host differs from its plan; raises AnsibleActionFail for a plan with mistakes, or a host that can't follow it."""
        earlier = self._earlier(arguments["earlier"])
        if earlier:
            return earlier
        planned = self.plan(arguments["component"])
        # Preflight has checked the same rules for all hosts, which would take longer for each of thousands of agents.
        checked = self.variables.get(self.named(arguments["preflight"]))
        if not checked or checked.get("failed"):
            self.refuse(rules_run.of_plan(planned, self.fleet))
        before = time.time()
        answer = self._probe(planned, {"reach_server": arguments["reach_server"], "state": self._state(arguments["state"])})
        if "observed" not in answer:
            return answer
        observed, clock = answer["observed"], Clock.between(before, answer["observed"].get("time", before), time.time())
        if arguments["missing_ca_only"]:
            return {"missing_ca": missing_cas(planned, observed)}
        if arguments["identity_only"]:
            return {"identity": bare_server.held_identity(planned, observed, datetime.datetime.now(datetime.timezone.utc))}
        if release_jump.goes_back(planned, observed):
            observed["agents"] = self._agents(planned)
        check = DriftCheck(
            arguments["final"],
            # The registered result is read without templating, which would be repeated for each of thousands of agents.
            self.variables.get(arguments["servers"] or "") or {},
            self._task.check_mode, bool(self.variables.get("ansible_check_mode")), self._task.diff,
        )
        try:
            result = check.result(planned, self.fleet, observed, clock)
        except DriftError as exc:
            raise failed(str(exc), result=exc.result) from None
        return {
            **result, "certificates": expiry_sources.in_files(planned.for_architecture(observed["machine"]), observed["certificates"]),
            **({"unreached": observed["unreached"]} if arguments["reach_server"] else {}),
            **({"datastore": observed["datastore"]} if planned.component == "server" else {}),
            **({"healthy": bool(observed["state"].get("healthy")), "state": observed["state"]} if arguments["state"] else {}),
            # The result replaces that of the check before the changes, and the playbook counts the hosts that were changed.
            **({"applied": True} if arguments["final"] else {}),
        }

    def _earlier(self, name: str | None) -> dict[str, Any]:
        """Returns the result of an earlier check that still holds: no host of this play was changed before, and nothing is to be shown."""
        first = self.variables.get("ansible_play_hosts_all", [])[:len(self.variables.get("ansible_play_batch", []))]
        if not name or self.host not in first or self._task.check_mode or self._task.diff:
            return {}
        known: dict[str, Any] = self.variables.get(self.named(name)) or {}
        # A host that could not be reached is tried again.
        return dict(known) if known.get("differs") else {}

    def _state(self, asked: str | None) -> str | None:
        """Returns what to read of a running server. Those of a group share a datastore, so only the first one lists what is in it."""
        first = self.fleet.groups[self.fleet.group_of_server(self.host)][0] if asked else ""
        return "health" if asked and self.host != first else asked

    def _agents(self, planned: Plan) -> list[dict[str, Any]] | None:
        """Asks a running server for its agents; returns None where it gives no answer."""
        answer = self._execute_module(
            module_name="spire.fleet.server_info",
            module_args={"binary": planned.binary, "socket_path": planned.socket},
            task_vars=self.variables,
        )
        return answer["agents"] if answer.get("healthy") else None

    def _probe(self, planned: Plan, further: dict[str, Any]) -> dict[str, Any]:
        """Runs the module with its output kept out of every log, since it returns files with secrets. ``further`` has what else to ask."""
        variants = variants_of(planned)
        return self.execute_hidden("spire.fleet.component_drift", {
            "component": planned.component,
            "spec": request_of(planned, **further).as_argument(),
            "planned": planned_digests(planned),
            "variants": {machine: request_of(variant, **further).as_argument() for machine, variant in variants.items()},
            "planned_variants": {machine: planned_digests(variant) for machine, variant in variants.items()},
        })
