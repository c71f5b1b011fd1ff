# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems that preflight finds, and the text that a person reads of them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace

SHOWN_HOSTS = 5
#: columns of a report, which terminals and AWX show without breaking lines
WIDTH = 100


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, what was found, what is allowed, and what to do.

    ``path`` is dotted as in the tree (``server.bind_port``) or the name of a variable; ``layer`` is the variable
    that set the value. A message never holds a secret, nor the value of a key that the schema doesn't know.
    """

    code: str
    path: str
    message: str
    layer: str = ""
    hosts: tuple[str, ...] = ()
    severity: str = "error"
    #: SPIRE's document about it, at the host's release
    link: str = ""
    #: from which release to which SPIRE has the option
    releases: str = ""
    #: the id of the rule that is broken; empty where an option itself is wrong
    rule: str = ""
    #: whether only strict mode refuses it, so that spire_allow can contain the rule's id
    allow: bool = False


def for_host(problems: Iterable[Problem], host: str) -> list[Problem]:
    return [replace(problem, hosts=(host,)) for problem in problems]


def errors(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """Merges the same problem of several hosts into one with all of them, and sorts: errors first, then by path."""
    hosts: dict[Problem, dict[str, None]] = {}
    links: dict[Problem, str] = {}
    for problem in problems:
        # the documents of two components or of two releases don't make two mistakes of one
        alike = replace(problem, hosts=(), link="")
        hosts.setdefault(alike, {}).update(dict.fromkeys(problem.hosts))
        links[alike] = max(links.get(alike, ""), problem.link)
    together = [
        replace(problem, hosts=tuple(sorted(names, key=_natural)), link=links[problem]) for problem, names in hosts.items()
    ]
    return sorted(together, key=lambda p: (p.severity != "error", p.path, p.code, p.message, p.layer))


def render(problems: Iterable[Problem]) -> str:
    """Returns one line for each problem; an empty text where there is none."""
    return "\n".join(_line(problem) for problem in merged(problems))


def report(problems: Iterable[Problem]) -> str:
    """Returns a paragraph for each problem, errors first and numbered."""
    parts, number = [], 0
    for problem in merged(problems):
        number += problem.severity == "error"
        parts.append(_paragraph(problem, f"{number}. " if problem.severity == "error" else "warning: "))
    return "\n\n".join(parts)


def _line(problem: Problem) -> str:
    layer = f" (set by {problem.layer})" if _foreign(problem) else ""
    hosts = f" [{_some(problem.hosts)}]" if problem.hosts else ""
    rule = f" (rule {problem.rule})" if problem.rule else ""
    return f"{problem.severity}: {problem.path}{layer}: {problem.message}{_remedy(problem)}{rule}{hosts}"


def _paragraph(problem: Problem, title: str) -> str:
    layer = f", set by {problem.layer}" if _foreign(problem) else ""
    lines = [f"{title}{problem.path}{layer}"]
    lines += textwrap.wrap(
        problem.message + _remedy(problem), WIDTH, initial_indent="   ", subsequent_indent="   ",
        break_long_words=False, break_on_hyphens=False,
    )
    if problem.hosts:
        count = f"{len(problem.hosts)} hosts: " if len(problem.hosts) > SHOWN_HOSTS else ""
        lines.append(f"   on {count}{_some(problem.hosts)}")
    if problem.link:
        lines.append(f"   {problem.releases}{': ' if problem.releases else ''}{problem.link}")
    if problem.rule:
        lines.append(f"   rule: {problem.rule}")
    return "\n".join(lines)


def _foreign(problem: Problem) -> bool:
    # a path that begins with the variable names it already
    return bool(problem.layer) and not re.match(re.escape(problem.layer) + r"(?![\w-])", problem.path)


def _remedy(problem: Problem) -> str:
    return f" If this is intended, set spire_allow: [{problem.rule}]." if problem.allow else ""


def _some(hosts: tuple[str, ...]) -> str:
    rest = len(hosts) - SHOWN_HOSTS
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(hosts[:SHOWN_HOSTS]) + more


def _natural(name: str) -> list[tuple[int, str]]:
    # agent2 before agent10: inventories number their hosts
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]
