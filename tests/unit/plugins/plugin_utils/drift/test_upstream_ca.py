# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check compares the upstream CA of a server."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from tests.support.authorities import DAY, NOW, make
from tests.unit.builders.observed import converged
from tests.unit.builders.upstreams import BUNDLE, KEY, PEM, made, server


def test_another_type_of_key_is_seen(tmp_path: Path) -> None:
    made(tmp_path)
    assert look_at(server(tmp_path, spire_pki_key_type="ec-p256")).differences == [
        "the upstream CA: its key is ec-p384, and should be ec-p256",
    ]


def look_at(plan: Plan, drift: Callable[[dict[str, Any]], None] | None = None, now: datetime.datetime = NOW) -> Comparison:
    observed = converged(plan)
    if drift:
        drift(observed)
    return compare(plan, observed, None, now)


@pytest.mark.parametrize("way", ["controller", "host"])
def test_a_converged_server_differs_in_nothing(tmp_path: Path, way: str) -> None:
    made(tmp_path, spire_pki=way)
    plan = server(tmp_path, spire_pki=way)
    assert look_at(plan) == Comparison()
    # The check needs no passphrase and reads no key, and a change of these files needs no restart.
    (tmp_path / "prod.acme.com" / "root.key").unlink()
    assert look_at(server(tmp_path, spire_pki=way, spire_pki_passphrase="")) == Comparison()
    assert set(planned_digests(plan)) == {"/etc/spire/server/main.conf", "/etc/systemd/system/spire-server@main.service"}
    assert [file.name for file in plan.files] == ["configuration", "service", "upstream_certificate", "upstream_bundle"]


OTHER_PEM = base64.b64encode(make("x").pem.encode()).decode()
DRIFTS: dict[str, tuple[Callable[[dict[str, Any]], None], list[str]]] = {
    "key gone": (lambda observed: observed["keys"].update(upstream_key={"exists": False, "belongs": False}), [f"key {KEY}"]),
    "key of another": (lambda observed: observed["keys"]["upstream_key"].update(belongs=False), [f"key {KEY}"]),
    "key readable": (lambda observed: observed["keys"]["upstream_key"].update(mode="0640"), [f"key {KEY}"]),
    "key of root's": (lambda observed: observed["keys"]["upstream_key"].update(owner="root"), [f"key {KEY}"]),
    "other chain": (lambda observed: observed["files"]["upstream_certificate"].update(content=OTHER_PEM), [f"file {PEM}"]),
    "no bundle": (lambda observed: observed["files"].update(upstream_bundle={"exists": False}), [f"file {BUNDLE}"]),
    "chain writable": (lambda observed: observed["files"].update(upstream_certificate={
        **observed["files"]["upstream_certificate"], "mode": "0666"}), [f"file {PEM}"]),
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
    reason = "it expires at 2031-01-02 00:00:00 UTC, and its renewal is due 60 days before that"
    assert found.differences == [f"the upstream CA: {reason}"] and found.upstream
    assert found.diffs[0]["before"] == f"{reason}\n" and found.diffs[0]["after"] == "signed by CN=SPIRE root CA,O=prod.acme.com\n"
    renewed = made(tmp_path, NOW + 305 * DAY)
    assert renewed.differences == [reason]
    assert look_at(server(tmp_path), now=NOW + 305 * DAY) == Comparison()


def test_a_new_server_has_everything_to_do(tmp_path: Path) -> None:
    found = look_at(server(tmp_path), lambda observed: observed["keys"].update(upstream_key={"exists": False, "belongs": False}))
    assert found.differences == ["the upstream CA: there is no root yet", f"key {KEY}"] and found.upstream


def test_the_drift_check_tells_of_a_key_whether_it_belongs(tmp_path: Path) -> None:
    """The probe reports whether a key belongs to its certificate. No line of the key is in its answer, as a search proves."""
    made(tmp_path)
    plan = server(tmp_path)
    assert plan.upstream is not None
    file = tmp_path / "k"
    file.write_text(plan.upstream.key_text())
    file.chmod(0o600)
    asked = request_of(plan).keys["upstream_key"]
    assert asked["path"] == KEY
    observed = identity.private_key(str(file), asked["public"])
    mode = {name: observed[name] for name in ("exists", "mode", "belongs")}
    assert mode == {"exists": True, "mode": "0600", "belongs": True} and "content" not in observed
    lines = file.read_text().splitlines()[1:-1]
    assert [line for line in lines if line in repr((observed, asked))] == []
    assert [line for line in lines if line in repr((observed, asked)) + lines[0]] == [lines[0]]
    for text in (x509_keys.dump(x509_keys.generate("ec-p384")).decode(), file.read_text()[:150], "", "-----BEGIN PRIVATE KEY-----\n=\n-----END "):
        file.write_text(text)
        assert identity.private_key(str(file), asked["public"])["belongs"] is False
    assert identity.private_key(str(tmp_path / "none"), asked["public"]) == {"exists": False, "belongs": False}
    assert identity.private_key(str(tmp_path), asked["public"])["belongs"] is False
