# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An agent without a good identity is enrolled, and its trust bundle is delivered for that."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.unit.builders.drifts import BUNDLE, Drift, ENROL, acts, changed, gone, identity, look, stopped
from tests.unit.builders.observed import AGENT_ID, NOW, SERVER, chain

AGENT_DRIFTS: dict[str, tuple[Drift, Any, str]] = {
    "no SVID": (identity(chain=[]), SERVER, "has no identity yet"),
    "no SPIFFE ID in it": (identity(chain=chain()), SERVER, "has no identity yet"),
    "no certificate": (identity(chain=["planted"]), SERVER, "has no identity yet"),
    "expired": (
        identity(chain=chain(AGENT_ID, expires=NOW)), SERVER, "has an identity that expired at 2030-01-02 00:00:00 UTC",
    ),
    "of another trust domain": (
        identity(chain=chain("spiffe://old.com/spire/agent/x")), None, "has an identity of another trust domain, old.com",
    ),
    "key lost": (identity(key=False), SERVER, "has lost the key of its identity"),
    "unknown to the server": (lambda plan, observed: None, {"agents": {}}, "is not known to its server any more"),
}


@pytest.mark.parametrize("name", AGENT_DRIFTS)
def test_an_agent_without_a_good_identity_is_enrolled_again(name: str) -> None:
    drift, server, reason = AGENT_DRIFTS[name]
    found = look("agent", drift, server=server)
    assert found.differences == ["enrolment", BUNDLE]
    assert [diff["before"] for diff in found.diffs] == [f"the agent {reason}\n", "the bundle of the last enrolment\n"]
    assert acts(found) == ENROL


def test_an_agent_that_attests_by_itself_needs_no_token() -> None:
    pop = {"x509pop": {"plugin_data": {"private_key_path": "/k", "certificate_path": "/c"}}}
    found = look("agent", identity(chain=[]), {"spire_agent_config": {"plugins": {"NodeAttestor": pop}}})
    assert acts(found) == {key: value for key, value in ENROL.items() if key != "token"}


def test_an_agent_is_left_alone_where_nobody_asked_the_server() -> None:
    assert look("agent", server=None) == Comparison()


def test_a_stopped_agent_that_must_be_enrolled_is_started_not_restarted() -> None:
    def drift(plan: Plan, observed: dict[str, Any]) -> None:
        stopped(plan, observed)
        observed["identity"]["chain"] = []

    assert acts(look("agent", drift)) == {"files": ["bundle"], "start": True, "enrol": True, "token": True}


def test_a_banned_agent_is_an_error() -> None:
    found = look("agent", server={"agents": {AGENT_ID: {"id": AGENT_ID, "banned": True}}})
    assert found.errors == [
        f"the server has banned {AGENT_ID}, so this agent is not enrolled again by itself. If it may come back, run "
        "spire.fleet.decommission on it first."
    ]
    assert acts(found) == {"errors": found.errors}


def test_a_banned_agent_that_has_deleted_its_identity_is_not_enrolled_again() -> None:
    def deleted(plan: Plan, observed: dict[str, Any]) -> None:
        observed["identity"] = {"chain": [], "key": False}

    found = look("agent", deleted, server={"agents": {AGENT_ID: {"id": AGENT_ID, "banned": True}}, "banned_as": [AGENT_ID]})
    assert [error.partition(",")[0] for error in found.errors] == [f"the server has banned {AGENT_ID}"]
    assert not found.enrol and not found.evict


@pytest.mark.parametrize(
    ("facts", "before"),
    [
        ({"exists": False}, "absent\n"), ({"mode": "0666"}, "mode: 0666\nowner: root\ngroup: root\n"),
        ({"owner": "nobody"}, "mode: 0644\nowner: nobody\ngroup: root\n"),
    ],
)
def test_a_bundle_that_anybody_could_change_is_written_again_without_a_restart(facts: dict[str, Any], before: str) -> None:
    found = look("agent", changed("bundle", **facts))
    assert found.differences == [BUNDLE]
    assert found.diffs[0]["before"] == before
    assert acts(found) == {"files": ["bundle"]}


def test_a_bundle_that_was_rotated_is_no_difference() -> None:
    assert look("agent", changed("bundle", content="b3RoZXI=")) == Comparison()


def test_an_agent_that_does_not_use_our_bundle_needs_none() -> None:
    own = {"spire_agent_config": {"agent": {"trust_bundle_path": "/etc/pki/spire.pem"}}}
    assert look("agent", gone("bundle"), own) == Comparison()
