# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that the real openssl makes can be read only by their owner, and are in no output."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import key_request
from ansible_collections.spire.fleet.plugins.module_utils.host.key_request import Key, KeyRequestError
from tests.support.errors import error_of

OPENSSL = str(shutil.which("openssl"))
NOW = time.gmtime(1893542400)


def key(tmp_path: Path, key_type: str = "ec-p256", **changes: Any) -> Key:
    return Key(str(tmp_path / "k.key"), key_type, -1, -1, OPENSSL)._replace(**changes)


def public_of(*arguments: str, text: str = "") -> str:
    return subprocess.run([OPENSSL, *arguments, "-noout", "-text"], input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("key_type", "shown"), [
    ("ec-p256", "NIST CURVE: P-256"), ("ec-p384", "NIST CURVE: P-384"), ("ec-p521", "NIST CURVE: P-521"),
    ("rsa-2048", "Public-Key: (2048 bit)"), ("rsa-3072", "Public-Key: (3072 bit)"), ("rsa-4096", "Public-Key: (4096 bit)"),
])
def test_check_run_check_run(tmp_path: Path, key_type: str, shown: str) -> None:
    wanted = key(tmp_path, key_type)
    diff = {"before_header": wanted.path, "after_header": wanted.path, "before": "absent\n", "after": f"key: {key_type}\n"}
    assert key_request.keep(wanted, False, True, NOW) == {"changed": True, "csr": "", "backup": "", "diff": diff}
    assert list(tmp_path.iterdir()) == []
    made = key_request.keep(wanted, False, False, NOW)
    assert (made["changed"], made["diff"], made["backup"]) == (True, diff, "")
    assert shown in public_of("req", text=made["csr"])
    assert stat.S_IMODE(os.stat(wanted.path).st_mode) == 0o600 and os.listdir(tmp_path) == ["k.key"]
    before = Path(wanted.path).read_bytes()
    for check in (True, False):
        again = key_request.keep(wanted, False, check, NOW)
        assert (again["changed"], "diff" in again) == (False, False)
        assert shown in public_of("req", text=again["csr"])
    assert Path(wanted.path).read_bytes() == before
    # No line of the key is in the result. The last line may be so short that it is there by chance.
    assert [line for line in before.decode().splitlines()[1:-1] if len(line) >= 16 and line in repr(made)] == []


def test_a_key_is_never_overwritten_unasked(tmp_path: Path) -> None:
    key_request.keep(key(tmp_path), False, False, NOW)
    before = (tmp_path / "k.key").read_bytes()
    assert error_of(KeyRequestError, key_request.keep, key(tmp_path, "rsa-2048"), False, False, NOW) == (
        f"The key in {tmp_path}/k.key is ec-p256, and should be rsa-2048. A key is never overwritten by itself: move it away, make a new one with "
        "force, which keeps a copy, or ask for the type that it has."
    )
    assert (tmp_path / "k.key").read_bytes() == before
    assert key_request.keep(key(tmp_path, "rsa-2048"), True, True, NOW)["diff"]["before"] == "key: ec-p256\n"
    assert (tmp_path / "k.key").read_bytes() == before
    forced = key_request.keep(key(tmp_path, "rsa-2048"), True, False, NOW)
    assert forced["backup"] == f"{tmp_path}/k.key.20300102T000000Z.old"
    assert Path(forced["backup"]).read_bytes() == before and stat.S_IMODE(os.stat(forced["backup"]).st_mode) == 0o600
    assert "Public-Key: (2048 bit)" in public_of("req", text=forced["csr"])


def test_a_loose_mode_is_mended(tmp_path: Path) -> None:
    key_request.keep(key(tmp_path), False, False, NOW)
    before = (tmp_path / "k.key").read_bytes()
    (tmp_path / "k.key").chmod(0o644)
    checked = key_request.keep(key(tmp_path), False, True, NOW)
    assert checked["changed"] and checked["diff"]["after"] == "mode: 0600\n"
    assert stat.S_IMODE(os.stat(tmp_path / "k.key").st_mode) == 0o644
    assert key_request.keep(key(tmp_path), False, False, NOW)["changed"]
    assert stat.S_IMODE(os.stat(tmp_path / "k.key").st_mode) == 0o600 and (tmp_path / "k.key").read_bytes() == before


def test_what_goes_wrong(tmp_path: Path) -> None:
    def error_text(wanted: Key) -> str:
        return error_of(KeyRequestError, key_request.keep, wanted, False, False, NOW)

    assert error_text(key(tmp_path, openssl="")) == "openssl is missing on this host; install it, or have the key made on the controller."
    assert error_text(key(tmp_path, openssl="/nowhere/openssl")) == "/nowhere/openssl can't be run: No such file or directory."
    nowhere = str(tmp_path / "none" / "k.key")
    assert error_text(key(tmp_path, path=nowhere)) == f"{nowhere} can't be written: No such file or directory."
    (tmp_path / "k.key").write_text("-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n")
    assert error_text(key(tmp_path)) == f"openssl pkey failed on {tmp_path}/k.key (exit code 1); is it a private key in PEM?"
    subprocess.run([OPENSSL, "genpkey", "-algorithm", "ED25519", "-out", str(tmp_path / "k.key")], check=True)
    assert error_text(key(tmp_path)).startswith(f"The key in {tmp_path}/k.key is of a type that SPIRE does not take, and should be ec-p256. ")


def test_the_key_is_in_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observed: list[str] = []
    real = subprocess.run

    def run(argv: list[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        observed.extend(argv)
        return real(argv, check=False, **{name: value for name, value in options.items() if name != "check"})

    monkeypatch.setattr(key_request.subprocess, "run", run)
    key_request.keep(key(tmp_path), False, False, NOW)
    lines = (tmp_path / "k.key").read_text().splitlines()[1:-1]
    assert observed and [line for line in lines if any(line in argument for argument in observed)] == []
    assert any(lines[0] in argument for argument in [*observed, f"-key {lines[0]}"])


#: a script that stands for openssl before 3.0, which requires distinguished_name in its configuration although a subject is given
OLD = """#!/bin/sh
if [ "$1" = req ]; then
  for last; do :; done
  cat "$last" >{kept}
  grep -q '^distinguished_name *= *dn$' {kept} && grep -q '^\\[dn\\]$' {kept} || exit 1
  exec {openssl} "$@" <{kept}
fi
exec {openssl} "$@"
"""


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_an_old_openssl_finds_its_distinguished_name(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    old = program(tmp_path / "openssl", OLD.format(kept=tmp_path / "kept", openssl=OPENSSL))
    made = key_request.keep(key(keys, openssl=old), False, False, NOW)
    assert (tmp_path / "kept").read_text() == "[req]\ndistinguished_name = dn\n[dn]\n"
    assert "Subject: CN = spire.fleet" in public_of("req", text=made["csr"])
    assert os.listdir(keys) == ["k.key"]


def test_only_reading_a_key_asks_whether_it_is_one(tmp_path: Path) -> None:
    def error_text(command: str) -> str:
        bad = program(tmp_path / "openssl", f'#!/bin/sh\n[ "$1" = {command} ] && exit 3\nexec {OPENSSL} "$@"\n')
        return error_of(KeyRequestError, key_request.keep, key(tmp_path, openssl=bad), False, False, NOW)

    assert error_text("genpkey") == f"openssl genpkey failed on {tmp_path}/k.key (exit code 3)."
    assert error_text("req") == f"openssl req failed on {tmp_path}/k.key (exit code 3)."
    assert error_text("pkey") == f"openssl pkey failed on {tmp_path}/k.key (exit code 3); is it a private key in PEM?"
