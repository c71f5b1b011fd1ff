# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA above a server's own: in its tree, in its look, in preflight, and on the controller."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.spire.fleet.plugins.module_utils import look
from ansible_collections.spire.fleet.plugins.plugin_utils import pki_rules, problems, public, x509_keys, x509_make
from ansible_collections.spire.fleet.plugins.plugin_utils.compare import Comparison, compare
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.spec import planned_digests, spec_of
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_authority import Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_keys import X509Error
from tests.support.authorities import DAY, NOW, PASSPHRASE, Made, make, written
from tests.unit.core.fleets import fleet, mistakes, planned
from tests.unit.core.looks import converged

KEY, PEM, BUNDLE = (f"/etc/spire/server/main.upstream{end}" for end in (".key", ".pem", "-bundle.pem"))
DISK = {"cert_file_path": PEM, "key_file_path": KEY, "bundle_file_path": BUNDLE}
CSR_OF = x509_keys.generate("ec-p384")


def variables(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"spire_pki": "controller", "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE, **more}


def server(tmp_path: Path, **more: Any) -> Plan:
    return planned("server", **variables(tmp_path, **more))


def csr() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(CSR_OF, hashes.SHA384()).public_bytes(serialization.Encoding.PEM).decode()


def made(tmp_path: Path, now: datetime.datetime = NOW, **more: Any) -> Outcome:
    upstream = server(tmp_path, **more).upstream
    assert upstream is not None
    return upstream.ensure(csr() if upstream.born else "", Run(now))


def preflight(tmp_path: Path, now: datetime.datetime = NOW, **more: Any) -> str:
    return problems.render(pki_rules.check(server(tmp_path, **more), now))


def test_it_is_off_unless_asked_for() -> None:
    plan = planned("server")
    assert plan.upstream is None and "UpstreamAuthority" not in plan.tree["plugins"]
    assert public.of_plan(plan)["material"] == {}
    # what was there when it was on goes, as a file of anybody's would in whose place it is
    assert [path for path in spec_of(plan)["unused"] if "upstream" in path] == [KEY, PEM, BUNDLE]
    assert planned("agent", spire_pki="host").upstream is None


@pytest.mark.parametrize("way", ["controller", "host"])
def test_it_stands_in_the_tree(tmp_path: Path, way: str) -> None:
    plan = server(tmp_path, spire_pki=way)
    assert plan.tree["plugins"]["UpstreamAuthority"] == {"disk": {"plugin_data": DISK}}
    assert plan.merged.origin("plugins.UpstreamAuthority.disk") == "spire_pki"
    assert [path for path in spec_of(plan)["unused"] if "upstream" in path] == []
    assert problems.render(plan.problems) == ""
    told = public.of_plan(plan)["material"]
    files = {file["name"]: file for file in (told["key"], *told["certificates"])}
    assert (told["born"], told["key_type"]) == (way == "host", "ec-p384")
    assert {name: (file["path"], file["mode"], file["owner"], file["group"]) for name, file in files.items()} == {
        "upstream_key": (KEY, "0600", "spire-server", "spire-server"), "upstream_certificate": (PEM, "0644", "root", "root"),
        "upstream_bundle": (BUNDLE, "0644", "root", "root"),
    }
    assert {KEY, PEM, BUNDLE} <= set(public.of_plan(plan)["removable"])
    assert not any("upstream" in path for path in public.of_plan(planned("agent"))["removable"])


def test_old_releases_have_it_under_its_old_name(tmp_path: Path) -> None:
    plan = server(tmp_path, spire_version="0.9.4")
    assert plan.tree["plugins"]["UpstreamCA"] == {"disk": {"plugin_data": DISK}}
    # or its bundle would not be our root
    assert plan.main["upstream_bundle"] is True
    assert "upstream_bundle" not in server(tmp_path, spire_version="0.10.0").main
    assert "UpstreamAuthority" not in plan.tree["plugins"] and problems.render(plan.problems) == ""


def test_another_upstream_authority_wins(tmp_path: Path) -> None:
    own = {"plugins": {"UpstreamAuthority": {"aws_pca": {"plugin_data": {"region": "eu-west-1", "certificate_authority_arn": "a"}}}}}
    plan = server(tmp_path, spire_server_config=own)
    assert list(plan.tree["plugins"]["UpstreamAuthority"]) == ["aws_pca"]
    assert plan.upstream is None and list(pki_rules.check(plan)) == []
    files = {name: f"/srv/{name}" for name in DISK}
    plan = server(tmp_path, spire_server_config={"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": files}}}})
    assert plan.upstream is None and list(pki_rules.check(plan)) == []


