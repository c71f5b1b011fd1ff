# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between a plan and the rest of its fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import entries, entry_selectors, places, plugin_places, problems, strict_mode
from ansible_collections.spire.fleet.plugins.plugin_utils.fleet import AGENTS, SERVERS, Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan, plan
from ansible_collections.spire.fleet.plugins.plugin_utils.problems import Problem


def of_fleet(fleet: Fleet) -> list[Problem]:
    """Every mistake of every host, each with its hosts."""
    found: list[Problem] = []
    if not fleet.servers and not fleet.agents:
        message = f"It has no host in {SERVERS} and none in {AGENTS}; put your hosts into these groups."
        return [Problem("no_hosts", "inventory", message)]
    # agents first: servers' entries are checked against what was noted of them
    for component in ("agent", "server"):
        for host in fleet.hosts(component):
            planned = plan(component, host, fleet)
            found += problems.for_host(of_plan(planned, fleet), host)
            found += problems.for_host(plugin_places.check_sources(planned), host)
    return found


def of_plan(planned: Plan, fleet: Fleet) -> list[Problem]:
    """Every mistake of one server or agent."""
    found = [p for p in planned.problems if p.path != f"{planned.component}.trust_domain" or planned.trust_domain]
    if not planned.trust_domain and not any(p.path == "spire_trust_domain" for p in found):
        message = "No trust domain is set. Set it, for example to prod.acme.com."
        found.append(Problem("no_trust_domain", "spire_trust_domain", message))
    found += _source(planned)
    found += places.check(planned)
    found += plugin_places.check(planned)
    found += strict_mode.check(planned)
    found += _server(planned, fleet) if planned.component == "server" else _agent(planned, fleet)
    return strict_mode.judged(found, planned.values)


def _source(planned: Plan) -> Iterable[Problem]:
    source = planned.values["spire_install_source"]
    needed = {"local": "spire_local_dir", "preinstalled": "spire_bin_dir"}.get(source)
    if needed and not planned.values[needed]:
        what = "the controller" if source == "local" else "the host"
        message = f"It is required where spire_install_source is {source}; set it to the directory of the binaries on {what}."
        yield Problem("missing_variable", needed, message)


