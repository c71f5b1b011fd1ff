# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What expires on the controller, on hosts and in SPIRE, its verdicts, and its table."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity
from ansible_collections.spire.fleet.plugins.modules import fleet_report as report
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry, expiry_sources, fleet_state
from ansible_collections.spire.fleet.plugins.plugin_utils.report.expiry import Expiry, SITE, SPIRE, YOU, in_order, table
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.authorities import DAY, NOW, PASSPHRASE, make, written
from tests.unit.builders.fleets import DOMAIN, fleet, planned
from tests.unit.builders.observed import AGENT_ID, HOUR, certificate, converged


def of_svid(left: datetime.timedelta, **more: Any) -> Expiry:
    return Expiry("agent_svid", NOW + left, SPIRE, "a1", "agent", name=AGENT_ID, starts=NOW + left - HOUR, **more)


def of_ca(left: datetime.timedelta, **more: Any) -> Expiry:
    given = {"place": "/etc/ca.pem", "name": "CN=own", "renewal_window": 60 * DAY, "least_left": DAY, **more}
    return Expiry("upstream_ca", NOW + left, SITE, "s1", "server", **given)


@pytest.mark.parametrize(
    ("one", "verdict", "problem"),
    [
        (of_svid(HOUR / 2), "ok", ""),
        (of_svid(HOUR / 5), "ok", ""),
        (of_svid(HOUR / 6), "late", (
            f"the SVID of the agent ({AGENT_ID}) expires at 2030-01-02 00:10:00 UTC, in 10 minutes, and should have been renewed already. "
            "SPIRE should have renewed it: see the log of its service."
        )),
        (of_svid(0 * HOUR), "expired", (
            f"the SVID of the agent ({AGENT_ID}) expired at 2030-01-02 00:00:00 UTC. SPIRE should have renewed it: see the log of its "
            "service."
        )),
        (of_svid(2 * HOUR), "not valid yet", (
            f"the SVID of the agent ({AGENT_ID}) is not valid before 2030-01-02 01:00:00 UTC. Are the clocks right?"
        )),
        (of_ca(61 * DAY), "ok", ""),
        (of_ca(60 * DAY), "due", ""),
        (of_ca(DAY), "due", ""),
        (of_ca(HOUR), "late", (
            "the upstream CA (CN=own) in /etc/ca.pem expires at 2030-01-02 01:00:00 UTC, in 60 minutes, and should have been renewed "
            "already. Run spire.fleet.site."
        )),
        (Expiry("file", NOW, YOU, "s1", "server", "/srv/tls.pem", "telemetry.Prometheus.tls.cert_file", "CN=x"), "expired", (
            "telemetry.Prometheus.tls.cert_file (CN=x) in /srv/tls.pem expired at 2030-01-02 00:00:00 UTC. Nothing renews it "
            "automatically: replace it."
        )),
        (Expiry("jwt_authority", NOW + HOUR, SPIRE, "s1", "server", "active", least_left=2 * HOUR), "late", (
            "the JWT authority expires at 2030-01-02 01:00:00 UTC, in 60 minutes, and should have been renewed already. SPIRE should have "
            "renewed it: see the log of its service."
        )),
        (Expiry("trust_bundle", NOW, SPIRE, DOMAIN, superseded=True), "superseded", ""),
    ],
)
def test_verdicts(one: Expiry, verdict: str, problem: str) -> None:
    assert (one.verdict(NOW), one.problem(NOW)) == (verdict, problem)


def svid(name: str, left: datetime.timedelta = HOUR) -> dict[str, str]:
    pem = certificate(name, expires=NOW + left).public_bytes(serialization.Encoding.PEM).decode()
    return {"spiffe_id": name, "certificates": pem, "bundle": pem}


def state(bundle: str, **more: Any) -> dict[str, Any]:
    epoch = int(NOW.timestamp())
    one = {"id": "ab", "expires_at": epoch + 86400}
    return {
        "healthy": True, "version": "1.15.3", "bundle": bundle, "agents": {AGENT_ID: {"id": AGENT_ID, "banned": False, "expires_at": 0}},
        "authorities": {"x509": {"active": one, "old": {"id": "cd", "expires_at": epoch - 5}}, "jwt": {"active": one}}, **more,
    }


def looked(made: Fleet, component: str, host: str, **more: Any) -> dict[str, Any]:
    """Returns the drift check's result for a host that is as planned."""
    own = plan(component, host, made)
    observed = converged(own)
    found = compare(own, observed, None, NOW)
    files = {path: [text] for path, text in more.pop("files", {}).items()}
    result = {"differences": found.differences, "renewals": found.renewals, "differs": bool(found.differences)}
    if component == "agent":
        result |= {"spiffe_id": AGENT_ID, "starts": (NOW - HOUR).isoformat(), "expires": (NOW + HOUR).isoformat()}
    return {**result, "certificates": expiry_sources.in_files(own, files), **more}


