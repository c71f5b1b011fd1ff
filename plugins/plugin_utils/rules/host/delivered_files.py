# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the files of a person's own that a run puts on a host."""

from __future__ import annotations

import dataclasses

from ansible_collections.spire.fleet.plugins.plugin_utils.common.directories import is_within
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import COMPONENTS, STATE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.delivered import variable
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import own_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files


@rule("host", "server", "agent", source="docs/files.md")
def delivered_file(context: RuleContext) -> Findings:
    """Each of spire_server_files and spire_agent_files has an absolute path, its content or a readable file of the controller, and a sound mode."""
    planned: Plan = context.plan
    for one in planned.delivered:
        if one.mistake:
            yield Finding(_at(planned, one.path), one.mistake)


@rule("host", "server", "agent", source="docs/files.md")
def delivered_file_place(context: RuleContext) -> Findings:
    """A delivered file is none that the collection writes itself, and in no directory that the service's user owns: the user could replace it."""
    planned: Plan = context.plan
    if not planned.delivered:
        return
    # The machine may have a server and an agent.
    both = [
        dataclasses.replace(planned.paths, component=component, instance=planned.values[f"spire_{component}_instance"]) for component in COMPONENTS
    ]
    owned = [directory.path for directory in planned.directories if directory.owner and directory.owner == planned.user != "root"]
    owned += [place for paths in both for place in (paths.data_dir, paths.run_dir)]
    ours = [planned.binary, STATE, *(place for paths in both for place in (*own_paths(paths), paths.link, paths.incoming))]
    for one in planned.delivered:
        directory = next((place for place in owned if is_within(one.path, (place,))), "")
        if directory:
            yield Finding(_at(planned, one.path), (
                f"The directory {directory} belongs to the service, which writes to it. Choose a path elsewhere, such as one below /etc/spire/files."
            ))
        elif is_within(one.path, tuple(ours)):
            yield Finding(_at(planned, one.path), "The collection writes this file itself. Choose another path, such as one below /etc/spire/files.")


@rule("host", "server", "agent", allow=True, source="docs/files.md")
def delivered_secret_mode(context: RuleContext) -> Findings:
    """A delivered file with a key or a token can't be read by every user of the host."""
    planned: Plan = context.plan
    if not planned.delivered:
        return
    secret = schema_files.secret_files(planned.component, planned.tree)
    for one in planned.delivered:
        if one.path in secret and one.mode and int(one.mode, 8) & 0o004:
            yield Finding(_at(planned, one.path), (
                f"{secret[one.path]} names it, so it holds a secret, and its mode {one.mode} lets every user of the host read it. Leave mode out."
            ))


def _at(planned: Plan, path: str) -> str:
    return f"{variable(planned.component)}[{path}]"
