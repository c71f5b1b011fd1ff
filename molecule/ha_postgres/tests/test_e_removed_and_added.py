# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server is removed for good, one with another database is found out, and a third server joins two."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support import faults, site_run
from tests.support.server_group import HAPROXY, fresh, inventory_without, problems

Shell = Callable[..., str]
LEFT = ("server1", "server2")
#: a second PostgreSQL on the same host, which nothing but its port tells from the first one
OTHER = """
version=$(ls /etc/postgresql); pg_dropcluster --stop $version other 2>/dev/null || true
pg_createcluster --port 5433 $version other && cp /etc/postgresql/$version/main/pg_hba.conf /etc/postgresql/$version/other/
echo "listen_addresses = '*'" >>/etc/postgresql/$version/other/postgresql.conf && systemctl start postgresql@$version-other
runuser -u postgres -- psql --port 5433 --quiet --set=ON_ERROR_STOP=1"""
TABLES = "CREATE ROLE spire LOGIN PASSWORD 'planted-password-51c7';\nCREATE DATABASE spire OWNER spire;\n"


def connection(**parts: str) -> dict[str, Any]:
    """Returns the variables with which server3 alone has another connection string."""
    text = "host=db1 dbname=spire user=spire password=planted-password-51c7 sslmode=disable"
    other = " ".join(f"{name}={value}" for name, value in {**dict(part.split("=", 1) for part in text.split()), **parts}.items())
    chosen = "{{ '%s' if inventory_hostname == 'server3' else '%s' }}" % (other, text)
    return {"spire_server_config__database": {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": chosen}}}}}}


def trusted(shell: Shell, server: str) -> set[str]:
    """Returns the IDs of the CAs in a server's bundle, which are the subject key IDs of their certificates."""
    asked = json.loads(shell(server, faults.cli("bundle show")))["x509_authorities"]
    found = [x509.load_der_x509_certificate(base64.b64decode(one["asn1"])) for one in asked]
    return {one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex() for one in found}


@pytest.fixture(scope="module")
def before(known: Callable[[str], Any]) -> Any:
    return known("server1")


def test_a_removed_server_stays_trusted_until_its_ca_ends(
    before: Any, shell: Shell, known: Callable[[str], Any], authorities: Callable[[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = authorities("server3", "x509")
    run = site_run.run("decommission", "--limit", "server3", variables={"spire_decommission_purge": True}).require()
    (said,) = run.of("server3", "Say how long the server's keys stay trusted")
    assert said["msg"].startswith(
        "server3 is removed, and its keys with it. The other servers of spire_servers go on. Its CA stays in the trust bundle until it expires at 20"
    ), said["msg"]
    shell("server3", "test ! -e /var/lib/spire/server/main && ! systemctl is-active --quiet spire-server@main.service")
    assert gone in trusted(shell, "server1")
    assert trusted(shell, "server1") == trusted(shell, "server2")
    inventory_without("server3", tmp_path, monkeypatch)
    assert site_run.run(HAPROXY).require().changed["lb1"]
    assert "server3" not in shell("lb1", "cat /etc/haproxy/haproxy.cfg")
    assert site_run.run("site").require().changed == {}
    site_run.run("verify").require()
    assert known("server1") == known("server2") == before


def test_preflight_refuses_databases_of_two_names() -> None:
    run = site_run.run("site", "--tags", "preflight", variables=connection(dbname="other"))
    assert run.rc != 0
    (message,) = run.failed.values()
    assert (
        "It names the database other here but spire on server1, which is also in spire_servers. Servers of one group must share one database."
    ) in " ".join(message.split())


def test_verify_finds_out_a_server_with_another_database(before: Any, shell: Shell, known: Callable[[str], Any]) -> None:
    shell("db1", OTHER, TABLES)
    other = connection(port="5433")
    run = site_run.run("site", "--limit", "server3", variables=other)
    assert "It connects to db1:5433 here but to db1:5432 on server1, which is also in spire_servers." in run.stdout + run.stderr
    found = problems(site_run.run("verify", variables=other))
    assert (
        "server3 (server): server3 and server1, which are both in spire_servers, do not use one database: their trust bundles have no key in common, "
        "so that an agent of the one is unknown to the other. Compare their connection strings, and where the name of the database leads to on each host."
    ) in found
    assert known("server1") == before
    site_run.run("decommission", "--limit", "server3", variables={"spire_decommission_purge": True, **other}).require()


def test_a_third_server_joins_two(before: Any, shell: Shell, known: Callable[[str], Any], authorities: Callable[[str, str], str]) -> None:
    fresh("server3")
    assert set(site_run.run("site", "--limit", "server3").require().changed) == {"server3"}
    assert site_run.run(HAPROXY).require().changed["lb1"]
    assert known("server1") == known("server2") == known("server3") == before
    assert len({authorities(server, "x509") for server in (*LEFT, "server3")}) == 3
    assert site_run.run("site").require().changed == {}
    site_run.run("verify").require()