def test_half_of_the_files_is_a_mistake(tmp_path: Path) -> None:
    own = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {"bundle_file_path": "/srv/b.pem"}}}}}
    assert preflight(tmp_path, spire_server_config=own) == (
        "error: plugins.UpstreamAuthority.disk.plugin_data.bundle_file_path (set by spire_server_config): spire_pki brings the key, the "
        "certificate and the bundle, and this is another file than it brings. Take it out of the tree, or set spire_pki to none and give "
        "all three."
    )


# variables, and what preflight says
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "passphrase": ({"spire_pki_passphrase": None}, (
        "error: spire_pki_passphrase: It is required where spire_pki is controller: keys on the controller are encrypted with it. Set it, from "
        "Ansible Vault for example."
    )),
    "path length": ({"spire_pki_path_length": 0}, (
        "error: spire_pki_path_length: It must be 1 or more: SPIRE's own CA stands below a server's intermediate."
    )),
    "duration": ({"spire_pki_ca_lifetime": "1y"}, (
        'error: spire_pki_ca_lifetime: It must be a duration such as "8760h": numbers with the units h, m and s.'
    )),
    "subject": ({"spire_pki_ca_subject": "{host}"}, (
        'error: spire_pki_ca_subject: The subject "s1" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".'
    )),
    "window": ({"spire_pki_renew_before": "8760h"}, (
        "error: spire_pki_renew_before: It would be renewed 365 days before its end and lives 365 days, so that every run would renew it. Let it "
        "live longer, or renew it later."
    )),
    "window and ca_ttl": ({"spire_server_config": {"server": {"ca_ttl": "2000h"}}}, (
        "error: spire_pki_renew_before: An intermediate is renewed 60 days before its end, and server.ca_ttl is 2000h: the server's CA, which "
        "ends with the intermediate, would live shorter than that. Renew it earlier, by as much as lies between two runs of the playbook."
    )),
    "trust domain": ({"spire_trust_domain": ".."}, (
        "error: spire_pki: The trust domain .. can't be the name of a file in spire_pki_dir; use letters, digits, dots, dashes and underscores."
    )),
    "issuer's fields": ({"spire_pki_issuer": {"certificate": "a", "key": "b", "root": "c"}}, (
        "error: spire_pki_issuer.bundle: It is required where spire_pki_issuer is set; name a file on the controller.\n"
        "error: spire_pki_issuer.root: It has no field of this name; its fields are certificate, key, bundle."
    )),
    "issuer's files": ({"spire_pki_issuer": {"certificate": "/no/a", "key": "/no/b", "bundle": "/no/c"}}, (
        "error: spire_pki_issuer: /no/a can't be read: there is no such file."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_variables(tmp_path: Path, name: str) -> None:
    given, said = MISTAKES[name]
    assert preflight(tmp_path, **given) == said


def test_preflight_asks_for_it(tmp_path: Path) -> None:
    common = variables(tmp_path, spire_pki_passphrase=None)
    assert "error: spire_pki_passphrase: It is required where spire_pki is controller" in mistakes(fleet(common))
    assert mistakes(fleet(variables(tmp_path))) == ""


def test_preflight_opens_what_is_there(tmp_path: Path) -> None:
    made(tmp_path)
    assert preflight(tmp_path) == ""
    root = f"{tmp_path}/prod.acme.com/root"
    assert preflight(tmp_path, spire_pki_passphrase="wrong") == (
        f"error: spire_pki_dir: The passphrase does not open the key in {root}.key, or the file is damaged."
    )
    assert preflight(tmp_path, NOW + 3600 * DAY) == (
        f"warning: spire_pki_dir: The root in {root}.pem is about to expire: it ends at 2039-12-31 00:00:00 UTC, before an intermediate that "
        "is made now would. Replace it in time, with spire.fleet.rotate_upstream."
    )
    hours = datetime.timedelta(hours=5)
    assert preflight(tmp_path, NOW + 3650 * DAY - hours).splitlines()[0] == (
        f"warning: spire_pki_dir: CN=SPIRE root CA,O=prod.acme.com in {root}.pem ends at 2039-12-31 00:00:00 UTC, in 5 hours, and server.ca_ttl "
        "is 24h: what SPIRE signs from now on ends with it, and then nothing is left to sign with. Replace it now, with spire.fleet.rotate_upstream."
    )
    short = {"spire_server_config": {"server": {"ca_ttl": "4h"}}}
    assert len(preflight(tmp_path, NOW + 3650 * DAY - hours, **short).splitlines()) == 1
    assert preflight(tmp_path, NOW + 3650 * DAY) == f"error: spire_pki_dir: The root in {root}.pem expired at 2039-12-31 00:00:00 UTC."
    Path(f"{root}.pem").write_text("nothing")
    assert preflight(tmp_path) == f"error: spire_pki_dir: {root}.pem holds no certificate in PEM."


def test_preflight_checks_a_given_ca_in_full(tmp_path: Path) -> None:
    root = make("Root")
    good = make("Acme", root, path_length=2, ends=NOW + 400 * DAY)

    def given(ca: Made, key: Made, roots: str = root.pem, passphrase: str = PASSPHRASE) -> dict[str, Any]:
        return {"spire_pki_issuer": written(tmp_path, certificate=ca.pem, key=key.key_pem(passphrase), bundle=roots)}

    assert preflight(tmp_path, **given(good, good)) == ""
    assert preflight(tmp_path, NOW + 50 * DAY, **given(good, good)) == (
        f"warning: spire_pki_issuer: CN=Acme in {tmp_path}/certificate is about to expire: it ends at 2031-02-06 00:00:00 UTC, in 350 days, and "
        "must live longer than 365 days."
    )
    bad = make("Acme", root, path_length=1)
    assert preflight(tmp_path, **given(bad, root)).splitlines() == [
        f"error: spire_pki_issuer: CN=Acme in {tmp_path}/certificate has the path length 1, and 2 CAs come below it; it must be 2 or more.",
        f"error: spire_pki_issuer: The key in {tmp_path}/key and the first certificate in {tmp_path}/certificate (CN=Acme) don't belong together: "
        "their public keys differ.",
    ]
    assert preflight(tmp_path, **given(good, good, passphrase="other")) == (
        f"error: spire_pki_issuer: The passphrase does not open the key in {tmp_path}/key, or the file is damaged."
    )
    assert preflight(tmp_path, **given(good, good, roots="")) == f"error: spire_pki_issuer: {tmp_path}/bundle holds no certificate in PEM."
    with pytest.raises(X509Error, match="has the path length 1"):
        made(tmp_path, **given(bad, bad))
    chain = made(tmp_path, **given(good, good)).certificates
    assert [one.subject.rfc4514_string() for one in chain] == ["CN=SPIRE upstream CA,OU=s1,O=prod.acme.com", "CN=Acme"]


@pytest.mark.parametrize("way", ["controller", "host"])
def test_what_is_made_on_the_controller(tmp_path: Path, way: str) -> None:
    first = made(tmp_path, spire_pki=way)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    own = {"servers/s1/upstream.pem", *(["servers/s1/upstream.key"] if way == "controller" else [])}
    assert files == {f"prod.acme.com/{name}" for name in (".lock", "root.key", "root.pem", *own)}
    assert first.changed and first.after["is"] == "a CA of path length 1"
    again = made(tmp_path, spire_pki=way)
    assert (again.changed, again.differences) == (False, [])


def test_keys_that_lie_open_are_seen_by_the_look_and_mended(tmp_path: Path) -> None:
    made(tmp_path)
    base = f"{tmp_path}/prod.acme.com"
    upstream = server(tmp_path).upstream
    assert upstream is not None and upstream.differences(NOW) == []
    own = Path(f"{base}/servers/s1/upstream.key")
    own.write_text(upstream.key_text())
    Path(f"{base}/root.key").chmod(0o644)
    why = [f"root: {base}/root.key has the mode 0644, and should have 0600", f"{own} is not encrypted"]
    assert upstream.differences(NOW) == why
    before = own.read_text()
    assert made(tmp_path).differences == why and upstream.differences(NOW) == []
    assert upstream.key_text() == before


@pytest.mark.parametrize("way", ["controller", "host"])
def test_check_mode_makes_nothing(tmp_path: Path, way: str) -> None:
    upstream = server(tmp_path, spire_pki=way).upstream
    assert upstream is not None
    checked = upstream.ensure(csr(), Run(NOW, check=True))
    base = f"{tmp_path}/prod.acme.com"
    assert list(tmp_path.iterdir()) == []
    assert checked.differences == [
        f"root: there is no key in {base}/root.key", "root: there is no certificate",
        *([f"there is no key in {base}/servers/s1/upstream.key"] if way == "controller" else []), "there is no certificate",
    ]
    assert checked.after["issuer"] == "CN=SPIRE root CA,O=prod.acme.com" and checked.changed
    run = made(tmp_path, spire_pki=way)
    assert run.differences == checked.differences
    for name in ("root.pem", "root.key"):
        (tmp_path / "prod.acme.com" / name).unlink()
    lost = upstream.ensure(csr(), Run(NOW, check=True))
    assert lost.differences[-1] == "it was issued by another root" and lost.before == run.after


def test_root_and_intermediate_leave_room_for_what_comes_below(tmp_path: Path) -> None:
    own = made(tmp_path, spire_pki_path_length=2, spire_pki_name_constraints=True, spire_pki_key_type="rsa-2048").after
    assert (own["is"], own["permits"], own["key"]) == ("a CA of path length 2", "prod.acme.com", "rsa-2048")
    root = x509_make.facts(x509_keys.load_certificates((tmp_path / "prod.acme.com" / "root.pem").read_bytes(), "")[0])
    assert (root["is"], root["permits"], root["key"]) == ("a CA of path length 3", "prod.acme.com", "rsa-2048")


def test_nothing_is_made_without_a_passphrase(tmp_path: Path) -> None:
    with pytest.raises(X509Error) as caught:
        made(tmp_path, spire_pki_passphrase="")
    assert str(caught.value) == "spire_pki_passphrase is not set: the keys that are kept on the controller are encrypted with it."
    assert list(tmp_path.iterdir()) == []


def test_files_in_our_places_stay_where_the_tree_names_them() -> None:
    own = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {**DISK, "bundle_file_path": "/srv/b.pem"}}}}}
    assert [path for path in spec_of(planned("server", spire_server_config=own))["unused"] if "upstream" in path] == []


