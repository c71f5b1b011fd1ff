# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rotation of servers' own authorities: who takes part, what is refused, and the rounds."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority as rotation_authority
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.authority import AuthorityError, RotationRequest, Round
from tests.support.errors import error_of
from tests.unit.builders.fleets import fleet
from tests.unit.builders.nested_fleets import nested_fleet

PAIR = fleet(servers=("s1", "s2"), agents=("a1", "a2"))
#: 2026-11-25 12:00:00 UTC
EXPIRES = 1795608000
TREE = ["edge1", "hub1", "hub2", "root1"]


def one(name: str, upstream: str = "", **more: Any) -> dict[str, Any]:
    return {"id": name, "expires_at": EXPIRES, "upstream_id": upstream, **more}


def authorities(active: str, prepared: str = "", old: str = "", upstream: str = "", in_bundle: bool = True, trusted: str = "") -> dict[str, Any]:
    return {
        "trusted": [{"id": name, "tainted": False, "expires_at": EXPIRES} for name in trusted.split()],
        "active": one(active, upstream), "prepared": one(prepared) if prepared else {}, "old": one(old, in_bundle=in_bundle) if old else {},
    }


def rounds(asked: RotationRequest, made: Fleet = PAIR, **shown: dict[str, Any]) -> list[Round]:
    return rotation_authority.rounds(made, asked, rotation_authority.scopes(made, asked), shown)


def refused(asked: RotationRequest, made: Fleet = PAIR, **shown: dict[str, Any]) -> str:
    return error_of(AuthorityError, rounds, asked, made, **shown)


@pytest.mark.parametrize(("authority", "group", "servers", "hosts"), [
    ("x509", "roots", TREE, [*TREE, "leaf1", "edge1-agent"]),
    ("x509", "hubs", ["edge1", "hub1", "hub2"], ["edge1", "hub1", "hub2", "leaf1", "edge1-agent"]),
    ("x509", "edges", ["edge1"], ["edge1", "leaf1"]),
    # a nested server publishes its keys to its parent servers, and those to the others
    ("jwt", "edges", TREE, [*TREE, "leaf1", "edge1-agent"]),
    ("x509", "", TREE, [*TREE, "leaf1", "edge1-agent"]),
])
def test_who_takes_part(authority: str, group: str, servers: list[str], hosts: list[str]) -> None:
    made = nested_fleet()
    assert rotation_authority.members(made, rotation_authority.scopes(made, RotationRequest(authority, group=group))) == (servers, hosts)


def test_groups_at_the_top_come_first() -> None:
    assert [found.group for found in rotation_authority.scopes(nested_fleet(), RotationRequest("x509"))] == ["roots", "hubs", "edges"]


def test_requests_that_make_no_sense() -> None:
    assert refused(RotationRequest("jwt", start="taint")) == (
        "spire_rotate_from is taint, which tells what to revoke first, and spire_rotate_revoke is not set, so nothing is revoked. Add -e "
        "spire_rotate_revoke=true, or leave spire_rotate_from out."
    )
    assert refused(RotationRequest("jwt", group="rots"), nested_fleet()) == (
        "spire_rotate_group is rots, and no server is in that group. The groups are: roots, hubs, edges."
    )


def test_without_revoking_each_replaces_its_own() -> None:
    shown = {"s1": authorities("a", old="o"), "s2": authorities("b", prepared="p")}
    assert rounds(RotationRequest("x509"), **shown) == [Round("spire_servers", ["s1", "s2"], {}, [])]


def test_what_was_there_before_is_revoked() -> None:
    revoke = RotationRequest("jwt", revoke=True)
    assert rounds(revoke, s1=authorities("a"), s2=authorities("b", old="o", in_bundle=False)) == [
        Round("spire_servers", ["s1", "s2"], {"s1": "a", "s2": "b"}, []),
    ]
    # SPIRE revokes a prepared authority only after it has signed
    assert rounds(revoke, s1=authorities("a"), s2=authorities("b", prepared="p")) == [
        Round("spire_servers", ["s1", "s2"], {"s1": "a", "s2": "b"}, []), Round("spire_servers", ["s2"], {"s2": "p"}, []),
    ]


INTERRUPTED = {
    "s1": authorities("new", old="stolen"), "s2": authorities("signs"), "s3": authorities("b", prepared="p"),
    "s4": authorities("c", old="gone", in_bundle=False),
}


def test_an_interrupted_run_is_continued_for_each_server() -> None:
    made = fleet(servers=("s1", "s2", "s3", "s4"), agents=("a1",))
    first = Round("spire_servers", ["s2", "s3", "s4"], {"s1": "stolen", "s2": "signs", "s3": "b", "s4": "c"}, [])
    assert rounds(RotationRequest("jwt", True, "taint"), made, **INTERRUPTED) == [first, Round("spire_servers", ["s3"], {"s3": "p"}, [])]
    # the old one is revoked first: once the next one is prepared, SPIRE forgets it and can't revoke it
    assert rounds(RotationRequest("jwt", True, "prepare"), made, **INTERRUPTED) == [
        first, Round("spire_servers", ["s1", "s3"], {"s1": "new", "s3": "p"}, []),
    ]


