# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about SPIRE releases that are too old for a step of the playbook ``site``.

The collection still renders and checks their configuration, so a run without such a step gets only a warning.
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
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import servers_of, wrong_release

#: the tags of each step of site
STEPS = {"server": {"servers"}, "agent": {"agents"}, "entries": {"agents", "entries"}}


def taken(run_tags: Collection[str], skip_tags: Collection[str]) -> frozenset[str]:
    """Returns the steps that a run of site with these tags takes."""
    everything = not run_tags or bool({"all", "tagged"}.intersection(run_tags))
    return frozenset(
        step for step, tags in STEPS.items() if (everything or tags.intersection(run_tags)) and not tags.intersection(skip_tags)
    )


def _is_skipped(context: RuleContext) -> bool:
    """Whether no playbook runs, or SPIRE never had the plan's release, which another rule reports."""
    return context.steps is None or wrong_release((context.plan,))


def _usable_server(context: RuleContext) -> Plan | None:
    """Returns the first server of an agent; None where there is none, or where another rule reports the server's own release."""
    server = next(iter(servers_of(context)), None)
    return None if server is None or server.version < SOCKET_PATH_SINCE or wrong_release((server,)) else server


@rule("fleet", "server:spire_version", severity="either", source="cmd/spire-server/cli/healthcheck/healthcheck.go, v0.12.3")
def server_release_of_site(context: RuleContext) -> Findings:
    """A server that site installs has SPIRE 1.0.0 or newer, because older releases have no -socketPath option for their commands."""
    planned: Plan = context.plan
    if _is_skipped(context) or planned.version >= SOCKET_PATH_SINCE:
        return
    yield _old(context, "server", (
        f"The playbook site can't run a server of SPIRE {planned.version}: its health check needs the option -socketPath, which servers have "
        f"since {SOCKET_PATH_SINCE}. Use a newer release, or only check the configuration with --tags preflight."
    ))


@rule("fleet", "agent:spire_version", severity="either", source="docs/install.md")
def archive_release(context: RuleContext) -> Findings:
    """A release that is installed from its archive is 1.0.0 or newer."""
    planned: Plan = context.plan
    if _is_skipped(context) or servers_of(context) and _usable_server(context) is None:
        return
    if planned.values["spire_install_source"] != "archive":
        return
    try:
        archive_names(str(planned.version), "amd64")
    except ValueError as exc:
        remedy = "Set spire_install_source to local, preinstalled or package, or use a newer release."
        yield _old(context, "agent", f"{exc}. {remedy}")


@rule("fleet", "agent:spire_version", severity="either", source="cmd/spire-server/cli/agent/list.go, v1.5.3")
def agent_list_release(context: RuleContext) -> Findings:
    """The server of an agent that site installs can list its agents as JSON."""
    server = None if _is_skipped(context) else _usable_server(context)
    if server is None:
        return
    first = FIRST_JSON["agent list"]
    if older(str(server.version), first):
        yield _old(context, "agent", (
            f"The playbook site needs the list of agents of {server.host} as JSON, which servers print since {first}, but this one has "
            f"{server.version}. Use a newer release on that server."
        ))


@rule("fleet", "agent:spire_version", severity="either", source="cmd/spire-server/cli/token/generate.go, v1.6.0")
def join_token_release(context: RuleContext) -> Findings:
    """The server of an agent that attests by join_token can print a join token as JSON."""
    planned: Plan = context.plan
    server = None if _is_skipped(context) else _usable_server(context)
    if server is None:
        return
    first = FIRST_JSON["token generate"]
    if planned.attests_by_token and older(str(server.version), first) and not older(str(server.version), FIRST_JSON["agent list"]):
        yield _old(context, "agent", (
            f"The agent attests by join_token, but the playbook site can't create a token on {server.host}: it needs the token as JSON, which "
            f"servers print since {first}, and this one has {server.version}. Choose another NodeAttestor, such as x509pop, or use a newer release."
        ))


@rule("fleet", "server:spire_version", severity="either", source="docs/README.md (what it works with)")
def entry_release(context: RuleContext) -> Findings:
    """A server on which site creates entries accepts entry IDs that the client chooses."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if _is_skipped(context) or planned.version < SOCKET_PATH_SINCE:
        return
    # site creates the entries on the first server of a group
    if fleet.groups.get(fleet.group_of_server(planned.host), [""])[0] != planned.host:
        return
    if not older(str(planned.version), FIRST_OWN_IDS):
        return
    group = fleet.group_of_server(planned.host)
    below = [name for name in nested.servers(fleet) if fleet.upstream_group(name) == group]
    wanted = {
        "spire_canary": ("the canary's entry", "set spire_canary to false", planned.values["spire_canary"]),
        "spire_entries": ("spire_entries", "remove spire_entries", planned.values["spire_entries"]),
        "nested": (f"the entry of the nested server {below[0] if below else ''}", "remove the nested servers", below),
    }
    kept = [(what, remedy) for what, remedy, there in wanted.values() if there]
    if kept:
        yield _old(context, "entries", (
            f"The playbook site can't create {and_list([what for what, _remedy in kept])} on a server of SPIRE {planned.version}: servers accept "
            f"entry IDs of the client since {FIRST_OWN_IDS}. Use a newer release, or {and_list([remedy for _what, remedy in kept])}."
        ))


def _old(context: RuleContext, step: str, message: str) -> Finding:
    """Returns an error if the run takes the step, and a warning if it only checks."""
    return Finding("spire_version", message, "error" if step in (context.steps or ()) else "warning")
