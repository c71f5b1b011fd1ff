# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What steps of ``site`` ask of a release. Older ones are rendered and checked all the same, so whoever only checks is warned."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import FIRST_JSON
from ansible_collections.spire.fleet.plugins.module_utils.spire.entries import FIRST_OWN_IDS, older
from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.defaults import SOCKET_PATH_SINCE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import archive_names
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

#: the plays of site by their step, with the tags that each has
STEPS = {"server": {"servers"}, "agent": {"agents"}, "entries": {"agents", "entries"}}


def taken(run_tags: Collection[str], skip_tags: Collection[str]) -> frozenset[str]:
    """The steps that a run of site with these tags takes."""
    everything = not run_tags or bool({"all", "tagged"}.intersection(run_tags))
    return frozenset(
        step for step, tags in STEPS.items() if (everything or tags.intersection(run_tags)) and not tags.intersection(skip_tags)
    )


def check(fleet: Fleet, steps: Collection[str]) -> list[Problem]:
    """What a release is too old for, with its hosts: errors of the steps that are taken, warnings of others."""
    found: list[Problem] = []
    for component in ("server", "agent"):
        for host in fleet.hosts(component):
            # of thousands of agents none is planned once more for nothing
            asked = [host, *(fleet.servers_of(host)[:1] if component == "agent" else ())]
            if not any(_may_be_old(name, fleet) for name in asked):
                continue
            planned = plan(component, host, fleet)
            if not unknown_release((planned,)):
                old = _server(planned, fleet, steps) if component == "server" else _agent(planned, fleet, steps)
                found += problems.for_host(old, host)
    return found


def _may_be_old(host: str, fleet: Fleet) -> bool:
    """Whether the host's release is older than the newest that a step waits for; what is no release is told elsewhere."""
    given = str(fleet.values_of(host)["spire_version"] or "")
    return bool(re.fullmatch(r"v?[0-9.]+", given)) and older(given, FIRST_OWN_IDS)


def _server(planned: Plan, fleet: Fleet, steps: Collection[str]) -> Iterable[Problem]:
    if planned.version < SOCKET_PATH_SINCE:
        yield from _runs(planned, steps)
    elif fleet.groups.get(fleet.group_of_server(planned.host), [""])[0] == planned.host:
        # entries are kept through the first server of a group
        yield from _keeps_entries(planned, fleet, steps)


def _agent(planned: Plan, fleet: Fleet, steps: Collection[str]) -> Iterable[Problem]:
    names = fleet.servers_of(planned.host)
    server = plan("server", names[0], fleet) if names else None
    if server and (server.version < SOCKET_PATH_SINCE or unknown_release((server,))):
        return  # its server is what is to be mended first
    yield from _from_archive(planned, steps)
    if server:
        yield from _listed(server, steps)
        yield from _minted(planned, server, steps)


@fleet_rule("server")
def _runs(planned: Plan, steps: Collection[str]) -> Iterable[Problem]:
    """The roles run servers from 1.0.0 on, whose commands take -socketPath; older ones are rendered and checked alone.

    Source: cmd/spire-server/cli/healthcheck/healthcheck.go, v0.12.3
    """
    yield _old("old_server", "server", steps, (
        f"site can't run servers of SPIRE {planned.version}: their commands have no -socketPath, by which it asks whether one is "
        f"healthy; servers have it from {SOCKET_PATH_SINCE} on. Older ones are rendered and checked alone, by --tags preflight; to run "
        "them, take a newer release."
    ))


@fleet_rule("agent")
def _from_archive(planned: Plan, steps: Collection[str]) -> Iterable[Problem]:
    """What comes from a release's archive is 1.0.0 or newer.

    Source: docs/install.md
    """
    if planned.values["spire_install_source"] != "archive":
        return
    try:
        archive_names(str(planned.version), "amd64")
    except ValueError as exc:
        remedy = "Set spire_install_source to local, preinstalled or package, or take a newer release."
        yield _old("old_archive", "agent", steps, f"{exc}. {remedy}")


@fleet_rule("agent")
def _listed(server: Plan, steps: Collection[str]) -> Iterable[Problem]:
    """Agents are made for servers of this inventory that can list the agents that they know, as JSON.

    Source: cmd/spire-server/cli/agent/list.go, v1.5.3
    """
    first = FIRST_JSON["agent list"]
    if older(str(server.version), first):
        yield _old("old_list", "agent", steps, (
            f"site asks {server.host} which agents it knows before it makes one, and SPIRE {server.version} prints no JSON: servers "
            f"do from {first} on. Take a newer release there."
        ))


@fleet_rule("agent")
def _minted(planned: Plan, server: Plan, steps: Collection[str]) -> Iterable[Problem]:
    """Join tokens are minted by servers whose command prints them as JSON.

    Source: cmd/spire-server/cli/token/generate.go, v1.6.0
    """
    first = FIRST_JSON["token generate"]
    if planned.attests_by_token and older(str(server.version), first) and not older(str(server.version), FIRST_JSON["agent list"]):
        yield _old("old_tokens", "agent", steps, (
            f"The agent joins by token, and site can't mint one on {server.host}: SPIRE {server.version} prints no token as JSON, "
            f"servers do from {first} on. Choose another NodeAttestor, such as x509pop, or take a newer release."
        ))


@fleet_rule("server")
def _keeps_entries(planned: Plan, fleet: Fleet, steps: Collection[str]) -> Iterable[Problem]:
    """Entries are kept by servers that take the IDs of entries from their callers.

    Source: docs/README.md (what it works with)
    """
    if not older(str(planned.version), FIRST_OWN_IDS):
        return
    group = fleet.group_of_server(planned.host)
    below = [name for name in nested.servers(fleet) if fleet.upstream_group(name) == group]
    wanted = {
        "spire_canary": ("the canary's entry", "set spire_canary: false", planned.values["spire_canary"]),
        "spire_entries": ("spire_entries", "leave spire_entries out", planned.values["spire_entries"]),
        "nested": (f"the entry of the nested server {below[0] if below else ''}", "have no nested servers", below),
    }
    kept = [(what, remedy) for what, remedy, there in wanted.values() if there]
    if kept:
        yield _old("old_entries", "entries", steps, (
            f"site can't keep entries on a server of SPIRE {planned.version}, which takes no entry IDs from its callers; servers do "
            f"from {FIRST_OWN_IDS} on. Wanted: {and_list([what for what, _remedy in kept])}. Take a newer release, or "
            f"{and_list([remedy for _what, remedy in kept])}."
        ))


def _old(code: str, step: str, steps: Collection[str], message: str) -> Problem:
    severity = "error" if step in steps else "warning"
    return Problem(code, "spire_version", message, "spire_version", severity=severity)
