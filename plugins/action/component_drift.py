# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One round trip to a host, and the comparison of what it has with what it should have."""

from __future__ import annotations

import dataclasses
import datetime
import time
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.module_utils.host.probe import ARGUMENTS
from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common import clocks, problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, spec_of, variants_of
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment import server_answers
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry_sources
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: of a failed module's result: its output as it was
UNSAFE = ("module_stdout", "module_stderr", "stdout", "stdout_lines", "stderr", "stderr_lines", "invocation")
#: what was found besides what is to be done
NOT_TO_DO = ("diffs", "errors", "warnings", "renewals")


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what differs; raises AnsibleActionFail for a plan with mistakes, or a host that can't follow it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, arguments = self.validate_argument_spec(ARGUMENTS)
        host = variables["inventory_hostname"]
        fleet = fleet_of(variables, self._templar)
        planned = plan(arguments["component"], host, fleet)
        mistakes = problems.errors(rules_run.of_plan(planned, fleet))
        if mistakes:
            raise failed(problems.render(problems.for_host(mistakes, host)))
        before = time.time()
        observed = self._look(planned, variables)
        clock = clocks.Clock.between(before, observed.get("observed", {}).get("time", before), time.time())
        if "observed" not in observed:
            # What a module said that came back in pieces may hold a part of a file.
            return {key: value for key, value in observed.items() if key not in UNSAFE}
        lost = [f"{host}: {one}" for one in missing_ca.mistakes(planned, observed["observed"])]
        if arguments["missing_ca_only"]:
            return {**result, "missing_ca": lost}
        try:
            # which of its variants the module has looked for
            planned = planned.for_architecture(observed["observed"]["machine"])
        except ValueError as exc:
            raise failed(f"{host}: {exc}") from exc
        if lost:
            # who takes the host away must know all the same what it was
            raise failed("\n".join(lost), result=_identity(planned, observed["observed"]))
        try:
            observed["observed"]["aws"] = pki_aws.differences(planned.upstream) if planned.upstream else []
        except (AwsError, X509Error) as exc:
            raise failed(f"{host}: {exc}") from None
        server = None
        if planned.component == "agent" and not arguments["final"]:
            # As it was registered: thousands of agents in it would be templated anew for each of them.
            answers = variables.get(arguments["servers"] or "") or {}
            server = server_answers.server_knowledge(host, fleet, answers.get("results", []))
            silence = server_answers.silence(host, fleet, answers)
            # With --check a bare server may be silent: the run itself would have brought it up, but not one that can't be reached.
            # (verify's look is in check mode by itself; there the report says it.)
            forgiven = self._task.check_mode and not (variables.get("ansible_check_mode") and server_answers.unreachable(host, fleet, answers))
            if silence and not forgiven:
                raise failed(silence)
        found = compare(planned, observed["observed"], server, datetime.datetime.now(datetime.timezone.utc))
        tokenless = server_answers.tokenless(planned, fleet) if found.token else ""
        if tokenless:
            found.errors.append(tokenless)
        found.errors[:0] = clocks.apart(clock, planned.values["spire_clock_tolerance"])
        if found.errors:
            raise failed("\n".join(f"{host}: {error}" for error in found.errors))
        if arguments["final"] and found.differences:
            raise failed(f"{host}: still differs after the run: {'; '.join(found.differences)}")
        differs = bool(found.differences)
        result.update(
            changed=differs and (self._task.check_mode or self._task.diff),
            differs=differs,
            differences=found.differences,
            renewals=found.renewals,
            diff=found.diffs,
            actions={key: value for key, value in dataclasses.asdict(found).items() if key not in NOT_TO_DO},
            machine=observed["observed"]["machine"],
            certificates=expiry_sources.in_files(planned, observed["observed"]["certificates"]),
            clock=dataclasses.asdict(clock),
            **_identity(planned, observed["observed"]),
        )
        if found.warnings:
            result["warnings"] = [f"{host}: {warning}" for warning in found.warnings]
        return result

    def _look(self, planned: Plan, variables: dict[str, Any]) -> dict[str, Any]:
        """Runs the module with its output kept out of every log: files with secrets come back in it."""
        variants = variants_of(planned)
        task, context = self._task.no_log, self._play_context.no_log
        self._task.no_log = self._play_context.no_log = True
        try:
            return self._execute_module(
                module_name="spire.fleet.component_drift",
                module_args={
                    "component": planned.component,
                    "spec": spec_of(planned),
                    "planned": planned_digests(planned),
                    "variants": {machine: spec_of(variant) for machine, variant in variants.items()},
                    "planned_variants": {machine: planned_digests(variant) for machine, variant in variants.items()},
                },
                task_vars=variables,
            )
        finally:
            self._task.no_log, self._play_context.no_log = task, context


def _identity(planned: Plan, observed: dict[str, Any]) -> dict[str, str]:
    """An agent's own, as it is told."""
    if planned.component != "agent":
        return {}
    own = svid.of_chain(observed["identity"].get("chain") or [])
    starts, expires = (own.starts.isoformat(), own.expires.isoformat()) if own else ("", "")
    return {"spiffe_id": own.spiffe_id if own else "", "starts": starts, "expires": expires}
