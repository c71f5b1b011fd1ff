# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the registration entries that a server should have: the inventory's, the canary's, and an alias for each agent.

An agent gets a new SPIFFE ID with each join token. So the parent of an entry is an alias: a SPIFFE ID that stands for an inventory group.
The collection makes an entry for each agent and group that gives the agent the group's alias. For a nested server it makes an entry that
lets an agent on the same machine give the server its identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import EntryError, TRUST_DOMAIN, identity, normalise
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import validation as entry_validation
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import CANARY, Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

ALIAS_PREFIX = "/fleet/"
DOWNSTREAM_PREFIX = "/fleet-downstream/"
#: the beginning of the IDs of all entries that the collection makes; it never changes other entries
ID_PREFIX = "fleet."
#: the first release in which the entry of a nested server does not limit the lifetime of the server's CA
DOWNSTREAM_TTL_UNTIL = Version(1, 12, 0)


def alias(group: str) -> str:
    """Returns the path of the SPIFFE ID that stands for every agent of an inventory group."""
    return ALIAS_PREFIX + group


def alias_id(group: str, agent: str) -> str:
    """Returns the ID of the entry that gives an agent the alias of a group."""
    return _entry_id("alias", f"{group}.{agent}", group, agent)


def of_inventory(planned: Plan) -> list[dict[str, Any]]:
    """Returns the entries in this server's variables, and the canary's entry; entries without an ID get one."""
    wanted = [_named(entry) for entry in planned.values["spire_entries"] if isinstance(entry, Mapping)]
    if planned.values["spire_canary"]:
        wanted.append(
            {
                "entry_id": ID_PREFIX + "canary",
                "spiffe_id": CANARY,
                "parent_id": alias(AGENTS),
                "selectors": list(planned.values["spire_canary_selectors"]),
            }
        )
    taken: set[str] = set()
    for entry in wanted:
        for name in ("spiffe_id", "parent_id"):
            if isinstance(entry.get(name), str):
                entry[name] = absolute(entry[name], planned.trust_domain)
        if not entry.get("entry_id"):
            entry["entry_id"] = _free(entry, taken)
        taken.add(str(entry["entry_id"]))
    return wanted


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entry with its ID in entry_id; in entries copied from ``entry show`` it is in id."""
    if "id" not in entry or "entry_id" in entry:
        return dict(entry)
    return {"entry_id" if name == "id" else name: value for name, value in entry.items()}


def first_server(fleet: Fleet, group: str) -> Plan:
    """Returns the plan of the server whose variables say which entries a group of servers has, whichever of them is asked."""
    return plan("server", fleet.groups[group][0], fleet)


def of_agents(planned: Plan, fleet: Fleet, group: str, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns the entries that give agents with a known identity the aliases of their groups, for groups that some entry has as its parent."""
    needed = alias_groups(planned)
    found = []
    for agent in fleet.agents:
        spiffe_id = identities.get(agent)
        if not spiffe_id or fleet.server_group(agent) != group:
            continue
        for name in needed:
            if agent in fleet.groups.get(name, ()):
                found.append(
                    {
                        "entry_id": alias_id(name, agent),
                        "spiffe_id": absolute(alias(name), planned.trust_domain),
                        "parent_id": spiffe_id,
                        "selectors": [{"type": "spiffe_id", "value": spiffe_id}],
                    }
                )
    return found


