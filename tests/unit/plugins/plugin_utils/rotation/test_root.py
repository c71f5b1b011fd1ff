# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a root's rotation on the controller: what each one signs and trusts, and what happens after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request, issued_by
from tests.support.authorities import DAY, NOW, PASSPHRASE
from tests.unit.builders.fleets import DOMAIN, fleet, rendered
from tests.support.errors import error_of
from tests.unit.builders.rotations import RUN, a_fleet, advanced, begun, of_server, root, scope, site, upstream


def test_what_each_step_signs_and_trusts(tmp_path: Path) -> None:
    site(tmp_path)
    old, before = root(tmp_path), of_server(tmp_path)
    assert before[1] == [old]
    state = begun(tmp_path)
    assert state and (state.name, state.step) == ("one", "trust")
    new = state.new_roots[0]
    # the old root signs an intermediate with its own key ID, and both roots are trusted
    for host in ("s1", "s2"):
        stepping, bundle = of_server(tmp_path, host)
        assert issued_by(stepping, old) and bundle == [old, new]
        assert rotation_state.key_id(stepping) == rotation_state.key_id(old) == upstream(tmp_path, host).key_id == state.old_key_id
        assert upstream(tmp_path, host).differences(NOW) == []
    assert stepping.public_key() != before[0].public_key()
    for step, following in (("trust", "use"), ("use", "remove")):
        moved = advanced(tmp_path, step)
        assert moved and moved.step == following
        intermediate, bundle = of_server(tmp_path)
        assert issued_by(intermediate, new) and bundle == [new]
        # the key ID is its own again, and the key has not changed
        assert rotation_state.key_id(intermediate) == rotation_state.key_id(before[0]) and intermediate.public_key() == before[0].public_key()
    assert root(tmp_path) == old
    assert advanced(tmp_path, "remove") is None
    assert root(tmp_path) == new and of_server(tmp_path) == (intermediate, [new])
    assert upstream(tmp_path).rotation is None and upstream(tmp_path).differences(NOW) == []
    assert x509.load_pem_x509_certificate((tmp_path / "pki" / DOMAIN / "root.pem.one.old").read_bytes()) == old
    assert rotation_state.has_ended(str(tmp_path / "pki" / DOMAIN), "one")


def test_it_begins_once_and_only_by_name(tmp_path: Path) -> None:
    site(tmp_path)
    assert begun(tmp_path, "") is None
    first = begun(tmp_path)
    assert begun(tmp_path) == first == begun(tmp_path, "")
    assert error_of(X509Error, begun, tmp_path, "two") == "The rotation one is in progress, so two can't begin. Finish that one first."
    for step in ("trust", "use", "remove"):
        advanced(tmp_path, step)
    new = root(tmp_path)
    assert begun(tmp_path) is None and root(tmp_path) == new
    second = begun(tmp_path, "two")
    assert second and second.old_roots == [new]


def test_check_mode_begins_nothing(tmp_path: Path) -> None:
    site(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*"))
    state, why = rotation_root.begin(scope(tmp_path), "one", Run(NOW, check=True))
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert state is None or state.step == "trust"
    assert any(one.startswith("new root") for one in why)


def test_no_step_without_all_hosts(tmp_path: Path) -> None:
    site(tmp_path)
    begun(tmp_path)
    checked: dict[str, Any] = {"s1": {"ready": True, "step": "trust"}, "s2": {"ready": True, "step": "use"}, "a1": {"ready": False, "step": "trust"}}
    assert error_of(X509Error, rotation_root.advance, scope(tmp_path), "trust", checked, RUN) == (
        "These hosts are not ready for the step after trust: s2, a1. The rotation needs them: bring them back, or remove them from the "
        "inventory, and run the playbook again."
    )
    assert error_of(X509Error, advanced, tmp_path, "use") == "The rotation is at the step trust and not at the step use: run the playbook again."


def test_preflight_reports_the_rotation(tmp_path: Path) -> None:
    site(tmp_path)
    begun(tmp_path)
    messages = rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path)), NOW))
    assert messages == (
        "warning: spire_pki_dir: The rotation one of the root is in progress: it reached the step trust at 2030-01-02 00:00:00 UTC. "
        "This run configures the hosts for that step. Run spire.fleet.rotate_upstream to continue the rotation."
    )


