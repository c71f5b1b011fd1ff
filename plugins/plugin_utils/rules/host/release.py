# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about releases of SPIRE that are newer than this collection. Their installation needs nothing else than that of a known one."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("host", "server:spire_version", "agent:spire_version", allow=True, source="docs/install.md")
def unknown_release(context: RuleContext) -> Findings:
    """spire_version is of a minor release that this collection knows, because the options of a newer one can't be checked exactly."""
    planned: Plan = context.plan
    if not versions.is_of_known_minor(planned.version):
        yield Finding("spire_version", f"{versions.unknown_minor(planned.version)}. Until then everything else is checked for {planned.checked_as}.")


@rule("host", "server:spire_version", "agent:spire_version", severity="warning", source="docs/install.md")
def release_newer_than_collection(context: RuleContext) -> Findings:
    """This collection knows the release, so that it checks exactly that one."""
    planned: Plan = context.plan
    message = versions.newer_than_collection(planned.version)
    permitted = versions.is_of_known_minor(planned.version) or unknown_release.__name__ in planned.values["spire_allow"]
    if message and permitted:
        yield Finding("spire_version", f"{message} Read SPIRE's changelog, and take a newer collection when there is one.")
