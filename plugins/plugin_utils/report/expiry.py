# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What expires when in a fleet, who renews it, and whether that is still to come, due, or has not happened.

Whatever is seen of the fleet becomes a list of these, one for each certificate, authority and SVID: add to it where something new expires.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words

#: who renews
SITE, SPIRE, YOU = "spire.fleet.site", "SPIRE", "you"
#: SPIRE renews an SVID at half of its life; with less than this of it left, renewal is not working
LIFE_LEFT = 0.2
OK, DUE, LATE, EXPIRED, EARLY, OUTLIVED = "ok", "due", "late", "expired", "not valid yet", "outlived"
#: what is wrong, and not merely to be done
WRONG = (LATE, EXPIRED, EARLY)
NONE = datetime.timedelta(0)
CONTROLLER = "controller"
#: so many rows of the same kind and verdict become one
SHOWN_ROWS = 3
#: what a person calls each kind; a file is called by the option that names it
WORDS = {
    "root": "root CA",
    "issuer": "CA that signs upstream CAs",
    "upstream_ca": "upstream CA",
    "node_ca": "CA of nodes' certificates",
    "node_certificate": "certificate of the node",
    "trust_bundle": "CA in the trust bundle",
    "x509_authority": "X.509 authority",
    "jwt_authority": "JWT authority",
    "agent_svid": "SVID of the agent",
    "workload_svid": "SVID of the canary",
}
_REMEDY = {
    SITE: "Run spire.fleet.site.",
    SPIRE: "SPIRE renews it by itself, and has not: see the log of its service.",
    YOU: "Nothing renews it by itself: replace it.",
}
_ROTATION = "Nothing renews it by itself: give the fleet a new one with spire.fleet.rotate_upstream."


@dataclasses.dataclass(frozen=True)
class Expiry:
    """One thing that expires."""

    kind: str
    expires: datetime.datetime
    renewed_by: str
    #: the inventory's name, CONTROLLER, or a trust domain
    host: str
    #: server or agent, where it is on one
    component: str = ""
    #: the file; of an authority whether it is active
    place: str = ""
    #: the option that names the file
    option: str = ""
    #: subject, SPIFFE ID or authority's ID
    name: str = ""
    starts: datetime.datetime | None = None
    #: how long before its end it is renewed, where that is known
    window: datetime.timedelta = NONE
    #: with less than this of it left, it should have been renewed
    needed: datetime.timedelta = NONE
    #: it may expire where it is: something else has taken its place, and SPIRE cleans up
    outlived: bool = False
    #: somebody else says already what is wrong with it
    judged: bool = False

    @property
    def what(self) -> str:
        """Its kind in words."""
        return WORDS.get(self.kind) or self.option.replace("plugins.", "").replace("plugin_data.", "")

    @property
    def late_below(self) -> datetime.timedelta:
        """How much of it may be left before somebody has to worry."""
        if self.needed or self.renewed_by != SPIRE or self.starts is None or not self.kind.endswith("_svid"):
            return self.needed
        return LIFE_LEFT * (self.expires - self.starts)

    def verdict(self, now: datetime.datetime) -> str:
        """One word for what is to be done about it."""
        left = self.expires - now
        if left <= NONE:
            return OUTLIVED if self.outlived else EXPIRED
        if self.starts is not None and self.starts > now:
            return EARLY
        if left < self.late_below:
            return LATE
        return DUE if left <= self.window else OK

    def problem(self, now: datetime.datetime) -> str:
        """What is wrong, in a sentence or two; empty when nothing is."""
        verdict = self.verdict(now)
        if verdict not in WRONG:
            return ""
        what = f"the {self.what}" if self.kind in WORDS else self.what
        named = f" ({self.name})" if self.name else ""
        place = f" in {self.place}" if self.place.startswith(("/", "~")) else ""
        if verdict == EARLY:
            return f"{what}{named}{place} is not valid before {moment(self.starts or now)}. Are the clocks right?"
        ends = f"expired at {moment(self.expires)}"
        if verdict == LATE:
            ends = f"expires at {moment(self.expires)}, in {words(self.expires - now)}, and should have been renewed long ago"
        remedy = _ROTATION if self.kind in ("root", "issuer") else _REMEDY[self.renewed_by]
        return f"{what}{named}{place} {ends}. {remedy}"

    def as_dict(self, now: datetime.datetime) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind,
            "what": self.what,
            "host": self.host,
            "component": self.component,
            "place": self.place,
            "option": self.option,
            "name": self.name,
            "starts": self.starts.isoformat() if self.starts else "",
            "expires": self.expires.isoformat(),
            "seconds_left": int((self.expires - now).total_seconds()),
            "renewed_by": self.renewed_by,
            "renewed_from": (self.expires - self.window).isoformat() if self.window else "",
            "verdict": self.verdict(now),
        }


def in_order(found: Iterable[Expiry]) -> list[Expiry]:
    """What ends first comes first."""
    return sorted(dict.fromkeys(found), key=lambda one: (one.expires, one.kind, one.host, one.place))


def table(found: Sequence[Expiry], now: datetime.datetime) -> str:
    """What ends first comes first. What is alike on many hosts is one row, with the first of them to end."""
    rows = [("LEFT", "EXPIRES", "WHAT", "WHERE", "RENEWED BY", "VERDICT")]
    alike: dict[tuple[str, ...], list[Expiry]] = {}
    for one in in_order(found):
        alike.setdefault((one.what, one.place, one.renewed_by, one.verdict(now)), []).append(one)
    for group in sorted(alike.values(), key=lambda ones: ones[0].expires):
        shown = group if len(group) <= SHOWN_ROWS else group[:1]
        for one in shown:
            more = f" and {len(group) - 1} more" if len(group) > len(shown) else ""
            where = f"{one.host}{more}{' ' if one.place else ''}{one.place}"
            left = remaining(one.expires - now)
            rows.append((left, moment(one.expires), one.what, where, one.renewed_by, _shown(one.verdict(now))))
    rows[1:] = sorted(rows[1:], key=lambda row: row[1])
    return columns(rows)


def _shown(verdict: str) -> str:
    return verdict.upper() if verdict in WRONG else verdict


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table, each as wide as its widest."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def remaining(duration: datetime.timedelta) -> str:
    """How much is left, as short as a table's cell."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return "expired"
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    return f"{days}d {hours}h" if days else f"{hours}h {rest // 60}m" if hours else f"{rest // 60}m {rest % 60}s"
