# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each mistake in an entry has the right message. Messages are compared as a whole, because a person must understand each one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.builders.fleets import fleet, mistakes

ENTRY = {"spiffe_id": "/web", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:33"]}
ENTRIES: dict[str, tuple[list[Any], str]] = {
    "fields missing": (
        [{"spiffe_id": "/web"}], "error: spire_entries[0]: The entry does not have parent_id and selectors. Set them. [s1]",
    ),
    "an unknown field": (
        [{**ENTRY, "selectorz": ["planted-secret"]}],
        'error: spire_entries[0]: "selectorz" is no field of an entry; did you mean "selectors"? [s1]',
    ),
    "mistakes of its fields and of its selectors": (
        [{**ENTRY, "selectors": ["uid:0"], "ttl": 3600, "dns_names": "x"}],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its dns_names must be a list, and it is a string. [s1]\n"
        'error: spire_entries[0].selectors[0]: Its selector has the type "uid", but SPIRE has no workload attestor with that name; '
        "they run unix. [s1]",
    ),
    "many mistakes": (
        [{
            **ENTRY, "spiffe_id": "/we b", "parent_id": "spiffe://other.com/web", "selectors": "unix:uid:0", "ttl": 3600,
            "id": "a", "entry_id": "b",
        }],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its parent_id is spiffe://other.com/web, but this server's trust domain is prod.acme.com. Write only "
        "the path. [s1]\n"
        "error: spire_entries[0]: Its selectors must be a list, and it is a string. [s1]\n"
        "error: spire_entries[0]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, digits, "
        "dots, dashes and underscores, and is neither empty nor a relative one. [s1]\n"
        "error: spire_entries[0]: The entry has entry_id twice, once as entry_id. [s1]",
    ),
    "no SPIFFE ID": (
        [ENTRY, {**ENTRY, "spiffe_id": "/we b"}],
        "error: spire_entries[1]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, "
        "digits, dots, dashes and underscores, and is neither empty nor a relative one. [s1]",
    ),
    "another trust domain": (
        [{**ENTRY, "spiffe_id": "spiffe://other.com/web"}],
        "error: spire_entries[0]: Its spiffe_id is spiffe://other.com/web, but this server's trust domain is prod.acme.com. Write only "
        "the path. [s1]",
    ),
    "a group that is not there": (
        [{**ENTRY, "parent_id": "/fleet/wbe"}],
        "error: spire_entries: The parent_id /fleet/wbe means every agent of the inventory group wbe, but the inventory has no such "
        "group. Write the name of an existing group. [s1]",
    ),
    "one ID twice": (
        [{**ENTRY, "entry_id": "web"}, {**ENTRY, "spiffe_id": "/db", "id": "web"}],
        "error: spire_entries[1]: spire_entries[0] also has the entry ID web. Give each entry its own ID. [s1]",
    ),
    "trust domains without a path": (
        [{**ENTRY, "spiffe_id": "/", "parent_id": "spiffe://prod.acme.com"}],
        "error: spire_entries[0]: Its parent_id is spiffe://prod.acme.com, a trust domain without a path, which SPIRE refuses; "
        "write a path, such as /fleet/spire_agents. [s1]\n"
        "error: spire_entries[0]: Its spiffe_id is spiffe://prod.acme.com, a trust domain without a path, which SPIRE refuses; "
        "write a path, such as /web. [s1]",
    ),
    "a path of SPIRE's own": (
        [{**ENTRY, "spiffe_id": "/spire/agent/x"}],
        "error: spire_entries[0]: Its spiffe_id is spiffe://prod.acme.com/spire/agent/x, and SPIRE keeps /spire and everything "
        "below it for servers and agents; choose another path. [s1]",
    ),
    "characters of an entry ID": (
        [{**ENTRY, "entry_id": "bad id!"}],
        'error: spire_entries[0]: Its entry_id is "bad id!", and SPIRE takes letters, digits, dots, dashes and underscores alone; '
        "change it, or leave it out. [s1]",
    ),
    "a long entry ID": (
        [{**ENTRY, "entry_id": "é" * 256}],
        "error: spire_entries[0]: Its entry_id is 256 characters long, and SPIRE takes 255 at most; shorten it, or leave it out. [s1]",
    ),
    "a long hint": (
        [{**ENTRY, "hint": "é" * 513}],
        "error: spire_entries[0]: Its hint is 1026 bytes long, and SPIRE takes 1024 at most; shorten it. [s1]",
    ),
    "a DNS name": (
        [{**ENTRY, "dns_names": ["web.acme.com", "web.acme.com."]}],
        'error: spire_entries[0]: Its dns_names[1] is "web.acme.com.", and SPIRE takes no name that ends with a dot. [s1]',
    ),
    "what SPIRE refuses beside a field of the wrong type": (
        [{**ENTRY, "hint": 3, "dns_names": ["*"]}],
        'error: spire_entries[0]: Its dns_names[0] is "*", and SPIRE takes a * as the whole first label alone, as in *.acme.com. [s1]\n'
        "error: spire_entries[0]: Its hint must be a string, and it is a number. [s1]",
    ),
    "selectors of two types for a store": (
        [{**ENTRY, "store_svid": True, "selectors": ["aws_secretsmanager:secretname:a", "gcp_secretmanager:secretname:a"]}],
        "error: spire_entries[0]: Its selectors are of aws_secretsmanager and gcp_secretmanager, and SPIRE accepts only one type where "
        "store_svid is set. Write one entry for each. [s1]",
    ),
    "no prefetch of what is stored": (
        [{
            **ENTRY, "store_svid": "yes", "selectors": ["aws_secretsmanager:secretname:a"],
            "parent_id": "/nodes/web",
            "additional_attributes": {"disable_x509_svid_prefetch": True},
        }],
        "error: spire_entries[0]: Its additional_attributes set disable_x509_svid_prefetch, which SPIRE refuses where store_svid is "
        "set; remove one of the two. [s1]\n"
        "warning: spire_entries[0].selectors[0]: Its selector aws_secretsmanager:secretname:a needs the SVID store aws_secretsmanager, "
        "but no agent of this server in the inventory runs it; they run none. Add plugins.SVIDStore.aws_secretsmanager to "
        "spire_agent_config, or choose another selector. [s1]",
    ),
    "one entry twice": (
        [ENTRY, {**ENTRY, "spiffe_id": "spiffe://prod.acme.com/web", "selectors": [{"type": "unix", "value": "uid:33"}], "hint": "x"}],
        "error: spire_entries[1]: The entry has the same SPIFFE ID, parent ID and selectors as spire_entries[0], which SPIRE does not "
        "allow. Remove one of the two. [s1]",
    ),
    "one entry twice under one ID": (
        [{**ENTRY, "entry_id": "web"}, {**ENTRY, "selectors": ["unix:uid:33", "unix:uid:33"], "id": "web"}],
        "error: spire_entries[1]: The entry has the same SPIFFE ID, parent ID and selectors as spire_entries[0], which SPIRE does not "
        "allow. Remove one of the two. [s1]",
    ),
    "the canary's entry once more": (
        [{"spiffe_id": "/fleet-canary", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:0"]}],
        "error: spire_canary_selectors: The entry has the same SPIFFE ID, parent ID and selectors as spire_entries[0], which SPIRE "
        "does not allow. Remove one of the two. [s1]",
    ),
    "no mapping": (
        ["planted-secret", ENTRY],
        "error: spire_entries[0]: An entry must be a mapping with SPIRE's fields, such as spiffe_id, but it is a string. [s1]",
    ),
    "no list": (
        "planted-secret",  # type: ignore[dict-item]
        "error: spire_entries: It must be a list, and it is a string. As one text, for example in a survey, a list is written in brackets: "
        '["one", "two"]. [a1, s1]',
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry(name: str) -> None:
    given, message = ENTRIES[name]
    assert mistakes(fleet({"spire_entries": given})) == message


def test_a_sound_fleet_has_no_mistakes() -> None:
    near = {"id": "x" * 255, "spiffe_id": "/spirex", "parent_id": "/spire/agent/x", "hint": "é" * 512, "dns_names": ["*.acme.com"]}
    assert mistakes(fleet({"spire_entries": [ENTRY, {**ENTRY, **near}, {**ENTRY, "selectors": ["unix:uid:34"]}]})) == ""


def test_dns_names_are_checked_by_the_rules_of_the_servers_release() -> None:
    given = {"spire_entries": [{**ENTRY, "dns_names": ["*.acme.com", "AB--C.acme.com"]}]}
    assert mistakes(fleet({**given, "spire_version": "1.8.11"})).splitlines()[-1] == (
        'error: spire_entries[0]: Its dns_names[0] is "*.acme.com", and SPIRE 1.8.11 takes two to 63 letters, digits and dashes between '
        "two dots, the first and the last no dash. [s1]"
    )
    assert mistakes(fleet(given)) == (
        'error: spire_entries[0]: Its dns_names[1] is "AB--C.acme.com", and SPIRE takes no label that begins or ends with a dash, or '
        "has two in its third and fourth place, as AB--C. [s1]"
    )
