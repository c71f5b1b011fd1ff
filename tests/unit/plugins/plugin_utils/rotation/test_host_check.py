# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A step of a rotation is refused unless every server and agent that it concerns is in the run."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import require_all
from tests.support.errors import error_of


def test_others_may_be_there() -> None:
    require_all(["s1", "a1"], ["a1", "other", "s1"], "of the trust domain")


@pytest.mark.parametrize(("way", "end"), [("", "."), ("; -e x=y names one", "; -e x=y names one.")])
def test_who_is_missing_is_told(way: str, end: str) -> None:
    assert error_of(AnsibleActionFail, require_all, ["s1", "s2", "a1", "a2"], ["s1", "a1"], "of the trust domain", way) == (
        "Every server and agent of the trust domain takes part in each step, and these are not in this run: s2, a2. Run it without --limit, "
        f"and with hosts that answer{end}"
    )
