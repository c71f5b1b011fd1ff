# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import entries as spire_entries
from tests.support.real_spire import RealServer

Module = Callable[..., dict[str, Any]]
PARENT = "spiffe://example.org/group/web"


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {
        "entry_id": f"fleet.{name}", "spiffe_id": f"spiffe://example.org/{name}", "parent_id": PARENT,
        "selectors": ["unix:uid:1000", "unix:group:web"], **more,
    }


@pytest.fixture
def entries(module: Module, server: RealServer) -> Module:
    def run(wanted: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return module(
            "entries", binary=server.binary, socket_path=str(server.socket_path), entries=wanted, **more
        )

    return run


def shown(server: RealServer) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in server.client().entry_show()}


EVERYTHING: dict[str, Any] = {
    "x509_svid_ttl": 300, "jwt_svid_ttl": 60, "admin": True, "downstream": True, "entryExpiry": 1999999999,
    "dns_names": ["z.example.org", "a.example.org", "m.example.org"], "hint": "internal",
}


def test_check_run_check_run(entries: Module, server: RealServer) -> None:
    wanted = [entry("full", **EVERYTHING), entry("plain", store_svid=True)]
    foretold = entries(wanted, check=True)
    assert not {"fleet.full", "fleet.plain"} & set(shown(server))
    done = entries(wanted)
    assert foretold["changed"] and done["changed"]
    assert foretold["created"] == done["created"] == ["fleet.full", "fleet.plain"]
    assert foretold["diff"] == done["diff"]
    again = entries(wanted, check=True)
    assert not again["changed"]
    assert not entries(wanted)["changed"]
    found = shown(server)["fleet.full"]
    assert (found["hint"], found["dns_names"], found["expires_at"]) == (
        "internal", EVERYTHING["dns_names"], "1999999999",
    )
    assert shown(server)["fleet.plain"]["store_svid"]


@pytest.mark.parametrize(
    "change",
    [
        {"x509_svid_ttl": 600}, {"jwt_svid_ttl": 0}, {"admin": False}, {"downstream": False}, {"entryExpiry": 0},
        {"dns_names": ["a.example.org", "z.example.org", "m.example.org"]}, {"dns_names": []}, {"hint": "other"},
        {"selectors": ["unix:uid:1001"]}, {"parent_id": "spiffe://example.org/group/db"},
        {"spiffe_id": "spiffe://example.org/renamed"},
    ],
    ids=lambda change: "-".join(f"{key}" for key in change),
)
def test_one_changed_field_updates_one_entry(entries: Module, server: RealServer, change: dict[str, Any]) -> None:
    base = [entry("changing", **EVERYTHING), entry("still")]
    entries(base)
    before = shown(server)
    wanted = [{**base[0], **change}, base[1]]
    foretold = entries(wanted, check=True)
    assert shown(server) == before
    done = entries(wanted)
    assert foretold["updated"] == done["updated"] == ["fleet.changing"]
    assert done["created"] == []
    assert "fleet.still" not in done["diff"]["before"] + done["diff"]["after"]
    assert shown(server)["fleet.still"] == before["fleet.still"]
    assert not entries(wanted)["changed"]


def test_an_id_frees_what_a_new_entry_takes(entries: Module) -> None:
    entries([entry("mover")])
    done = entries([
        {**entry("mover"), "entry_id": "fleet.successor"}, {**entry("mover"), "spiffe_id": "spiffe://example.org/moved"},
    ])
    assert (done["created"], done["updated"]) == (["fleet.successor"], ["fleet.mover"])


def test_partial_failure_is_told_in_the_servers_words(entries: Module, server: RealServer) -> None:
    done = entries([
        entry("good"), entry("foreign", spiffe_id="spiffe://other.org/a"), {**entry("id"), "entry_id": "fleet/id"},
        entry("federated", federates_with=["unknown.org"]),
    ])
    assert done["failed"]
    assert done["created"] == ["fleet.good"]
    assert "fleet.good" in shown(server)
    assert sorted(text.split(":")[0] for text in done["failed_entries"]) == [
        "fleet.federated", "fleet.foreign", "fleet/id",
    ]
    assert '"spiffe://other.org/a" is not a member of trust domain "example.org"' in done["msg"]
    assert 'unable to find federated bundle "spiffe://unknown.org"' in done["msg"]
    assert done["msg"].startswith("3 of 4 entries failed: ")


def test_a_twin_made_by_hand_is_named(entries: Module, server: RealServer) -> None:
    server.client().entry_create([{**entry("twin"), "entry_id": "by-hand", "selectors": [
        {"type": "unix", "value": "uid:1000"}, {"type": "unix", "value": "group:web"},
    ]}])
    foretold = entries([entry("twin")], check=True)
    done = entries([entry("twin")])
    assert foretold["msg"] == done["msg"] == (
        "1 of 1 entries failed: fleet.twin: the server has the same SPIFFE ID, parent and selectors under the entry ID "
        "by-hand; delete that entry or use its ID"
    )
    assert not done["changed"]


PREFETCH = {"additional_attributes": {"disable_x509_svid_prefetch": True}}


def test_newer_fields(entries: Module, server: RealServer) -> None:
    if spire_entries.older(server.client().version(), "1.15.0"):
        pytest.skip("this server is older than the fields")
    assert entries([entry("attributes", **PREFETCH)])["created"] == ["fleet.attributes"]
    assert not entries([entry("attributes", **PREFETCH)])["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_an_older_server(module: Module, spire_binary: Callable[..., Path], check: bool) -> None:
    """Against an older server, which wraps its JSON in arrays, an entry with a field that it would ignore is refused, and others are created."""
    with RealServer(spire_binary("spire-server", "1.14.7")) as old:
        done = module(
            "entries", check=check, binary=old.binary, socket_path=str(old.socket_path),
            entries=[entry("attributes", **PREFETCH), entry("plain")],
        )
        assert done["created"] == ["fleet.plain"]
        assert done["failed_entries"] == [
            "fleet.attributes: additional_attributes needs SPIRE 1.15.0 or newer, the server is 1.14.7",
        ]
        assert list(shown(old)) == ([] if check else ["fleet.plain"])
        assert old.client().agent_list() == []
        assert len(old.client().token_generate(60)) == 36


def test_absence(entries: Module, server: RealServer) -> None:
    entries([entry("doomed"), entry("kept")])
    doomed = [{"entry_id": "fleet.doomed"}, {"entry_id": "fleet.never"}]
    assert entries(doomed, state="absent", check=True)["deleted"] == ["fleet.doomed"]
    assert "fleet.doomed" in shown(server)
    done = entries(doomed, state="absent")
    assert (done["deleted"], done["changed"]) == (["fleet.doomed"], True)
    assert "fleet.doomed" not in shown(server) and "fleet.kept" in shown(server)
    assert not entries(doomed, state="absent")["changed"]


def test_more_than_one_batch(entries: Module) -> None:
    many = [entry(f"many-{number}") for number in range(1100)]
    assert len(entries(many)["created"]) == 1100
    assert not entries(many)["changed"]
    assert len(entries(many, state="absent")["deleted"]) == 1100


def test_an_unreachable_server_is_told_in_its_clients_words(module: Module, server: RealServer) -> None:
    done = module("entries", binary=server.binary, socket_path="/nowhere/api.sock", entries=[entry("a")])
    assert done["msg"].startswith("spire-server entry show: error fetching entries: rpc error: code = Unavailable")
    assert done["msg"].endswith("/nowhere/api.sock: connect: no such file or directory\"")
