# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight reports mistakes about a server's upstream CA, in variables, in the tree and in files on the controller."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from tests.support.authorities import DAY, Made, NOW, PASSPHRASE, make, written
from tests.unit.builders.fleets import fleet, mistakes, rendered
from tests.unit.builders.upstreams import made, server, variables


def preflight(tmp_path: Path, now: datetime.datetime = NOW, **more: Any) -> str:
    return rendered(upstream_ca.check(server(tmp_path, **more), now))


def test_user_supplied_and_managed_files_can_not_be_mixed(tmp_path: Path) -> None:
    own = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {"bundle_file_path": "/srv/b.pem"}}}}}
    assert preflight(tmp_path, spire_server_config=own) == (
        "error: plugins.UpstreamAuthority.disk.plugin_data.bundle_file_path (set by spire_server_config): spire_pki sets the key, the "
        "certificate and the bundle, but the tree names another file here. Remove it from the tree, or set spire_pki to none and set "
        "all three yourself."
    )


# Each case has the variables, and preflight's message.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "passphrase": ({"spire_pki_passphrase": None}, (
        "error: spire_pki_passphrase: It is required when spire_pki is controller, because it encrypts the keys on the controller. Set "
        "it, for example from Ansible Vault."
    )),
    "path length": ({"spire_pki_path_length": 0}, (
        "error: spire_pki_path_length: It must be 1 or more, because SPIRE's own CA is below the server's intermediate CA."
    )),
    "duration": ({"spire_pki_ca_lifetime": "1y"}, (
        'error: spire_pki_ca_lifetime: It must be a duration such as "8760h": numbers with the units h, m and s.'
    )),
    "subject": ({"spire_pki_ca_subject": "{host}"}, (
        'error: spire_pki_ca_subject: The subject "s1" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".'
    )),
    "window": ({"spire_pki_renew_before": "8760h"}, (
        "error: spire_pki_renew_before: It would be renewed 365 days before it expires, but it lives only 365 days, so every run would "
        "renew it. Set a longer lifetime, or renew it later."
    )),
    "window and ca_ttl": ({"spire_server_config": {"server": {"ca_ttl": "2000h"}}}, (
        "error: spire_pki_renew_before: An intermediate CA is renewed 60 days before it expires, but server.ca_ttl is 2000h. The "
        "server's CA expires with the intermediate CA, so it would live shorter than ca_ttl. Set a value that is longer than ca_ttl by "
        "the time between two runs of the playbook."
    )),
    "trust domain": ({"spire_trust_domain": ".."}, (
        "error: spire_pki: The trust domain .. can't be part of a file name in spire_pki_dir. Use only letters, digits, dots, dashes "
        "and underscores."
    )),
    "issuer's fields": ({"spire_pki_issuer": {"certificate": "a", "key": "b", "root": "c"}}, (
        "error: spire_pki_issuer.bundle: This field is required when spire_pki_issuer is set. Write the name of a file on the "
        "controller.\n"
        "error: spire_pki_issuer.root: spire_pki_issuer has no field with this name. Its fields are certificate, key, bundle."
    )),
    "issuer's files": ({"spire_pki_issuer": {"certificate": "/no/a", "key": "/no/b", "bundle": "/no/c"}}, (
        "error: spire_pki_issuer.bundle: /no/c can't be read: there is no such file.\n"
        "error: spire_pki_issuer.certificate: /no/a can't be read: there is no such file.\n"
        "error: spire_pki_issuer.key: /no/b can't be read: there is no such file."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_variables(tmp_path: Path, name: str) -> None:
    given, messages = MISTAKES[name]
    assert preflight(tmp_path, **given) == messages


def test_preflight_requires_a_passphrase(tmp_path: Path) -> None:
    common = variables(tmp_path, spire_pki_passphrase=None)
    assert "error: spire_pki_passphrase: It is required when spire_pki is controller" in mistakes(fleet(common))
    assert mistakes(fleet(variables(tmp_path))) == ""


def test_preflight_reads_the_existing_ca_files(tmp_path: Path) -> None:
    made(tmp_path)
    assert preflight(tmp_path) == ""
    root = f"{tmp_path}/prod.acme.com/root"
    assert preflight(tmp_path, spire_pki_passphrase="wrong") == (
        f"error: spire_pki_dir: The passphrase does not open the key in {root}.key, or the file is damaged."
    )
    assert preflight(tmp_path, NOW + 3600 * DAY) == (
        f"warning: spire_pki_dir: The root certificate in {root}.pem expires at 2039-12-31 00:00:00 UTC, before an intermediate that "
        "is issued now would expire. Replace the root before then, with spire.fleet.rotate_upstream."
    )
    hours = datetime.timedelta(hours=5)
    assert preflight(tmp_path, NOW + 3650 * DAY - hours).splitlines()[-1] == (
        f"warning: spire_pki_dir: CN=SPIRE root CA,O=prod.acme.com in {root}.pem expires at 2039-12-31 00:00:00 UTC, in 5 hours, but "
        "server.ca_ttl is 24h. Everything that SPIRE signs from now on expires at that time too. Replace the CA now, with "
        "spire.fleet.rotate_upstream."
    )
    short = {"spire_server_config": {"server": {"ca_ttl": "4h"}}}
    assert len(preflight(tmp_path, NOW + 3650 * DAY - hours, **short).splitlines()) == 1
    assert preflight(tmp_path, NOW + 3650 * DAY) == f"error: spire_pki_dir: The root certificate in {root}.pem expired at 2039-12-31 00:00:00 UTC."
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
        f"error: spire_pki_issuer.key: The passphrase does not open the key in {tmp_path}/key, or the file is damaged."
    )
    assert preflight(tmp_path, **given(good, good, roots="")) == f"error: spire_pki_issuer.bundle: {tmp_path}/bundle holds no certificate in PEM."
    with pytest.raises(X509Error, match="has the path length 1"):
        made(tmp_path, **given(bad, bad))
    chain = made(tmp_path, **given(good, good)).certificates
    assert [one.subject.rfc4514_string() for one in chain] == ["CN=SPIRE upstream CA,OU=s1,O=prod.acme.com", "CN=Acme"]


def test_a_state_of_a_rotation_that_can_not_be_read(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "prod.acme.com" / "rotation.json").write_text("{")
    (problem,) = upstream_ca.check(server(tmp_path), NOW)
    assert (problem.rule, problem.path, problem.severity) == ("pki_rotation_state", "spire_pki_dir", "error")
