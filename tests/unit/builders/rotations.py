# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rotation of a small fleet's root, for tests of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import State
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.authorities import NOW, PASSPHRASE
from tests.unit.builders.fleets import DOMAIN, fleet

RUN = Run(NOW)
HOSTS = ["s1", "s2", "a1"]
#: a database that both servers can share
POSTGRES = {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "host=db"}}}}}


def a_fleet(tmp_path: Path, **more: Any) -> Fleet:
    """Returns two servers and an agent, with the collection's root below this directory."""
    common = {
        "spire_pki": "controller", "spire_pki_dir": str(tmp_path / "pki"), "spire_pki_passphrase": PASSPHRASE,
        "spire_server_config": POSTGRES, **more,
    }
    return fleet(common, servers=("s1", "s2"))


def scope(tmp_path: Path, **more: Any) -> rotation_root.Scope:
    """Returns the scope of the rotation."""
    return rotation_root.scope(a_fleet(tmp_path, **more), "")


def upstream(tmp_path: Path, host: str = "s1", **more: Any) -> Upstream:
    """Returns the upstream CA of a server."""
    found = plan("server", host, a_fleet(tmp_path, **more)).upstream
    assert found is not None
    return found


def site(tmp_path: Path, **more: Any) -> None:
    """Makes what a run of spire.fleet.site makes on the controller."""
    for host in ("s1", "s2"):
        upstream(tmp_path, host, **more).ensure("", RUN)


def begun(tmp_path: Path, name: str = "one", **more: Any) -> State | None:
    """Begins the rotation, and returns its state."""
    return rotation_root.begin(scope(tmp_path, **more), name, RUN)[0]


def advanced(tmp_path: Path, step: str, **more: Any) -> State | None:
    """Returns the state after this step, with every host ready for the next one."""
    checked = {host: {"ready": True, "step": step} for host in HOSTS}
    return rotation_root.advance(scope(tmp_path, **more), step, checked, RUN)[0]


def root(tmp_path: Path) -> Any:
    """Returns the certificate of the collection's root."""
    return x509_keys.load_certificates((tmp_path / "pki" / DOMAIN / "root.pem").read_bytes(), "root")[0]


def of_server(tmp_path: Path, host: str = "s1", **more: Any) -> tuple[Any, list[Any]]:
    """Returns the intermediate and the bundle that a run brings to a server."""
    site(tmp_path, **more)
    files = upstream(tmp_path, host, **more).files()
    chain, bundle = (x509_keys.load_certificates(files[f"upstream_{name}"].encode(), name) for name in ("certificate", "bundle"))
    return chain[0], bundle
