# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes keys and certificates on the controller. Each file is replaced whole; keys are encrypted and for their owner only."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

DIRECTORY_MODE = 0o700
KEY_MODE, CERTIFICATE_MODE = 0o600, 0o644


@dataclasses.dataclass(frozen=True)
class KeyAndCertificateFiles:
    """The paths of a certificate and its key. The key's path is empty where the key is elsewhere."""

    certificate: str
    key: str = ""

    def certificates(self) -> list[Any]:
        """Returns the certificates of the file; none where there is no file."""
        text = read(self.certificate)
        return [] if text is None else x509_keys.load_certificates(text, self.certificate)

    def load_key(self, passphrase: str) -> Any:
        """Returns the private key; None where there is no file."""
        text = read(self.key) if self.key else None
        return None if text is None else x509_keys.load(text, passphrase, self.key)

    def insecure_permissions(self) -> list[str]:
        """Lists why the key file isn't protected enough: wrong mode, or not encrypted."""
        text = read(self.key) if self.key else None
        if text is None:
            return []
        mode = os.stat(self.key).st_mode & 0o7777
        found = [] if mode == KEY_MODE else [f"{self.key} has the mode {mode:04o}, and should have {KEY_MODE:04o}"]
        return found if x509_keys.encrypted(text) else [*found, f"{self.key} is not encrypted"]

    def write_key(self, key: Any, passphrase: str) -> None:
        """Writes the private key, encrypted and readable by its owner only."""
        if not passphrase:
            raise X509Error(f"No passphrase is given, and the key in {self.key} must be encrypted.")
        write(self.key, x509_keys.dump(key, passphrase), KEY_MODE)

    def protect_key(self, key: Any, passphrase: str, check: bool) -> list[str]:
        """Writes the same key again, encrypted and with the right mode, where it isn't protected enough. Returns the reasons."""
        why = self.insecure_permissions()
        if why and not check:
            self.write_key(key, passphrase)
        return why

    def write_certificates(self, certificates: list[Any]) -> None:
        """Writes the certificates in this order."""
        write(self.certificate, x509_keys.dump_certificates(certificates).encode(), CERTIFICATE_MODE)

    def remove_temporary_files(self) -> None:
        """Removes the temporary files of a run that was killed while it wrote one of the files or a copy of it."""
        for path in filter(None, (self.key, self.certificate)):
            try:
                atomic_file.clean(Path(path))
            except atomic_file.SecretFileError as exc:
                raise X509Error(f"{exc}.") from exc

    def back_up(self, now: datetime.datetime) -> str:
        """Copies the key and its certificate to names with the time, and returns the name of the key's copy."""
        ending = f".{now:%Y%m%dT%H%M%SZ}.old"
        for path, mode in ((self.key, KEY_MODE), (self.certificate, CERTIFICATE_MODE)):
            text = read(path)
            if text is not None:
                write(path + ending, text, mode)
        return self.key + ending


def read(path: str) -> bytes | None:
    """Returns the content of a file; None where there is none. Raises X509Error where it can't be read."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise X509Error(f"{path} can't be read: {exc.strerror}.") from exc


def must_read(path: str) -> bytes:
    """Returns the content of a file. Raises X509Error where there is none."""
    found = read(path)
    if found is None:
        raise X509Error(missing_file_message(path))
    return found


def missing_file_message(path: str) -> str:
    """Returns the error message for a file that is missing."""
    return f"{path} can't be read: there is no such file."


def write(path: str, content: bytes, mode: int) -> None:
    """Replaces a file as a whole. Directories that it makes are for their owner only. Raises X509Error where it can't be written."""
    try:
        _directory(Path(path).parent)
        atomic_file.write(path, content, mode=mode)
    except OSError as exc:
        raise X509Error(f"{path} can't be written: {exc.strerror}.") from exc
    except atomic_file.SecretFileError as exc:
        raise X509Error(f"{exc}.") from exc


def _directory(path: Path) -> None:
    """Makes a directory, and those above it, for their owner only."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        missing.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


@contextlib.contextmanager
def locked(directory: str, check: bool) -> Iterator[None]:
    """Holds a lock, so that only one process at a time makes keys in a directory: two could make two roots. Check mode needs none."""
    if check:
        yield
        return
    try:
        _directory(Path(directory))
        handle = os.open(os.path.join(directory, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise X509Error(f"{directory} can't be written: {exc.strerror}.") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
