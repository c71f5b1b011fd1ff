# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts the tests between processes: a file stays in one, for its fixtures, but for tests that share nothing and wait long."""

from __future__ import annotations

import pytest

#: tests that start servers of their own and then wait, for a CA or an SVID to be renewed: each may run in another process
ALONE = (
    "test_the_root_above_two_servers", "test_three_tiers_have_one_root", "test_a_run_that_came_to_its_end_between_two_servers",
)
#: the files that take longest, so that none of them is begun when everything else has ended
LONGEST = (
    "test_rotate_authority_real.py", "test_rotation_real.py", "test_quickstart_real.py", "test_external_plugin_real.py", "test_expiry_real.py",
    "test_unused_files_real.py", "test_site_aws_real.py", "test_nested_real.py", "test_conformance.py", "test_attestation_real.py",
)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Names the group of each test for `--dist=loadgroup`, and sorts the groups by how long they take."""
    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)

    items.sort(key=rank)
    for item in items:
        alone = item.nodeid.partition("::")[2].partition("[")[0] in ALONE
        # the servers of the fixture `tiers` in test_rotate_authority_real.py, and all that is done with them, are one half of the file
        shared = f"{item.path.stem}-{'tiers' * ('tiers' in getattr(item, 'fixturenames', ()))}"
        item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else shared))
