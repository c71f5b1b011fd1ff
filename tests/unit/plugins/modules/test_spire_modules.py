# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
from ansible_collections.spire.fleet.plugins.module_utils.spire import entries as spire_entries
from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_purge import Purge
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed, SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import BATCH_ITEMS, SpireServer
from ansible_collections.spire.fleet.plugins.modules import (
    agent_evict, entries, join_tokens, svid_info as svid,
)
from tests.support.errors import error_of
from tests.support.fake_cli import FakeCli, fail, say

NEW = Completed(0, "", "1.15.3\n")
#: what `server_info` asks for unless it is told otherwise
DEFAULTS: dict[str, Any] = {name: option["default"] for name, option in server_state.OPTIONS.items()}


def wanted(name: str, **more: Any) -> dict[str, Any]:
    return {
        "entry_id": name, "spiffe_id": f"spiffe://example.org/{name}", "parent_id": "spiffe://example.org/p",
        "selectors": ["unix:uid:1"], **more,
    }


def shown(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "spiffe_id": {"trust_domain": "example.org", "path": f"/{name}"},
        "parent_id": {"trust_domain": "example.org", "path": "/p"},
        "selectors": [{"type": "unix", "value": "uid:1"}], **more,
    }


def taken(stdin: str) -> Completed:
    return say({"results": [
        {"status": {"code": 0, "message": "OK"}, "entry": {**shown(entry["entry_id"]), "hint": entry.get("hint", "")}}
        for entry in json.loads(stdin)["entries"]
    ]})


def make(run: FakeCli, binary: str = __file__) -> SpireServer:
    return SpireServer(binary, "/s", run)


def test_converged_entries_cost_one_command() -> None:
    run = FakeCli({"entry show": say({"entries": [shown("a"), shown("b")]})})
    result = entries.present(make(run), [wanted("a"), wanted("b")], check=False)
    assert not result["changed"]
    assert run.commands() == ["entry show"]


def test_updates_come_before_creations() -> None:
    run = FakeCli({
        "entry show": say({"entries": [shown("a", hint="old"), shown("z")]}), "entry create": taken,
        "entry update": taken, "--version": NEW,
    })
    result = entries.present(make(run), [wanted("n"), wanted("a", hint="new")], check=False)
    assert (result["created"], result["updated"], result["changed"]) == (["n"], ["a"], True)
    assert run.commands()[-2:] == ["entry update", "entry create"]
    assert "  hint: old\n" in result["diff"]["before"]
    assert "  hint: new\n" in result["diff"]["after"]
    assert "z:" not in result["diff"]["before"]


def test_check_mode_tells_the_same_and_changes_nothing() -> None:
    run = FakeCli({"entry show": say({"entries": [shown("a", hint="old")]}), "--version": NEW})
    result = entries.present(make(run), [wanted("n"), wanted("a", hint="new")], check=True)
    assert (result["created"], result["updated"], result["changed"]) == (["n"], ["a"], True)
    assert run.commands() == ["entry show", "--version"]


def test_before_the_first_run_check_mode_says_that_every_entry_is_new() -> None:
    result = entries.present(make(FakeCli({}), "/nowhere/spire-server"), [wanted("n"), wanted("a")], check=True)
    assert (result["created"], result["updated"], result["changed"]) == (["n", "a"], [], True)


def test_a_server_that_is_down_is_a_warning_in_check_mode_alone() -> None:
    run = FakeCli({"entry show": fail("Error: connection refused")})
    result = entries.present(make(run), [wanted("n")], check=True)
    assert (result["created"], result["changed"]) == ([], False)
    assert result["warnings"] == [
        "The entries can't be compared in check mode: spire-server entry show: connection refused"
    ]
    with pytest.raises(SpireCliError, match="connection refused"):
        entries.present(make(run), [wanted("n")], check=False)


def test_a_server_that_takes_no_ids_is_not_touched() -> None:
    run = FakeCli({"entry show": say({"entries": []}), "--version": Completed(0, "", "1.7.6\n")})
    with pytest.raises(SpireCliError, match=r"^spire-server 1\.7\.6 takes no entry IDs from its callers; SPIRE does "
                                            r"since 1\.8\.0$"):
        entries.present(make(run), [wanted("n")], check=False)


def test_bad_entries_are_refused_together_before_anything_runs() -> None:
    run = FakeCli({})
    with pytest.raises(entries.BadEntries) as caught:
        entries.present(make(run), [wanted("a", admin="x"), wanted("b", hnit="x"), wanted("c")], check=False)
    assert caught.value.problems == [
        "entry a: admin must be true or false, and it is 'x'", 'entry b: "hnit" is no field of an entry; did you mean "hint"?',
    ]
    assert run.calls == []