def test_a_server_signs_under_the_old_root_again_and_the_others_stay(tmp_path: Path) -> None:
    site(tmp_path)
    state = begun(tmp_path)
    assert state
    old, new = state.old_roots[0], state.new_roots[0]
    assert error_of(X509Error, rotation_root.sign_under_old_root, scope(tmp_path), ["s1"], RUN) == "The rotation is not at the step use."
    advanced(tmp_path, "trust")
    before = of_server(tmp_path), of_server(tmp_path, "s2")
    assert before[0][1] == [new]
    rotation_root.sign_under_old_root(scope(tmp_path), ["s1"], Run(NOW, check=True))
    assert of_server(tmp_path) == before[0]
    fallen, done = rotation_root.sign_under_old_root(scope(tmp_path), ["s1"], RUN)
    assert (fallen.step, fallen.servers_on_old_root, done) == ("use", ("s1",), ["signs under the old root once more: s1"])
    intermediate, bundle = of_server(tmp_path)
    assert bundle == [old, new] and issued_by(intermediate, old) and rotation_state.key_id(intermediate) == state.old_key_id
    assert of_server(tmp_path, "s2") == before[1]
    assert rotation_root.sign_under_old_root(scope(tmp_path), ["s1"], RUN)[1] == []
    # The next run clears the list of servers that an interrupted run left.
    again = begun(tmp_path, "")
    assert again and (again.step, again.servers_on_old_root) == ("use", ()) and of_server(tmp_path)[1] == [new]


def test_no_server_signs_under_the_old_root_without_its_key(tmp_path: Path) -> None:
    """If the old root's key was removed after the step trust, the request is refused and the state stays the same."""
    site(tmp_path)
    state = begun(tmp_path)
    assert state
    advanced(tmp_path, "trust")
    before, key = of_server(tmp_path), Path(state.old.key)
    key.rename(tmp_path / "safe")
    assert error_of(X509Error, rotation_root.sign_under_old_root, scope(tmp_path), ["s1"], RUN) == (
        f"{key} is not there, and {state.old_roots[0].subject.rfc4514_string()} has to sign. Bring the key back for this run."
    )
    assert of_server(tmp_path) == before
    assert rotation_root.sign_under_old_root(scope(tmp_path), [], RUN)[1] == []


@pytest.mark.parametrize("write", range(1, 10))
def test_a_crash_while_the_files_get_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """After a crash at any point a run of site finds a root that signs, and the playbook can end the rotation."""
    site(tmp_path)
    state = begun(tmp_path)
    assert state
    old, new = state.old_roots[0], state.new_roots[0]
    for step in ("trust", "use"):
        advanced(tmp_path, step)
    of_server(tmp_path)
    left = write

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                raise KeyboardInterrupt
            return real(*args, **more)
        return call

    with monkeypatch.context() as patch:
        patch.setattr(rotation_state.x509_store, "write", dying(rotation_state.x509_store.write))
        patch.setattr(os, "unlink", dying(os.unlink))
        with pytest.raises(KeyboardInterrupt):
            advanced(tmp_path, "remove")
    assert left == 0
    intermediate, bundle = of_server(tmp_path)
    assert bundle == [new] and issued_by(intermediate, new)
    assert upstream(tmp_path).differences(NOW) == []
    if begun(tmp_path, ""):
        # The crash was before the state was written. The files of the root may have been moved by then.
        assert write <= 7 and advanced(tmp_path, "remove") is None
    assert root(tmp_path) == new and of_server(tmp_path) == (intermediate, [new])
    key = x509_keys.load((tmp_path / "pki" / DOMAIN / "root.key").read_bytes(), PASSPHRASE, "root.key")
    assert key.public_key() == new.public_key()
    directory = tmp_path / "pki" / DOMAIN
    assert x509.load_pem_x509_certificate((directory / "root.pem.one.old").read_bytes()) == old
    assert x509_keys.load((directory / "root.key.one.old").read_bytes(), PASSPHRASE, "x").public_key() == old.public_key()
    assert not (directory / rotation_state.FILE).exists() and not list(directory.glob("next-root*"))
    assert rotation_state.has_ended(str(directory), "one")


