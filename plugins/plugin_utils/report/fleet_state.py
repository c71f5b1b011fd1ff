# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observed state of a fleet, and its problems. All reports use this model."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import clocks
from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry, expiry_sources
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid as x509_svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.chains import leads_to


@dataclasses.dataclass
class Observed:
    """The observed state of one server or agent."""

    host: str
    component: str
    group: str
    spiffe_id: str = ""
    version: str = ""
    svid: str = ""
    expires: datetime.datetime | None = None
    differs: list[str] = dataclasses.field(default_factory=list)
    #: the differences that only mean that renewal is due
    renewals: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields for JSON."""
        return {**dataclasses.asdict(self), "expires": self.expires.isoformat() if self.expires else ""}


def server(host: str, fleet: Fleet, answers: Mapping[str, Any]) -> Observed:
    """Returns a server's state from the results of the drift check and of server_info."""
    observed = Observed(host, "server", fleet.group_of_server(host))
    reached = _note_reachability(observed, answers)
    state = answers.get("state") or {}
    observed.version = str(state.get("version") or "")
    if reached and not state.get("healthy"):
        observed.problems.append(f"not healthy: {state.get('message') or state.get('msg') or 'it gave no answer'}")
    return observed


def agent(
    planned: Plan, fleet: Fleet, answers: Mapping[str, Any], state: Mapping[str, Any] | None, now: datetime.datetime
) -> Observed:
    """Returns an agent's state from the results of the drift check and of svid_info, compared with what its server knows."""
    host = planned.host
    observed = Observed(host, "agent", fleet.server_group(host))
    if not _note_reachability(observed, answers):
        return observed
    drift_result = answers.get("look") or {}
    observed.spiffe_id = str(drift_result.get("spiffe_id") or "")
    if not observed.spiffe_id:
        observed.problems.append("not attested: it has no SVID of its own")
    elif state is None:
        if fleet.servers_of(host):
            observed.problems.append("its server gave no answer, so it is unknown whether it lists this agent")
    else:
        known = state["agents"].get(observed.spiffe_id)
        if known is None:
            observed.problems.append(f"its server does not list {observed.spiffe_id}")
        elif known["banned"]:
            observed.problems.append(f"its server has banned {observed.spiffe_id}")
        elif known["expires_at"] and known["expires_at"] < now.timestamp():
            observed.problems.append("according to its server, its SVID has expired")
    # Where no server answers, an agent that reaches none is no news.
    if drift_result.get("unreached") and (state is not None or not fleet.servers_of(host)):
        address = f"{planned.main.get('server_address')}:{planned.main.get('server_port')}"
        observed.problems.append(f"it does not reach a server at {address}: {drift_result['unreached']}")
    wanted = planned.canary
    if wanted:
        _check_canary(observed, answers.get("svid") or {}, wanted, state, now)
    return observed


def _note_reachability(observed: Observed, answers: Mapping[str, Any]) -> bool:
    """False if the host was unreachable or its check failed; records why."""
    for name, result in answers.items():
        if result.get("unreachable"):
            observed.problems.append(f"unreachable: {str(result.get('msg', '')).strip()}")
            return False
        if name == "look" and result and "differs" not in result:
            observed.problems.append(str(result.get("msg", "")).strip())
            return False
    if not answers or not any(answers.values()):
        observed.problems.append("it was not checked")
        return False
    observed.differs = [str(text) for text in (answers.get("look") or {}).get("differences", [])]
    observed.renewals = [str(text) for text in (answers.get("look") or {}).get("renewals", [])]
    wrong = [text for text in observed.differs if text not in observed.renewals]
    if wrong:
        observed.problems.append(f"differs from its plan: {'; '.join(wrong)}")
    return True


def _check_canary(
    observed: Observed, answer: Mapping[str, Any], wanted: str, state: Mapping[str, Any] | None, now: datetime.datetime
) -> None:
    """Checks the SVID that a workload gets through the Workload API."""
    found = next((svid for svid in answer.get("svids", []) if svid["spiffe_id"] == wanted), None)
    if found is None:
        observed.problems.append(f"no SVID for {wanted}: {str(answer.get('msg') or 'it was not asked for').strip()}")
        return
    # Other workloads verify the SVID with the server's bundle, and the agent's bundle may be older than that.
    bundle = str((state or {}).get("bundle") or found["bundle"])
    svid, problems = check_svid(found["certificates"], bundle, wanted, now)
    if svid:
        observed.svid, observed.expires = svid.spiffe_id, svid.expires
    observed.problems += problems


