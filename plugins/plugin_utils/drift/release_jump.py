# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release that a host has, compared with the planned one: SPIRE is upgraded by one minor release at a time."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version, minor_number, parse, way


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Refuses a jump over a minor release, up or down, unless spire_release_jump allows it.

    Source: doc/upgrading.md (SPIRE Server Compatibility, upgrading by at most one minor version), v1.15.3
    """
    old = installed(observed) if plan.versioned else None
    if old is None or abs(minor_number(plan.version) - minor_number(old)) <= 1 or plan.values["spire_release_jump"]:
        return
    steps = way(old, plan.version)
    found.errors.append(
        f"SPIRE {old} is installed, and spire_version is {plan.version}. SPIRE supports one minor release at a time, up and down, since each "
        f"migrates the datastore from the one before it. Run site with spire_version {', then '.join(map(str, steps))}. To jump "
        "all the same, run once with -e spire_release_jump=true."
    )


def installed(observed: Mapping[str, Any]) -> Version | None:
    """Returns the release that the link of the component leads to; None where none is installed, or one that is not known."""
    try:
        return parse(posixpath.basename(observed["link"]))
    except ValueError:
        return None
