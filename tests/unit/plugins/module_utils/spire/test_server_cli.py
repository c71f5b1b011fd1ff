# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import server_cli
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed, Health, SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import CALL_FAILED, SpireServer
from tests.support.errors import error_of
from tests.support.fake_cli import FakeCli, fail, say

SECRET = "5d2c1f6e-planted-secret"
VERSION = Completed(0, "", "1.15.3\n")


def server(**answers: Any) -> tuple[SpireServer, FakeCli]:
    run = FakeCli({"--version": VERSION, **{words.replace("_", " "): answer for words, answer in answers.items()}})
    return SpireServer("/x/spire-server", "/run/s.sock", run), run


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: [[value]]])
def test_objects_are_unwrapped_whether_or_not_they_come_in_arrays(wrap: Any) -> None:
    client, run = server(entry_show=say(wrap({"entries": [{"id": "a"}]})))
    assert client.entry_show() == [{"id": "a"}]
    assert run.calls[0][0] == ["/x/spire-server", "entry", "show", "-socketPath", "/run/s.sock", "-output", "json"]


def test_an_early_error_is_the_clis_own_words() -> None:
    client, _run = server(agent_list=fail("Error: rpc error: code = Unavailable desc = no such file\n"))
    assert error_of(SpireCliError, client.agent_list) == "spire-server agent list: rpc error: code = Unavailable desc = no such file"


def test_a_silent_failure_says_so() -> None:
    client, _run = server(agent_list=fail(""))
    assert error_of(SpireCliError, client.agent_list) == "spire-server agent list: it said nothing (exit code 1)"


@pytest.mark.parametrize(
    ("command", "call", "since"),
    [("token generate", "token_generate", "1.6.0"), ("entry show", "entry_show", "1.5.3")],
)
def test_a_release_without_json_is_told_the_first_that_has_it(command: str, call: str, since: str) -> None:
    run = FakeCli({
        command: fail("flag provided but not defined: -output\nUsage of it:\n"),
        "--version": Completed(0, "", "1.5.1\n"),
    })
    client = SpireServer("/x/spire-server", "/s", run)
    args = (60,) if call == "token_generate" else ()
    assert error_of(SpireCliError, getattr(client, call), *args) == (
        f"spire-server 1.5.1 has no `{command} -output json`; SPIRE has it since {since}"
    )


def test_a_release_without_deletion_by_file_is_told_the_first_that_has_it() -> None:
    run = FakeCli({
        "entry delete": fail("flag provided but not defined: -file\n"), "--version": Completed(0, "", "1.7.6\n"),
    })
    assert error_of(SpireCliError, SpireServer("/x", "/s", run).entry_delete, ["a"]) == (
        "spire-server 1.7.6 has no `entry delete -file`; SPIRE has it since 1.8.0"
    )


def test_what_is_no_json_is_never_quoted() -> None:
    client, _run = server(token_generate=Completed(0, f"Token: {SECRET}\n", ""))
    text = error_of(SpireCliError, client.token_generate, 60)
    assert text == "spire-server token generate printed no JSON object"


def test_a_token_is_in_no_argument() -> None:
    client, run = server(token_generate=say({"value": SECRET, "expires_at": "1"}))
    assert client.token_generate(60) == SECRET
    assert SECRET not in json.dumps(run.calls)
    assert run.calls[0][0][-4:] == ["-ttl", "60", "-output", "json"]


def test_a_missing_token_is_an_error() -> None:
    client, _run = server(token_generate=say({"value": ""}))
    assert error_of(SpireCliError, client.token_generate, 60) == "spire-server token generate printed no token"


def test_agents_are_normalised() -> None:
    client, _run = server(agent_list=say({"agents": [{
        "id": {"trust_domain": "example.org", "path": "/spire/agent/a"}, "attestation_type": "x509pop",
        "x509svid_expires_at": "1795439341", "banned": True, "can_reattest": True,
        "agent_version": "1.15.3", "selectors": [{"type": "x509pop", "value": "a:b"}], "a_newer_field": {},
    }]}))
    assert client.agent_list() == [{
        "id": "spiffe://example.org/spire/agent/a", "attestation_type": "x509pop", "expires_at": 1795439341,
        "banned": True, "can_reattest": True, "version": "1.15.3", "selectors": ["x509pop:a:b"],
    }]


def test_the_version_is_read_from_stderr_and_asked_for_once() -> None:
    run = FakeCli({"--version": Completed(0, "", "1.15.3-dev-unk\n")})
    client = SpireServer("/x", "/s", run)
    assert (client.version(), client.version()) == ("1.15.3-dev-unk", "1.15.3-dev-unk")
    assert len(run.calls) == 1


def test_an_unhealthy_server_is_an_answer() -> None:
    client, _run = server(healthcheck=fail(
        "Failed to check health: rpc error\nError: server is unhealthy: unable to determine health\n",
        "Checking server health...\n",
    ))
    health = client.healthcheck()
    assert not health.healthy
    assert health.message == (
        "Failed to check health: rpc error; Error: server is unhealthy: unable to determine health"
    )


