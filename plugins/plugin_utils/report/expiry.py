# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes certificates, authorities and SVIDs that expire: who renews them, and whether renewal is due, late or failed.

Reports make a list of these from everything that was observed. If something new can expire, add it to that list.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words

#: the three values of who renews a certificate, authority or SVID
SITE, SPIRE, YOU = "spire.fleet.site", "SPIRE", "you"
#: the share of an SVID's lifetime that remains at least while renewal works; SPIRE renews at one half
LIFE_LEFT = 0.2
OK, DUE, LATE, EXPIRED, EARLY, SUPERSEDED = "ok", "due", "late", "expired", "not valid yet", "superseded"
#: the verdicts that are problems
WRONG = (LATE, EXPIRED, EARLY)
NO_TIME = datetime.timedelta(0)
CONTROLLER = "controller"
#: more rows than this with the same kind and verdict become one
SHOWN_ROWS = 3
#: names of the kinds for a person; a file is called by the option that names it
KIND_NAMES = {
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
    SPIRE: "SPIRE should have renewed it: see the log of its service.",
    YOU: "Nothing renews it automatically: replace it.",
}
_ROTATION = "Nothing renews it automatically: replace it with spire.fleet.rotate_upstream."


@dataclasses.dataclass(frozen=True)
class Expiry:
    """A certificate, authority or SVID that expires."""

    kind: str
    expires: datetime.datetime
    renewed_by: str
    #: the host's name in the inventory, CONTROLLER, or a trust domain
    host: str
    #: server or agent; empty where it is on neither
    component: str = ""
    #: the path of the file, or the status of an authority, such as active
    place: str = ""
    #: the option that names the file
    option: str = ""
    #: the subject, the SPIFFE ID or the authority's ID
    name: str = ""
    starts: datetime.datetime | None = None
    #: how long before it expires it is renewed, where that is known
    renewal_window: datetime.timedelta = NO_TIME
    #: if less than this remains, it should have been renewed
    least_left: datetime.timedelta = NO_TIME
    #: whether it may expire, because something else has replaced it
    superseded: bool = False
    #: whether a problem with it is reported elsewhere
    reported_elsewhere: bool = False

    @property
    def what(self) -> str:
        """The name of its kind for a person."""
        return KIND_NAMES.get(self.kind) or self.option.replace("plugins.", "").replace("plugin_data.", "")

    @property
    def late_below(self) -> datetime.timedelta:
        """If less than this remains, renewal does not work."""
        if self.least_left or self.renewed_by != SPIRE or self.starts is None or not self.kind.endswith("_svid"):
            return self.least_left
        return LIFE_LEFT * (self.expires - self.starts)

    def verdict(self, now: datetime.datetime) -> str:
        """Returns one word for the state of its renewal."""
        left = self.expires - now
        if left <= NO_TIME:
            return SUPERSEDED if self.superseded else EXPIRED
        if self.starts is not None and self.starts > now:
            return EARLY
        if left < self.late_below:
            return LATE
        return DUE if left <= self.renewal_window else OK

    def problem(self, now: datetime.datetime) -> str:
        """Returns what is wrong, in a sentence or two; empty where nothing is."""
        verdict = self.verdict(now)
        if verdict not in WRONG:
            return ""
        what = f"the {self.what}" if self.kind in KIND_NAMES else self.what
        name_text = f" ({self.name})" if self.name else ""
        place = f" in {self.place}" if self.place.startswith(("/", "~")) else ""
        if verdict == EARLY:
            return f"{what}{name_text}{place} is not valid before {moment(self.starts or now)}. Are the clocks right?"
        ends = f"expired at {moment(self.expires)}"
        if verdict == LATE:
            ends = f"expires at {moment(self.expires)}, in {words(self.expires - now)}, and should have been renewed already"
        remedy = _ROTATION if self.kind in ("root", "issuer") else _REMEDY[self.renewed_by]
        return f"{what}{name_text}{place} {ends}. {remedy}"

    def as_dict(self, now: datetime.datetime) -> dict[str, Any]:
        """Returns the fields for JSON."""
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
            "renewed_from": (self.expires - self.renewal_window).isoformat() if self.renewal_window else "",
            "verdict": self.verdict(now),
        }


def in_order(found: Iterable[Expiry]) -> list[Expiry]:
    """Returns the certificates, authorities and SVIDs in the order in which they expire, without duplicates."""
    return sorted(dict.fromkeys(found), key=lambda one: (one.expires, one.kind, one.host, one.place))


def table(found: Sequence[Expiry], now: datetime.datetime) -> str:
    """Returns a table in the order of expiry. Equal rows of many hosts become one row, which shows the host that expires first."""
    rows = [("LEFT", "EXPIRES", "WHAT", "WHERE", "RENEWED BY", "VERDICT")]
    alike: dict[tuple[str, ...], list[Expiry]] = {}
    for one in in_order(found):
        alike.setdefault((one.what, one.place, one.renewed_by, one.verdict(now)), []).append(one)
    for group in sorted(alike.values(), key=lambda ones: ones[0].expires):
        shown_rows = group if len(group) <= SHOWN_ROWS else group[:1]
        for one in shown_rows:
            more = f" and {len(group) - 1} more" if len(group) > len(shown_rows) else ""
            where = f"{one.host}{more}{' ' if one.place else ''}{one.place}"
            left = remaining(one.expires - now)
            rows.append((left, moment(one.expires), one.what, where, one.renewed_by, _verdict_cell(one.verdict(now))))
    rows[1:] = sorted(rows[1:], key=lambda row: row[1])
    return columns(rows)


def _verdict_cell(verdict: str) -> str:
    return verdict.upper() if verdict in WRONG else verdict


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Returns the text of a table with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def remaining(duration: datetime.timedelta) -> str:
    """Returns a duration in the short form of a table cell."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return "expired"
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    return f"{days}d {hours}h" if days else f"{hours}h {rest // 60}m" if hours else f"{rest // 60}m {rest % 60}s"