def test_the_operator_must_choose_what_to_revoke_first() -> None:
    assert refused(RotationRequest("jwt", True), s1=authorities("new", old="stolen"), s2=authorities("signs")) == (
        "An old jwt authority is still trusted, which the server itself or an unfinished run replaced, on s1 (stolen; it signs with new). "
        "There is none on s2 (it signs with signs). -e spire_rotate_from=taint revokes the old ones, and these servers go on signing with "
        "their active ones; the others replace their active ones, which are revoked. -e spire_rotate_from=prepare revokes the old ones, "
        "and then the active ones, which every server replaces. If you do not know which one is compromised, choose prepare."
    )
    assert refused(RotationRequest("x509", True), s1=authorities("a", old="o"), s2=authorities("b", old="p")) == (
        "An old x509 authority is still trusted, which the server itself or an unfinished run replaced, on s1 (o; it signs with a), s2 "
        "(p; it signs with b). -e spire_rotate_from=taint revokes the old ones, and these servers go on signing with their active ones. "
        "-e spire_rotate_from=prepare revokes the old ones, and then the active ones, which every server replaces. If you do not know "
        "which one is compromised, choose prepare."
    )


NESTED = {"root1": authorities("r"), "hub1": authorities("h1", upstream="r"), "hub2": authorities("h2", upstream="r"), "edge1": authorities("e", upstream="h1")}


def test_cas_below_others_are_refused_before_any_group_begins() -> None:
    assert refused(RotationRequest("x509", True), nested_fleet(), **NESTED) == (
        "An upstream authority signs the CA of hub1, hub2, edge1, and SPIRE neither taints nor revokes such a CA: its bundle has only the "
        "root above. Nothing was replaced. Without spire_rotate_revoke, such a CA is replaced. -e spire_rotate_group=roots revokes the "
        "CAs of roots, and with them all that they signed."
    )
    expected = Round("roots", ["root1"], {"root1": "r"}, ["edge1", "hub1", "hub2"])
    assert rounds(RotationRequest("x509", True, group="roots"), nested_fleet(), **NESTED) == [expected]


def test_the_refusal_names_where_the_root_is_replaced() -> None:
    vault = {"plugins": {"UpstreamAuthority": {"vault": {"plugin_data": {"vault_addr": "https://vault.acme.com", "token_auth": {}}}}}}
    made = fleet(servers=("s1", "s2"), s1={"spire_pki": "controller", "spire_pki_passphrase": "x" * 20}, s2={"spire_server_config": vault})
    assert refused(RotationRequest("x509", True), made, s1=authorities("a", upstream="u"), s2=authorities("b", upstream="v")) == (
        "An upstream authority signs the CA of s1, s2, and SPIRE neither taints nor revokes such a CA: its bundle has only the root "
        "above. Nothing was replaced. Without spire_rotate_revoke, such a CA is replaced. For a new root, run "
        "spire.fleet.rotate_upstream. The root of s2 is replaced where vault gets it from."
    )


def test_jwt_keys_of_tiers_are_trusted_until_they_expire() -> None:
    shown = {**NESTED, "root1": authorities("r", old="o")}
    until = "2026-11-25 12:00:00 UTC"
    assert refused(RotationRequest("jwt", True, group="roots"), nested_fleet(), **shown) == (
        "root1: nested servers and those above them have each other's JWT keys in their bundles, and SPIRE revokes a key only in the "
        f"database of the server that signed with it. The other tiers would trust it until it expires: root1 signs with r until {until}; "
        f"root1 has the old o until {until}. Nothing was replaced. Without spire_rotate_revoke the keys are replaced."
    )
    message = refused(RotationRequest("jwt", True, group="edges"), nested_fleet(), **shown)
    assert message.startswith("edge1: nested servers and those above them have each other's JWT")
    # the parent servers are not in the inventory
    by_hand = fleet(servers=("s1",), s1={"spire_server_config": {"plugins": {"UpstreamAuthority": {"spire": {"plugin_data": {
        "server_address": "10.0.0.1", "server_port": "8081", "workload_api_socket": "/run/x.sock",
    }}}}}})
    assert refused(RotationRequest("jwt", True), by_hand, s1=authorities("k")).startswith("s1: nested servers and those above them have each other's JWT keys")
    assert [one.replace for one in rounds(RotationRequest("jwt"), nested_fleet(), **shown)] == [["root1"], ["hub1", "hub2"], ["edge1"]]


def test_rounds_are_described() -> None:
    asked = RotationRequest("jwt", True, "taint")
    assert rotation_authority.describe_rounds(asked, rounds(asked, s1=authorities("a", old="o"), s2=authorities("b"))) == [
        "spire_servers: s2 will sign with a new jwt authority", "spire_servers: will revoke o of s1, b of s2",
    ]


def test_untracked_authorities_are_warned_about() -> None:
    asked, before = RotationRequest("jwt", True), datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc)
    shown = {"s1": authorities("a", old="o", trusted="a b o x"), "s2": authorities("b", prepared="p", trusted="a b o p x y")}
    found = rotation_authority.scopes(PAIR, asked)
    assert rotation_authority.untracked_authorities(asked, found, shown, before) == [
        "spire_servers: other jwt authorities are in the bundle and stay trusted: x until 2026-11-25 12:00:00 UTC, y until 2026-11-25 "
        "12:00:00 UTC. SPIRE revokes only the authority that a server signed with last. This is right if a server that is not in this "
        "inventory signs with one of them."
    ]
    assert rotation_authority.untracked_authorities(asked, found, shown, before + datetime.timedelta(days=1)) == []
    assert rotation_authority.untracked_authorities(asked, found, {"s1": authorities("a", trusted="a b"), "s2": authorities("b")}, before) == []


def test_what_a_retired_authority_signed_is_retired() -> None:
    shown = [authorities("e", upstream="h1"), {"active": one("h2", "new"), "old": one("h1", "r")}, {"skipped": True}, authorities("x", upstream="y")]
    assert rotation_authority.including_descendants(["r"], shown) == ["r", "h1", "e"]
    assert rotation_authority.including_descendants(["r"], []) == ["r"]
