# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about files with keys on a host, which the drift check evaluates before anything is changed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files


@rule(
    "host", "server", "agent", allow=True,
    source=(
        "doc/plugin_server_upstreamauthority_disk.md and doc/plugin_agent_nodeattestor_x509pop.md, v1.15.3; the newer guide to "
        "configuring SPIRE (precautions for keys on disk)"
    ),
)
def world_readable_key(context: RuleContext) -> Findings:
    """Only root and the service can read a file with a key or a token. The drift check evaluates this rule on the host."""
    planned: Plan = context.plan
    options = schema_files.secret_files(planned.component, planned.tree) if context.observed else {}
    for file, mode in sorted(context.observed.get("readable", {}).items()):
        yield Finding(options.get(file, ""), (
            f"Every user of the host can read {file} ({options.get(file, '')}), because its mode is {mode}. Set the mode to 0640 with the group "
            "of the service, or to 0600."
        ))


def readable_keys(planned: Plan, observed: Mapping[str, Any]) -> Iterator[str]:
    """Yields a message for each file with a key that every user of the host can read."""
    for finding in world_readable_key(RuleContext(planned.component, planned.checked_as, plan=planned, observed=observed)):
        yield f"{finding.message} If this is intended, set spire_allow: [{world_readable_key.__name__}]."