def given(tmp_path: Path, name: str, bundle: str = "") -> dict[str, str]:
    """Returns the variables for the user's own root."""
    found = {what: str(tmp_path / f"{name}.{what}") for what in ("certificate", "key", "bundle")}
    if not Path(found["key"]).exists():
        key = x509_keys.generate("ec-p384")
        certificate = x509_issue.issue(Request(f"CN={name}", 3650 * DAY, path_length=2), key.public_key(), key, None, NOW)
        Path(found["key"]).write_bytes(x509_keys.dump(key, PASSPHRASE))
        for what in ("certificate", "bundle"):
            Path(found[what]).write_text(x509_keys.dump_certificates([certificate]))
    return {**found, **({"bundle": bundle} if bundle else {})}


def test_from_a_supplied_ca_to_another_one(tmp_path: Path) -> None:
    old, new = given(tmp_path, "old"), given(tmp_path, "new")
    variables = {"spire_pki_issuer": old, "spire_pki_next_issuer": new}
    site(tmp_path, **variables)
    state = begun(tmp_path, **variables)
    assert state and [one.subject.rfc4514_string() for one in (*state.old_roots, *state.new_roots)] == ["CN=old", "CN=new"]
    assert len(of_server(tmp_path, **variables)[1]) == 2
    for step in ("trust", "use", "remove"):
        reached = advanced(tmp_path, step, **variables)
        intermediate, bundle = of_server(tmp_path, **variables)
        assert reached and issued_by(intermediate, state.new_roots[0]) and bundle == state.new_roots
    # The rotation has ended, but the variables still name the old CA. The new one signs, and preflight's message shows what to set.
    assert reached.step == "done" and begun(tmp_path, "", **variables) == reached
    messages = rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path, **variables)), NOW))
    assert messages == (
        "warning: spire_pki_issuer: The rotation one is complete, but the variable still names the previous CA. To finish, set "
        f"spire_pki_issuer to certificate {new['certificate']}, key {new['key']}, bundle {new['bundle']}, and remove "
        "spire_pki_next_issuer."
    )
    assert error_of(X509Error, begun, tmp_path, "two", **variables) == (
        "The rotation one has ended, and spire_pki_issuer still names the old CA, so two can't begin. Finish that one first."
    )
    variables = {"spire_pki_issuer": new}
    assert begun(tmp_path, "", **variables) is None
    assert upstream(tmp_path, **variables).rotation is None and of_server(tmp_path, **variables) == (intermediate, bundle)


def test_from_a_root_of_ours_to_a_supplied_one_and_back(tmp_path: Path) -> None:
    site(tmp_path)
    ours, theirs = root(tmp_path), given(tmp_path, "acme")
    begun(tmp_path, spire_pki_next_issuer=theirs)
    for step in ("trust", "use", "remove"):
        reached = advanced(tmp_path, step, spire_pki_next_issuer=theirs)
    assert reached and reached.step == "done"
    assert begun(tmp_path, "", spire_pki_issuer=theirs) is None
    assert root(tmp_path) == ours
    begun(tmp_path, "back", spire_pki_issuer=theirs)
    for step in ("trust", "use", "remove"):
        reached = advanced(tmp_path, step, spire_pki_issuer=theirs)
    assert reached and reached.step == "done" and root(tmp_path) == reached.new_roots[0] != ours
    messages = rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path, spire_pki_issuer=theirs)), NOW))
    assert messages == (
        "warning: spire_pki_issuer: The rotation back is complete, but the variable still names the previous CA. To finish, remove "
        "spire_pki_issuer, because the collection's own root signs now."
    )
    # the ended rotation is recorded when the next one begins
    assert of_server(tmp_path)[1] == [root(tmp_path)] and rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path)), NOW)) == ""
    assert begun(tmp_path, "") is None and rotation_state.has_ended(str(tmp_path / "pki" / DOMAIN), "back")


