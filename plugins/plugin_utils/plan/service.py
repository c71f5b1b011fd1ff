# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definition of a plan's service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.spire.fleet.plugins.plugin_utils.host import supervisor, systemd
from ansible_collections.spire.fleet.plugins.plugin_utils.host.logrotate import Rotation
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import Needs
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import write_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: the first release that opens its log file again at a signal; source: pkg/common/log/reopen.go, v1.3.0
REOPENS_SINCE = Version(1, 3, 0)


def needs(plan: Plan) -> Needs:
    """Returns the facts that the definition of the service depends on."""
    return Needs(
        user=plan.user,
        binary=plan.binary,
        start_timeout=plan.values["spire_start_timeout"],
        persistent_write_dirs=write_paths.persistent_dirs(plan),
        runtime_write_dirs=write_paths.runtime_dirs(plan),
        root_reasons=plan.root_reasons,
        privileged_port=any(one.port < 1024 for one in plan.listeners),
        tpm="tpm_devid" in plan.plugins("NodeAttestor"),
        # The agent's unix attestor reads the binaries of workloads in any directory, to hash them.
        home="yes" if plan.component == "server" else "read-only",
        environment=bool(plan.environment),
        plugins=tuple(dict.fromkeys(command.path for command in plan.commands if command.sha256)),
        secrets=plan.upstream.started_with if plan.upstream else "",
        stamped=(*pki_node.files_read_at_start(plan.component, plan.paths, plan.merged), *_delivered(plan)),
        after=tuple(agent.paths.service for agent in plan.parent_agents),
    )


def _delivered(plan: Plan) -> list[str]:
    """Returns the delivered files whose change needs a restart: SPIRE, or something that it starts, may read them only at its start."""
    reread = schema_files.reread_files(plan.component, plan.tree) if plan.delivered else set()
    return [one.path for one in plan.delivered if not one.mistake and one.path not in reread]


def rotation(plan: Plan) -> Rotation | None:
    """Returns how logrotate rotates the component's log file; None where it has none, or where it is not to be rotated."""
    log_file = str(plan.main.get("log_file") or "")
    if plan.paths.root or not log_file.startswith("/") or log_file.startswith("/dev/") or not plan.values["spire_log_rotate"]:
        return None
    return Rotation(
        log_file=log_file,
        user=plan.user,
        service=plan.paths.service,
        frequency=plan.values["spire_log_rotate_frequency"],
        keep=plan.values["spire_log_rotate_keep"],
        max_size=plan.values["spire_log_rotate_max_size"],
        reopens=plan.version >= REOPENS_SINCE,
    )


def definition(plan: Plan) -> str:
    """Returns the text of the systemd unit, or of the supervisor program."""
    return supervisor.program(plan.paths, plan.needs) if plan.paths.root else systemd.unit(plan.paths, plan.needs, plan.socket)
