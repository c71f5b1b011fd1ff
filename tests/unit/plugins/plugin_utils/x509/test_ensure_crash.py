# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that makes a CA on the controller is killed before one of its lines: no key is lost or damaged, and the next run completes it."""

from __future__ import annotations

import dataclasses
import shutil
import stat
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ensure as x509_ensure, keys as x509_keys, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from tests.support import crashes
from tests.support.authorities import DAY, NOW, PASSPHRASE
from tests.unit.builders.certificates import OWN, key_files

ROOT = Request("CN=Root,O=Acme", 3650 * DAY, path_length=2, key_type="ec-p256")
#: the number of kills in a sample, because opening an encrypted key takes long
KILLS = 80


def public(directory: Path, name: str) -> bytes:
    return x509_keys.public_info(key_files(directory, name).load_key(PASSPHRASE))


@pytest.mark.parametrize("kind", ["new", "forced", "renewed"])
def test_an_intermediate(tmp_path: Path, kind: str) -> None:
    base, home = tmp_path / "base", tmp_path / "home"
    root = x509_ensure.ensure(key_files(base, "root"), ROOT, None, PASSPHRASE, Run(NOW))
    issuer = Issuer(key_files(base, "root"), PASSPHRASE, root.certificates, root.certificates)
    run = Run(NOW + (320 * DAY if kind == "renewed" else 0 * DAY), force=kind == "forced")

    def ensure(now: Run, request: Request = OWN) -> Outcome:
        with x509_store.locked(str(home), now.check):
            return x509_ensure.ensure(key_files(home, "own"), request, issuer, PASSPHRASE, now)

    def prepare() -> None:
        shutil.rmtree(home, ignore_errors=True)
        if kind == "new":
            home.mkdir(mode=0o700)
        else:
            shutil.copytree(base / "before", home)

    if kind != "new":
        ensure(Run(NOW))
        shutil.copytree(home, base / "before")
        old = public(base / "before", "own")
    stages = set()
    for _moment in crashes.moments(lambda: ensure(run), prepare, KILLS):
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.iterdir() if path.suffix != ".pem" and ".pem." not in path.name)
        key, certificates = key_files(home, "own").load_key(PASSPHRASE), key_files(home, "own").certificates()
        stages.add((key is not None, bool(certificates)))
        if kind != "new":
            copies = [x509_keys.public_info(x509_keys.load(path.read_bytes(), PASSPHRASE, "")) for path in home.glob("own.key.*.old")]
            assert old in [x509_keys.public_info(key), *copies]
        ensure(dataclasses.replace(run, force=False))
        after = key_files(home, "own").certificates()
        assert x509_keys.public_info(after[0].public_key()) == public(home, "own")
        assert not [path for path in home.iterdir() if atomic_file.TEMPORARY in path.name]
        assert not ensure(dataclasses.replace(run, force=False)).changed
    assert stages == ({(False, False), (True, False), (True, True)} if kind == "new" else {(True, True)})


def test_a_root(tmp_path: Path) -> None:
    """After a kill, the key that was written first signs the root."""
    home = tmp_path / "home"

    def ensure() -> Outcome:
        return x509_ensure.ensure(key_files(home, "root"), ROOT, None, PASSPHRASE, Run(NOW))

    for _moment in crashes.moments(ensure, lambda: shutil.rmtree(home, ignore_errors=True), KILLS):
        kept = (home / "root.key").read_bytes() if (home / "root.key").exists() else None
        ensure()
        assert kept in (None, (home / "root.key").read_bytes())
        assert sorted(path.name for path in home.iterdir()) == ["root.key", "root.pem"]
