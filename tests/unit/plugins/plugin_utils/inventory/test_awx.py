# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sliced job of AWX is recognised by the name of its workflow."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.awx import is_slice


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, False), ({"awx_job_template_name": "SPIRE site"}, False), ({"awx_job_template_name": "", "awx_workflow_job_name": ""}, False),
        ({"awx_job_template_name": "SPIRE site", "awx_workflow_job_name": "SPIRE rollout"}, False),
        ({"awx_job_template_name": "SPIRE site", "awx_workflow_job_name": "SPIRE site"}, True),
        ({"tower_job_template_name": "SPIRE site", "tower_workflow_job_name": "SPIRE site"}, True),
    ],
)
def test_slices(extra: dict[str, Any], expected: bool) -> None:
    assert is_slice(extra) is expected
