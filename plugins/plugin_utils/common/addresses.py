# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of machines: IPv6 addresses with and without brackets, and IDs that look like names."""

from __future__ import annotations

import ipaddress
import re

_INSTANCE = re.compile(r"m?i-[0-9a-f]{8}(?:[0-9a-f]{9})?")
_BRACKETS = re.compile(r"\[(.*)\]")


def is_instance(text: str) -> bool:
    """Whether the text is an ID that AWS gives a machine, at which no other machine can reach it."""
    return _INSTANCE.fullmatch(text) is not None


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address, without brackets."""
    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def is_loopback(text: str) -> bool:
    """Whether only the machine itself reaches the address."""
    try:
        return ipaddress.ip_address(without_brackets(text)).is_loopback
    except ValueError:
        return text.lower() == "localhost"


def with_brackets(text: str) -> str:
    """Returns the address with brackets where it is an IPv6 address, as it stands before a colon and a port."""
    return f"[{text}]" if is_ipv6(text) else text


def without_brackets(text: str) -> str:
    """Returns the address without the brackets around an IPv6 address."""
    found = _BRACKETS.fullmatch(text)
    return found[1] if found and is_ipv6(found[1]) else text
