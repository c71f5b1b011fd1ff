# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the state of a host with its plan. Each subject, such as files or the service, has a module of its own."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift import (
    authority, binaries, certificates, enrolment, files, release_jump, service, supplied_files,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def compare(plan: Plan, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime) -> Comparison:
    """Returns everything in which the host differs from its plan.

    ``server`` is the answer of one of the agent's servers (its agents and its bundle), or None where no server was asked.
    """
    found = Comparison()
    release_jump.compare(plan, observed, found)
    authority.compare(plan, observed, found)
    service.user(plan, observed, found)
    binaries.compare(plan, observed, found)
    binaries.compare_plugins(plan, observed, found)
    files.compare_directories(plan, observed, found)
    files.compare(plan, observed, found)
    files.check_user_supplied(plan, observed, found)
    certificates.compare(plan, observed, now, found)
    if plan.component == "agent":
        enrolment.compare(plan, observed, server, now, found)
    supplied_files.compare(plan, observed, server, now, found)
    service.compare(plan, observed, found)
    if plan.loses_identity_on_restart and not found.enrol and (found.start or found.restart):
        enrolment.enrol(plan, observed, "keeps its key in memory, which a restart loses", found)
    service.keep(observed, found)
    return found