def check_svid(
    certificates: str, bundle: str, wanted: str, now: datetime.datetime
) -> tuple[x509_svid.Identity | None, list[str]]:
    """Returns the identity of an X.509-SVID, and what is wrong with its SPIFFE ID, its lifetime, or its chain to the bundle."""
    try:
        chain = x509.load_pem_x509_certificates(certificates.encode())
        roots = x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        return None, ["the SVID or the bundle can't be read as PEM"]
    svid = x509_svid.of_certificate(chain[0])
    if svid is None:
        return None, ["the SVID has not exactly one SPIFFE ID"]
    problems = []
    if svid.spiffe_id != wanted:
        problems.append(f"the SVID is of {svid.spiffe_id}, not of {wanted}")
    if not svid.starts <= now <= svid.expires:
        problems.append(f"the SVID is valid from {svid.starts} to {svid.expires}, and it is {now:%Y-%m-%d %H:%M:%S} UTC")
    elif (svid.expires - now) < expiry.LIFE_LEFT * (svid.expires - svid.starts):
        problems.append(f"the SVID expires at {svid.expires}, and should have been renewed already")
    if not leads_to(chain, roots, now):
        problems.append("the SVID's chain does not lead to the trust bundle")
    return svid, problems


def expiring(planned: Plan, answers: Mapping[str, Any]) -> Iterator[expiry.Expiry]:
    """Yields the certificates, authorities and SVIDs of one server or agent that expire, from the results of its tasks."""
    yield from expiry_sources.of_host(planned, answers.get("look") or {})
    if planned.component == "server":
        yield from expiry_sources.of_controller(planned)
        yield from expiry_sources.of_server(planned, answers.get("state") or {})
    else:
        yield from expiry_sources.of_canary(planned, planned.canary, (answers.get("svid") or {}).get("svids", []))


def bundles(fleet: Fleet, states: Mapping[str, Mapping[str, Any] | None]) -> Iterator[expiry.Expiry]:
    """Yields the CAs in the bundle of each group of servers, from the answer of one server of the group."""
    for group, state in states.items():
        servers = fleet.groups.get(group)
        if state and servers:
            yield from expiry_sources.of_bundle(plan("server", servers[0], fleet), str(state.get("bundle") or ""))


def assign_problems(observed: Sequence[Observed], found: Iterable[expiry.Expiry], now: datetime.datetime) -> list[str]:
    """Adds problems with expired certificates to the server or agent that owns them; returns those without an owner."""
    owners = {(one.host, one.component): one for one in observed}
    rest = []
    for one in found:
        problem = "" if one.reported_elsewhere else one.problem(now)
        owner = owners.get((one.host, one.component))
        if problem and owner:
            owner.problems.append(problem)
        elif problem:
            rest.append(f"{one.host}: {problem}")
    return rest


def compare_clocks(observed: Sequence[Observed], read: Mapping[str, Mapping[str, float]], tolerance: int) -> None:
    """Adds a problem to hosts whose clocks differ from each other. The drift check reports those that differ from the controller's."""
    found = clocks.among({host: clocks.Clock(**clock) for host, clock in read.items()}, tolerance)
    for one in observed:
        if one.host in found:
            one.problems.append(found[one.host])


def table(observed: Sequence[Observed], now: datetime.datetime) -> str:
    """Returns a table of all servers and agents, and their problems."""
    head = ("HOST", "WHAT", "VERDICT", "IDENTITY", "SVID LEFT")
    rows = [head]
    for one in observed:
        left = expiry.remaining(one.expires - now) if one.expires else ""
        rows.append((one.host, one.component, "FAILED" if one.problems else "ok", one.spiffe_id or one.version, left))
    lines = [expiry.columns(rows)]
    for one in observed:
        lines += [f"{one.host} ({one.component}): {problem}" for problem in one.problems]
    return "\n".join(lines)