def test_another_type_of_key_is_seen(tmp_path: Path) -> None:
    made(tmp_path)
    assert look_at(server(tmp_path, spire_pki_key_type="ec-p256")).differences == [
        "the upstream CA: its key is ec-p384, and should be ec-p256",
    ]


def test_many_at_once_make_one_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts of a play are done by processes of their own."""
    generate = x509_keys.generate

    def slowly(key_type: str) -> Any:
        time.sleep(0.02)
        return generate(key_type)

    monkeypatch.setattr(x509_keys, "generate", slowly)

    def one(number: int) -> str:
        upstream = planned("server", **variables(tmp_path)).upstream
        assert upstream is not None
        made_for = dataclasses.replace(upstream, host=f"s{number}")
        made_for.ensure("", Run(NOW))
        return Path(upstream.issuer_place.certificate).read_text()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(24)))) == 1
    assert sorted(path.name for path in (tmp_path / "prod.acme.com" / "servers").iterdir()) == sorted(f"s{n}" for n in range(24))


def test_a_root_is_not_replaced_in_passing(tmp_path: Path) -> None:
    made(tmp_path)
    root = tmp_path / "prod.acme.com" / "root.pem"
    before = root.read_bytes()
    with pytest.raises(X509Error) as caught:
        made(tmp_path, spire_pki_root_subject="CN=Other")
    assert str(caught.value) == (
        f"{root} is not as it should be (its subject is CN=SPIRE root CA,O=prod.acme.com, and should be CN=Other). The fleet trusts this root, so it is "
        "not replaced in passing. Put the variables back to what it is, or run spire.fleet.rotate_upstream for a new root."
    )
    assert root.read_bytes() == before


def look_at(plan: Plan, drift: Callable[[dict[str, Any]], None] | None = None, now: datetime.datetime = NOW) -> Comparison:
    seen = converged(plan)
    if drift:
        drift(seen)
    return compare(plan, seen, None, now)


@pytest.mark.parametrize("way", ["controller", "host"])
def test_a_converged_server_differs_in_nothing(tmp_path: Path, way: str) -> None:
    made(tmp_path, spire_pki=way)
    plan = server(tmp_path, spire_pki=way)
    assert look_at(plan) == Comparison()
    # it needs no passphrase, reads no key, and restarts nothing when the files change
    (tmp_path / "prod.acme.com" / "root.key").unlink()
    assert look_at(server(tmp_path, spire_pki=way, spire_pki_passphrase="")) == Comparison()
    assert set(planned_digests(plan)) == {"/etc/spire/server/main.conf", "/etc/systemd/system/spire-server@main.service"}
    assert [file.name for file in plan.files] == ["configuration", "service", "upstream_certificate", "upstream_bundle"]


OTHER_PEM = base64.b64encode(make("x").pem.encode()).decode()
DRIFTS: dict[str, tuple[Callable[[dict[str, Any]], None], list[str]]] = {
    "key gone": (lambda seen: seen["keys"].update(upstream_key={"exists": False, "belongs": False}), [f"key {KEY}"]),
    "key of another": (lambda seen: seen["keys"]["upstream_key"].update(belongs=False), [f"key {KEY}"]),
    "key readable": (lambda seen: seen["keys"]["upstream_key"].update(mode="0640"), [f"key {KEY}"]),
    "key of root's": (lambda seen: seen["keys"]["upstream_key"].update(owner="root"), [f"key {KEY}"]),
    "other chain": (lambda seen: seen["files"]["upstream_certificate"].update(content=OTHER_PEM), [f"file {PEM}"]),
    "no bundle": (lambda seen: seen["files"].update(upstream_bundle={"exists": False}), [f"file {BUNDLE}"]),
    "chain writable": (lambda seen: seen["files"].update(upstream_certificate={
        **seen["files"]["upstream_certificate"], "mode": "0666"}), [f"file {PEM}"]),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_seen_and_restarts_nothing(tmp_path: Path, name: str) -> None:
    made(tmp_path)
    drift, words = DRIFTS[name]
    found = look_at(server(tmp_path), drift)
    assert (found.differences, found.upstream, found.restart, found.start, found.files) == (words, True, False, False, [])
    assert "PRIVATE" not in repr(found)


def test_a_certificate_inside_its_window(tmp_path: Path) -> None:
    made(tmp_path)
    found = look_at(server(tmp_path), now=NOW + 305 * DAY)
    reason = "it expires at 2031-01-02 00:00:00 UTC, which is within the 60 days of its renewal"
    assert found.differences == [f"the upstream CA: {reason}"] and found.upstream
    assert found.diffs[0]["before"] == f"{reason}\n" and found.diffs[0]["after"] == "signed by CN=SPIRE root CA,O=prod.acme.com\n"
    renewed = made(tmp_path, NOW + 305 * DAY)
    assert renewed.differences == [reason]
    assert look_at(server(tmp_path), now=NOW + 305 * DAY) == Comparison()


def test_a_new_server_has_everything_to_do(tmp_path: Path) -> None:
    found = look_at(server(tmp_path), lambda seen: seen["keys"].update(upstream_key={"exists": False, "belongs": False}))
    assert found.differences == ["the upstream CA: there is no root yet", f"key {KEY}"] and found.upstream


def test_the_look_tells_of_a_key_whether_it_belongs(tmp_path: Path) -> None:
    """And nothing else: the whole answer is searched for every line of the key, with a planted one as the proof."""
    made(tmp_path)
    plan = server(tmp_path)
    assert plan.upstream is not None
    file = tmp_path / "k"
    file.write_text(plan.upstream.key_text())
    file.chmod(0o600)
    asked = spec_of(plan)["keys"]["upstream_key"]
    assert asked["path"] == KEY
    seen = look._key(str(file), asked["public"])
    mode = {name: seen[name] for name in ("exists", "mode", "belongs")}
    assert mode == {"exists": True, "mode": "0600", "belongs": True} and "content" not in seen
    lines = file.read_text().splitlines()[1:-1]
    assert [line for line in lines if line in repr((seen, asked))] == []
    assert [line for line in lines if line in repr((seen, asked)) + lines[0]] == [lines[0]]
    for text in (x509_keys.dump(x509_keys.generate("ec-p384")).decode(), file.read_text()[:150], "", "-----BEGIN PRIVATE KEY-----\n=\n-----END "):
        file.write_text(text)
        assert look._key(str(file), asked["public"])["belongs"] is False
    assert look._key(str(tmp_path / "none"), asked["public"]) == {"exists": False, "belongs": False}
    assert look._key(str(tmp_path), asked["public"])["belongs"] is False


def test_nobody_asks_for_a_key_in_vain(tmp_path: Path) -> None:
    made(tmp_path, spire_pki="host")
    upstream = server(tmp_path, spire_pki="host").upstream
    assert upstream is not None and upstream.place.key == ""
    with pytest.raises(X509Error) as caught:
        upstream.key_text()
    assert str(caught.value) == "The key was born on s1 and is nowhere else."
