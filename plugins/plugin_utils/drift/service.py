# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the service of a server or agent, and its user, with the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def user(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares the system user of the process, and its group."""
    if not plan.user:
        return
    if not observed["user"]["exists"]:
        found.user = True
        found.note(f"user {plan.user}", "absent\n", "a system user\n")
    elif not observed["user"]["group"]:
        found.user = True
        found.note(f"group {plan.user}", "absent\n", "the user's group\n")


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares the service's definition and its process."""
    service, name = observed["service"], plan.paths.service
    if service["reload"]:
        found.reload = True
        found.note("systemd has not read the unit as it is now", "outdated\n", "read again\n")
    if not service["enabled"]:
        found.enable = True
        found.note(f"{name} at boot", "disabled\n", "enabled\n")
    for port in observed["taken_ports"]:
        found.errors.append(
            f"port {port} is in use by another process (ss -ltnp 'sport = :{port}' names it). Stop it, or choose "
            f"another port in spire_{plan.component}_config."
        )
    if not service["running"]:
        found.start = True
        found.note(name, f"{service['state']}\n", "active\n")
        return
    if not service["healthy"]:
        # The service is starting, or its process dies and is restarted again and again. It is chance whether the probe sees a process.
        found.note(name, f"{service['state']}\n", "active\n")
    _stale(plan, observed, found)
    silent = _silent(observed)
    if silent:
        found.note(f"{name} does not listen on {' and '.join(silent)}", "closed\n", "open\n")
    _restart(plan, observed, found)


def keep(observed: Mapping[str, Any], found: Comparison) -> None:
    """Decides whether the run keeps the files of the running process, to go back to them if the changed service does not start.

    An agent that is enrolled again has lost its identity, so its old files would not help it.
    """
    process = observed["service"]
    if found.restart and not found.enrol and process["healthy"] and observed["answers"]:
        found.keep = process["pid"]
    elif observed["kept"]:
        found.absent.append(observed["kept"])
        found.note(f"{observed['kept']} is left over", "there\n", "absent\n")


def _stale(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Reports if the running process was started with other files or another binary than planned, or does not answer on its socket."""
    service, name = observed["service"], plan.paths.service
    # The stamp is compared with the plan, so files that this run changes also count as old.
    differing = {file.path for file in plan.files if file.name in found.files}
    changing = [path for path in observed["started_with_old_files"] if path in differing]
    others = [path for path in observed["started_with_old_files"] if path not in differing]
    if changing:
        verb = "changes" if len(changing) == 1 else "change"
        found.note(f"{name} must be restarted, because {', '.join(changing)} {verb}", "running\n", "restarted\n")
    if others:
        found.note(f"{name} was started with another {', '.join(others)}", "as before\n", "restarted\n")
    if observed["binary_changed"] and not (found.install or found.link):
        found.note(f"{name} runs another binary than {plan.binary}", "as before\n", "restarted\n")
    if not observed["answers"] and service["healthy"] and not found.enrol:
        found.note(f"{name} does not answer at {plan.socket}", f"{service['state']}\n", "restarted\n")


def _silent(observed: Mapping[str, Any]) -> list[str]:
    """Returns the ports that a healthy process should have opened. One that was started with other files may know nothing of them."""
    settled = observed["service"]["healthy"] and observed["answers"] and not observed["started_with_old_files"]
    return observed["silent_ports"] if settled else []


def _restart(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Decides whether the process must be restarted."""
    # A wrong mode or owner of a binary is corrected in place, and the link is read only at the start. Neither needs a restart.
    releases = (*observed["release"], *(one for state in observed["plugins"] for one in state["release"]))
    replaced = any(one["replaces"] for one in releases)
    answers = observed["answers"] and observed["service"]["healthy"]
    old = bool(observed["started_with_old_files"]) or observed["binary_changed"]
    found.restart = bool(old or replaced or found.enrol or not answers or _silent(observed) or _replaces_read_at_start(plan, found))


def _replaces_read_at_start(plan: Plan, found: Comparison) -> bool:
    """Whether this run replaces certificates that the process reads only at its start. The stamp does not show that before they are replaced."""
    stamped = plan.needs.stamped
    return found.authorities or (found.node and any(file.path in stamped for file in plan.host_certificate_files.values()))
