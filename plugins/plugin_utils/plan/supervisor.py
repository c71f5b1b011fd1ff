# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of supervisor for a planned component."""

from __future__ import annotations

import posixpath

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def supervisorctl(plan: Plan) -> list[str]:
    """Returns the argv of supervisor's client."""
    return _supervisor(plan, "supervisorctl")


def supervisord(plan: Plan) -> list[str]:
    """Returns the argv that starts supervisor."""
    return _supervisor(plan, "supervisord")


def _supervisor(plan: Plan, program: str) -> list[str]:
    return [posixpath.join(plan.values["spire_supervisor_bin"], program), "-c", plan.paths.supervisor_config]
