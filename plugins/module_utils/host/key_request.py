# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a private key on the host with the host's own openssl. The key never leaves the host, and is in no argument and no output."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file

#: openssl's options for each type
KEY_TYPES: Dict[str, List[str]] = {
    "ec-p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"],
    "ec-p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:named_curve"],
    "ec-p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-pkeyopt", "ec_param_enc:named_curve"],
    "rsa-2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa-4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
}
#: the controller ignores it and chooses the subject of the certificate
SUBJECT = "/CN=spire.fleet"
#: before 3.0 openssl wants a distinguished_name here even where a subject is given; the host's own configuration is not read
CONFIG = b"[req]\ndistinguished_name = dn\n[dn]\n"
MODE = 0o600


class KeyRequestError(Exception):
    """A key could not be made or read. The message holds nothing of the key."""


class Key(NamedTuple):
    """The key that is wanted on the host."""

    path: str
    key_type: str
    uid: int
    gid: int
    openssl: str


def keep(key: Key, force: bool, check: bool, now: time.struct_time) -> Dict[str, Any]:
    """Makes the key, or corrects its owner and mode, where needed. Returns the module's result with the signing request."""
    if not key.openssl:
        raise KeyRequestError("openssl is missing on this host; install it, or have the key made on the controller.")
    if not check:
        _clean(key)
    result: Dict[str, Any] = {"changed": False, "csr": "", "backup": ""}
    before = "absent\n"
    there = os.path.lexists(key.path)
    if there:
        found = _type_of(key)
        before = f"key: {found}\n"
        if not force and found != key.key_type:
            raise KeyRequestError(
                f"The key in {key.path} is {found}, and should be {key.key_type}. A key is never overwritten by itself: move it away, "
                "make a new one with force, which keeps a copy, or ask for the type that it has."
            )
    if force or not there:
        result.update(changed=True, diff=_diff(key, before, f"key: {key.key_type}\n"))
        if check:
            return result
        if there:
            result["backup"] = _copy(key, now)
        _write(key, _run(key, ["genpkey", *KEY_TYPES[key.key_type]]))
    elif not _fits(key):
        result.update(changed=True, diff=_diff(key, "mode or owner: another\n", "mode: 0600\n"))
        if not check:
            _write(key, _read(key))
    # The configuration goes through a pipe, so that a killed run leaves no file.
    result["csr"] = _run(key, ["req", "-new", "-key", key.path, "-subj", SUBJECT, "-sha256", "-config", "/dev/stdin"], CONFIG).decode()
    return result


def _diff(key: Key, before: str, after: str) -> Dict[str, str]:
    return {"before_header": key.path, "after_header": key.path, "before": before, "after": after}


def _type_of(key: Key) -> str:
    """Returns the type of the existing key, by our names of types."""
    text = _run(key, ["pkey", "-in", key.path, "-passin", "pass:", "-pubout"])
    shown = _run(key, ["pkey", "-pubin", "-noout", "-text"], text).decode("utf-8", "replace")
    curve = re.search(r"NIST CURVE: (P-\d+)", shown)
    if curve:
        return "ec-" + curve.group(1).lower().replace("-", "")
    bits = re.search(r"(RSA )?Public-Key: \((\d+) bit\)", shown)
    if bits and "Modulus" in shown:
        return "rsa-" + bits.group(2)
    return "of a type that SPIRE does not take"


def _fits(key: Key) -> bool:
    info = os.lstat(key.path)
    own = (key.uid in (-1, info.st_uid)) and (key.gid in (-1, info.st_gid))
    return own and stat.S_ISREG(info.st_mode) and stat.S_IMODE(info.st_mode) == MODE


def _clean(key: Key) -> None:
    """Removes the temporary files that a killed run has left beside the key."""
    try:
        atomic_file.clean(Path(key.path))
    except atomic_file.SecretFileError as exc:
        raise KeyRequestError(f"{exc}.") from exc


def _copy(key: Key, now: time.struct_time) -> str:
    path = key.path + time.strftime(".%Y%m%dT%H%M%SZ.old", now)
    _write(key._replace(path=path), _read(key))
    return path


def _read(key: Key) -> bytes:
    try:
        return Path(key.path).read_bytes()
    except OSError as exc:
        raise KeyRequestError(f"{key.path} can't be read: {exc.strerror}.") from exc


def _write(key: Key, content: bytes) -> None:
    try:
        atomic_file.write(key.path, content, key.uid, key.gid, MODE)
    except atomic_file.SecretFileError as exc:
        raise KeyRequestError(f"{exc}.") from exc


def _run(key: Key, arguments: List[str], text: bytes = b"") -> bytes:
    """Returns what openssl prints. Its error text may quote a damaged key, so a message names only the command."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [key.openssl, *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=False
        )
    except OSError as exc:
        raise KeyRequestError(f"{key.openssl} can't be run: {exc.strerror}.") from exc
    if done.returncode:
        # Only pkey reads a key that we have not checked yet.
        question = "; is it a private key in PEM?" if arguments[0] == "pkey" else "."
        raise KeyRequestError(f"openssl {arguments[0]} failed on {key.path} (exit code {done.returncode}){question}")
    return done.stdout
