# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads who has made a mistake in an entry: whole messages, because each is there to be understood at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.fleets import fleet, mistakes

ENTRY = {"spiffe_id": "/web", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:33"]}
ENTRIES: dict[str, tuple[list[Any], str]] = {
    "fields missing": (
        [{"spiffe_id": "/web"}], "error: spire_entries[0]: The entry needs parent_id and selectors. [s1]",
    ),
    "an unknown field": (
        [{**ENTRY, "selectorz": ["planted-secret"]}],
        'error: spire_entries[0]: "selectorz" is no field of an entry; did you mean "selectors"? [s1]',
    ),
    "mistakes of its fields and of its selectors": (
        [{**ENTRY, "selectors": ["uid:0"], "ttl": 3600, "dns_names": "x"}],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its dns_names must be a list, and it is a string. [s1]\n"
        'error: spire_entries[0].selectors[0]: Its selector is of the type "uid", and SPIRE has no workload attestor of that name; they '
        "run unix. [s1]",
    ),
    "many mistakes": (
        [{
            **ENTRY, "spiffe_id": "/we b", "parent_id": "spiffe://other.com/web", "selectors": "unix:uid:0", "ttl": 3600,
            "id": "a", "entry_id": "b",
        }],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its parent_id is spiffe://other.com/web, and this server's trust domain is prod.acme.com; "
        "write the path alone. [s1]\n"
        "error: spire_entries[0]: Its selectors must be a list, and it is a string. [s1]\n"
        "error: spire_entries[0]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, "
        "digits, dots, dashes and underscores, and is neither empty nor a relative one. [s1]\n"
        "error: spire_entries[0]: The entry has entry_id twice, once as entry_id. [s1]",
    ),
    "no SPIFFE ID": (
        [ENTRY, {**ENTRY, "spiffe_id": "/we b"}],
        "error: spire_entries[1]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, "
        "digits, dots, dashes and underscores, and is neither empty nor a relative one. [s1]",
    ),
    "another trust domain": (
        [{**ENTRY, "spiffe_id": "spiffe://other.com/web"}],
        "error: spire_entries[0]: Its spiffe_id is spiffe://other.com/web, and this server's trust domain is prod.acme.com; "
        "write the path alone. [s1]",
    ),
    "a group that is not there": (
        [{**ENTRY, "parent_id": "/fleet/wbe"}],
        "error: spire_entries: The parent_id /fleet/wbe means every agent of the inventory group wbe, and there is no such "
        "group. [s1]",
    ),
    "one ID twice": (
        [{**ENTRY, "entry_id": "web"}, {**ENTRY, "spiffe_id": "/db", "id": "web"}],
        "error: spire_entries[1]: The entry ID web is spire_entries[0]'s already; an ID names one entry. [s1]",
    ),
    "no mapping": (
        ["planted-secret", ENTRY],
        "error: spire_entries[0]: An entry must be a mapping of SPIRE's own fields, such as spiffe_id, and it is a string. [s1]",
    ),
    "no list": (
        "planted-secret",  # type: ignore[dict-item]
        "error: spire_entries: It must be a list, and it is a string. [a1, s1]",
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry(name: str) -> None:
    given, message = ENTRIES[name]
    assert mistakes(fleet({"spire_entries": given})) == message


def test_a_sound_fleet_has_no_mistakes() -> None:
    assert mistakes(fleet({"spire_entries": [ENTRY, {**ENTRY, "id": "x"}]})) == ""
