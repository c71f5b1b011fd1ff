# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference between the registration entries that are wanted and those that a server has, and what a server can't take."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from ansible_collections.spire.fleet.plugins.module_utils.spire import entry_purge
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import spiffe_id
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import (
    EntryError, FIELDS, REQUIRED, SERVERS_OWN, current, data, digest, identity, normalise,
)
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import Item, NOT_FOUND

# The first release whose server accepts entry IDs from its callers. An older one assigns a random ID.
FIRST_OWN_IDS = "1.8.0"

# The release that added each field. An older server ignores the field without a message.
SINCE = {
    "store_svid": "1.1.0",
    "x509_svid_ttl": "1.5.0",
    "jwt_svid_ttl": "1.5.0",
    "hint": "1.6.3",
    "additional_attributes": "1.15.0",
    "jwt_svid_include_jti": "1.15.2",
}


#: the options of M(spire.fleet.entries) beside those of every module that runs SPIRE's command line
OPTIONS: dict[str, dict[str, Any]] = {
    "entries": {"type": "list", "elements": "dict", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "dict", "options": entry_purge.SUBOPTIONS},
    "earlier": {"type": "str"},
}


def unchanged() -> dict[str, Any]:
    """Returns the result of the module where nothing has to be changed."""
    return {"changed": False, "created": [], "updated": [], "deleted": []}


def desired(entries: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the wanted entries in the normal form, and the problems of the entries that are invalid."""
    found: dict[str, dict[str, Any]] = {}
    twins: dict[tuple[Any, ...], str] = {}
    problems: list[str] = []
    for position, given in enumerate(entries, 1):
        name = f"entry {given.get('entry_id') or given.get('id') or f'number {position}'}"
        try:
            own = [key for key in SERVERS_OWN if key in given]
            if own:
                raise EntryError(f"sets {own[0]}, which only the server sets")
            entry = normalise(given)
            missing = [key for key in REQUIRED if not entry[key]]
            if missing:
                raise EntryError(f"has no {', '.join(missing)}")
            if entry["entry_id"] in found:
                raise EntryError("is given twice")
            twin = twins.setdefault(identity(entry), entry["entry_id"])
            if twin != entry["entry_id"]:
                raise EntryError(f"has the same SPIFFE ID, parent and selectors as {twin}, which SPIRE does not allow")
            found[entry["entry_id"]] = entry
        except EntryError as exc:
            problems += [f"{name}: {text}" for text in exc.mistakes]
    return list(found.values()), problems


@dataclass
class Diff:
    """What must be created and updated so that the server has the wanted entries."""

    create: list[dict[str, Any]] = field(default_factory=list)
    update: list[dict[str, Any]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    # The reasons why entries can't be created. The server refuses an entry like another one, and its CLI does not name that one.
    twins: list[str] = field(default_factory=list)


def diff(wanted: Iterable[Mapping[str, Any]], shown: Iterable[Mapping[str, Any]]) -> Diff:
    """Compares entries by their entry ID. `shown` is what `entry show` printed."""
    wanted, shown = list(wanted), list(shown)
    ids = {entry["entry_id"] for entry in wanted}
    present = {entry["id"]: current(entry) for entry in shown if entry.get("id") in ids}
    others = _others(shown, ids) if len(present) < len(wanted) else {}
    result = Diff()
    for entry in wanted:
        old = present.get(entry["entry_id"])
        other = others.get(identity(entry))
        if old is None and other:
            result.twins.append(
                f"{entry['entry_id']}: the server has the same SPIFFE ID, parent and selectors under the entry ID {other};"
                " delete that entry or use its ID"
            )
        elif old is None:
            result.create.append(dict(entry))
        elif old == entry:
            result.unchanged.append(entry["entry_id"])
        else:
            result.update.append(dict(entry))
            result.before[entry["entry_id"]] = old
    return result


def all_there(wanted: Iterable[Mapping[str, Any]], digests: Mapping[str, str]) -> bool:
    """Whether a server has every wanted entry as it should be. ``digests`` are those of the server's entries, by ID."""
    return all(digests.get(entry["entry_id"]) == digest(entry) for entry in wanted)


def _others(shown: Iterable[Mapping[str, Any]], ids: Iterable[str]) -> dict[tuple[Any, ...], str]:
    """Returns the IDs of all other entries, keyed by the fields that SPIRE identifies an entry by."""
    found = {}
    for entry in shown:
        if entry.get("id") not in ids:
            selectors = sorted((one.get("type", ""), one.get("value", "")) for one in entry.get("selectors") or [])
            key = spiffe_id(entry.get("spiffe_id")), spiffe_id(entry.get("parent_id")), tuple(selectors)
            found[key] = str(entry.get("id", ""))
    return found


def older(version: str, first: str) -> bool:
    """Whether a version, as a program prints it, is older than ``first``."""
    numbers = [tuple(int(part) for part in re.findall(r"\d+", text)[:3]) for text in (version, first)]
    return numbers[0] < numbers[1]


def unsupported(entry: Mapping[str, Any], version: str) -> str:
    """Returns why a server of that version would not store the whole entry; empty where it would."""
    used = [name for name, value in entry.items() if name in FIELDS and value != FIELDS[name][1]]
    for name in (*used, *entry["additional_attributes"]):
        if name in SINCE and older(version, SINCE[name]):
            return f"{entry['entry_id']}: {name} needs SPIRE {SINCE[name]} or newer, the server is {version}"
    return ""


def failure(item: Item, entry: Mapping[str, Any] | None = None) -> str:
    """Returns why an item of an answer is a failure; empty where it is a success."""
    if item.code == NOT_FOUND and entry is None:
        return ""
    if not item.ok:
        return f"{item.id}: {item.message} (code {item.code})"
    if entry is None or not item.entry:
        return ""
    got = current(item.entry)
    for name in FIELDS:
        # The answer may have the DNS names in another order, unlike `entry show`.
        same = sorted(got[name]) == sorted(entry[name]) if name == "dns_names" else got[name] == entry[name]
        if not same:
            return f"{item.id}: the server did not take {name}"
    return ""


def _lines(value: Any) -> list[str]:
    if isinstance(value, list):
        return ["  - " + (f"{v['type']}:{v['value']}" if isinstance(v, Mapping) else str(v)) for v in value]
    return [f"  {key}: {str(flag).lower()}" for key, flag in value.items()]


def render(entries: Iterable[Mapping[str, Any]]) -> str:
    """Renders entries as YAML for a diff. Fields with their default are left out."""
    lines = []
    for entry in sorted(entries, key=lambda one: str(one["entry_id"])):
        lines.append(f"{entry['entry_id']}:")
        for name, value in data(entry).items():
            if name == "entry_id":
                continue
            if isinstance(value, (list, dict)):
                lines.append(f"  {name}:")
                lines += ["  " + line for line in _lines(value)]
            else:
                lines.append(f"  {name}: {str(value).lower() if isinstance(value, bool) else value}")
    return "\n".join(lines) + "\n" if lines else ""
