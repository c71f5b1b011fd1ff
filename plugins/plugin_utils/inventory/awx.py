# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extra variables of a job of AWX tell about the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: AWX gives each of its variables twice, with these prefixes
_PREFIXES = ("awx", "tower")


def is_slice(extra: Mapping[str, Any]) -> bool:
    """Whether the job is a slice, so that the inventory has only some of the hosts.

    No variable says so. AWX runs the slices as a workflow that has the name of their job template, and other workflows have names of their own.
    """
    names = ((extra.get(f"{prefix}_workflow_job_name"), extra.get(f"{prefix}_job_template_name")) for prefix in _PREFIXES)
    return any(workflow and workflow == template for workflow, template in names)