def of_nested(planned: Plan, fleet: Fleet, group: str, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns the entries that let the nested servers below this group have their CAs signed, for their agents with a known identity."""
    found = []
    for name in nested.servers(fleet):
        server = plan("server", name, fleet)
        for agent in server.parent_agents if fleet.upstream_group(name) == group else ():
            if identities.get(agent.host):
                entry = {
                    "entry_id": downstream_id(name, agent.host),
                    "spiffe_id": absolute(DOWNSTREAM_PREFIX + _slug(name), planned.trust_domain),
                    "parent_id": identities[agent.host],
                    "selectors": [f"unix:user:{server.user}"],
                    "downstream": True,
                }
                if planned.version < DOWNSTREAM_TTL_UNTIL:
                    entry["x509_svid_ttl"] = int(pki_upstream.ca_ttl(server.main).total_seconds())
                found.append(entry)
    return found


def downstream_id(server: str, agent: str) -> str:
    """Returns the ID of the entry by which a nested server gets its identity from an agent."""
    return _entry_id("downstream", f"{server}.{agent}", server, agent)


def all_ids(planned: Plan, fleet: Fleet, group: str) -> set[str]:
    """Returns the IDs of every entry that the inventory wants on the servers of a group, whether or not an agent's identity is known."""
    agents = [agent for agent in fleet.agents if fleet.server_group(agent) == group]
    found = {str(entry["entry_id"]) for entry in of_inventory(planned)}
    for name in alias_groups(planned):
        members = set(fleet.groups.get(name, ()))
        found.update(alias_id(name, agent) for agent in agents if agent in members)
    for server in nested.servers(fleet):
        if fleet.upstream_group(server) == group:
            found.update(downstream_id(server, agent) for agent in nested.agents_of(server, fleet))
    return found


def purge(planned: Plan, fleet: Fleet, group: str, identities: Mapping[str, str], hosts: Collection[str]) -> dict[str, Any]:
    """Returns which entries the module ``entries`` deletes: all that the inventory does not want, or with a limit those of the hosts in the run."""
    values = planned.values
    if not values["spire_entries_purge"]:
        return {}
    members = [server for server in fleet.servers if fleet.group_of_server(server) == group]
    members += [agent for agent in fleet.agents if fleet.server_group(agent) == group]
    whole = set(members) <= set(hosts)
    return {
        "prefix": ID_PREFIX,
        "keep": sorted(all_ids(planned, fleet, group)),
        **({} if whole else {"parents": sorted(spiffe_id for spiffe_id in identities.values() if spiffe_id)}),
        "max_count": values["spire_entries_purge_max_count"],
        "max_percent": values["spire_entries_purge_max_percent"],
        "confirmed": values["spire_entries_purge_confirm"],
    }


def ids_of_agent(fleet: Fleet, agent: str) -> list[str]:
    """Returns the IDs of all entries that the collection may have made for an agent."""
    aliases = [alias_id(name, agent) for name, members in fleet.groups.items() if agent in members]
    return aliases + [downstream_id(server, agent) for server in nested.child_servers(agent, fleet)]


def with_paths(planned: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the entries of the inventory and of the canary, each with its path: an item of spire_entries, or the canary's variable."""
    given = planned.values["spire_entries"]
    paths = [f"spire_entries[{index}]" for index, entry in enumerate(given) if isinstance(entry, Mapping)]
    yield from zip_longest(paths, of_inventory(planned), fillvalue="spire_canary_selectors")


def sound(planned: Plan, fields: Collection[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the entries without a mistake in these fields (in any field if none is named), each with its path."""
    for path, entry in with_paths(planned):
        whole = all(entry.get(name) for name in ("spiffe_id", "parent_id", "selectors"))
        asked = {name: entry[name] for name in fields if name in entry} if fields else entry
        if whole and not any(mistakes(asked, planned)):
            yield path, entry


def natural_key(entry: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Returns the SPIFFE ID, parent and selectors, by which SPIRE identifies an entry; None where one of them is missing or wrong."""
    try:
        key = identity(normalise({name: entry.get(name) for name in ("spiffe_id", "parent_id", "selectors")}))
    except EntryError:
        return None
    return key if all(key) else None


def mistakes(entry: Mapping[str, Any], planned: Plan) -> Iterable[str]:
    """Yields a message for each value in the fields of an entry that SPIRE would refuse."""
    trust_domain = planned.trust_domain
    # With an invalid trust domain, which is reported elsewhere, no path can become a valid SPIFFE ID.
    domain = trust_domain if TRUST_DOMAIN.fullmatch(trust_domain) else ""
    ids = {name: entry[name] for name in ("spiffe_id", "parent_id") if isinstance(entry.get(name), str) and entry[name]}
    given = {name: text for name, text in ids.items() if domain or not text.startswith(f"spiffe://{trust_domain}/")}
    judged = {name: value for name, value in entry.items() if name not in ids or name in given}
    try:
        whole = list(entry_validation.combination_problems(normalise(judged)))
        wrong: tuple[str, ...] = ()
    except EntryError as exc:
        whole, wrong = [], exc.mistakes
    for text in wrong:
        message = text if text.endswith("?") else f"{text}."
        yield message if message.startswith('"') else f"The entry {message}" if message.startswith("has ") else f"Its {message}"
    for name, text in given.items():
        if domain and not any(one.startswith(name) for one in wrong) and text.removeprefix("spiffe://").partition("/")[0] != domain:
            yield f"Its {name} is {text}, but this server's trust domain is {domain}. Write only the path."
    formed = {name: value for name, value in judged.items() if not any(text.startswith(name) for text in wrong)}
    for text in (*entry_validation.field_problems(formed, planned.checked_as), *whole):
        yield f"Its {text}"


def alias_groups(planned: Plan) -> list[str]:
    """Returns the inventory groups whose aliases are the parents of entries."""
    prefix = absolute(ALIAS_PREFIX, planned.trust_domain)
    parents = (str(entry.get("parent_id", "")) for entry in of_inventory(planned))
    return sorted({parent[len(prefix):] for parent in parents if parent.startswith(prefix)})


def _free(entry: Mapping[str, Any], taken: set[str]) -> str:
    """Returns an unused ID for an entry. It depends only on the SPIFFE ID and the parent, so it stays if anything else changes."""
    spiffe_id, parent = str(entry.get("spiffe_id", "")), str(entry.get("parent_id", ""))
    path = spiffe_id.removeprefix("spiffe://").partition("/")[2]
    first = _entry_id("entry", path, spiffe_id, parent)
    number, name = 1, first
    while name in taken:
        number += 1
        name = f"{first}.{number}"
    return name


def _entry_id(kind: str, readable: str, *parts: str) -> str:
    # The digest distinguishes entries whose readable parts are the same after characters were replaced and cut off.
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{ID_PREFIX}{kind}.{_slug(readable)}"[: entry_validation.MAX_ID - 16] + f".{digest}"


def _slug(readable: str) -> str:
    """Returns the text with the characters that SPIRE allows in an entry's ID and in a SPIFFE ID's path: letters, digits and -._"""
    return re.sub(r"[^A-Za-z0-9._-]", ".", readable)
