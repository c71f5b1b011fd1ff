# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about releases that are too old for a step of ``site``.

Older ones are rendered and checked all the same, so a run that takes no such step gets a warning.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import FIRST_JSON
from ansible_collections.spire.fleet.plugins.module_utils.spire.entries import FIRST_OWN_IDS, older
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.defaults import SOCKET_PATH_SINCE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import archive_names
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import servers_of, unknown_release

#: the tags of each step of site
STEPS = {"server": {"servers"}, "agent": {"agents"}, "entries": {"agents", "entries"}}


def taken(run_tags: Collection[str], skip_tags: Collection[str]) -> frozenset[str]:
    """Returns the steps that a run of site with these tags takes."""
    everything = not run_tags or bool({"all", "tagged"}.intersection(run_tags))
    return frozenset(
        step for step, tags in STEPS.items() if (everything or tags.intersection(run_tags)) and not tags.intersection(skip_tags)
    )


def _asks_nobody(context: RuleContext) -> bool:
    """Whether no playbook runs, or the plan's release never was, which another rule reports."""
    return context.steps is None or unknown_release((context.plan,))


def _usable_server(context: RuleContext) -> Plan | None:
    """Returns the first server of an agent. None where it has none, or where the server's own release has to be mended first."""
    server = next(iter(servers_of(context)), None)
    return None if server is None or server.version < SOCKET_PATH_SINCE or unknown_release((server,)) else server


@rule("fleet", "server:spire_version", severity="either", source="cmd/spire-server/cli/healthcheck/healthcheck.go, v0.12.3")
def server_release_of_site(context: RuleContext) -> Findings:
    """The roles run servers from 1.0.0 on, whose commands take -socketPath; older ones are rendered and checked alone."""
    planned: Plan = context.plan
    if _asks_nobody(context) or planned.version >= SOCKET_PATH_SINCE:
        return
    yield _old(context, "server", (
        f"site can't run servers of SPIRE {planned.version}: their commands have no -socketPath, by which it asks whether one is "
        f"healthy; servers have it from {SOCKET_PATH_SINCE} on. Older ones are rendered and checked alone, by --tags preflight; to run "
        "them, take a newer release."
    ))


@rule("fleet", "agent:spire_version", severity="either", source="docs/install.md")
def archive_release(context: RuleContext) -> Findings:
    """What is installed from a release's archive is 1.0.0 or newer."""
    planned: Plan = context.plan
    if _asks_nobody(context) or servers_of(context) and _usable_server(context) is None:
        return
    if planned.values["spire_install_source"] != "archive":
        return
    try:
        archive_names(str(planned.version), "amd64")
    except ValueError as exc:
        remedy = "Set spire_install_source to local, preinstalled or package, or take a newer release."
        yield _old(context, "agent", f"{exc}. {remedy}")


@rule("fleet", "agent:spire_version", severity="either", source="cmd/spire-server/cli/agent/list.go, v1.5.3")
def agent_list_release(context: RuleContext) -> Findings:
    """Agents are installed for servers of this inventory that can list the agents that they know, as JSON."""
    server = None if _asks_nobody(context) else _usable_server(context)
    if server is None:
        return
    first = FIRST_JSON["agent list"]
    if older(str(server.version), first):
        yield _old(context, "agent", (
            f"site asks {server.host} which agents it knows before it makes one, and SPIRE {server.version} prints no JSON: servers "
            f"do from {first} on. Take a newer release there."
        ))


@rule("fleet", "agent:spire_version", severity="either", source="cmd/spire-server/cli/token/generate.go, v1.6.0")
def join_token_release(context: RuleContext) -> Findings:
    """Join tokens are minted by servers whose command prints them as JSON."""
    planned: Plan = context.plan
    server = None if _asks_nobody(context) else _usable_server(context)
    if server is None:
        return
    first = FIRST_JSON["token generate"]
    if planned.attests_by_token and older(str(server.version), first) and not older(str(server.version), FIRST_JSON["agent list"]):
        yield _old(context, "agent", (
            f"The agent joins by token, and site can't mint one on {server.host}: SPIRE {server.version} prints no token as JSON, "
            f"servers do from {first} on. Choose another NodeAttestor, such as x509pop, or take a newer release."
        ))


@rule("fleet", "server:spire_version", severity="either", source="docs/README.md (what it works with)")
def entry_release(context: RuleContext) -> Findings:
    """Entries are kept by servers that take the IDs of entries from their callers."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if _asks_nobody(context) or planned.version < SOCKET_PATH_SINCE:
        return
    # entries are kept through the first server of a group
    if fleet.groups.get(fleet.group_of_server(planned.host), [""])[0] != planned.host:
        return
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
        yield _old(context, "entries", (
            f"site can't keep entries on a server of SPIRE {planned.version}, which takes no entry IDs from its callers; servers do "
            f"from {FIRST_OWN_IDS} on. Wanted: {and_list([what for what, _remedy in kept])}. Take a newer release, or "
            f"{and_list([remedy for _what, remedy in kept])}."
        ))


def _old(context: RuleContext, step: str, message: str) -> Finding:
    """Returns an error where the run takes the step, and a warning where it only checks."""
    return Finding("spire_version", message, "error" if step in (context.steps or ()) else "warning")
