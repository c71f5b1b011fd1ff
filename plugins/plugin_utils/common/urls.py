# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that files are downloaded from. They may hold a user's name and password, which are told to nobody but the page."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse

_WEB = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclasses.dataclass(frozen=True)
class Login:
    """Who asks for a page."""

    user: str
    password: str = dataclasses.field(repr=False)


def web(text: str) -> bool:
    """Whether it is an address, and no path."""
    return bool(_WEB.match(text))


def other(text: str) -> bool:
    """Whether it is an address of another kind, such as one of FTP."""
    return has_scheme(text) and not web(text)


def has_scheme(text: str) -> bool:
    """Whether it begins as a URL does."""
    return bool(_SCHEME.match(text))


def without_scheme(text: str) -> str:
    """The same from behind the scheme on."""
    return _SCHEME.sub("", text, count=1) if has_scheme(text) else text


def parted(address: str) -> tuple[str, Login | None]:
    """An address without the login in it, and that login, decoded; a path has none."""
    scheme, mark, rest = address.partition("://")
    place, more = _split(rest)
    login, at, host = place.rpartition("@")
    if not mark or not at:
        return address, None
    user, _colon, password = login.partition(":")
    return f"{scheme}://{host}{more}", Login(urllib.parse.unquote(user), urllib.parse.unquote(password))


def plain(address: str) -> str:
    """An address as everybody may see it."""
    return parted(address)[0]


def mistake(address: str) -> str:
    """Why nobody could ask there, without a word of the address; empty when there is nothing wrong, or it is a path.

    A login with a slash in it ends there, and the rest of it would be taken for a path, and shown. What is before the slash may look
    like a name and a port; then the @ that ends the login tells. A query may have one, unless it takes the path's place.
    """
    if not web(address):
        return ""
    try:
        urllib.parse.urlsplit(address).port
    except ValueError:
        return (
            "What follows the host's name in this address is no port. If it is a part of a user's name or password, write / as %2F, ? as "
            "%3F, # as %23 and @ as %40 there."
        )
    more = _split(address.partition("://")[2])[1]
    if "@" in (re.split(r"[?#]", more, maxsplit=1)[0] or more):
        return (
            "An @ follows the host's name in this address. If a user's name or password ends there, write / as %2F, ? as %3F, # as %23 and "
            "@ as %40 in it. If it is a part of the path, write it as %40."
        )
    return ""


def _split(rest: str) -> tuple[str, str]:
    """What follows the scheme, as the host's part, with login and port, and the path, query and fragment."""
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return place, rest[len(place):]
