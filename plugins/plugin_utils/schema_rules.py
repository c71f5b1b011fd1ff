# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options mean to each other: the rules that stand in the data, and the few that need code."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from .schema_model import Rule
from .schema_values import seconds
from .versions import Version

_Finding = tuple[str, str, str]

#: SPIRE gives no SVID a longer life than this part of its CA's, nor than a week
_CA_SHARE = 6
_LONGEST_SVID = Fraction(7 * 24 * 3600)
_DEFAULT_CA_TTL = "24h"


def broken(rule: Rule, found: dict[str, Any]) -> str:
    """What is wrong by this rule; an empty value counts as not set, as in SPIRE."""
    if any(found.get(name) != value for name, value in rule.when):
        return ""
    if any(found.get(name) == value for name, value in rule.unless):
        return ""
    on = [name for name in rule.names if _is_set(found.get(name))]
    listed = _list(rule.names)
    is_set = f"{', '.join(on)} {'is' if len(on) == 1 else 'are'} set"
    if rule.kind == "exactly_one" and len(on) != 1:
        if len(rule.names) == 1:
            return f"{listed} is required and not set."
        return f"Exactly one of {listed} must be set, and {is_set if on else 'none is'}."
    if rule.kind == "at_most_one" and len(on) > 1:
        return f"At most one of {listed} can be set, and {is_set}."
    if rule.kind == "at_least_one" and not on:
        return (
            f"{listed} is required and not set."
            if len(rule.names) == 1
            else f"One of {listed} must be set, and none is."
        )
    if rule.kind == "together" and on and len(on) < len(rule.names):
        return f"{listed} must be set together, and only {is_set}."
    if rule.kind == "needs" and rule.names[0] in on and len(on) < len(rule.names):
        return f"{rule.names[0]} needs {_list(rule.names[1:])}, which is not set."
    if rule.kind == "none" and on:
        condition = " and ".join(f"{name} is {value}" for name, value in rule.when)
        return f"{', '.join(on)} can't be set when {condition}."
    return ""


KINDS = frozenset({"exactly_one", "at_most_one", "at_least_one", "together", "needs", "none"})


def whole(component: str, tree: dict[str, Any], version: Version) -> Iterator[_Finding]:
    """Mistakes that only the whole tree shows."""
    if component == "server":
        yield from _lifetimes(tree.get("server"))
        yield from _mysql(tree)
        return
    agent = tree.get("agent")
    if isinstance(agent, dict):
        yield from _admin_socket(agent)
        yield from _bundle_url(agent)
        yield from _rebootstrap(agent)


def enabled(body: Any) -> bool:
    return not isinstance(body, dict) or body.get("enabled") is not False


def _is_set(value: Any) -> bool:
    # an empty block is set: token_auth {} takes its token from the environment
    return value is not None and value is not False and value != "" and value != []


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def _lifetimes(server: Any) -> Iterator[_Finding]:
    """SPIRE only warns, and then hands out SVIDs with a shorter life than was asked for."""
    if not isinstance(server, dict):
        return
    ca_ttl = _seconds(server.get("ca_ttl") or _DEFAULT_CA_TTL)
    if not ca_ttl:
        return
    longest = min(ca_ttl / _CA_SHARE, _LONGEST_SVID)
    for name in ("default_x509_svid_ttl", "default_jwt_svid_ttl", "default_svid_ttl", "agent_ttl"):
        ttl = _seconds(server.get(name))
        if ttl and ttl > longest:
            reason = "the longest life of an SVID is a week"
            if longest < _LONGEST_SVID:
                reason = (
                    f"with a ca_ttl of {server.get('ca_ttl') or _DEFAULT_CA_TTL} an SVID lives at most a sixth of that,"
                    f" {_hours(longest)}"
                )
            enough = f"; a ca_ttl of {_hours(ttl * _CA_SHARE)} would do" if ttl <= _LONGEST_SVID else ""
            yield "lifetime", f"server.{name}", f'"{server[name]}" can\'t be had: {reason}{enough}.'


def _mysql(tree: dict[str, Any]) -> Iterator[_Finding]:
    path = ("plugins", "DataStore", "sql", "plugin_data")
    data: Any = tree
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        return
    kind, connection = data.get("database_type"), data.get("connection_string")
    mysql = kind == "mysql" or isinstance(kind, dict) and "aws_mysql" in kind
    if mysql and isinstance(connection, str) and connection and "parseTime=true" not in connection:
        message = (
            'A MySQL connection string needs "parseTime=true" among its parameters: SPIRE refuses to start without.'
        )
        yield "rule", ".".join(path) + ".connection_string", message


def _admin_socket(agent: dict[str, Any]) -> Iterator[_Finding]:
    admin, workload = agent.get("admin_socket_path"), agent.get("socket_path")
    if not (isinstance(admin, str) and isinstance(workload, str) and admin and workload):
        return
    public = posixpath.dirname(posixpath.normpath(workload))
    if posixpath.normpath(admin).startswith(public.rstrip("/") + "/"):
        message = (
            f"The admin socket can't be in the directory of the Workload API's socket, {public}, which workloads may"
            " enter."
        )
        yield "rule", "agent.admin_socket_path", message


def _bundle_url(agent: dict[str, Any]) -> Iterator[_Finding]:
    url = agent.get("trust_bundle_url")
    if not isinstance(url, str) or not url:
        return
    scheme = "http" if agent.get("trust_bundle_unix_socket") else "https"
    if not url.lower().startswith(scheme + "://"):
        through = " when it is fetched through trust_bundle_unix_socket" if scheme == "http" else ""
        yield "rule", "agent.trust_bundle_url", f"The URL must start with {scheme}://{through}."


def _rebootstrap(agent: dict[str, Any]) -> Iterator[_Finding]:
    if agent.get("insecure_bootstrap") is True and agent.get("rebootstrap_mode") in ("auto", "always"):
        yield (
            "rule",
            "agent.rebootstrap_mode",
            "An agent with insecure_bootstrap can't bootstrap again; set it to never.",
        )


def _seconds(value: Any) -> Fraction | None:
    try:
        return seconds(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _hours(length: Fraction) -> str:
    whole_seconds = int(length)
    parts = ((whole_seconds // 3600, "h"), (whole_seconds // 60 % 60, "m"), (whole_seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