def test_partial_failures_are_all_listed_and_successes_reported() -> None:
    def some(stdin: str) -> Completed:
        answer = json.loads(taken(stdin).stdout)
        for result in answer["results"][1:]:
            result["status"] = {"code": 3, "message": "failed to convert entry: bad"}
        return say(answer)

    run = FakeCli({"entry show": say({"entries": []}), "entry create": some, "--version": NEW})
    result = entries.present(make(run), [wanted("a"), wanted("b"), wanted("c")], check=False)
    assert (result["created"], result["changed"]) == (["a"], True)
    assert result["failed_entries"] == [
        "b: failed to convert entry: bad (code 3)", "c: failed to convert entry: bad (code 3)",
    ]
    assert "b:" not in result["diff"]["after"]


def test_a_lost_server_leaves_what_was_done_reported() -> None:
    run = FakeCli({
        "entry show": say({"entries": []}), "entry create": [taken, fail("Error: connection refused")],
        "--version": NEW,
    })
    result = entries.present(make(run), [wanted(f"e{n}") for n in range(BATCH_ITEMS + 1)], check=False)
    assert len(result["created"]) == BATCH_ITEMS
    assert result["failed_entries"] == [
        f"e{BATCH_ITEMS}: spire-server entry create: connection refused (code -1)",
    ]


def test_updates_that_went_through_are_reported_when_no_creation_does() -> None:
    run = FakeCli({
        "entry show": say({"entries": [shown("a", hint="old")]}), "entry update": taken,
        "entry create": fail("Error: connection refused"), "--version": NEW,
    })
    result = entries.present(make(run), [wanted("n"), wanted("a", hint="new")], check=False)
    assert (result["updated"], result["created"]) == (["a"], [])
    assert result["failed_entries"] == ["n: spire-server entry create: connection refused"]


def purge(**options: Any) -> Any:
    return Purge.of({"prefix": "fleet.", "keep": [], "parents": None, "max_count": 10, "max_percent": 20, "confirmed": False, **options})


def test_entries_that_nobody_wants_are_deleted_first() -> None:
    """A new entry may have the SPIFFE ID, parent and selectors of the one that goes, which SPIRE does not allow twice."""
    old = {**shown("fleet.new"), "id": "fleet.old"}
    run = FakeCli({
        "entry show": say({"entries": [old, shown("other")]}), "entry create": taken, "--version": NEW,
        "entry delete": say({"results": [{"id": "fleet.old", "status": {"code": 0, "message": "OK"}}]}),
    })
    result = entries.present(make(run), [wanted("fleet.new")], False, purge())
    assert (result["deleted"], result["created"], result["changed"], result["failed_entries"]) == (["fleet.old"], ["fleet.new"], True, [])
    assert run.commands()[-2:] == ["entry delete", "entry create"]
    assert "fleet.old:" in result["diff"]["before"] and "fleet.new:" in result["diff"]["after"]


def test_check_mode_reports_deletions() -> None:
    run = FakeCli({"entry show": say({"entries": [shown("fleet.old")]})})
    result = entries.present(make(run), [], True, purge())
    assert (result["deleted"], result["changed"], run.commands()) == (["fleet.old"], True, ["entry show"])


def test_too_many_deletions_change_nothing() -> None:
    run = FakeCli({"entry show": say({"entries": [shown(f"fleet.{n}") for n in range(20)]})})
    with pytest.raises(entries.BadEntries, match="does not want 20 of the 20 entries any more"):
        entries.present(make(run), [wanted("n")], False, purge())
    assert run.commands() == ["entry show"]


def test_absence_deletes_only_what_is_there() -> None:
    run = FakeCli({
        "entry show": say({"entries": [shown("a"), shown("b")]}),
        "entry delete": say({"results": [{"id": "a", "status": {"code": 0, "message": "OK"}}]}),
    })
    result = entries.absent(make(run), [{"entry_id": "a"}, {"entry_id": "gone"}], check=False)
    assert (result["deleted"], result["changed"]) == (["a"], True)
    assert json.loads(run.calls[-1][1]) == {"ids": ["a"]}
    assert result["diff"]["after"] == ""
    assert "spiffe://example.org/a" in result["diff"]["before"]


def test_absence_where_the_server_is_gone_already() -> None:
    result = entries.absent(make(FakeCli({}), binary="/nowhere/spire-server"), [{"entry_id": "a"}], check=False)
    assert not result["changed"]
    assert result["warnings"] == ["/nowhere/spire-server does not exist, so no server has these entries"]


def test_absence_without_an_id_is_refused() -> None:
    with pytest.raises(entries.BadEntries, match="^entry number 2 has no entry_id$"):
        entries.absent(make(FakeCli({})), [{"entry_id": "a"}, {"spiffe_id": "x"}], check=False)


