# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login in an address is separated from it, or the address is refused by a message without any part of the login."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.urls import Login, mistake, parted

NO_PORT = (
    "What follows the host's name in this address is no port. If it is a part of a user's name or password, write / as %2F, ? as %3F, "
    "# as %23 and @ as %40 there."
)
LATE_AT = (
    "An @ follows the host's name in this address. If a user's name or password ends there, write / as %2F, ? as %3F, # as %23 and @ as "
    "%40 in it. If it is a part of the path, write it as %40."
)


@pytest.mark.parametrize(
    ("address", "plain", "login"),
    [
        ("https://mirror.acme.com/spire", "https://mirror.acme.com/spire", None),
        ("https://mirror.acme.com:8443", "https://mirror.acme.com:8443", None),
        ("https://mirror.acme.com/%40acme/x?by=me@acme.com#y@z", "https://mirror.acme.com/%40acme/x?by=me@acme.com#y@z", None),
        ("https://me:pl%2Fan%40ted@[::1]:8443/x", "https://[::1]:8443/x", Login("me", "pl/an@ted")),
        ("https://to%2Fken@mirror.acme.com?x", "https://mirror.acme.com?x", Login("to/ken", "")),
        ("https://me:pl@anted@mirror.acme.com/x", "https://mirror.acme.com/x", Login("me", "pl@anted")),
        ("/srv/me@acme.com/x", "/srv/me@acme.com/x", None),
        ("file:///srv/me@acme.com", "file:///srv/me@acme.com", None),
    ],
)
def test_a_sound_address(address: str, plain: str, login: Login | None) -> None:
    assert (parted(address), mistake(address)) == ((plain, login), "")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://ci:pl/anted@mirror.acme.com/spire", NO_PORT),
        # The beginning of the password could be a port.
        ("https://ci:4711/anted@mirror.acme.com/spire", LATE_AT),
        ("https://ci:4711?anted@mirror.acme.com/spire", LATE_AT),
        ("https://ci:4711#anted@mirror.acme.com/spire", LATE_AT),
        ("https://ci:/anted@mirror.acme.com/spire", LATE_AT),
        ("https://ci:p@l/anted@mirror.acme.com/spire", LATE_AT),
        # The login is only a token.
        ("https://to/ken@mirror.acme.com/spire", LATE_AT),
        ("HTTPS://to/k/en@mirror.acme.com?x", LATE_AT),
        ("http://to?ken@mirror.acme.com", LATE_AT),
    ],
)
def test_a_login_that_would_be_taken_for_a_path(address: str, message: str) -> None:
    assert mistake(address) == message
