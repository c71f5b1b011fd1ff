# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift check: from what the probe observed on a host to the result of the task."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import clocks
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment import server_answers
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid

#: fields of a comparison that ask for no action of the roles
NO_ACTIONS = ("diffs", "errors", "warnings", "renewals")


class DriftError(Exception):
    """A host can't follow its plan. ``result`` is what the task returns besides the message."""

    def __init__(self, message: str, result: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.result = dict(result or {})


@dataclasses.dataclass(frozen=True)
class DriftCheck:
    """One drift check, with the arguments of its task."""

    #: whether the run has changed everything, so that no difference may be left
    final: bool = False
    #: the registered result of the task that asked the servers
    answers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: whether the task is in check mode, and whether the whole run is
    check_mode: bool = False
    check_mode_of_run: bool = False
    diff: bool = False

    def result(self, plan: Plan, fleet: Fleet, observed: dict[str, Any], clock: clocks.Clock) -> dict[str, Any]:
        """Returns the task's result; raises DriftError for a host that can't follow its plan."""
        host = plan.host
        try:
            # The probe has observed the files of the plan for this architecture.
            plan = plan.for_architecture(observed["machine"])
        except ValueError as exc:
            raise DriftError(f"{host}: {exc}") from exc
        missing = missing_cas(plan, observed)
        if missing:
            # A task that removes the host needs its identity in this case, too.
            raise DriftError("\n".join(missing), _identity(plan, observed))
        observed["aws"] = pki_aws.differences(plan.upstream) if plan.upstream else []
        found = compare(plan, observed, self._server(plan, fleet), datetime.datetime.now(datetime.timezone.utc))
        self._require_followable(plan, fleet, observed, found, clock)
        return {
            **self._differences(found),
            "machine": observed["machine"],
            "clock": dataclasses.asdict(clock),
            **_identity(plan, observed),
            **({"warnings": [f"{host}: {warning}" for warning in found.warnings]} if found.warnings else {}),
        }

    def _server(self, plan: Plan, fleet: Fleet) -> dict[str, Any] | None:
        """Returns the answer of an agent's server; raises DriftError where a server of this inventory should have answered and did not."""
        if plan.component != "agent" or self.final:
            return None
        silence = server_answers.silence(plan.host, fleet, self.answers)
        # With --check a server that is not installed yet gives no answer. That is no error, since a real run would have started it by now; a
        # server that can't be reached is one. verify always runs this task in check mode, and its own report names servers without an answer.
        unreachable = self.check_mode_of_run and server_answers.unreachable(plan.host, fleet, self.answers)
        if silence and (unreachable or not (self.check_mode or self.check_mode_of_run)):
            raise DriftError(silence)
        return server_answers.server_knowledge(plan.host, fleet, self.answers.get("results", []))

    def _require_followable(
        self, plan: Plan, fleet: Fleet, observed: Mapping[str, Any], found: Comparison, clock: clocks.Clock
    ) -> None:
        """Raises DriftError for what no task can correct."""
        tokenless = server_answers.tokenless(plan, fleet) if found.token else ""
        errors = [*clocks.apart(clock, plan.values["spire_clock_tolerance"]), *found.errors, *([tokenless] if tokenless else [])]
        if errors:
            # A task that removes the host needs its identity whatever is wrong.
            raise DriftError("\n".join(f"{plan.host}: {error}" for error in errors), _identity(plan, observed))
        if self.final and found.differences:
            raise DriftError(f"{plan.host}: still differs after the run: {'; '.join(found.differences)}")

    def _differences(self, found: Comparison) -> dict[str, Any]:
        differs = bool(found.differences)
        return {
            "changed": differs and (self.check_mode or self.diff),
            "differs": differs,
            "differences": found.differences,
            "renewals": found.renewals,
            **({"diff": found.diffs} if self.diff else {}),
            "actions": {key: value for key, value in dataclasses.asdict(found).items() if key not in NO_ACTIONS},
        }


def missing_cas(plan: Plan, observed: Mapping[str, Any]) -> list[str]:
    """Returns what the host has from CAs that are missing on the controller."""
    return [f"{plan.host}: {one}" for one in missing_ca.mistakes(plan, observed)]


def _identity(plan: Plan, observed: Mapping[str, Any]) -> dict[str, str]:
    """Returns the identity of an agent; an empty dictionary for a server."""
    if plan.component != "agent":
        return {}
    own = svid.of_chain(observed["identity"].get("chain") or [])
    starts, expires = (own.starts.isoformat(), own.expires.isoformat()) if own else ("", "")
    return {"spiffe_id": own.spiffe_id if own else "", "starts": starts, "expires": expires}