AGENTS = say({"agents": [
    {"id": {"trust_domain": "example.org", "path": f"/spire/agent/{name}"}, "x509svid_expires_at": "7",
     "attestation_type": "x509pop", "selectors": [{"type": "x509pop", "value": "v" * 100}]}
    for name in ("b", "a")
]})
ID = "spiffe://example.org/spire/agent/"


def test_eviction_takes_only_agents_that_are_there() -> None:
    run = FakeCli({"agent list": AGENTS, "agent evict": say({})})
    assert agent_evict.evict(make(run), [ID + "a", ID + "gone", ID + "a"], check=False) == ([ID + "a"], [])
    assert run.commands() == ["agent list", "agent evict"]


def test_an_agent_under_a_claimed_name_is_unknown_unless_something_shows_that_it_is_the_hosts() -> None:
    run = FakeCli({"agent list": AGENTS})
    assert agent_evict.unknown(make(run), [ID + "a", ID + "b", ID + "gone"], [ID + "b"]) == [ID + "a"]
    nobody = FakeCli({})
    assert agent_evict.unknown(make(nobody), [ID + "a"], [ID + "a"]) == [] and nobody.commands() == []


def test_eviction_of_the_parents_of_entries() -> None:
    """Only the parents of entries that exist are returned for eviction, because an agent may be new and have no entry."""
    shown = [{"id": name, "parent_id": {"trust_domain": "example.org", "path": f"/spire/agent/{name}"}} for name in ("one", "two", "three")]
    run = FakeCli({"entry show": say({"entries": shown})})
    assert agent_evict.parents(make(run), ["two", "gone", "one"]) == ["spiffe://example.org/spire/agent/one", "spiffe://example.org/spire/agent/two"]
    nobody = FakeCli({})
    assert agent_evict.parents(make(nobody), []) == [] and nobody.commands() == []
    # The server's program is gone after a decommissioning of the whole fleet.
    assert agent_evict.parents(make(nobody, "/nowhere/spire-server"), ["two"]) == [] and nobody.commands() == []


def test_eviction_in_check_mode_only_looks() -> None:
    run = FakeCli({"agent list": AGENTS})
    assert agent_evict.evict(make(run), [ID + "a"], check=True) == ([ID + "a"], [])


def test_one_failed_eviction_does_not_stop_the_others() -> None:
    run = FakeCli({"agent list": AGENTS, "agent evict": [fail("Error: locked"), say({})]})
    assert agent_evict.evict(make(run), [ID + "a", ID + "b"], check=False) == (
        [ID + "b"], [f"{ID}a: spire-server agent evict: locked"],
    )


def test_the_state_of_a_dead_server_is_an_answer() -> None:
    run = FakeCli({"healthcheck": fail("Error: server is unhealthy"), "--version": NEW})
    result = server_state.state(make(run), {**DEFAULTS, "spiffe_bundle": True, "authorities": True, "entries": True})
    assert result == {
        "healthy": False, "message": "Error: server is unhealthy", "version": "1.15.3", "agents": [],
        "agent_count": 0, "bundle": "", "fingerprints": [], "spiffe_bundle": "", "authorities": {}, "entries": {},
    }


def test_the_certificates_of_files_come_with_the_state(tmp_path: Path) -> None:
    block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    (tmp_path / "ca.pem").write_text(f"A comment.\n{block}\n-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n")
    asked = [str(tmp_path / "ca.pem"), str(tmp_path / "none.pem")]
    run = FakeCli({"healthcheck": Completed(0, "", ""), "--version": NEW, "bundle show": Completed(0, "", "")})
    assert server_state.state(make(run), {**DEFAULTS, "agents": False, "certificate_files": asked})["certificates"] == {asked[0]: [block], asked[1]: []}


def test_agents_are_sorted_filtered_and_without_selectors() -> None:
    run = FakeCli({
        "healthcheck": Completed(0, "Server is healthy.\n", ""), "--version": NEW, "agent list": AGENTS,
        "bundle show": Completed(0, "", ""),
    })
    result = server_state.state(make(run), DEFAULTS)
    assert [agent["id"] for agent in result["agents"]] == [ID + "a", ID + "b"]
    assert "selectors" not in result["agents"][0]
    result = server_state.state(make(run), {**DEFAULTS, "only_agents": [ID + "b"]})
    assert ([agent["id"] for agent in result["agents"]], result["agent_count"]) == ([ID + "b"], 2)


