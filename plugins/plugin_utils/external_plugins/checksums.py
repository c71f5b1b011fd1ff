# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendors' checksum files, read on the controller.

One that was read once is kept, so that a fleet stays at what it was checked against until somebody asks for another
version, and so that a converged run needs no network.
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
#: no checksum file is longer
_LONGEST = 1 << 20
_TIMEOUT = 30


def checksum(source: str, name: str, cache: str) -> str:
    """The SHA-256 of the file of this name; ValueError with a sentence where the checksum file doesn't tell."""
    text, mistake = _read(source, cache)
    if mistake:
        raise ValueError(mistake)
    return chosen(text, name, urls.plain(source))


def chosen(text: str, name: str, source: str) -> str:
    """The line of a checksum file that is meant."""
    found = _sums(text)
    if name in found:
        return found[name]
    # of one file alone: vendors name it as they built it, or not at all
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise ValueError(f"The checksum file {source} holds no SHA-256 checksum.")
    raise ValueError(f"The checksum file {source} has {len(found)} checksums and none of {name}; set sha256 instead of sums.")


def _sums(text: str) -> dict[str, str]:
    """Checksums by the names of their files; a bare one has none."""
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
    """The text, or a sentence why there is none: neither is asked for once more by the next host."""
    address, login = urls.parted(source)
    unread = f"The checksum file {address} can't be read on the controller"
    if not urls.web(source):
        return _of_file(os.path.expanduser(source), unread)
    kept = os.path.join(os.path.expanduser(cache), "plugins", "sums", hashlib.sha256(address.encode()).hexdigest())
    if os.path.exists(kept):
        return _of_file(kept, unread)
    given = {"url_username": login.user, "url_password": login.password} if login else {}
    try:
        with open_url(address, timeout=_TIMEOUT, **given) as answer:
            text = answer.read(_LONGEST).decode("utf-8", "replace")
    except Exception as exc:  # urllib's, ssl's, socket's and http's own, with no common ground
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
    # several hosts' tasks may read it at once
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
