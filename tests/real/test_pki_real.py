# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SPIRE works with the collection's upstream CA: its bundle is the collection's root, and openssl verifies every SVID's chain up to it.

The code behind `spire_pki` makes the keys and certificates; only the test copies them to their places.
"""

from __future__ import annotations

import datetime
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ensure as x509_ensure, keys as x509_keys, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN, free_port
from tests.support.real_upstream import PASSPHRASE, WORKLOAD, config, delivered, local_authority, now, upstream_of, verified
from tests.unit.builders.fleets import planned

RELEASES = ("1.15.3", "1.14.7", "1.13.6")


def svid_of(server: RealServer, agent_binary: Path) -> dict[str, Any]:
    selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
    with RealAgent(agent_binary, server) as agent:
        entry = {"entry_id": "w", "spiffe_id": WORKLOAD, "selectors": selectors, "parent_id": agent.spiffe_id}
        assert [item.code for item in server.client().entry_create([entry])] == [0]
        return agent.wait_svid(WORKLOAD)


@pytest.mark.parametrize("way", ["controller", "host"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_server_under_our_root(spire_binary: Callable[..., Path], tmp_path: Path, release: str, way: str) -> None:
    upstream = upstream_of(tmp_path, spire_pki=way, spire_pki_name_constraints=True)
    options = delivered(upstream, tmp_path / "host")
    with RealServer(spire_binary("spire-server", release), config=config(options)) as server:
        validate = [server.binary, "validate", "-config", str(server.config_path)]
        assert subprocess.run(validate, capture_output=True, check=False).returncode == 0
        root = (tmp_path / "pki" / TRUST_DOMAIN / "root.pem").read_text()
        assert server.client().bundle_show("pem").split() == root.split()
        svid = svid_of(server, spire_binary("spire-agent", release))
        # The chain has the leaf, the server's own CA and the intermediate.
        assert svid["certificates"].count("BEGIN CERTIFICATE") == 3
        assert verified(tmp_path, root, svid["certificates"]) == "leaf.pem: OK"
        other = upstream_of(tmp_path / "other")
        other.ensure("", Run(now()))
        foreign = Path(other.issuer_key_files.certificate).read_text()
        assert verified(tmp_path, foreign, svid["certificates"]) == ""


@pytest.mark.parametrize("key_type", [name for name in x509_keys.KEY_TYPES if name != "ec-p384"])
def test_every_type_of_key(spire_server: Path, tmp_path: Path, key_type: str) -> None:
    options = delivered(upstream_of(tmp_path, spire_pki_key_type=key_type), tmp_path / "host")
    with RealServer(spire_server, config=config(options)) as server:
        root = (tmp_path / "pki" / TRUST_DOMAIN / "root.pem").read_text()
        assert server.client().bundle_show("pem").split() == root.split()


@pytest.mark.parametrize("way", ["controller", "host"])
def test_the_oldest_release_under_our_root(spire_binary: Callable[..., Path], tmp_path: Path, way: str) -> None:
    """SPIRE 0.9.4, whose plugin type is UpstreamCA, starts below the collection's root and has that root in its bundle."""
    variables = {"spire_version": "0.9.4", "spire_pki": way}
    options = delivered(upstream_of(tmp_path, **variables), tmp_path / "host")
    binary = spire_binary("spire-server", "0.9.4")
    # a socket's path must be short
    with tempfile.TemporaryDirectory(prefix="sf-") as made:
        here = {
            "server": {"bind_address": "127.0.0.1", "bind_port": free_port(), "data_dir": made, "registration_uds_path": f"{made}/s"},
            "plugins": {
                "DataStore": {"sql": {"plugin_data": {"connection_string": f"{made}/db"}}},
                "KeyManager": {"disk": {"plugin_data": {"keys_path": f"{made}/keys"}}},
            },
            "health_checks": {"listener_enabled": False},
        }
        plan = planned("server", spire_pki_dir=str(tmp_path / "pki"), spire_pki_passphrase=PASSPHRASE, spire_trust_domain=TRUST_DOMAIN,
                       spire_server_config=here, **variables)
        text = plan.render()
        for name, path in options.items():
            text = text.replace(plan.tree["plugins"]["UpstreamCA"]["disk"]["plugin_data"][name], path)
        (tmp_path / "server.conf").write_text(text)
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([str(binary), "run", "-config", str(tmp_path / "server.conf")], cwd=made, stdout=log, stderr=log)
        try:
            end, shown = time.monotonic() + 30, ""
            while not shown and process.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
                show = [str(binary), "bundle", "show", "-registrationUDSPath", f"{made}/s"]
                shown = subprocess.run(show, capture_output=True, text=True, check=False).stdout
            assert shown.split() == Path(options["bundle_file_path"]).read_text().split(), (tmp_path / "log").read_text()
        finally:
            process.kill()
            process.wait()


