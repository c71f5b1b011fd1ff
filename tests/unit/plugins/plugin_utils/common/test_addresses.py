# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IPv6 addresses are told from other names, with and without brackets."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import addresses


@pytest.mark.parametrize(("given", "bare", "bracketed"), [
    ("[2001:db8::10]", "2001:db8::10", "[2001:db8::10]"),
    ("2001:db8::10", "2001:db8::10", "[2001:db8::10]"),
    ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
    ("spire.acme.com", "spire.acme.com", "spire.acme.com"),
    ("[spire]", "[spire]", "[spire]"),
    ("[2001:db8::10]:8081", "[2001:db8::10]:8081", "[2001:db8::10]:8081"),
    ("", "", ""),
])
def test_brackets(given: str, bare: str, bracketed: str) -> None:
    assert (addresses.without_brackets(given), addresses.with_brackets(given)) == (bare, bracketed)


@pytest.mark.parametrize(("text", "is_one"), [
    ("i-0abc1234", True), ("i-0abc1234def567890", True), ("mi-0abc1234def567890", True), ("i-0abc", False), ("i-team", False), ("s1", False),
])
def test_ids_of_machines(text: str, is_one: bool) -> None:
    assert addresses.is_instance(text) is is_one