def _server(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    group = fleet.group_of_server(planned.host)
    together = fleet.groups.get(group, ())
    sql = planned.plugin_data("DataStore", "sql")
    if len(together) > 1 and sql.get("database_type") == "sqlite3":
        path = "plugins.DataStore.sql.plugin_data.database_type"
        message = (
            f"There are {len(together)} servers in {group}, and sqlite3 is a file on one host: each of them would be a trust "
            "domain of its own. Give them one PostgreSQL or MySQL database (database_type: postgres or mysql)."
        )
        yield Problem("shared_datastore", path, message, planned.merged.origin(path))
    for other in together:
        domain = plan("server", other, fleet).trust_domain
        if domain and planned.trust_domain and domain != planned.trust_domain:
            message = (
                f"It is {planned.trust_domain} here and {domain} on {other}, and both are in {group}; servers of one group "
                "share one trust domain."
            )
            yield Problem("trust_domain_differs", "server.trust_domain", message, planned.merged.origin("server.trust_domain"))
            break
    yield from entries.check(planned)
    yield from entries.check_groups(planned, fleet)
    yield from entry_selectors.check(planned, fleet)


def _agent(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    entry_selectors.note(planned, fleet)
    servers = fleet.servers_of(planned.host)
    if not servers:
        yield from _external(planned, fleet)
        return
    outside = [name for name in servers if name not in fleet.servers]
    if outside:
        group = fleet.server_group(planned.host)
        message = (
            f"{outside[0]} is in {group} and not in {SERVERS}, so no playbook would make it a server. Make {group} a child "
            f"of {SERVERS}."
        )
        yield Problem("server_outside", "spire_server_group", message, layer="spire_server_group")
    server = plan("server", servers[0], fleet)
    if server.trust_domain and planned.trust_domain and server.trust_domain != planned.trust_domain:
        path = "agent.trust_domain"
        message = (
            f"The agent is of {planned.trust_domain}, its server {server.host} of {server.trust_domain}; they must be the "
            "same."
        )
        yield Problem("trust_domain_differs", path, message, planned.merged.origin(path))
    yield from _attestors(planned, [plan("server", name, fleet) for name in servers])
    yield from _versions(planned, [plan("server", name, fleet) for name in servers])
    yield from _memory_keys(planned)


def _attestors(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    for name in planned.plugins("NodeAttestor"):
        # an agent may reach any of them
        lacking = next((server for server in servers if name not in server.plugins("NodeAttestor")), None)
        if lacking:
            path = f"plugins.NodeAttestor.{name}"
            message = (
                f"The agent attests by {name}, and its server {lacking.host} offers "
                f"{', '.join(sorted(lacking.plugins('NodeAttestor'))) or 'no attestor'}. Add {path} to "
                "spire_server_config, or choose another one for the agent."
            )
            yield Problem("attestor_not_offered", path, message, planned.merged.origin(path))


def _versions(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    if any(problem.code == "version" for made in (planned, *servers) for problem in made.problems):
        return
    oldest = min(server.version for server in servers)
    found = f"The agent is {planned.version}, its oldest server {oldest}; "
    if planned.version > oldest:
        message = f"{found}an agent must never be newer. Upgrade the servers first."
        yield Problem("agent_newer", "spire_version", message, layer="spire_version")
    elif planned.version.major == oldest.major and oldest.minor - planned.version.minor > 1:
        message = f"{found}agents may be one minor release older. Upgrade one minor release at a time."
        yield Problem("agent_too_old", "spire_version", message, layer="spire_version")


def _external(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    group = fleet.server_group(planned.host)
    if not planned.main.get("server_address"):
        message = (
            f"The agent has no server: no host is in {group}. Put the server into that group, or, where the servers are "
            "not in this inventory, set spire_server_address and spire_trust_bundle."
        )
        yield Problem("no_server", "spire_server_group", message)
    elif str(planned.main.get("trust_bundle_path", "")) == planned.paths.bundle and not planned.values["spire_trust_bundle"]:
        message = (
            "The agent's servers are not in this inventory, so nobody can be asked for their trust bundle. "
            "Set spire_trust_bundle to its certificates in PEM."
        )
        yield Problem("no_bundle", "spire_trust_bundle", message)
    yield from _memory_keys(planned)


def _memory_keys(planned: Plan) -> Iterable[Problem]:
    if "memory" in planned.plugins("KeyManager") and planned.attests_by_token:
        path = "plugins.KeyManager.memory"
        message = (
            "Keys in memory are lost at every restart, and a join token works once, so the agent could not come back by "
            "itself. Keep the keys on disk, or choose an attestor that can attest again, such as x509pop."
        )
        yield Problem("memory_keys_with_token", path, message, planned.merged.origin(path))


def server_answer(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What this agent's server answered among these results; None where none was asked or could answer."""
    result = _answer(host, fleet, results)
    return result if result.get("healthy") else None


def tokenless(planned: Plan, fleet: Fleet) -> str:
    """Why nobody can give this agent the join token that it needs; empty when somebody can."""
    if fleet.servers_of(planned.host) or planned.values["spire_join_token"]:
        return ""
    return (
        "The agent needs a join token, and its servers are not in this inventory. Set spire_join_token to "
        "a fresh one, or choose another NodeAttestor."
    )


def server_knowledge(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The same, with the server's agents by their ID."""
    result = server_answer(host, fleet, results)
    return by_id(result) if result else None


def by_id(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a server answered, with its agents by their ID."""
    return {**answer, "agents": {agent["id"]: agent for agent in answer["agents"]}}


def silence(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> str:
    """Why this agent's server, which is in the inventory, gave no answer; empty when it did."""
    if not fleet.servers_of(host) or server_answer(host, fleet, results):
        return ""
    result = _answer(host, fleet, results)
    said = str(result.get("message") or result.get("msg") or "nobody asked it").strip().rstrip(".")
    return (
        f"{host}: its server {fleet.servers_of(host)[0]} does not answer, so nobody can tell whether it knows this agent: "
        f"{said}. Run the playbook for the servers first."
    )


def _answer(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    group = fleet.server_group(host)
    return next((result for result in results if result.get("item", {}).get("group") == group), {})