def test_a_corporate_intermediate_signs(spire_server: Path, spire_agent: Path, tmp_path: Path) -> None:
    """With a corporate CA as the issuer, the chain is: root, corporate CA, the server's intermediate, SPIRE's CA, leaf."""
    def files(name: str) -> x509_store.KeyAndCertificateFiles:
        return x509_store.KeyAndCertificateFiles(str(tmp_path / f"{name}.pem"), str(tmp_path / f"{name}.key"))

    run, year = Run(now()), datetime.timedelta(days=365)
    root = x509_ensure.ensure(files("root"), Request("CN=Acme,C=US", 10 * year), None, PASSPHRASE, run)
    issuer = x509_ensure.Issuer(files("root"), PASSPHRASE, root.certificates, root.certificates)
    x509_ensure.ensure(files("corp"), Request("CN=Acme Machines,C=US", 5 * year, path_length=2), issuer, PASSPHRASE, run)
    given = {"certificate": files("corp").certificate, "key": files("corp").key, "bundle": files("root").certificate}
    upstream = upstream_of(tmp_path, spire_pki_issuer=given)
    assert upstream.issuer_problems(now()) == []
    with RealServer(spire_server, config=config(delivered(upstream, tmp_path / "host"))) as server:
        svid = svid_of(server, spire_agent)
        assert svid["certificates"].count("BEGIN CERTIFICATE") == 4
        assert server.client().bundle_show("pem").split() == (tmp_path / "root.pem").read_text().split()
        assert verified(tmp_path, (tmp_path / "root.pem").read_text(), svid["certificates"]) == "leaf.pem: OK"


def test_a_renewed_intermediate_is_used_without_a_restart(spire_server: Path, spire_agent: Path, tmp_path: Path) -> None:
    upstream = upstream_of(tmp_path)
    options = delivered(upstream, tmp_path / "host")

    def serials(text: str) -> list[int]:
        return [one.serial_number for one in x509_keys.load_certificates(text.encode(), "here")]

    with RealServer(spire_server, config=config(options)) as server:
        pid, first = server.pid, serials(Path(options["cert_file_path"]).read_text())
        Path(upstream.key_files.certificate).unlink()
        assert delivered(upstream, tmp_path / "host") == options
        second = serials(Path(options["cert_file_path"]).read_text())
        assert (len(first), len(second)) == (1, 1) and first != second
        prepared = local_authority(server, "prepare")["prepared_authority"]["authority_id"]
        local_authority(server, "activate", "-authorityID", prepared)
        chain = svid_of(server, spire_agent)["certificates"]
        assert serials(chain)[2:] == second
        assert verified(tmp_path, Path(options["bundle_file_path"]).read_text(), chain) == "leaf.pem: OK"
        # SPIRE does not use a key and a certificate that don't belong together: the CA in its memory continues to sign.
        Path(options["key_file_path"]).write_bytes(x509_keys.dump(x509_keys.generate("ec-p384")))
        assert local_authority(server, "prepare")["prepared_authority"]["authority_id"] not in ("", prepared)
        assert server.pid == pid and server.healthy()


def test_what_we_refuse_spire_refuses(spire_server: Path, tmp_path: Path) -> None:
    """SPIRE refuses a user-supplied CA with mistakes that the collection's checks refuse."""
    options = delivered(upstream_of(tmp_path), tmp_path / "host")
    cases = {
        "key_file_path": (x509_keys.dump(x509_keys.generate("ec-p384")), "certificate and private key do not match"),
        "bundle_file_path": (Path(upstream_root(tmp_path / "other")).read_bytes(), "certificate cannot be validated with the provided bundle"),
    }
    for option, (content, said) in cases.items():
        other = tmp_path / f"{option}.other"
        other.write_bytes(content)
        server = RealServer(spire_server, config=config({**options, option: str(other)}))
        try:
            with pytest.raises(RuntimeError, match=said):
                server.start()
        finally:
            server.remove()


def upstream_root(directory: Path) -> str:
    other = upstream_of(directory)
    other.ensure("", Run(now()))
    return other.issuer_key_files.certificate
