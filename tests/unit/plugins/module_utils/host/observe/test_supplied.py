# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe observes the files with keys and certificates that a person has put on this machine."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import supplied

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(name="place")
def fixture_place() -> Iterator[Path]:
    """Makes a directory that every user may enter, unlike pytest's own directories."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


def put(path: Path, content: bytes, mode: int = 0o644) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_what_is_no_file(place: Path) -> None:
    asked = {str(place / "none"): True, str(place): True, "/dev/null": False, str(place / "x" / "y"): False}
    assert {path: state["problem"] for path, state in supplied.observe(asked, "").items()} == dict(zip(asked, ("absent", "no file", "no file", "absent")))


def test_nothing_is_asked(place: Path) -> None:
    assert supplied.observe({}, "nobody") == {}


@needs_openssl
def test_a_key_and_a_certificate(place: Path) -> None:
    key = put(place / "key", openssl("ecparam", "-name", "prime256v1", "-genkey"))
    pem = put(place / "pem", b"text\n" + openssl("req", "-x509", "-key", key, "-subj", "/CN=x", "-days", "1"))
    both = put(place / "both", Path(pem).read_bytes() + Path(key).read_bytes())
    found = supplied.observe({key: True, pem: False, both: True}, "")
    public = base64.b64encode(openssl("pkey", "-in", key, "-pubout", "-outform", "DER")).decode()
    facts = {"kind": "EC PRIVATE KEY", "encrypted": False, "form": "sec1", "algorithm": "ec", "public": public}
    assert found == {
        key: {"problem": "", "blocks": ["EC PARAMETERS", "EC PRIVATE KEY"], "key": facts},
        pem: {"problem": "", "blocks": ["CERTIFICATE"]},
        both: {"problem": "", "blocks": ["CERTIFICATE", "EC PARAMETERS", "EC PRIVATE KEY"], "key": facts},
    }


@needs_openssl
def test_openssl_computes_a_public_half_that_the_file_lacks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = put(place / "key", openssl("genpkey", "-algorithm", "ed25519"))
    public = base64.b64encode(openssl("pkey", "-in", key, "-pubout", "-outform", "DER")).decode()
    assert supplied.observe({key: True}, "")[key]["key"]["public"] == public
    monkeypatch.setenv("PATH", str(place))
    assert supplied.observe({key: True}, "")[key]["key"]["public"] == ""


def test_a_damaged_or_encrypted_key_starts_no_program(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = place / "openssl"
    put(program, f"#!/bin/sh\ntouch {place}/started\n".encode(), 0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    block = b"-----BEGIN %sPRIVATE KEY-----\nAAAA\n-----END %sPRIVATE KEY-----\n"
    files = {put(place / "damaged", block % (b"", b"")): True, put(place / "locked", block % (b"ENCRYPTED ", b"ENCRYPTED ")): True}
    assert [state["key"]["encrypted"] for state in supplied.observe(files, "").values()] == [False, True]
    assert not (place / "started").exists()


@needs_root
@pytest.mark.parametrize("user", ["nobody", "a user who does not exist"])
def test_files_that_the_service_can_not_read(place: Path, user: str) -> None:
    open_file, closed = put(place / "open", b"", 0o604), put(place / "closed", b"", 0o600)
    (place / "private").mkdir(mode=0o700)
    behind = put(place / "private" / "open", b"", 0o644)
    found = supplied.observe({open_file: False, closed: False, behind: True}, user)
    assert [found[path]["problem"] for path in (open_file, closed, behind)] == ["", "denied", "denied"]
    assert (found[closed]["mode"], found[closed]["owner"], found[closed]["group"]) == ("0600", "root", "root")
    assert {state["problem"] for state in supplied.observe({closed: False, behind: True}, "root").values()} == {""}


@needs_root
def test_a_user_to_be_will_have_the_group_of_the_same_name(place: Path) -> None:
    """A person makes the group, so that the key is ready before the first run makes the user."""
    names = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    path, group = put(place / "key", b"", 0o640), next(name for name in names if name not in {"root", "nogroup"} and not _is_user(name))
    os.chown(path, 0, names[group])
    assert supplied.observe({path: False}, group)[path]["problem"] == ""
    assert supplied.observe({path: False}, "a user who does not exist")[path]["problem"] == "denied"


def _is_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())
