# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scan knows the files that may hold secrets and collects the secrets of a host, and every scenario ends with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.secret_scan import collect, places
from tests.support.collection import REPO

SEQUENCE = "verify ../shared/secret_scan"
SCENARIOS = sorted(path.parent.name for path in REPO.glob("molecule/*/molecule.yml"))
TOKENS = [f"{number}0000000-0000-4000-8000-000000000000" for number in range(3)]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Makes the root directory of a host with a server."""
    root = tmp_path / "host"
    for name in ("etc/spire/server", "var/lib/spire/server/main"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text(f"spire-server:x:{os.getuid()}:{os.getgid()}::/:/bin/sh\n")
    (root / "etc/group").write_text(f"spire-server:x:{os.getgid()}:\n")
    with contextlib.closing(sqlite3.connect(root / "var/lib/spire/server/main/datastore.sqlite3")) as database:
        database.execute("create table join_tokens (token text)")
        database.execute("create table attested_node_entries (spiffe_id text)")
        database.executemany("insert into join_tokens values (?)", [(TOKENS[0],), (TOKENS[1],)])
        ids = [(f"spiffe://acme.com/spire/agent/join_token/{TOKENS[2]}",), ("spiffe://acme.com/spire/agent/x509pop/1",)]
        database.executemany("insert into attested_node_entries values (?)", ids)
        database.commit()
    return root


def test_the_last_stage_of_every_scenario_is_the_search() -> None:
    shared = yaml.safe_load((REPO / ".config/molecule/config.yml").read_text(encoding="utf-8"))["scenario"]["test_sequence"]
    assert len(SCENARIOS) > 4
    for name in SCENARIOS:
        own = yaml.safe_load((REPO / "molecule" / name / "molecule.yml").read_text(encoding="utf-8")).get("scenario", {})
        wanted = [SEQUENCE, "destroy"]
        assert own.get("test_sequence", shared)[-2:] == wanted, f"molecule/{name}: its test_sequence must end with {wanted}"


def test_the_tokens_of_a_server(host: Path) -> None:
    found = [(secret.kind, secret.texts[0].decode()) for secret in collect.of_host("server1", host, collect.QUICK)]
    assert found == [("token", TOKENS[0]), ("token", TOKENS[1]), ("redeemed", TOKENS[2])]
    assert sorted(path.name for path in (host / "var/lib/spire/server/main").iterdir()) == ["datastore.sqlite3"]


def test_a_token_is_a_secret_until_it_is_redeemed(host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect.capture, "scenario_directory", lambda scenario: tmp_path)
    store = collect.Store("any")
    found = list(collect.of_host("server1", host, collect.QUICK))
    store.add(found[:2])
    store.add(found[:2])
    assert [secret.texts[0].decode() for secret in store.secrets()] == TOKENS[:2]
    with contextlib.closing(sqlite3.connect(host / "var/lib/spire/server/main/datastore.sqlite3")) as database:
        database.execute("insert into attested_node_entries values (?)", (f"spiffe://acme.com/spire/agent/join_token/{TOKENS[0]}",))
        database.commit()
    store.add(collect.of_host("server1", host, collect.QUICK))
    assert [secret.texts[0].decode() for secret in store.secrets()] == [TOKENS[1]]


def test_secrets_of_a_configuration_and_an_environment(host: Path) -> None:
    (host / "etc/spire/server/main.conf").write_text(
        'server { trust_domain = "acme.com" }\nplugins {\n  DataStore "sql" { plugin_data {\n    database_type = "postgres"\n'
        '    connection_string = "host=db user=spire password=of-the-database dbname=spire"\n  } }\n}\n'
    )
    (host / "etc/spire/server/main.env").write_text('AWS_REGION="eu-west-1"\nAWS_SECRET_ACCESS_KEY="of-the-cloud"\nX="short"\n')
    found = {secret.name: secret.texts for secret in collect.of_host("server1", host, ["etc/spire"]) if secret.kind == "password"}
    assert found == {
        "server1: /etc/spire/server/main.conf.plugins.DataStore.sql.plugin_data.connection_string": (b"of-the-database",),
        "server1: /etc/spire/server/main.env: AWS_SECRET_ACCESS_KEY": (b"of-the-cloud",),
    }


def test_secrets_of_a_runs_variables() -> None:
    given = {
        "spire_pki_passphrase": "a passphrase", "spire_join_token": "{{ vaulted }}", "spire_trust_domain": "acme.com",
        "spire_agent_environment": {"TOKEN": "of-the-agent", "AWS_REGION": "eu-west-1"}, "other": "something",
        "spire_server_config__db": {"plugins": {"DataStore": {"sql": {"plugin_data": {
            "connection_string": "spire:of-mysql@tcp(db:3306)/spire?parseTime=true", "database_type": "mysql",
        }}}}},
        "spire_archive_url": "https://me:of-the-mirror@mirror.acme.com/spire",
        "spire_plugins": {"mine": {"url": {"amd64": "https://me:of-the-vendor@acme.com"}, "sha256": "0"}},
        "ansible_become_password": "of-the-administrator",
    }
    assert [(secret.kind, secret.texts) for secret in collect.of_variables("here", given)] == [
        ("passphrase", (b"a passphrase",)), ("password", (b"of-the-agent",)), ("password", (b"of-mysql",)),
        ("password", (b"of-the-mirror",)), ("password", (b"of-the-vendor",)),
        ("password", (b"of-the-administrator",)),
    ]


@pytest.mark.parametrize(
    ("mode", "wrong"), [(0o600, ""), (0o644, "/etc/spire/server/main.upstream.key is 0644 spire-server:spire-server, not 0600 spire-server:spire-server")]
)
def test_modes_and_owners(host: Path, mode: int, wrong: str) -> None:
    key = host / "etc/spire/server/main.upstream.key"
    key.touch(mode=mode)
    key.chmod(mode)
    assert places.evaluate("none", [("/etc/spire/server/main.upstream.key", key)]) == ([wrong] if wrong else [])


def test_a_secret_in_another_place(host: Path) -> None:
    assert places.evaluate("none", [("/etc/motd", host / "etc/passwd")]) == ["/etc/motd holds a secret, and is no place for one"]
