# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the files and directories on a host with the plan."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import DELIVERED
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.key_files import readable_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.published_files import published_certificate
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert, files as schema_files
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import publishing_releases

UNREADABLE = "(can't be read as HCL or JSON, so it is not shown)\n"


def compare_directories(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares directories: whether they exist, their owner and mode, and whether the service's user can go through those above them."""
    corrected = set()
    for directory in (*plan.parents, *plan.directories):
        state = observed["directories"].get(directory.path, {"exists": False})
        if state.get("link") and not directory.follow:
            found.errors.append(
                f"{directory.path} is a symbolic link, and {plan.user} owns the directory that it is in, so it may lead anywhere. Remove the link, "
                f"or name another path in spire_{plan.component}_config."
            )
            continue
        if directory.keep and state["exists"]:
            continue
        corrected.add(directory.path)
        wrong = attributes(state, directory.mode, directory.owner, directory.group)
        if wrong:
            found.directories.append(directory.path)
            found.note(f"directory {directory.path}", wrong[0], wrong[1])
    for state in observed["impassable"]:
        if state["path"] not in corrected:
            found.errors.append(
                f"{plan.user or 'the user of the service'} can't go through the directory {state['path']} (mode {state['mode']}, owner "
                f"{state['owner']}, group {state['group']}), and files of the {plan.component} are below it. Allow it (chmod o+x {state['path']}), or "
                "choose paths elsewhere."
            )


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares the files that the collection writes, and reports files that have to be removed."""
    for file in plan.files:
        _file(plan, file, observed["files"].get(file.name, {"exists": False}), found)
    for path in observed["temporary_files"]:
        found.absent.append(path)
        found.note(f"{path} is left over", "there\n", "absent\n")
    for path in (*observed["obsolete_files"], *_not_delivered_any_more(plan, observed)):
        found.obsolete_files.append(path)
        found.note(f"{path} is not used any more", "there\n", "absent\n")


def _not_delivered_any_more(plan: Plan, observed: Mapping[str, Any]) -> list[str]:
    """Returns the files that an earlier run has delivered and this plan does not have, and their list where it is not needed any more."""
    listed = observed["files"][DELIVERED]
    if not listed["exists"]:
        return []
    before = base64.b64decode(listed.get("content", "")).decode("utf-8", "replace").splitlines()
    planned = {file.path for file in (*plan.files, *plan.host_certificate_files.values())}
    gone = [path for path in before if path.startswith("/") and path not in planned]
    return gone if plan.paths.delivered in planned else [*gone, plan.paths.delivered]


def check_user_supplied(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Reports errors that stop the run: keys of the user's own that every user can read, and certificates with a published key."""
    if plan.values["spire_strict"] and "world_readable_key" not in plan.values["spire_allow"]:
        found.errors += readable_keys(plan, observed)
    if plan.values["spire_strict"] and "dummy_ca" not in plan.values["spire_allow"]:
        options = schema_files.certificate_files(plan.component, plan.tree)
        for path, certificates in sorted(observed.get("certificates", {}).items()):
            releases = next(filter(None, map(publishing_releases, certificates)), "")
            if releases:
                found.errors.append(published_certificate(options.get(path, ""), path, releases))


def attributes(state: Mapping[str, Any], mode: str, owner: str, group: str) -> tuple[str, str] | None:
    """Returns the owner and mode that a file has and those that it should have; None where they are the same."""
    wanted = {"mode": mode, **({"owner": owner, "group": group} if owner or group else {})}
    if not state["exists"]:
        return "absent\n", _lines(wanted)
    is_now = {key: state[key] for key in wanted}
    return None if is_now == wanted else (_lines(is_now), _lines(wanted))


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def _file(plan: Plan, file: File, state: Mapping[str, Any], found: Comparison) -> None:
    # Whatever a link leads to, a delivered file is a file of its own.
    state = {"exists": False} if state.get("link") and file.path == file.name else state
    wrong = attributes(state, file.mode, file.owner, file.group)
    current = base64.b64decode(state.get("content", "")).decode("utf-8", "replace")
    if wrong or current != file.content:
        found.files.append(file.name)
    if wrong and state["exists"]:
        found.note(f"file {file.path}", *wrong)
    if current == file.content:
        return
    before, after = _shown(plan, file, current) if state["exists"] else "", _shown(plan, file, file.content)
    if before == after:
        before, after = "a secret, a comment or the layout differs; not shown\n", "as planned\n"
    found.differences.append(f"file {file.path}")
    found.diffs.append({"before": before, "after": after, "before_header": file.path, "after_header": file.path})


def _shown(plan: Plan, file: File, text: str) -> str:
    """Returns what a diff may show of a file, without secrets."""
    if not file.secret:
        return text
    if file.path == file.name:
        return "(redacted)\n"
    if file.name == "environment":
        # A value may have many lines, and a line of a key may look like a name.
        named = [name for name in sorted(plan.environment) if re.search(rf"^{re.escape(name)}=", text, re.MULTILINE)]
        return "".join(f"{name}=(redacted)\n" for name in named)
    try:
        schemas = plan.filler.schemas if plan.filler else ()
        return hcl.dumps(convert.redact(plan.component, hcl.loads(text), schemas))
    except hcl.HclError:
        return UNREADABLE