def test_a_banned_agent_has_the_entries_that_hang_on_it() -> None:
    agents = say({"agents": [
        {"id": {"trust_domain": "example.org", "path": f"/spire/agent/{name}"}, "banned": name == "b"} for name in ("a", "b")
    ]})
    entries = say({"entries": [
        {"id": f"fleet.alias.{name}", "parent_id": {"trust_domain": "example.org", "path": f"/spire/agent/{name}"}} for name in ("a", "b")
    ]})
    run = FakeCli({
        "healthcheck": Completed(0, "", ""), "--version": NEW, "agent list": agents, "bundle show": Completed(0, "", ""), "entry show": entries,
    })
    for asked in (DEFAULTS, {**DEFAULTS, "entries": True}):
        run.calls.clear()
        result = server_state.state(make(run), asked)
        assert {agent["id"]: agent.get("entries") for agent in result["agents"]} == {ID + "a": None, ID + "b": ["fleet.alias.b"]}
        assert run.commands().count("entry show") == 1


def test_a_digest_of_an_entry_shows_whether_it_is_as_wanted() -> None:
    strange = {"id": "strange", "selectors": [{"type": "", "value": ""}]}
    entries_shown = say({"entries": [shown("a", revision_number="3"), shown("b", hint="old"), strange]})
    run = FakeCli({"healthcheck": Completed(0, "", ""), "--version": NEW, "bundle show": Completed(0, "", ""), "entry show": entries_shown})
    digests = server_state.state(make(run), {**DEFAULTS, "agents": False, "entries": True})["entries"]
    assert (set(digests), digests["strange"]) == ({"a", "b", "strange"}, "")
    for names, there in (("a", True), ("ab", False), ("ac", False), ("", True)):
        normal, _problems = spire_entries.desired(wanted(name) for name in names)
        assert spire_entries.all_there(normal, digests) is there


def test_a_bundle_that_is_damaged() -> None:
    broken = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"
    run = FakeCli({"healthcheck": Completed(0, "", ""), "--version": NEW, "bundle show": Completed(0, broken, "")})
    with pytest.raises(SpireCliError, match="^a PEM text holds a certificate that is no base64$"):
        server_state.state(make(run), {**DEFAULTS, "agents": False})


def test_a_servers_own_authorities() -> None:
    run = FakeCli({
        "healthcheck": Completed(0, "Server is healthy.\n", ""), "--version": NEW, "bundle show": Completed(0, "", ""),
        "localauthority x509 show": say({"active": {"authority_id": "ab", "expires_at": "1795663760", "upstream_authority_subject_key_id": ""}}),
        # Releases before 1.11.0 have no such command.
        "localauthority jwt show": fail("Usage: spire-server [--version] [--help] <command> [<args>]"),
    })
    result = server_state.state(make(run), {**DEFAULTS, "agents": False, "authorities": True})
    assert result["authorities"] == {"x509": {"active": {"id": "ab", "expires_at": 1795663760, "upstream_id": ""}}, "jwt": {}}


def test_tokens_are_minted_once_for_each_name() -> None:
    run = FakeCli({"token generate": [say({"value": "t1"}), say({"value": "t2"})]})
    tokens = join_tokens.mint(make(run), ["a", "b", "a"], 60)
    assert sorted(tokens) == ["a", "b"]
    assert sorted(tokens.values()) == ["t1", "t2"]


def test_a_failed_token_is_an_error_with_the_servers_words() -> None:
    run = FakeCli({"token generate": fail("Error: rpc error: code = Unavailable")})
    with pytest.raises(SpireCliError, match="^spire-server token generate: rpc error: code = Unavailable$"):
        join_tokens.mint(make(run), ["a", "b", "c"], 60)


def svids(*names: str) -> Completed:
    return say({"svids": [{"spiffe_id": f"spiffe://example.org/{name}"} for name in names]})


def test_a_late_svid_is_waited_for() -> None:
    denied = fail("rpc error: code = PermissionDenied desc = no identity issued")
    run = FakeCli({"api fetch x509": [denied, svids("other"), svids("other", "a")]})
    pauses: list[float] = []
    found = svid.fetch(SpireAgent("/x", "/s", run), "spiffe://example.org/a", 10, pauses.append)
    assert [one["spiffe_id"] for one in found] == ["spiffe://example.org/other", "spiffe://example.org/a"]
    assert pauses == [0.5, 1.0]


def test_an_agent_is_not_asked_more_often_than_its_log_can_bear() -> None:
    run = FakeCli({"api fetch x509": [*[fail("no identity issued")] * 6, svids("a")]})
    pauses: list[float] = []
    svid.fetch(SpireAgent("/x", "/s", run), None, 90, pauses.append)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (svids("other"), "the agent gives no SVID of spiffe://example.org/a to this user, it gives "
                         "spiffe://example.org/other"),
        (svids(), "the agent gives no SVID of spiffe://example.org/a to this user, it gives none"),
        (fail("no identity issued"), "spire-agent api fetch x509: no identity issued"),
    ],
)
def test_a_missing_svid_is_an_error(answer: Completed, text: str) -> None:
    assert error_of(SpireCliError, svid.fetch, SpireAgent("/x", "/s", FakeCli({"api fetch x509": answer})), "spiffe://example.org/a", 0) == text
