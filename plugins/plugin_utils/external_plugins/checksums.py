# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the checksum files of vendors on the controller.

A downloaded checksum file is kept. So the checksums of a fleet stay the same until the version is changed, and a converged
run needs no network.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tempfile

from ansible.module_utils.urls import open_url

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls

#: GNU's ``sum  name`` and ``sum *name``, or the sum alone; BSD's ``SHA256 (name) = sum``
_GNU = re.compile(r"([0-9A-Fa-f]{64})(?:[ \t]+\*?(.+))?", re.ASCII)
_BSD = re.compile(r"SHA256 ?\((.+)\) ?= ?([0-9A-Fa-f]{64})", re.ASCII)
#: the most bytes that are read of a checksum file
_LONGEST = 1 << 20
_TIMEOUT = 30


def checksum(source: str, name: str, cache: str) -> str:
    """Returns the SHA-256 checksum of the file of this name; raises ValueError with a sentence where the checksum file lacks it."""
    text, mistake = _read(source, cache)
    if mistake:
        raise ValueError(mistake)
    return chosen(text, name, urls.plain(source))


def chosen(text: str, name: str, source: str) -> str:
    """Returns the checksum of a file from the text of a checksum file."""
    found = _sums(text)
    if name in found:
        return found[name]
    # A checksum file of a single file may name it differently, or not at all.
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise ValueError(f"The checksum file {source} holds no SHA-256 checksum.")
    raise ValueError(f"The checksum file {source} has {len(found)} checksums and none of {name}; set sha256 instead of sums.")


def _sums(text: str) -> dict[str, str]:
    """Returns the checksums by the names of their files; the name is empty for a checksum without one."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        gnu, bsd = _GNU.fullmatch(line.strip()), _BSD.fullmatch(line.strip())
        if gnu:
            found[os.path.basename((gnu[2] or "").strip())] = gnu[1].lower()
        elif bsd:
            found[os.path.basename(bsd[1])] = bsd[2].lower()
    return found


@functools.lru_cache(maxsize=None)
def _read(source: str, cache: str) -> tuple[str, str]:
    """Returns the text of a checksum file, or a sentence why it can't be read. Both are cached for the other hosts of the run."""
    address, login = urls.parted(source)
    unread = f"The checksum file {address} can't be read on the controller"
    if not urls.is_web(source):
        return _of_file(os.path.expanduser(source), unread)
    kept = os.path.join(os.path.expanduser(cache), "plugins", "sums", hashlib.sha256(address.encode()).hexdigest())
    if os.path.exists(kept):
        return _of_file(kept, unread)
    given = {"url_username": login.user, "url_password": login.password} if login else {}
    try:
        with open_url(address, timeout=_TIMEOUT, **given) as answer:
            text = answer.read(_LONGEST).decode("utf-8", "replace")
    except Exception as exc:  # urllib, ssl, socket and http have exceptions without a common base class
        return "", f"{unread}: {str(exc).rstrip('.')}."
    if _sums(text):
        try:
            _keep(kept, text)
        except OSError as exc:
            return "", (
                f"The checksum file {address} can't be kept on the controller: {exc.filename or kept}: {exc.strerror}. Set "
                "spire_archive_cache to a directory that the user who runs Ansible can write to."
            )
    return text, ""


def _keep(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # The file is replaced in one step, because the tasks of other hosts may be reading it.
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _of_file(path: str, unread: str) -> tuple[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST), ""
    except OSError as exc:
        return "", f"{unread}: {exc.strerror}."
