# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trust bundle as text, and fingerprints that it is pinned to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid

_KIND = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


_REMEDY = "Set it to what spire-server bundle show prints on one of the agent's servers."


def mistake(pem: str) -> str:
    """What is wrong with a bundle, and what to do; empty where an agent can read it. Nothing of the text is repeated."""
    kinds = _KIND.findall(pem)
    if "CERTIFICATE" not in kinds:
        return f"It holds no certificate in PEM. {_REMEDY}"
    others = sorted(set(kinds) - {"CERTIFICATE"})
    if others:
        return f"It holds a block of the type {others[0]}, and an agent takes a bundle of certificates alone. {_REMEDY}"
    try:
        svid.fingerprints(pem)
    except ValueError:
        return f"It holds what begins as a certificate in PEM and can't be read as one; perhaps a part is missing. {_REMEDY}"
    return ""


def pinned(given: Iterable[object] | None) -> set[str]:
    """Fingerprints as they are compared: lower case, without colons."""
    return {plain(pin) for pin in given or ()}


def plain(pin: object) -> str:
    return str(pin).lower().replace(":", "")
