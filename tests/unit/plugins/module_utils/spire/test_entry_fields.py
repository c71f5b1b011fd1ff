# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.module_utils.spire import entry_fields
from tests.unit.builders.registration_entries import DATA, MINIMAL, SHOWN


def test_both_shapes_have_one_normal_form() -> None:
    assert entry_fields.current(SHOWN) == entry_fields.normalise(DATA)
    assert entry_fields.data(entry_fields.current(SHOWN)) == DATA


def test_defaults_are_left_out_of_the_data() -> None:
    entry = entry_fields.normalise({**MINIMAL, "admin": False, "hint": "", "x509_svid_ttl": 0, "federates_with": []})
    assert set(entry_fields.data(entry)) == {"entry_id", "spiffe_id", "parent_id", "selectors"}


def test_templated_values_are_taken_for_what_they_are() -> None:
    entry = entry_fields.normalise({**MINIMAL, "x509_svid_ttl": "300", "admin": "True", "downstream": "no", "hint": None})
    assert (entry["x509_svid_ttl"], entry["admin"], entry["downstream"], entry["hint"]) == (300, True, False, "")


def test_federation_by_id_and_by_name_is_the_same() -> None:
    assert entry_fields.normalise({**MINIMAL, "federates_with": ["spiffe://b.org", "a.org", "b.org"]})["federates_with"] == [
        "a.org", "b.org",
    ]


def test_a_newer_servers_fields_do_not_matter() -> None:
    shown = {**SHOWN, "field_of_2030": 1, "additional_attributes": {"another": True, "jwt_svid_include_jti": True}}
    assert entry_fields.current(shown) == entry_fields.current(SHOWN)