def test_another_ca_is_named_after_the_end(tmp_path: Path) -> None:
    old, new, third = (given(tmp_path, name) for name in ("old", "new", "third"))
    site(tmp_path, spire_pki_issuer=old)
    begun(tmp_path, spire_pki_issuer=old, spire_pki_next_issuer=new)
    for step in ("trust", "use", "remove"):
        advanced(tmp_path, step, spire_pki_issuer=old, spire_pki_next_issuer=new)
    made = upstream(tmp_path, spire_pki_issuer=third)
    assert made.rotation is None and made.issuer and made.issuer.certificate.subject.rfc4514_string() == "CN=third"
    Path(third["certificate"]).write_text("rubbish")
    assert "holds no certificate in PEM" in rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path, spire_pki_issuer=third)), NOW))
    assert begun(tmp_path, "", spire_pki_issuer=new) is None


def test_rotations_that_can_not_begin(tmp_path: Path) -> None:
    assert error_of(X509Error, begun, tmp_path, "a/b") == (
        "The rotation can't be called a/b: use letters, digits, dots, dashes and underscores, as in 2027-01."
    )
    assert error_of(X509Error, begun, tmp_path) == (
        f"There is no root in {tmp_path}/pki/{DOMAIN} yet, so there is none to rotate: run spire.fleet.site, which makes it."
    )
    site(tmp_path)
    assert error_of(X509Error, begun, tmp_path, spire_version="1.10.4") == (
        "SPIRE can rotate its CAs on demand and revoke roots since 1.11.0, which is newer than that of s1, s2. Upgrade the servers first."
    )
    assert error_of(X509Error, scope, tmp_path, spire_pki="none") == "No server has its CA signed by spire_pki, so there is no root to rotate here."
    both = fleet(
        {"spire_pki": "host", "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE}, servers=("s1", "s2"),
        s2={"spire_trust_domain": "other.test"},
    )
    assert error_of(X509Error, rotation_root.scope, both, "") == (
        f"The inventory has roots of other.test, {DOMAIN}; name one: -e spire_rotate_trust_domain=other.test."
    )
    assert rotation_root.scope(both, "other.test").hosts == ["s2"]
    key = tmp_path / "pki" / DOMAIN / "root.key"
    key.rename(tmp_path / "away")
    assert error_of(X509Error, begun, tmp_path) == f"{key} is not there, and CN=SPIRE root CA,O={DOMAIN} has to sign. Bring the key back for this run."
    (tmp_path / "away").rename(key)
    same = given(tmp_path, "same", bundle=str(tmp_path / "pki" / DOMAIN / "root.pem"))
    Path(same["certificate"]).write_bytes((tmp_path / "pki" / DOMAIN / "root.pem").read_bytes())
    Path(same["key"]).write_bytes(key.read_bytes())
    assert error_of(X509Error, begun, tmp_path, spire_pki_next_issuer=same) == (
        f"Every root in {same['bundle']} is already trusted, so no rotation is needed: set spire_pki_issuer to the new CA and run "
        "spire.fleet.site."
    )
    more = given(tmp_path, "more")
    with Path(more["bundle"]).open("ab") as bundle:
        bundle.write((tmp_path / "pki" / DOMAIN / "root.pem").read_bytes())
    assert error_of(X509Error, begun, tmp_path, spire_pki_next_issuer=more) == (
        f"{more['bundle']} also has all roots that are trusted now, so none would be removed. Leave the old root out of it: both are "
        "trusted during the rotation."
    )
    anew = given(tmp_path, "anew")
    own = x509_keys.load(key.read_bytes(), PASSPHRASE, "root.key")
    again = x509_issue.issue(Request("CN=anew", 3650 * DAY, path_length=2), own.public_key(), own, None, NOW)
    Path(anew["key"]).write_bytes(key.read_bytes())
    for what in ("certificate", "bundle"):
        Path(anew[what]).write_text(x509_keys.dump_certificates([again]))
    assert error_of(X509Error, begun, tmp_path, spire_pki_next_issuer=anew) == (
        f"CN=SPIRE root CA,O={DOMAIN} was issued again for the same key in {anew['bundle']}. SPIRE identifies roots by their keys and "
        "would revoke both. No rotation is needed: set spire_pki_issuer to the new CA and run spire.fleet.site."
    )
    (tmp_path / "pki" / DOMAIN / rotation_state.FILE).write_text("{}")
    assert error_of(X509Error, begun, tmp_path) == (
        f"{tmp_path}/pki/{DOMAIN}/rotation.json can't be read as the state of a rotation. Restore it from a backup: the fleet is in the "
        "middle of a rotation."
    )


def test_a_root_that_is_about_to_end_still_signs_its_last_intermediates(tmp_path: Path) -> None:
    """A root that is about to expire still signs intermediates during a rotation, since they are used for a few days only."""
    site(tmp_path)
    late = Run(NOW + 3640 * DAY)
    state, _why = rotation_root.begin(scope(tmp_path), "late", late)
    assert state
    outcome = upstream(tmp_path).ensure("", late)
    assert outcome.certificates[0].not_valid_after_utc <= root(tmp_path).not_valid_after_utc


def test_intermediates_are_renewed_during_a_rotation(tmp_path: Path) -> None:
    site(tmp_path)
    begun(tmp_path)
    intermediate = of_server(tmp_path)[0]
    late = intermediate.not_valid_after_utc - 10 * DAY
    (why,) = upstream(tmp_path).differences(late)
    assert why.startswith("it expires at") and why.endswith("before that")
    assert upstream(tmp_path).ensure("", Run(late)).certificates[0].not_valid_after_utc > intermediate.not_valid_after_utc


def test_variables_that_ask_for_another_root(tmp_path: Path) -> None:
    """Variables that differ from the existing root don't change it. They apply to the next root, which a rotation makes."""
    site(tmp_path)
    messages = (
        f"{tmp_path}/pki/{DOMAIN}/root.pem differs from the variables (its subject is CN=SPIRE root CA,O={DOMAIN}, and should be "
        "CN=Other). The fleet trusts this root, so a normal run does not replace it. Set the variables to what the root has, or run "
        "spire.fleet.rotate_upstream for a new root."
    )

    def preflight(**more: Any) -> str:
        variables = {"spire_pki_root_subject": "CN=Other", **more}
        return rendered(upstream_ca.check(plan("server", "s1", a_fleet(tmp_path, **variables)), NOW))

    assert preflight() == f"error: spire_pki_dir: {messages}"
    assert preflight(spire_rotate="one") == ""
    begun(tmp_path, spire_pki_root_subject="CN=Other", spire_rotate="one")
    assert preflight().startswith("warning: spire_pki_dir: The rotation one of the root is in progress")
    for step in ("trust", "use", "remove"):
        advanced(tmp_path, step, spire_pki_root_subject="CN=Other")
    assert preflight() == preflight(spire_rotate="one") == "" and root(tmp_path).subject.rfc4514_string() == "CN=Other"
    assert preflight(spire_pki_root_subject="CN=Third", spire_rotate="one").startswith("error: spire_pki_dir:")
