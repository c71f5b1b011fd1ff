# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire.authorities import Request, keep
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed, SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from tests.support.fake_cli import FakeCli, fail, say

#: the subject key IDs of an old and a new CA
OLD, NEW = "aa" * 20, "bb" * 20
REFUSED = (
    "Error: could not {}: rpc error: code = InvalidArgument desc = provided subject key id is not valid: upstream authority didn't sign "
    "the old local authority"
)


def authority(name: str, upstream: str = "") -> dict[str, Any]:
    return {"authority_id": name, "expires_at": "1795584743", "upstream_authority_subject_key_id": upstream}


def bundle(*authorities: tuple[str, bool]) -> Completed:
    def der(key: str) -> str:
        return base64.b64encode(b"\x30\x30\x06\x03\x55\x1d\x0e\x04\x16\x04\x14" + bytes.fromhex(key) + b"\x30").decode()
    return say({
        "x509_authorities": [{"asn1": der(key), "tainted": tainted} for key, tainted in authorities],
        "jwt_authorities": [{"key_id": "Kid", "tainted": False}],
    })


def server(**answers: Any) -> tuple[SpireServer, FakeCli]:
    run = FakeCli({"--version": Completed(0, "", "1.10.4\n"), **{words.replace("_", " "): answer for words, answer in answers.items()}})
    return SpireServer("/x/spire-server", "/run/s.sock", run), run


def done(run: FakeCli) -> list[str]:
    """Returns the commands that change something, with their arguments."""
    words = [argv[1:4] + [part for part in argv if len(part) == 40 or part == "Kid"] for argv, _stdin in run.calls]
    return [" ".join(one).replace(" -socketPath", "") for one in words if "show" not in one]


def refused(call: SpireServer, *wish: str) -> str:
    with pytest.raises(SpireCliError) as caught:
        keep(call, Request(*wish), False)
    return caught.value.message


def test_showing_changes_nothing() -> None:
    shown = say({"active": authority("a", OLD), "old": authority("o")})
    client, run = server(localauthority_x509_show=shown, localauthority_jwt_show=say({"old": authority("Kid")}), bundle_show=bundle((NEW, False)))
    found = keep(client, Request("x509", "shown"), False)
    assert found == {
        "changed": False, "authority_id": "", "prepared": {},
        "active": {"id": "a", "expires_at": 1795584743, "upstream_id": OLD},
        "old": {"id": "o", "expires_at": 1795584743, "upstream_id": "", "in_bundle": False},
        "trusted": [{"id": NEW, "tainted": False, "expires_at": 0}],
    }
    assert keep(client, Request("jwt", "shown"), False)["old"]["in_bundle"]
    assert done(run) == []


def test_a_step_that_was_done_is_not_done_again() -> None:
    shown = say({"active": authority("a", NEW), "prepared": authority("p", OLD)})
    client, run = server(localauthority_x509_show=shown, localauthority_jwt_show=shown, bundle_show=bundle((OLD, True)))
    for wish, name in (
        (Request("x509", "prepared"), "p"), (Request("x509", "prepared", upstream_id=NEW), "a"), (Request("x509", "prepared", upstream_id=OLD), "p"),
        (Request("x509", "activated", upstream_id=NEW), "a"), (Request("jwt", "activated", "a"), "a"), (Request("upstream", "tainted", OLD.upper()), OLD),
        (Request("upstream", "revoked", NEW), NEW), (Request("jwt", "revoked", "gone"), "gone"),
    ):
        found = keep(client, wish, False)
        assert (found["changed"], found["authority_id"]) == (False, name), wish
    assert done(run) == []


def test_each_step_is_done_where_it_is_left() -> None:
    shown = say({"active": authority("a", OLD), "old": authority("Kid")})
    answers = {
        "localauthority_x509_show": shown, "localauthority_jwt_show": shown, "bundle_show": bundle((OLD, False)),
        "localauthority_x509_prepare": say({"prepared_authority": authority("n", NEW)}), "localauthority_jwt_taint": say({"tainted_authority": {}}),
        "upstreamauthority_taint": say({}),
    }
    for check in (True, False):
        client, run = server(**answers)
        for wish in (Request("x509", "prepared", upstream_id=NEW), Request("jwt", "tainted"), Request("upstream", "tainted", OLD)):
            assert keep(client, wish, check)["changed"]
        assert done(run) == ([] if check else [
            "localauthority x509 prepare", "localauthority jwt taint Kid", f"upstreamauthority taint {OLD}",
        ])


def test_nothing_is_prepared_after_a_server_has_replaced_its_own() -> None:
    """No authority is prepared on a server that has replaced its active one by itself, because it would forget the one to be revoked."""
    shown = say({"active": authority("a", OLD), "prepared": authority("p", OLD)})
    client, run = server(localauthority_x509_show=shown)
    assert refused(client, "x509", "prepared", "", "", "before") == (
        "the server signs with a by now. It has replaced before by itself since it was asked, and would forget it with the next one, so none was "
        "prepared. Run the playbook again: it asks which one is meant"
    )
    assert keep(client, Request("x509", "prepared", active_id="a"), False)["authority_id"] == "p"
    assert done(run) == []


