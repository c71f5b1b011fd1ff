# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies chains of certificates."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension, issued_by


def leads_to(chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], now: datetime.datetime) -> bool:
    """Whether each certificate of a chain was issued by the next one, and the last one by one of these roots, all of them valid now."""
    for current, issuer in zip(chain, chain[1:]):
        if not _issued(current, issuer, now):
            return False
    return any(_issued(chain[-1], root, now) for root in roots)


def last_before_gap(
    first: x509.Certificate, pool: Iterable[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime.datetime
) -> x509.Certificate | None:
    """Returns the last certificate on the way from the first one through a pool, in any order, that no valid certificate has issued.

    Returns None where the way leads to one of the roots.
    """
    left, ways, last = list(pool), [first], first
    while ways:
        last = ways.pop()
        if any(last == root or _issued(last, root, now) for root in roots):
            return None
        above = [one for one in left if _issued(last, one, now)]
        left, ways = [one for one in left if one not in above], ways + above
    return last


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether a certificate is that of a CA; False where an extension of it can't be parsed."""
    try:
        basic = extension(certificate, x509.BasicConstraints)
    except ValueError:
        return False
    return bool(basic and basic.ca)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime.datetime) -> bool:
    return is_ca(issuer) and issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc and issued_by(certificate, issuer)