def pki(directory: Path, **more: Any) -> Fleet:
    common = {"spire_pki": "controller", "spire_pki_dir": str(directory), "spire_pki_passphrase": PASSPHRASE, **more}
    made = fleet(common)
    upstream = plan("server", "s1", made).upstream
    assert upstream is not None
    upstream.ensure("", Run(NOW))
    return fleet(common)


def seen_of(made: Fleet, answers: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Expiry]:
    found = [one for (component, host), given in answers.items() for one in fleet_state.expiring(plan(component, host, made), given)]
    return in_order([*found, *fleet_state.bundles(made, {"spire_servers": answers["server", "s1"]["state"]})])


def test_everything_of_a_fleet_under_our_root(tmp_path: Path) -> None:
    made = pki(tmp_path)
    own = plan("server", "s1", made)
    files = {file.path: file.content for file in own.files if file.name.startswith("upstream_")}
    root = files["/etc/spire/server/main.upstream-bundle.pem"]
    answers = {
        ("server", "s1"): {"look": looked(made, "server", "s1", files=files), "state": state(root)},
        ("agent", "a1"): {"look": looked(made, "agent", "a1"), "svid": {"svids": [svid(f"spiffe://{DOMAIN}/fleet-canary")]}},
    }
    found = seen_of(made, answers)
    directory = tmp_path / DOMAIN
    assert sorted((one.kind, one.host, one.place, one.renewed_by) for one in found) == sorted([
        ("root", "controller", str(directory / "root.pem"), YOU),
        ("root", "s1", "/etc/spire/server/main.upstream-bundle.pem", YOU),
        ("upstream_ca", "controller", str(directory / "servers/s1/upstream.pem"), SITE),
        ("upstream_ca", "s1", "/etc/spire/server/main.upstream.pem", SITE),
        ("trust_bundle", DOMAIN, "", YOU),
        ("x509_authority", "s1", "active", SPIRE),
        ("x509_authority", "s1", "old", SPIRE),
        ("jwt_authority", "s1", "active", SPIRE),
        ("agent_svid", "a1", "", SPIRE),
        ("workload_svid", "a1", "", SPIRE),
    ])
    assert {one.verdict(NOW) for one in found} == {"ok", "superseded"}
    assert [one.expires for one in found] == sorted(one.expires for one in found)
    observed = [fleet_state.server("s1", made, answers["server", "s1"])]
    assert fleet_state.assign_problems(observed, found, NOW) == [] and observed[0].problems == []


def test_what_the_next_run_renews_is_due_and_not_wrong(tmp_path: Path) -> None:
    made = pki(tmp_path, spire_pki_ca_lifetime="1500h", spire_pki_renew_before="1499h")
    own = plan("server", "s1", made)
    now = NOW + 2 * HOUR
    found = compare(own, converged(own), None, now)
    ends = "2030-03-05 12:00:00 UTC"
    text = f"the upstream CA: it expires at {ends}, and its renewal is due 62 days before that"
    assert found.differences == found.renewals == [text] and found.upstream
    given = {"differences": found.differences, "renewals": found.renewals, "differs": True, "certificates": []}
    one = fleet_state.server("s1", made, {"look": given, "state": {"healthy": True}})
    assert (one.differs, one.renewals, one.problems) == ([text], [text], [])
    # Only the difference that is no renewal is a problem.
    one = fleet_state.server("s1", made, {"look": {**given, "differences": [text, "file x"]}, "state": {"healthy": True}})
    assert one.problems == ["differs from its plan: file x"]
    # an expired certificate is a problem and not a renewal
    late = compare(own, converged(own), None, NOW + 1500 * HOUR)
    assert late.differences == [f"the upstream CA: it expired at {ends}"] and late.renewals == []
    (ca,) = [one for one in expiry_sources.of_controller(own) if one.kind == "upstream_ca"]
    assert [ca.verdict(NOW + hours * HOUR) for hours in (0, 2, 1475, 1477, 1500)] == ["ok", "due", "due", "late", "expired"]


def test_expired_certificates_are_problems_of_their_owners(tmp_path: Path) -> None:
    made = pki(tmp_path)
    own = plan("server", "s1", made)
    files = {file.path: file.content for file in own.files if file.name == "upstream_bundle"}
    answers = {("server", "s1"): {"look": looked(made, "server", "s1", files=files), "state": state("", authorities={})}}
    observed = [fleet_state.server("s1", made, answers["server", "s1"])]
    rest = fleet_state.assign_problems(observed, seen_of(made, answers), NOW + 4000 * DAY)
    root = f"the root CA (CN=SPIRE root CA,O={DOMAIN}) in"
    ends = "expired at 2039-12-31 00:00:00 UTC. Nothing renews it automatically: replace it with spire.fleet.rotate_upstream."
    assert observed[0].problems == [f"{root} /etc/spire/server/main.upstream-bundle.pem {ends}"]
    assert rest == [
        f"controller: the upstream CA (CN=SPIRE upstream CA,OU=s1,O={DOMAIN}) in {tmp_path}/{DOMAIN}/servers/s1/upstream.pem expired at "
        "2031-01-02 00:00:00 UTC. Run spire.fleet.site.",
        f"controller: {root} {tmp_path}/{DOMAIN}/root.pem {ends}",
    ]


