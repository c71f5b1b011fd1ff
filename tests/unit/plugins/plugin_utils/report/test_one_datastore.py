# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of one group that have different databases are found by the keys in their bundles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.report import one_datastore
from tests.unit.builders.fleets import fleet

POSTGRES = {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "host=db dbname=spire"}}}}}
MADE = fleet({"spire_server_config": POSTGRES}, servers=("s1", "s2", "s3"))
PROBLEM = (
    "s3 and s1, which are both in spire_servers, do not use one database: their trust bundles have no key in common, so that an agent of the one is "
    "unknown to the other. Compare their connection strings, and where the name of the database leads to on each host."
)


def state(certificates: Iterable[str], keys: Iterable[str] = (), healthy: bool = True) -> dict[str, Any]:
    """Returns what a server says whose bundle has these certificates and JWT keys."""
    found = [{"use": "x509-svid", "x5c": [one]} for one in certificates] + [{"use": "jwt-svid", "kid": one} for one in keys]
    return {"healthy": healthy, "spiffe_bundle": json.dumps({"keys": found})}


def test_one_datastore_even_while_keys_are_replaced() -> None:
    states = {"s1": state("abc", "ABC"), "s2": state("bcd", "BCD"), "s3": state("abc", "CDE")}
    assert not list(one_datastore.apart(MADE, states))


def test_another_datastore() -> None:
    states = {"s1": state("ab", "AB"), "s2": state("ab", "AB"), "s3": state("c", "C")}
    assert list(one_datastore.apart(MADE, states)) == [("s3", PROBLEM)]


def test_a_common_root_hides_nothing() -> None:
    states = {"s1": state("r", "A"), "s3": state("r", "C")}
    assert list(one_datastore.apart(MADE, states)) == [("s3", PROBLEM)]


def test_servers_without_jwt_keys_are_told_apart_by_certificates() -> None:
    assert list(one_datastore.apart(MADE, {"s1": state("a"), "s3": state("c", "C")})) == [("s3", PROBLEM)]
    assert not list(one_datastore.apart(MADE, {"s1": state("a"), "s3": state("a", "C")}))


def test_servers_that_gave_no_answer_are_left_out() -> None:
    silent: dict[str, Any] = {"healthy": False, "spiffe_bundle": ""}
    for answer in (silent, {"unreachable": True}, {"healthy": True, "spiffe_bundle": "no JSON"}, state("c", "C", healthy=False)):
        assert not list(one_datastore.apart(MADE, {"s1": answer, "s2": state("a", "A"), "s3": state("a", "A")}))


def test_groups_are_compared_within_themselves() -> None:
    made = fleet(servers=("s1", "s2"), groups={"one": ["s1"], "two": ["s2"]}, s1={"spire_server_group": "one"}, s2={"spire_server_group": "two"})
    assert not list(one_datastore.apart(made, {"s1": state("a", "A"), "s2": state("b", "B")}))
