# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registration entries that a server should have: the inventory's, the canary's, and an alias for each agent.

An agent that joins by token gets a new SPIFFE ID with each token. So entries have aliases as their parents: one SPIFFE ID for an
inventory group. An entry of ours gives each agent the aliases of its groups. An agent beside a nested server also has an entry from which
that server gets its identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire.entries import EntryError, TRUST_DOMAIN, identity, normalise
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import validation as entry_validation
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.canary import CANARY
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

ALIAS_PREFIX = "/fleet/"
DOWNSTREAM_PREFIX = "/fleet-downstream/"
#: prefix of the entry IDs of ours; other entries on a server are not changed
ID_PREFIX = "fleet."
#: before this release, a nested server's CA was valid for as long as its entry's x509_svid_ttl
DOWNSTREAM_TTL_UNTIL = Version(1, 12, 0)


def alias(group: str) -> str:
    """Returns the path of the SPIFFE ID that stands for every agent of an inventory group."""
    return ALIAS_PREFIX + group


def alias_id(group: str, agent: str) -> str:
    """Returns the ID of the entry that gives an agent the alias of a group."""
    return _entry_id("alias", f"{group}.{agent}", group, agent)


def of_inventory(planned: Plan) -> list[dict[str, Any]]:
    """Returns the entries of a server's variables and of the canary, with IDs of ours."""
    wanted = [_with_entry_id(entry) for entry in planned.values["spire_entries"] if isinstance(entry, Mapping)]
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
            entry["entry_id"] = _free_entry_id(entry, taken)
        taken.add(str(entry["entry_id"]))
    return wanted


def _with_entry_id(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Renames the field ``id`` of an entry that was copied from ``entry show``."""
    if "id" not in entry or "entry_id" in entry:
        return dict(entry)
    return {"entry_id" if name == "id" else name: value for name, value in entry.items()}


def of_agents(planned: Plan, fleet: Fleet, group: str, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns the aliases of the agents whose identities are known, for the groups that some entry names as its parent."""
    needed = _alias_groups(planned)
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
    """Returns the entries by which the nested servers below this group get their identities from their agents, where those are known."""
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


def ids_of_agent(fleet: Fleet, agent: str) -> list[str]:
    """Returns all IDs that entries of ours for an agent can have."""
    aliases = [alias_id(name, agent) for name, members in fleet.groups.items() if agent in members]
    return aliases + [downstream_id(server, agent) for server in nested.child_servers(agent, fleet)]


def sound(planned: Plan, fields: Collection[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries that have no mistake of their own, or none in these fields, each with the place that says it."""
    given = planned.values["spire_entries"]
    paths = [f"spire_entries[{index}]" for index, entry in enumerate(given) if isinstance(entry, Mapping)]
    for path, entry in zip_longest(paths, of_inventory(planned), fillvalue="spire_canary_selectors"):
        whole = all(entry.get(name) for name in ("spiffe_id", "parent_id", "selectors"))
        asked = {name: entry[name] for name in fields if name in entry} if fields else entry
        if whole and not any(_mistakes(asked, planned)):
            yield path, entry


def check(planned: Plan) -> Iterable[Problem]:
    """Mistakes in spire_entries."""
    paths = []
    for index, entry in enumerate(planned.values["spire_entries"]):
        path = f"spire_entries[{index}]"
        if not isinstance(entry, Mapping):
            message = f"An entry must be a mapping of SPIRE's own fields, such as spiffe_id, and it is {describe(entry)}."
            yield Problem("entry", path, message, "spire_entries")
            continue
        paths.append(path)
        missing = [name for name in ("spiffe_id", "parent_id", "selectors") if not entry.get(name)]
        if missing:
            yield Problem("entry", path, f"The entry needs {' and '.join(missing)}.", "spire_entries")
    observed: dict[str, str] = {}
    same: dict[tuple[Any, ...], str] = {}
    for path, entry in zip_longest(paths, of_inventory(planned), fillvalue="spire_canary_selectors"):
        for message in _mistakes(entry, planned):
            yield Problem("entry", path, message, path.split("[", 1)[0])
        key = _identity(entry)
        first, twin = observed.setdefault(str(entry["entry_id"]), path), same.setdefault(key, path) if key else path
        if twin != path:
            message = (
                f"The entry has the same SPIFFE ID, parent and selectors as {twin}, which SPIRE does not allow; take one of them out."
            )
            yield Problem("entry", path, message, path.split("[", 1)[0])
        elif first != path:
            message = f"The entry ID {entry['entry_id']} is {first}'s already; an ID names one entry."
            yield Problem("entry", path, message, path.split("[", 1)[0])


def _identity(entry: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What SPIRE tells the entry apart by; None where that is missing or a mistake of its own."""
    try:
        key = identity(normalise({name: entry.get(name) for name in ("spiffe_id", "parent_id", "selectors")}))
    except EntryError:
        return None
    return key if all(key) else None


def _mistakes(entry: Mapping[str, Any], planned: Plan) -> Iterable[str]:
    trust_domain = planned.trust_domain
    # without a sound trust domain, which is a mistake of its own, no path makes a SPIFFE ID
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
        said = text if text.endswith("?") else f"{text}."
        yield said if said.startswith('"') else f"The entry {said}" if said.startswith("has ") else f"Its {said}"
    for name, text in given.items():
        if domain and not any(one.startswith(name) for one in wrong) and text.removeprefix("spiffe://").partition("/")[0] != domain:
            yield f"Its {name} is {text}, and this server's trust domain is {domain}; write the path alone."
    formed = {name: value for name, value in judged.items() if not any(text.startswith(name) for text in wrong)}
    for text in (*entry_validation.field_problems(formed, planned.version), *whole):
        yield f"Its {text}"


def check_groups(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """Aliases of groups that the inventory does not have."""
    for name in _alias_groups(planned):
        if name not in fleet.groups and name != AGENTS:
            message = (
                f"The parent_id {alias(name)} means every agent of the inventory group {name}, and there is no such "
                "group."
            )
            yield Problem("entry_group", "spire_entries", message, "spire_entries")


def _alias_groups(planned: Plan) -> list[str]:
    prefix = absolute(ALIAS_PREFIX, planned.trust_domain)
    parents = (str(entry.get("parent_id", "")) for entry in of_inventory(planned))
    return sorted({parent[len(prefix):] for parent in parents if parent.startswith(prefix)})


def _free_entry_id(entry: Mapping[str, Any], taken: set[str]) -> str:
    """Returns an unused ID, which stays the same unless the entry's SPIFFE ID or parent changes."""
    spiffe_id, parent = str(entry.get("spiffe_id", "")), str(entry.get("parent_id", ""))
    path = spiffe_id.removeprefix("spiffe://").partition("/")[2]
    first = _entry_id("entry", path, spiffe_id, parent)
    number, name = 1, first
    while name in taken:
        number += 1
        name = f"{first}.{number}"
    return name


def _entry_id(kind: str, readable: str, *parts: str) -> str:
    # The digest tells apart IDs whose readable parts are equal.
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{ID_PREFIX}{kind}.{_slug(readable)}"[: entry_validation.MAX_ID - 16] + f".{digest}"


def _slug(readable: str) -> str:
    """Replaces all characters that SPIRE does not accept in an entry's ID or in a SPIFFE ID's path."""
    return re.sub(r"[^A-Za-z0-9._-]", ".", readable)