@pytest.mark.parametrize("why", ["/x/spire-server does not exist", "/x/spire-server gave no answer within 30 seconds"])
def test_a_program_that_gives_no_answer_is_unhealthy(why: str) -> None:
    client, _run = server(healthcheck=SpireCliError(why))
    assert client.healthcheck() == Health(False, why, answered=False)


def results(stdin: str) -> Completed:
    entries = json.loads(stdin)["entries"]
    return say({"results": [{"status": {"code": 0, "message": "OK"}, "entry": {"id": e["entry_id"]}} for e in entries]})


def entries(count: int, padding: int = 0) -> list[dict[str, str]]:
    return [{"entry_id": f"e{number}", "hint": "x" * padding} for number in range(count)]


def test_every_status_is_read() -> None:
    client, _run = server(entry_create=say({"results": [
        {"status": {"code": 0, "message": "OK"}, "entry": {"id": "e0"}},
        {"status": {"code": 6, "message": "similar entry already exists"}, "entry": {"id": "other"}},
    ]}))
    first, second = client.entry_create(entries(2))
    assert (first.ok, first.id) == (True, "e0")
    assert (second.ok, second.id, second.code, second.message) == (False, "e1", 6, "similar entry already exists")
    assert second.entry == {"id": "other"}


def test_batches_stay_under_the_limit_of_a_message() -> None:
    client, run = server(entry_create=results)
    items = client.entry_create(entries(2500, padding=4000))
    assert [item.id for item in items] == [f"e{number}" for number in range(2500)]
    sizes = [len(stdin) for _argv, stdin in run.calls]
    assert len(sizes) > 3
    assert max(sizes) < 4 * 1024 * 1024
    assert sum(len(json.loads(stdin)["entries"]) for _argv, stdin in run.calls) == 2500


def test_an_item_larger_than_a_batch_goes_alone() -> None:
    assert list(server_cli.batches(["a", "b" * (server_cli.BATCH_BYTES + 1), "c"], json.dumps)) == [
        ["a"], ["b" * (server_cli.BATCH_BYTES + 1)], ["c"],
    ]


def test_a_failure_after_the_first_batch_keeps_what_is_known() -> None:
    run = FakeCli({"entry update": [results, fail("Error: server went away")]})
    items = SpireServer("/x", "/s", run).entry_update(entries(server_cli.BATCH_ITEMS + 2))
    assert [item.ok for item in items] == [True] * server_cli.BATCH_ITEMS + [False, False]
    assert (items[-1].code, items[-1].message) == (CALL_FAILED, "spire-server entry update: server went away")


def test_a_failure_of_the_first_batch_is_raised() -> None:
    client, _run = server(entry_create=fail("Error: invalid SPIFFE ID"))
    assert error_of(SpireCliError, client.entry_create, entries(1)) == "spire-server entry create: invalid SPIFFE ID"


def test_fewer_answers_than_entries_are_an_error() -> None:
    client, _run = server(entry_create=say({"results": []}))
    assert error_of(SpireCliError, client.entry_create, entries(2)) == "spire-server entry create gave 0 answers for 2 entries"


def test_deletion_sends_the_ids_in_a_file() -> None:
    client, run = server(entry_delete=say({"results": [
        {"id": "a", "status": {"code": 0}}, {"id": "b", "status": {"code": 5, "message": "entry not found"}},
    ]}))
    assert [(item.id, item.code) for item in client.entry_delete(["a", "b"])] == [("a", 0), ("b", 5)]
    argv, stdin = run.calls[0]
    assert argv[-4:] == ["-file", "-", "-output", "json"]
    assert json.loads(stdin) == {"ids": ["a", "b"]}


@pytest.mark.parametrize(
    ("command", "answer", "call", "what"),
    [
        ("agent list", {"agents": [SECRET]}, ("agent_list",), "agents"),
        ("agent list", {"agents": [{"x509svid_expires_at": SECRET}]}, ("agent_list",), "agents"),
        ("entry show", {"entries": [SECRET]}, ("entry_show",), "entries"),
        ("entry create", {"results": [SECRET]}, ("entry_create", [{"entry_id": "a"}]), "an answer for each entry"),
        ("entry delete", {"results": [{"status": SECRET}]}, ("entry_delete", ["a"]), "an answer for each entry"),
        ("localauthority jwt show", {"active": SECRET}, ("authorities", "jwt"), "authorities"),
        ("localauthority jwt prepare", {"prepared_authority": {"expires_at": SECRET}}, ("authority_do", "jwt", "prepare"), "an authority"),
        ("bundle show", {"x509_authorities": [SECRET]}, ("bundle_authorities",), "a bundle"),
    ],
)
def test_json_of_another_shape_is_told_and_not_quoted(command: str, answer: Any, call: tuple[Any, ...], what: str) -> None:
    client, _run = server(**{command.replace(" ", "_"): say(answer)})
    assert error_of(SpireCliError, getattr(client, call[0]), *call[1:]) == f"spire-server {command} printed something else than {what}"
