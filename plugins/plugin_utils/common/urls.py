# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs of downloads. They may contain a user's name and password, which only the web server may see."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse

_WEB = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclasses.dataclass(frozen=True)
class Login:
    """The user's name and password for a web server."""

    user: str
    password: str = dataclasses.field(repr=False)


def is_web(text: str) -> bool:
    """Whether the text is a URL of HTTP or HTTPS, and not a path."""
    return bool(_WEB.match(text))


def is_other_url(text: str) -> bool:
    """Whether the text is a URL with another scheme, such as FTP."""
    return has_scheme(text) and not is_web(text)


def has_scheme(text: str) -> bool:
    """Whether the text begins with the scheme of a URL."""
    return bool(_SCHEME.match(text))


def without_scheme(text: str) -> str:
    """Returns the address without its scheme."""
    return _SCHEME.sub("", text, count=1) if has_scheme(text) else text


def parted(address: str) -> tuple[str, Login | None]:
    """Splits the login off an address: returns the address without it, and the login, decoded. A path has no login."""
    scheme, mark, rest = address.partition("://")
    netloc, more = _split(rest)
    login, at, host = netloc.rpartition("@")
    if not mark or not at:
        return address, None
    user, _colon, password = login.partition(":")
    return f"{scheme}://{host}{more}", Login(urllib.parse.unquote(user), urllib.parse.unquote(password))


def plain(address: str) -> str:
    """Returns the address without its login, for messages."""
    return parted(address)[0]


def has_wrong_port(address: str) -> bool:
    """Whether something that is no port follows the host's name in a URL."""
    try:
        urllib.parse.urlsplit(address).port
    except ValueError:
        return True
    return False


def mistake(address: str) -> str:
    """Returns why a URL is invalid, without a part of the URL; empty for a valid one and for a path.

    A slash in a password ends the host's part early, so that the rest of the password would be taken for the path, and shown. Such a URL
    has either a port that is not a number or an @ in its path. An @ in a query is fine, unless no path is before the query.
    """
    if not is_web(address):
        return ""
    if has_wrong_port(address):
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
    """Splits what follows the scheme into the host with login and port, and the rest: path, query and fragment."""
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return netloc, rest[len(netloc):]
