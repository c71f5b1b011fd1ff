# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import entries as spire_entries, entry_fields
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import Item
from tests.unit.builders.registration_entries import DATA, MINIMAL, SHOWN


def only_problem(**changes: Any) -> str:
    wanted, problems = spire_entries.desired([{**MINIMAL, **changes}])
    assert wanted == []
    (problem,) = problems
    return problem


def test_the_order_of_selectors_does_not_matter_and_that_of_dns_names_does() -> None:
    wanted, _problems = spire_entries.desired([{**DATA, "selectors": list(reversed(DATA["selectors"]))}])
    assert spire_entries.diff(wanted, [SHOWN]).unchanged == ["fleet.a"]
    wanted, _problems = spire_entries.desired([{**DATA, "dns_names": ["b.example.org", "m.x"]}])
    assert [entry["entry_id"] for entry in spire_entries.diff(wanted, [SHOWN]).update] == ["fleet.a"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"x509_svid_tll": 3}, 'entry fleet.a: "x509_svid_tll" is no field of an entry; did you mean "x509_svid_ttl"?'),
        ({"ttl": 3}, 'entry fleet.a: "ttl" is no field of an entry; did you mean "x509_svid_ttl"?'),
        ({"zzzz": "s3cret"}, 'entry fleet.a: "zzzz" is no field of an entry'),
        ({"revision_number": 3}, "entry fleet.a: sets revision_number, which only the server sets"),
        ({"spiffe_id": None, "selectors": []}, "entry fleet.a: has no spiffe_id, selectors"),
        ({"id": "fleet.a"}, "entry fleet.a: has entry_id twice, once as id"),
        (
            {"spiffe_id": "example.org/a"},
            "entry fleet.a: spiffe_id: 'example.org/a' is no SPIFFE ID: it does not begin with spiffe://",
        ),
        (
            {"spiffe_id": "spiffe://Example.org/a"},
            "entry fleet.a: spiffe_id: 'spiffe://Example.org/a' is no SPIFFE ID: a trust domain has lower case letters,"
            " digits, dots, dashes and underscores",
        ),
        (
            {"parent_id": "spiffe://example.org/a//b"},
            "entry fleet.a: parent_id: 'spiffe://example.org/a//b' is no SPIFFE ID: a path segment has letters, digits,"
            " dots, dashes and underscores, and is neither empty nor a relative one",
        ),
        ({"parent_id": ["a"]}, "entry fleet.a: parent_id must be a string, and it is a list"),
        ({"selectors": ["unix"]}, "entry fleet.a: selectors: selector 'unix' is wanted as type:value"),
        ({"selectors": "unix:uid:1"}, "entry fleet.a: selectors must be a list, and it is a string"),
        (
            {"selectors": [{"type": "unix", "valeu": "uid:1"}]},
            "entry fleet.a: selectors: a selector has type and value, found valeu",
        ),
        (
            {"selectors": [{"type": "unix"}]},
            "entry fleet.a: selectors: selector unix: needs a type without a colon, and a value",
        ),
        (
            {"jwt_svid_ttl": -1},
            "entry fleet.a: jwt_svid_ttl must be a number of seconds, 0 or more, and it is -1",
        ),
        (
            {"jwt_svid_ttl": "5m"},
            "entry fleet.a: jwt_svid_ttl must be a number of seconds, 0 or more, and it is '5m'",
        ),
        (
            {"x509_svid_ttl": 2**31},
            "entry fleet.a: x509_svid_ttl must be 2147483647 seconds at most, and it is 2147483648",
        ),
        (
            {"entryExpiry": str(2**63)},
            "entry fleet.a: entryExpiry must be 9223372036854775807 seconds at most, and it is 9223372036854775808",
        ),
        ({"admin": "maybe"}, "entry fleet.a: admin must be true or false, and it is 'maybe'"),
        ({"federates_with": ["https://b.org"]}, "entry fleet.a: federates_with: 'https://b.org' is no trust domain"),
        ({"hint": 3}, "entry fleet.a: hint must be a string, and it is a number"),
        (
            {"additional_attributes": {"jwt_include_jti": True}},
            'entry fleet.a: additional_attributes: "jwt_include_jti" is none of them; did you mean "jwt_svid_include_jti"?',
        ),
        ({"additional_attributes": ["a"]}, "entry fleet.a: additional_attributes must be a dictionary, and it is a list"),
        ({"dns_names": ["a", 1]}, "entry fleet.a: dns_names: each must be a string, and one is a number"),
        (
            {"selectors": [{"type": "unix", "value": 0}]},
            "entry fleet.a: selectors: type and value must be strings, and one is a number",
        ),
    ],
)
def test_what_spire_would_refuse_or_drop_is_named(changes: dict[str, Any], text: str) -> None:
    assert only_problem(**changes) == text


