#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entries
short_description: Create, update and delete registration entries of a SPIRE server
version_added: 0.1.0
description:
  - Compares entries by their entry ID with what the server has, and creates and updates only what differs.
  - Entries with other IDs stay as they are, unless O(purge) says otherwise.
  - Needs SPIRE 1.8.0 or newer, the first release whose server accepts entry IDs from its callers.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  entries:
    description:
      - The entries, with the field names of C(spire-server entry create -data). C(entry_id), C(spiffe_id),
        C(parent_id) and C(selectors) are required; with O(state=absent) only C(entry_id) is.
      - Selectors are dictionaries of C(type) and C(value), or strings such as C(unix:uid:1000).
      - A field that is left out has SPIRE's default, even if the server's entry has another value.
      - Further fields are C(x509_svid_ttl), C(jwt_svid_ttl), C(federates_with), C(admin), C(downstream),
        C(entryExpiry), C(dns_names), C(store_svid), C(hint) and C(additional_attributes).
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(present) creates and updates.
      - V(absent) deletes the entries that exist.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Which other entries are deleted, with O(state=present). Nothing is deleted unless this is set.
      - Where more entries than O(purge.max_count), and more of them than O(purge.max_percent), would be deleted, the module fails before it
        changes anything, unless O(purge.confirmed) is set.
    type: dict
    suboptions:
      prefix:
        description: Only entries whose ID begins with this text are deleted.
        type: str
        required: true
      keep:
        description: IDs of entries that stay, besides those in O(entries).
        type: list
        elements: str
        default: []
      parents:
        description: The SPIFFE IDs of the parents whose entries may be deleted; every parent, unless set.
        type: list
        elements: str
      max_count:
        description: How many entries may be deleted without a confirmation.
        type: int
        default: 10
      max_percent:
        description: How many of the entries with O(purge.prefix), in percent, may be deleted without a confirmation.
        type: int
        default: 20
      confirmed:
        description: Whether any number of entries may be deleted.
        type: bool
        default: false
  earlier:
    description:
      - The name of a variable whose value is the name of another one, which has the result of M(spire.fleet.component_drift) for this server, with
        O(spire.fleet.component_drift#module:state=all). Where that check was made before this task, and found no difference, and found all entries as
        they should be, the server is not asked again.
    type: str
  timeout:
    description: How many seconds one command of SPIRE may take. A batch gets more time by its size.
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
attributes:
  check_mode:
    details: Where O(binary) does not exist yet, every entry counts as new. Where the server is down, there is only a warning.
seealso:
  - module: spire.fleet.server_info
"""

EXAMPLES = r"""
- name: Let the agents of a group give nginx an SVID
  spire.fleet.entries:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    entries:
      - entry_id: fleet.web.nginx
        spiffe_id: spiffe://example.org/nginx
        parent_id: spiffe://example.org/group/web
        selectors: ["unix:user:nginx"]
        x509_svid_ttl: 3600

- name: Delete it again
  spire.fleet.entries:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    state: absent
    entries:
      - entry_id: fleet.web.nginx
"""

RETURN = r"""
created:
  description: The IDs of the entries that were created, or would be created in check mode.
  returned: always
  type: list
  elements: str
updated:
  description: The IDs of the entries that were updated, or would be updated in check mode.
  returned: always
  type: list
  elements: str
deleted:
  description: The IDs of the entries that were deleted, or would be deleted in check mode.
  returned: always
  type: list
  elements: str
kept:
  description: The IDs of the entries in O(purge.keep) that the server has.
  returned: when O(purge) is set
  type: list
  elements: str
failed_entries:
  description: The reason for each entry that could not be created, updated or deleted.
  returned: failure
  type: list
  elements: str
"""

import os
from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection, entries as spire_entries, entry_purge
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

#: The action plugin uses `earlier`.
ARGUMENTS = connection.arguments(**spire_entries.OPTIONS)


class BadEntries(Exception):
    """Some entries are invalid. Nothing was changed."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _blank() -> dict[str, Any]:
    return {**spire_entries.unchanged(), "failed_entries": []}


def require_own_ids(version: str) -> None:
    """Raises SpireCliError for a server that would give each entry another ID, so that the next run would not find it."""
    if spire_entries.older(version, spire_entries.FIRST_OWN_IDS):
        raise SpireCliError(
            f"spire-server {version} takes no entry IDs from its callers; SPIRE does since {spire_entries.FIRST_OWN_IDS}"
        )


def present(
    server: SpireServer, given: list[dict[str, Any]], check: bool, purge: entry_purge.Purge | None = None
) -> dict[str, Any]:
    """Creates and updates the entries that differ, and deletes those that the purge names. Returns the module's result."""
    result = _blank()
    wanted, problems = spire_entries.desired(given)
    if problems:
        raise BadEntries(problems)
    if not wanted and not purge:
        return result
    installed = os.path.exists(server.binary)
    try:
        # In check mode before the first run there is no server to ask, and every entry is new.
        shown = server.entry_show() if installed or not check else []
    except SpireCliError as exc:
        if not check:
            raise
        return {**result, "warnings": [f"The entries can't be compared in check mode: {exc.message}"]}
    deleted: list[Mapping[str, Any]] = []
    if purge:
        deleted = purge.leftovers(shown, [entry["entry_id"] for entry in wanted])
        result["kept"] = purge.kept(shown)
        refusal = purge.refusal(shown, deleted)
        if refusal:
            raise BadEntries([refusal])
        # An entry that is deleted first may have the SPIFFE ID, parent and selectors that a new one has.
        gone = {entry["id"] for entry in deleted}
        shown = [entry for entry in shown if entry.get("id") not in gone]
    todo = spire_entries.diff(wanted, shown)
    result["failed_entries"] = todo.twins
    if installed and (todo.create or todo.update):
        version = server.version()
        require_own_ids(version)
        for entries in (todo.create, todo.update):
            refused = [why for why in (spire_entries.unsupported(entry, version) for entry in entries) if why]
            entries[:] = [entry for entry in entries if not spire_entries.unsupported(entry, version)]
            result["failed_entries"] += refused
    if not todo.create and not todo.update and not deleted:
        return result
    result["deleted"] = [str(entry["id"]) for entry in deleted]
    result["created"] = [entry["entry_id"] for entry in todo.create]
    result["updated"] = [entry["entry_id"] for entry in todo.update]
    result["changed"] = True
    if not check:
        result["deleted"], result["failed_entries"] = _delete(server, result["deleted"], result["failed_entries"])
        # Updates come first, because one of them may free the SPIFFE ID, parent and selectors that a new entry has.
        for key, action, entries in (
            ("updated", server.entry_update, todo.update), ("created", server.entry_create, todo.create)
        ):
            result[key], failed = _apply(action, entries)
            result["failed_entries"] += failed
        result["changed"] = bool(result["created"] or result["updated"] or result["deleted"])
    gone = set(result["deleted"])
    removed = [spire_entries.current(entry) for entry in deleted if entry["id"] in gone]
    done = {*result["created"], *result["updated"]}
    result["diff"] = {
        "before_header": "registration entries", "after_header": "registration entries",
        "before": spire_entries.render([*(entry for key, entry in todo.before.items() if key in done), *removed]),
        "after": spire_entries.render(entry for entry in (*todo.create, *todo.update) if entry["entry_id"] in done),
    }
    return result


def _delete(server: SpireServer, ids: list[str], failed: list[str]) -> tuple[list[str], list[str]]:
    """Deletes entries. Returns the IDs of those that are gone, and the failures so far with those of the others."""
    items = server.entry_delete(ids) if ids else []
    return [item.id for item in items if item.ok], failed + [why for why in map(spire_entries.failure, items) if why]


def _apply(action: Any, entries: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    try:
        items = action([spire_entries.data(entry) for entry in entries])
    except SpireCliError as exc:
        return [], [f"{entry['entry_id']}: {exc.message}" for entry in entries]
    done, failed = [], []
    for item, entry in zip(items, entries):
        why = spire_entries.failure(item, entry)
        if why:
            failed.append(why)
        # The server may have stored the entry without one of its fields. The entry was changed nevertheless.
        if item.ok:
            done.append(item.id)
    return done, failed


def absent(server: SpireServer, given: list[dict[str, Any]], check: bool) -> dict[str, Any]:
    """Deletes the entries that exist. Returns the module's result."""
    result = _blank()
    ids = [str(entry.get("entry_id") or "") for entry in given]
    if not all(ids):
        raise BadEntries([f"entry number {pos} has no entry_id" for pos, one in enumerate(ids, 1) if not one])
    if not ids:
        return result
    if not os.path.exists(server.binary):
        # The server was decommissioned by an earlier run.
        return {**result, "warnings": [f"{server.binary} does not exist, so no server has these entries"]}
    there = {entry["id"]: entry for entry in server.entry_show() if entry.get("id") in set(ids)}
    deleted = [one for one in dict.fromkeys(ids) if one in there]
    if deleted and not check:
        deleted, result["failed_entries"] = _delete(server, deleted, [])
    result["deleted"] = deleted
    result["changed"] = bool(deleted)
    if deleted:
        result["diff"] = {
            "before_header": "registration entries", "after_header": "registration entries",
            "before": spire_entries.render(spire_entries.current(there[one]) for one in deleted), "after": "",
        }
    return result


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    server = connection.server(params)
    try:
        with connection.failing(module, **_blank()):
            if params["state"] == "absent":
                result = absent(server, params["entries"], module.check_mode)
            else:
                purge = entry_purge.Purge.of(params["purge"]) if params["purge"] else None
                result = present(server, params["entries"], module.check_mode, purge)
    except BadEntries as exc:
        module.fail_json(msg=f"Nothing was changed: {exc}", **{**_blank(), "failed_entries": exc.problems})
    failed = result["failed_entries"]
    if failed:
        module.fail_json(msg=f"{len(failed)} of {len(params['entries'])} entries failed: {'; '.join(failed)}", **result)
    del result["failed_entries"]
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
