# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet on bare hosts under a root CA of the controller; the server generates the key of its intermediate CA itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support import faults, fetched, site_run

Shell = Callable[..., str]
PASSPHRASE = "planted-passphrase-5f1e"
KEY = "/etc/spire/server/main.upstream.key"
CHAIN = "/etc/spire/server/main.upstream.pem"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pki")


@pytest.fixture(scope="module")
def variables(directory: Path) -> dict[str, Any]:
    return {"spire_pki": "host", "spire_pki_dir": str(directory), "spire_pki_passphrase": PASSPHRASE}


@pytest.fixture(scope="module")
def first(variables: dict[str, Any]) -> site_run.Run:
    return site_run.run("site", "-vvvv", "--diff", variables=variables).require()


def test_every_chain_ends_at_the_root(first: site_run.Run, directory: Path, shell: Shell, groups: dict[str, list[str]]) -> None:
    root = (directory / "molecule.test" / "root.pem").read_text(encoding="ascii")
    bundle = shell("server1", f"/opt/spire/server-main/bin/spire-server bundle show -socketPath {faults.SOCKETS['server']}")
    assert x509.load_pem_x509_certificates(bundle.encode()) == x509.load_pem_x509_certificates(root.encode())
    for agent in groups["spire_agents"]:
        chain = fetched.chain(shell, agent, root)
        # The chain has the SVID, SPIRE's CA and the intermediate.
        assert [len(chain), chain[-1].issuer] == [3, x509.load_pem_x509_certificate(root.encode()).subject]


def test_again_changes_nothing(first: site_run.Run, variables: dict[str, Any]) -> None:
    assert site_run.run("site", variables=variables).require().changed == {}


def test_the_key_is_on_the_server_alone(first: site_run.Run, directory: Path, shell: Shell) -> None:
    assert shell("server1", f"stat -c '%U %a' {KEY}") == "spire-server 600"
    secrets = [line for line in shell("server1", f"cat {KEY}").splitlines() if not line.startswith("-----")]
    assert len(secrets) >= 3
    stored = "".join(path.read_text(encoding="ascii") for path in directory.rglob("*") if path.is_file())
    output = first.stdout + first.stderr
    for secret in (*secrets, PASSPHRASE):
        assert secret not in output and secret not in stored
    # The search finds a line of the certificate that belongs to the key, which shows that it works.
    certificate = shell("server1", f"cat {CHAIN}").splitlines()[1]
    assert certificate in stored


def test_drift_is_repaired_without_a_restart(first: site_run.Run, variables: dict[str, Any], shell: Shell) -> None:
    process = "systemctl show --property=MainPID --value spire-server@main.service"
    before = shell("server1", process)
    shell("server1", f"chmod 644 {KEY} && : >{CHAIN}")
    run = site_run.run("site", "--check", "--diff", variables=variables).require()
    assert len(run.differences("server1", "server")) == 2
    assert set(site_run.run("site", variables=variables).require().changed) == {"server1"}
    assert shell("server1", f"stat -c %a {KEY}; openssl x509 -noout -in {CHAIN} && echo whole") == "600\nwhole"
    assert shell("server1", process) == before


def test_verify_passes_and_reports_what_expires(first: site_run.Run, variables: dict[str, Any], directory: Path) -> None:
    (report,) = site_run.run("verify", variables=variables).require().of("server1", site_run.REPORT)
    ends = {(one["kind"], one["host"], one["place"], one["renewed_by"], one["verdict"]) for one in report["expiry"]}
    base = f"{directory}/molecule.test"
    assert {
        ("upstream_ca", "server1", CHAIN, "spire.fleet.site", "ok"),
        ("upstream_ca", "controller", f"{base}/servers/server1/upstream.pem", "spire.fleet.site", "ok"),
        ("root", "controller", f"{base}/root.pem", "you", "ok"),
        ("trust_bundle", "molecule.test", "", "you", "ok"),
        ("x509_authority", "server1", "active", "SPIRE", "ok"),
    } <= ends
