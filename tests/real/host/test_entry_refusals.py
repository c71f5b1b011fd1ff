# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight refuses the entries that the server refuses, and both accept entries that are almost like them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import entries as spire_entries
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries, validation as entry_validation
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import parse
from tests.support.real_spire import RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import planned

ALREADY_EXISTS = 6
ENTRY = {"spiffe_id": "/web", "parent_id": "/group/web", "selectors": ["unix:uid:1000"]}
STORE = {"store_svid": True, "selectors": ["aws:a", "aws:b"]}
PREFETCH = {"additional_attributes": {"disable_x509_svid_prefetch": True}}
REFUSED: list[dict[str, Any]] = [
    {"spiffe_id": "/"}, {"parent_id": "/"}, {"spiffe_id": "/spire"}, {"spiffe_id": "/spire/x"}, {"spiffe_id": "/spire/agent/x"},
    {"entry_id": "bad id!"}, {"entry_id": "é"}, {"entry_id": "a/b"}, {"entry_id": "x" * 256},
    {"hint": "x" * 1025}, {"hint": "é" * 513}, {"x509_svid_ttl": 2**31}, {"jwt_svid_ttl": 2**31}, {"entryExpiry": 2**63},
    {"store_svid": True, "selectors": ["aws:a", "gcp:a"]}, {**STORE, **PREFETCH}, {"dns_names": ["a", "web.acme.com."]},
]
TAKEN: list[dict[str, Any]] = [
    {}, {"spiffe_id": "/spirex"}, {"spiffe_id": "/Spire/x"}, {"spiffe_id": "/a/spire/x"}, {"parent_id": "/spire/agent/x"},
    {"parent_id": "/spire/server"}, {"entry_id": "-._aZ09"}, {"entry_id": "x" * 255}, {"hint": "x" * 1024}, {"hint": "é" * 512},
    {"x509_svid_ttl": 2**31 - 1}, {"entryExpiry": 2**63 - 1}, STORE, PREFETCH, {"dns_names": ["*.acme.com", "web.acme.com"]},
]
LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])
NAMES = [
    "a", "web.acme.com", "WEB.acme.com", "a_b.com", "bad_name!", "a b.c", "10.0.0.1", "a:80", " web.acme.com", "web.acme.com\t", "  ", ".a",
    "a..b", "a.", "web.acme.com. ", "-a.b", "a.b-", "a-.b", "ab--c.d", "AB--c.d", "a--b.c", "abc--d.e", "*", "*.", "*.a", "*. a", " *.a", "*a.b",
    "a.*.b", "a.*", "**.a", "*.*.a", "*.a.", "münchen.de", "xn--mnchen-3ya.de", "xn--fa-hia.de", "xn--ls8h.la", "XN--MNCHEN-3YA.de",
    "xn--BCHER-kva.com", "xn--.com", "xn--0.com", "xn--abc-.com", "xn--a-", "xn--zzzzzzzzz.com", "a.xn--4dbrk0ce.com", "a" * 63, "a" * 64,
    LONGEST, LONGEST + "a", f"*.{LONGEST}", f"*.{LONGEST}a", f" {LONGEST} ",
]


def mistaken(change: dict[str, Any]) -> list[str]:
    """Returns preflight's messages about the entry itself."""
    plan = planned("server", {"spire_trust_domain": TRUST_DOMAIN, "spire_canary": False, "spire_entries": [{**ENTRY, **change}]})
    return [message for _path, entry in desired_entries.with_paths(plan) for message in desired_entries.mistakes(entry, plan)]


def code(server: RealServer, change: dict[str, Any]) -> int:
    """Returns the server's status code for this entry, and removes the entry again; -1 if the command refuses the whole batch."""
    entry = {"entry_id": "own", **ENTRY, **change}
    for name in ("spiffe_id", "parent_id"):
        entry[name] = f"spiffe://{TRUST_DOMAIN}{entry[name]}".rstrip("/")
    entry["selectors"] = [dict(zip(("type", "value"), text.split(":", 1))) for text in entry["selectors"]]
    try:
        (item,) = server.client().entry_create([entry])
    except SpireCliError:
        return -1
    if item.ok:
        server.client().entry_delete([entry["entry_id"]])
    return item.code


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: str(change)[:40])
def test_what_preflight_refuses_the_server_refuses(server: RealServer, change: dict[str, Any]) -> None:
    if change.get("additional_attributes") and spire_entries.older(server.client().version(), "1.15.0"):
        pytest.skip("this server is older than the field")
    assert len(mistaken(change)) == 1
    assert code(server, change)


@pytest.mark.parametrize("change", TAKEN, ids=lambda change: str(change)[:40])
def test_what_is_near_both_take(server: RealServer, change: dict[str, Any]) -> None:
    assert (mistaken(change), code(server, change)) == ([], 0)


def test_a_dns_name_is_judged_as_the_server_does(server: RealServer) -> None:
    release = parse(server.client().version().split("-")[0])
    given = [
        {
            "entry_id": f"name-{number}", "spiffe_id": f"spiffe://{TRUST_DOMAIN}/{number}", "parent_id": f"spiffe://{TRUST_DOMAIN}/p",
            "selectors": [{"type": "unix", "value": "uid:1000"}], "dns_names": [name],
        }
        for number, name in enumerate(NAMES)
    ]
    taken = [name for name, item in zip(NAMES, server.client().entry_create(given)) if item.ok]
    assert [name for name in NAMES if not entry_validation.dns_name_problem(name, release)] == taken


def test_the_same_entry_under_another_id_is_refused(server: RealServer) -> None:
    first = {
        "entry_id": "first", "spiffe_id": f"spiffe://{TRUST_DOMAIN}/twin", "parent_id": f"spiffe://{TRUST_DOMAIN}/p",
        "selectors": [{"type": "unix", "value": "uid:1"}, {"type": "unix", "value": "gid:1"}],
    }
    twin = {**first, "entry_id": "twin", "selectors": list(reversed(first["selectors"])), "hint": "another"}
    assert [item.code for item in server.client().entry_create([first, twin])] == [0, ALREADY_EXISTS]
