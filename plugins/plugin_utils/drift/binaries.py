# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The binaries of SPIRE and of external plugins, compared with the plan."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares SPIRE's own binary."""
    if plan.versioned:
        _release(plan, observed, found)
    else:
        _preinstalled(plan, observed, found)


def _release(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares SPIRE's binaries where the collection installs them, in a directory for each version."""
    wanted = str(plan.version)
    if observed["release"]:
        found.install = True
        found.note(f"binaries of SPIRE {wanted}", "".join(f"{one['text']}\n" for one in observed["release"]), "as released\n")
    if observed["link"] not in (wanted, posixpath.join(plan.paths.install_root, wanted)):
        found.link = True
        found.note(f"link {plan.paths.link}", (observed["link"] or "absent") + "\n", wanted + "\n")


def _preinstalled(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares SPIRE's binaries where they come from a package or the user installed them."""
    binary, name = observed["binary"], plan.paths.binary_name
    machine, own = binary.get("machine") or "", observed["machine"]
    if binary["exists"] and machine and architecture(machine) != architecture(own):
        found.errors.append(
            f"{plan.binary} is built for {architecture(machine)}, and this host is {architecture(own)}. Install the release for "
            f"{architecture(own)}."
        )
    elif plan.values["spire_install_source"] == "package" and not binary["exists"]:
        found.install = True
        found.note(f"package {', '.join(map(str, plan.values['spire_package']))}", "absent\n", "installed\n")
    elif not binary["exists"]:
        found.errors.append(
            f"{plan.binary} is missing. spire_install_source is preinstalled, so {name} must already be in "
            f"spire_bin_dir ({plan.bin_dir}); put it there, or choose another spire_install_source."
        )
    elif binary["version"] != str(plan.version):
        what = f"is SPIRE {binary['version']}" if binary["version"] else "does not report a SPIRE version"
        found.errors.append(
            f"{plan.binary} {what}; spire_version is {plan.version}. Set spire_version to what is installed, "
            "or install that release."
        )


def compare_plugins(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Compares the binaries of external plugins. Those that the collection installs are replaced if they differ; the user's own must be right."""
    states = {state["path"]: state for state in observed["plugins"]}
    for command in plan.commands:
        state = states[command.path]
        if not state["data_file"]:
            found.errors.append(
                f"{command.data_file} is missing. {command.where} reads its options from there (plugin_data_file), so SPIRE would "
                "not start; put the file there first."
            )
        if not command.root:
            found.errors += _user_supplied_plugin(command, state, observed["machine"])
        elif command.path not in found.plugins and (state["release"] or state["other"]):
            found.plugins.append(command.path)
            before = "".join(f"{one['text']}\n" for one in state["release"]) or f"sha256: {state['other']}\n"
            found.note(f"plugin {command.name}", before, f"sha256: {command.sha256}\n")


def _user_supplied_plugin(command: Command, state: Mapping[str, Any], own: str) -> Iterator[str]:
    """Yields what is wrong with a plugin's binary that the user installed. SPIRE reports the same only when it is down already."""
    if not state["exists"]:
        yield (
            f"{command.path} is missing. {command.where} names it as its command, so put the plugin's binary there, or have "
            "spire_plugins install it."
        )
        return
    if state["other"]:
        yield (
            f"{command.path} has the SHA-256 checksum {state['other']}, and plugin_checksum of "
            f"{command.where} is {command.sha256}: SPIRE would refuse to start it. Put the right binary there, or correct the "
            "checksum."
        )
    elif state["machine"] and architecture(state["machine"]) != architecture(own):
        yield f"{command.path} is built for {architecture(state['machine'])}, and this host is {architecture(own)}."
    elif not state["runs"]:
        yield f"{command.path} can't be executed by the service's user; give it the mode 0755."
