# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sorts the tests so that the files that take longest run first; a file runs in one process."""

from __future__ import annotations

import pytest

#: the files that take longest, which run first, so that none of them begins when all others have ended
LONGEST = (
    "test_rotate_authority_real.py", "test_rotation_real.py", "test_quickstart_real.py", "test_external_plugin_real.py", "test_expiry_real.py",
    "test_awx_jobs_real.py", "test_awx_parts_real.py", "test_unused_files_real.py", "test_site_aws_real.py", "test_nested_real.py", "test_conformance.py",
    "test_attestation_real.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the files by how long they take."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
