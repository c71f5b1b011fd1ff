# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA above a server's own: in its tree, and on the controller."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from tests.support.authorities import NOW
from tests.support.errors import error_of
from tests.unit.builders.fleets import planned
from tests.unit.builders.upstreams import BUNDLE, DISK, KEY, PEM, csr, made, server, variables


def test_it_is_off_unless_asked_for() -> None:
    plan = planned("server")
    assert plan.upstream is None and "UpstreamAuthority" not in plan.tree["plugins"]
    assert task_view.of_plan(plan)["host_certificate"] == {}
    # Without spire_pki, files at the paths of an upstream CA are removed.
    assert [path for path in request_of(plan).obsolete_files if "upstream" in path] == [KEY, PEM, BUNDLE]
    assert planned("agent", spire_pki="host").upstream is None


@pytest.mark.parametrize("way", ["controller", "host"])
def test_the_tree_has_its_options(tmp_path: Path, way: str) -> None:
    plan = server(tmp_path, spire_pki=way)
    assert plan.tree["plugins"]["UpstreamAuthority"] == {"disk": {"plugin_data": DISK}}
    assert plan.merged.origin("plugins.UpstreamAuthority.disk") == "spire_pki"
    assert [path for path in request_of(plan).obsolete_files if "upstream" in path] == []
    assert problems.render(plan.problems) == ""
    view = task_view.of_plan(plan)["host_certificate"]
    files = {file["name"]: file for file in (view["key"], *view["certificates"])}
    assert (view["key_on_host"], view["key_type"]) == (way == "host", "ec-p384")
    assert {name: (file["path"], file["mode"], file["owner"], file["group"]) for name, file in files.items()} == {
        "upstream_key": (KEY, "0600", "spire-server", "spire-server"), "upstream_certificate": (PEM, "0644", "root", "root"),
        "upstream_bundle": (BUNDLE, "0644", "root", "root"),
    }
    assert {KEY, PEM, BUNDLE} <= set(task_view.of_plan(plan)["removable"])
    assert not any("upstream" in path for path in task_view.of_plan(planned("agent"))["removable"])


def test_old_releases_have_the_plugin_under_its_old_type(tmp_path: Path) -> None:
    plan = server(tmp_path, spire_version="0.9.4")
    assert plan.tree["plugins"]["UpstreamCA"] == {"disk": {"plugin_data": DISK}}
    # Without upstream_bundle, the server's bundle would not have the collection's root.
    assert plan.main["upstream_bundle"] is True
    assert "upstream_bundle" not in server(tmp_path, spire_version="0.10.0").main
    assert "UpstreamAuthority" not in plan.tree["plugins"] and problems.render(plan.problems) == ""


def test_another_upstream_authority_wins(tmp_path: Path) -> None:
    own = {"plugins": {"UpstreamAuthority": {"aws_pca": {"plugin_data": {"region": "eu-west-1", "certificate_authority_arn": "a"}}}}}
    plan = server(tmp_path, spire_server_config=own)
    assert list(plan.tree["plugins"]["UpstreamAuthority"]) == ["aws_pca"]
    assert plan.upstream is None and list(upstream_ca.check(plan)) == []
    files = {name: f"/srv/{name}" for name in DISK}
    plan = server(tmp_path, spire_server_config={"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": files}}}})
    assert plan.upstream is None and list(upstream_ca.check(plan)) == []


@pytest.mark.parametrize("way", ["controller", "host"])
def test_what_is_made_on_the_controller(tmp_path: Path, way: str) -> None:
    first = made(tmp_path, spire_pki=way)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    own = {"servers/s1/upstream.pem", *(["servers/s1/upstream.key"] if way == "controller" else [])}
    assert files == {f"prod.acme.com/{name}" for name in (".lock", "root.key", "root.pem", *own)}
    assert first.changed and first.after["is"] == "a CA of path length 1"
    again = made(tmp_path, spire_pki=way)
    assert (again.changed, again.differences) == (False, [])


def test_insecure_key_permissions_are_found_and_repaired(tmp_path: Path) -> None:
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
    root = x509_issue.facts(x509_keys.load_certificates((tmp_path / "prod.acme.com" / "root.pem").read_bytes(), "")[0])
    assert (root["is"], root["permits"], root["key"]) == ("a CA of path length 3", "prod.acme.com", "rsa-2048")


def test_nothing_is_made_without_a_passphrase(tmp_path: Path) -> None:
    assert error_of(X509Error, made, tmp_path, spire_pki_passphrase="") == "spire_pki_passphrase is not set: keys on the controller are encrypted with it."
    assert list(tmp_path.iterdir()) == []


def test_files_at_our_paths_stay_if_the_tree_names_them() -> None:
    own = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {**DISK, "bundle_file_path": "/srv/b.pem"}}}}}
    assert [path for path in request_of(planned("server", spire_server_config=own)).obsolete_files if "upstream" in path] == []


def test_many_at_once_make_one_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many processes at the same time make only one root. Ansible runs the hosts of a play in separate processes."""
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
        return Path(upstream.issuer_key_files.certificate).read_text()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(24)))) == 1
    assert sorted(path.name for path in (tmp_path / "prod.acme.com" / "servers").iterdir()) == sorted(f"s{n}" for n in range(24))


def test_a_normal_run_does_not_replace_a_root(tmp_path: Path) -> None:
    made(tmp_path)
    root = tmp_path / "prod.acme.com" / "root.pem"
    before = root.read_bytes()
    assert error_of(X509Error, made, tmp_path, spire_pki_root_subject="CN=Other") == (
        f"{root} differs from the variables (its subject is CN=SPIRE root CA,O=prod.acme.com, and should be CN=Other). The fleet trusts "
        "this root, so a normal run does not replace it. Set the variables to what the root has, or run spire.fleet.rotate_upstream for "
        "a new root."
    )
    assert root.read_bytes() == before


def test_a_key_made_on_the_server_is_not_on_the_controller(tmp_path: Path) -> None:
    made(tmp_path, spire_pki="host")
    upstream = server(tmp_path, spire_pki="host").upstream
    assert upstream is not None and upstream.key_files.key == ""
    assert error_of(X509Error, upstream.key_text) == "The key was made on s1 and is nowhere else."