def test_files_that_the_tree_names() -> None:
    """The report has the user's own files: the chain of an upstream CA, and a bundle with an old root and a new one."""
    data = {name: f"/srv/{name}.pem" for name in ("cert_file_path", "key_file_path", "bundle_file_path")}
    tree = {
        "UpstreamAuthority": {"disk": {"plugin_data": data}},
        "NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_paths": ["/srv/hosts.pem"]}}},
    }
    own = planned("server", spire_server_config={"plugins": tree})
    assert sorted(request_of(own).certificates) == ["/srv/bundle_file_path.pem", "/srv/cert_file_path.pem", "/srv/hosts.pem"]
    old, new = make("root", ends=NOW - DAY), make("root two")
    texts = {"/srv/bundle_file_path.pem": [old.pem, new.pem], "/srv/cert_file_path.pem": [make("ca", new, ends=NOW - DAY).pem]}
    found = list(expiry_sources.of_host(own, {"certificates": expiry_sources.in_files(own, texts)}))
    assert [(one.what, one.name, one.verdict(NOW), one.renewed_by) for one in found] == [
        ("UpstreamAuthority.disk.bundle_file_path", "CN=root", "superseded", YOU),
        ("UpstreamAuthority.disk.bundle_file_path", "CN=root two", "ok", YOU),
        ("UpstreamAuthority.disk.cert_file_path", "CN=ca", "expired", YOU),
    ]


def test_ssh_certificates_and_other_files() -> None:
    own = planned("agent")
    signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def ssh(ends: int) -> str:
        builder = (
            serialization.SSHCertificateBuilder().public_key(key.public_key()).type(serialization.SSHCertificateType.HOST)
            .key_id(b"a1.acme.com").valid_principals([b"a1"]).valid_after(int(NOW.timestamp())).valid_before(ends)
        )
        return builder.sign(signer).public_bytes().decode()

    texts = [ssh(int((NOW + DAY).timestamp())), ssh(2**64 - 1), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "ssh-x nothing"]
    assert expiry_sources.in_files(own, {"/etc/ssh/cert.pub": texts}) == [{
        "option": "", "path": "/etc/ssh/cert.pub", "name": "a1.acme.com", "starts": NOW.isoformat(), "expires": (NOW + DAY).isoformat(),
        "root": False,
    }]


def test_the_drift_check_reads_certificates_and_no_key_beside_them(tmp_path: Path) -> None:
    one, other = make("one"), make("two")
    ssh = "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNh host\n"
    paths = written(tmp_path, both=one.key_pem() + one.pem + "words\n" + other.pem, ssh=ssh, none="ssh-ed25519 AAAA me\n")
    observed = identity.certificates(paths["both"])
    assert [text + "\n" for text in observed] == [one.pem, other.pem]
    assert identity.certificates(paths["ssh"]) == [ssh.split(" host", maxsplit=1)[0]]
    assert identity.certificates(paths["none"]) == identity.certificates(str(tmp_path / "x")) == []


def test_one_row_for_equal_things() -> None:
    many = [Expiry("agent_svid", NOW + HOUR / 2 + number * datetime.timedelta(minutes=1), SPIRE, f"a{number}", "agent") for number in range(5)]
    found = [*many, of_ca(HOUR), of_ca(30 * DAY, name="other"), Expiry("x509_authority", NOW + DAY, SPIRE, "s1", "server", "active")]
    assert table(in_order(found), NOW) == """\
LEFT    EXPIRES                  WHAT               WHERE           RENEWED BY        VERDICT
30m 0s  2030-01-02 00:30:00 UTC  SVID of the agent  a0 and 4 more   SPIRE             ok
1h 0m   2030-01-02 01:00:00 UTC  upstream CA        s1 /etc/ca.pem  spire.fleet.site  LATE
1d 0h   2030-01-03 00:00:00 UTC  X.509 authority    s1 active       SPIRE             ok
30d 0h  2030-02-01 00:00:00 UTC  upstream CA        s1 /etc/ca.pem  spire.fleet.site  due"""


def test_the_report_documents_every_kind() -> None:
    (one,) = yaml.safe_load(report.RETURN)["expiry"]["contains"]["kind"]["description"]
    assert set(re.findall(r"V\((\w+)\)", one)) == {*expiry.KIND_NAMES, "file"}
