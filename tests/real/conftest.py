# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sorts the tests so that the files that take longest run first, and names their groups for pytest's option `--dist=loadgroup`."""

from __future__ import annotations

import pytest

#: tests that share no servers with others and wait long until a CA or an SVID is renewed; each of them is a group of its own
ALONE = (
    "test_the_root_above_two_servers", "test_three_tiers_have_one_root", "test_a_run_that_came_to_its_end_between_two_servers",
)
#: the files that take longest, which run first, so that none of them begins when all others have ended
LONGEST = (
    "test_rotate_authority_real.py", "test_rotation_real.py", "test_quickstart_real.py", "test_external_plugin_real.py", "test_expiry_real.py",
    "test_unused_files_real.py", "test_site_aws_real.py", "test_nested_real.py", "test_conformance.py", "test_attestation_real.py",
)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook, after this function
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Names the group of each test for `--dist=loadgroup`, and sorts the groups by how long they take."""
    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)

    items.sort(key=rank)
    for item in items:
        alone = item.nodeid.partition("::")[2].partition("[")[0] in ALONE
        # Tests with the fixture `tiers` of test_rotate_authority_real.py are a group of their own: they take half of that file's time.
        shared = f"{item.path.stem}-{'tiers' * ('tiers' in getattr(item, 'fixturenames', ()))}"
        item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else shared))