def test_everything_that_is_wrong_with_an_entry_comes_at_once() -> None:
    _wanted, problems = spire_entries.desired([{**MINIMAL, "selectors": ["uid:0", "unix"], "ttl": 3600, "dns_names": "x", "admin": 2}])
    assert problems == [
        'entry fleet.a: "ttl" is no field of an entry; did you mean "x509_svid_ttl"?',
        "entry fleet.a: selectors: selector 'unix' is wanted as type:value",
        "entry fleet.a: admin must be true or false, and it is 2",
        "entry fleet.a: dns_names must be a list, and it is a string",
    ]


def test_an_entry_without_id_is_named_by_its_position() -> None:
    wanted, problems = spire_entries.desired([MINIMAL, {**MINIMAL, "entry_id": None}])
    assert len(wanted) == 1
    assert problems == ["entry number 2: has no entry_id"]


def test_twins_are_refused() -> None:
    _wanted, problems = spire_entries.desired([MINIMAL, MINIMAL, {**MINIMAL, "entry_id": "fleet.b", "hint": "other"}])
    assert problems == [
        "entry fleet.a: is given twice",
        "entry fleet.b: has the same SPIFFE ID, parent and selectors as fleet.a, which SPIRE does not allow",
    ]


def test_the_difference_is_by_entry_id_and_leaves_others_alone() -> None:
    wanted, _problems = spire_entries.desired([DATA, {**MINIMAL, "entry_id": "fleet.new", "spiffe_id": "spiffe://x/y"}])
    found = spire_entries.diff(wanted, [{**SHOWN, "hint": "old"}, {**SHOWN, "id": "somebody.elses"}])
    assert [entry["entry_id"] for entry in found.create] == ["fleet.new"]
    assert [entry["entry_id"] for entry in found.update] == ["fleet.a"]
    assert found.before["fleet.a"]["hint"] == "old"


def test_a_twin_under_another_id_is_explained() -> None:
    wanted, _problems = spire_entries.desired([DATA, {**MINIMAL, "entry_id": "fleet.other"}])
    found = spire_entries.diff(wanted, [{**SHOWN, "id": "0b1c"}])
    assert found.twins == [
        "fleet.a: the server has the same SPIFFE ID, parent and selectors under the entry ID 0b1c; delete that entry"
        " or use its ID"
    ]
    assert [entry["entry_id"] for entry in found.create] == ["fleet.other"]


def test_a_field_that_the_server_drops_is_noticed() -> None:
    shown = {key: value for key, value in SHOWN.items() if key != "additional_attributes"}
    assert spire_entries.failure(Item("fleet.a", 0, "OK", shown), entry_fields.normalise(DATA)) == (
        "fleet.a: the server did not take additional_attributes"
    )


@pytest.mark.parametrize(
    ("changes", "version", "text"),
    [
        ({"hint": "h"}, "1.6.2", "fleet.a: hint needs SPIRE 1.6.3 or newer, the server is 1.6.2"),
        ({"hint": "h"}, "1.6.3", ""),
        ({"hint": "h"}, "1.10.0-dev-unk", ""),
        (
            {"additional_attributes": {"disable_x509_svid_prefetch": True}}, "1.14.7",
            "fleet.a: additional_attributes needs SPIRE 1.15.0 or newer, the server is 1.14.7",
        ),
        (
            {"additional_attributes": {"jwt_svid_include_jti": True}}, "1.15.1",
            "fleet.a: jwt_svid_include_jti needs SPIRE 1.15.2 or newer, the server is 1.15.1",
        ),
        ({"additional_attributes": {"disable_x509_svid_prefetch": True}}, "1.15.1", ""),
        ({"additional_attributes": {"jwt_svid_include_jti": False}}, "1.14.7", ""),
    ],
)
def test_fields_that_an_older_server_drops_are_known(changes: dict[str, Any], version: str, text: str) -> None:
    assert spire_entries.unsupported(entry_fields.normalise({**MINIMAL, **changes}), version) == text


def test_an_answers_order_of_dns_names_is_no_failure() -> None:
    item = Item("fleet.a", 0, "OK", {**SHOWN, "dns_names": ["b.example.org", "m.x"]})
    assert spire_entries.failure(item, entry_fields.normalise(DATA)) == ""
    item = Item("fleet.a", 0, "OK", {**SHOWN, "dns_names": ["b.example.org"]})
    assert spire_entries.failure(item, entry_fields.normalise(DATA)) == "fleet.a: the server did not take dns_names"


def test_absence_is_no_failure_of_a_deletion_but_of_an_update() -> None:
    item = Item("fleet.a", 5, "entry not found")
    assert spire_entries.failure(item) == ""
    assert spire_entries.failure(item, entry_fields.normalise(DATA)) == "fleet.a: entry not found (code 5)"


def test_the_rendered_text_is_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(spire_entries.render([entry_fields.current(SHOWN)]))
    assert found == {"fleet.a": {
        **{key: value for key, value in DATA.items() if key != "entry_id"},
        "selectors": ["a:b:c", "unix:uid:1000"],
    }}
    assert spire_entries.render([]) == ""