def test_the_prepared_one_is_activated() -> None:
    shown = say({"active": authority("a", OLD), "prepared": authority("p", NEW)})
    client, run = server(localauthority_x509_show=shown, localauthority_x509_activate=say({"activated_authority": authority("p", NEW)}))
    assert keep(client, Request("x509", "activated", upstream_id=NEW), False)["authority_id"] == "p"
    assert run.calls[1][0][-4:] == ["-authorityID", "p", "-output", "json"]


def test_files_that_the_server_did_not_accept_are_reported() -> None:
    client, _run = server(
        localauthority_x509_show=say({"active": authority("a", OLD)}), localauthority_x509_prepare=say({"prepared_authority": authority("p", OLD)}),
    )
    assert refused(client, "x509", "prepared", "", NEW) == (
        f"the server has prepared a CA below {OLD}, and its files hold the CA {NEW}: it could not read them and went on with what it had. Its "
        "log says why"
    )


def test_what_is_not_prepared_is_not_activated() -> None:
    client, _run = server(localauthority_jwt_show=say({"active": authority("a"), "old": authority("o")}))
    assert refused(client, "jwt", "activated") == "an authority can't be activated: it is not prepared on this server. Prepare one first"
    assert refused(client, "jwt", "activated", "o") == "the authority o can't be activated: it is not prepared on this server. Prepare one first"
    client, _run = server(localauthority_jwt_show=say({"active": authority("a")}))
    assert refused(client, "jwt", "tainted") == "there is no old jwt authority to taint: none has been replaced since this server knows of"


def test_a_servers_own_authority_below_an_upstream_one() -> None:
    error_text = "Error: rpc error: code = FailedPrecondition desc = local authority can't be tainted if there is an upstream authority"
    client, _run = server(
        localauthority_x509_show=say({"old": authority(OLD)}), bundle_show=bundle((OLD, False)), localauthority_x509_taint=fail(error_text),
    )
    assert refused(client, "x509", "tainted") == (
        "SPIRE refuses to taint a server's own X.509 authority where an upstream authority signs it: the bundle holds the root above alone. A new "
        "CA is prepared and activated; to replace the root, run spire.fleet.rotate_upstream"
    )


def test_a_root_whose_ca_is_not_the_last_one() -> None:
    client, run = server(bundle_show=bundle((OLD, False)), upstreamauthority_taint=fail(REFUSED.format("taint X.509 upstream authority")))
    assert refused(client, "upstream", "tainted", OLD).startswith("SPIRE taints a root only as long as the server's last CA was signed by it, and this")
    # The server drops a tainted root with its next CA.
    client, run = server(
        bundle_show=bundle((OLD, True)), upstreamauthority_revoke=fail(REFUSED.format("revoke X.509 upstream authority")),
        localauthority_x509_prepare=say({"prepared_authority": authority(NEW)}), localauthority_x509_activate=say({"activated_authority": {}}),
    )
    assert keep(client, Request("upstream", "revoked", OLD), False)["changed"]
    assert done(run) == [f"upstreamauthority revoke {OLD}", "localauthority x509 prepare", f"localauthority x509 activate {NEW}"]
    # A root that is not tainted stays, and the refusal is reported.
    client, run = server(bundle_show=bundle((OLD, False)), upstreamauthority_revoke=fail(REFUSED.format("revoke X.509 upstream authority")))
    assert "didn't sign the old local authority" in refused(client, "upstream", "revoked", OLD)


@pytest.mark.parametrize(("shown", "tainted", "taintable"), [
    ({"active": authority("a", NEW), "old": authority("o", OLD)}, False, True),
    # This server has replaced its CA by itself.
    ({"active": authority("a", NEW), "old": authority("o", NEW)}, False, False),
    ({"active": authority("a", NEW), "old": authority("o", OLD), "prepared": authority("p", NEW)}, False, False),
    ({"active": authority("a", OLD)}, False, False),
    ({"active": authority("a", NEW), "old": authority("o", NEW)}, True, True),
])
def test_whether_a_root_would_be_tainted(shown: dict[str, Any], tainted: bool, taintable: bool) -> None:
    client, run = server(bundle_show=bundle((OLD, tainted)), localauthority_x509_show=say(shown))
    found = keep(client, Request("upstream", "shown", OLD.upper()), False)
    assert (found["changed"], found["taintable"], done(run)) == (False, taintable, [])
    assert keep(client, Request("upstream", "shown", "ff"), False)["taintable"]


def test_the_message_names_the_first_release_with_the_command() -> None:
    client, _run = server(localauthority_x509_show=fail("Usage: spire-server [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n    agent"))
    assert refused(client, "x509", "shown") == "spire-server 1.10.4 has no `localauthority x509 show`; SPIRE has it since 1.11.0"


def test_a_bundle_that_is_none() -> None:
    bundle_answer = say({"x509_authorities": [{"asn1": "no base64"}]})
    client, _run = server(bundle_show=bundle_answer)
    assert refused(client, "upstream", "tainted", OLD) == "spire-server bundle show printed a certificate that is no base64"
