# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks and roles read the collection's variables with the lookup `variable`; only variables.yml has their defaults."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.spire.fleet.plugins.lookup.variable import LookupModule
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from tests.support import collection

DEFAULTED = re.compile(r"\b(spire_\w+) *\| *default\(([^,()]*)\)")


def value(*names: str, **variables: Any) -> list[Any]:
    loader = DataLoader()
    return LookupModule(loader=loader, templar=Templar(loader, variables=variables)).run(list(names), variables)


def test_values_are_of_their_type() -> None:
    assert value("spire_rotate_settle", "spire_rotate", "spire_decommission_evict") == [60, "", True]
    assert value("spire_rotate_settle", spire_rotate_settle="90") == [90]
    # A survey sends an empty text for an empty field.
    assert value("spire_rotate_settle", "spire_decommission_evict", spire_rotate_settle="", spire_decommission_evict="") == [60, True]
    assert value("spire_rotate_from", "spire_pki_key_type", spire_rotate_from="", spire_pki_key_type="") == ["", "ec-p384"]


def test_what_can_not_be_read() -> None:
    with pytest.raises(AnsibleLookupError, match="^No variable of spire.fleet is called spire_rotate_setle.$"):
        value("spire_rotate_setle")
    with pytest.raises(AnsibleLookupError, match='error: spire_rotate_settle: It must be a whole number, and it is "soon".$'):
        value("spire_rotate_settle", spire_rotate_settle="soon")


def test_a_misspelt_variable_is_told_where_the_right_one_is_read() -> None:
    with pytest.raises(AnsibleLookupError, match="error: spire_upstream_principle: No variable is called spire_upstream_principle; did you mean spire_u"):
        value("spire_upstream_principal", spire_upstream_principle="arn:aws:iam::123456789012:role/spire-server")
    assert value("spire_rotate_settle", spire_upstream_principle="arn:aws:iam::123456789012:role/spire-server", spire_mine="x") == [60]


def test_no_other_default_stands_in_playbooks_and_roles() -> None:
    found: dict[str, set[str]] = {}
    for directory in ("playbooks", "roles"):
        for path in sorted((collection.REPO / directory).rglob("*.yml")):
            for name, default in DEFAULTED.findall(path.read_text(encoding="utf-8")):
                if name in catalogue():
                    found.setdefault(name, set()).add(default)
    # One variable is read without the lookup: the token, in a secret template.
    assert found == {"spire_join_token": {"''"}}
    assert catalogue()["spire_join_token"].default is None
