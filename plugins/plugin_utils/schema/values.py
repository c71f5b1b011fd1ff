# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the value of one option: its type and its format. Each function returns a sentence, or an empty text for a valid value."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe, did_you_mean, shown
from ansible_collections.spire.fleet.plugins.plugin_utils.common.urls import has_wrong_port, without_scheme
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import durations
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Option, Spec

#: the longest path of a socket on Linux, without the closing zero byte
SOCKET_PATH_BYTES = 107
TRUST_DOMAIN_BYTES = 255

_EXPECTED = {
    "string": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "duration": 'a duration such as "1h30m"',
    "block": "a mapping of options",
    "string or block": "a string, or a mapping of options",
    "raw": "a mapping of options",
    "plugins": "a mapping of plugin types",
    "list(string)": "a list of strings",
    "list(block)": "a list of mappings",
    "map(block)": "a mapping of names to mappings",
    "map(string)": "a mapping of names to strings",
    "map(list(string))": "a mapping of names to lists of strings",
}
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "duration": (str,),
    "string or block": (str, dict),
    "list(string)": (list,),
    "list(block)": (list, dict),
}


def wrong_type(kind: str, value: Any) -> str:
    """Returns why a value is not of the type; empty where it is. The value itself may be a secret and is not shown."""
    if isinstance(value, _PYTHON.get(kind, (dict,))) and (not isinstance(value, bool) or kind == "bool"):
        return ""
    return f"It must be {_EXPECTED[kind]}, and it is {describe(value)}{_remedy(kind, value)}."


def _remedy(kind: str, value: Any) -> str:
    if kind == "bool" and isinstance(value, str):
        return "; write true or false without quotes"
    if kind == "duration" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'; write its unit, as in "{value}s"'
    if kind in ("string", "string or block") and not isinstance(value, (dict, list)):
        return "; put quotes around it"
    if kind == "list(string)" and isinstance(value, (str, int, float)):
        return "; put brackets around it"
    if kind in ("block", "map(block)", "raw", "plugins") and value is None:
        return "; write {} for an empty one"
    return ""


def wrong_text(spec: Spec, text: str) -> str:
    """Returns what is wrong with an option's text; empty where nothing is. SPIRE treats an empty text as not set."""
    if not text and spec.not_empty:
        return "It is empty, and SPIRE refuses that; leave it out instead."
    if not text:
        return _trust_domain("") if spec.format == "trust_domain" else ""
    if spec.type == "duration":
        return durations.invalid(text, spec.min, spec.below)
    if spec.enum:
        return _enum(spec, text)
    check = _FORMATS.get(spec.format)
    return check(text) if check else ""


def valid_in_other_releases(option: Option, text: str) -> str:
    """Returns a sentence about the releases that allow a value which this one does not; empty where none does."""
    taking = [release for release in RELEASES if release in option.span and text in option.at(release).enum]
    if not taking:
        return ""
    last = "and later" if taking[-1] == RELEASES[-1] else f"to {taking[-1]}"
    return f" SPIRE {taking[0]} {last} take{'s' if len(taking) == 1 else ''} it."


def written_as_block(option: Option, text: str, release: Version) -> str:
    """Returns a sentence about a text that names a block of the option, such as aws_mysql in database_type; empty where it names none."""
    inner = option.block.at(release).specs.get(text) if option.block else None
    if not option.block or not inner or inner.type != "block":
        return ""
    named = option.block.options[text].block
    needed = ", ".join(f"{name}: ..." for name in named.at(release).required) if named else ""
    return f"{text} is the name of a block here, not a text: write {option.name}: {{{text}: {{{needed}}}}}."


def wrong_number(spec: Spec, number: int | float) -> str:
    """Returns what is wrong with an option's number; empty where nothing is."""
    if spec.format == "port" and not (spec.min or 0) <= number <= 65535:
        return f"{number} is not a port; a port is between {spec.min or 0} and 65535."
    if spec.min is not None and number < spec.min:
        return f"{number} is too small; it must be {spec.min} or more."
    return ""


def wrong_name(what: str, name: str) -> str:
    """Returns what is wrong with a name in a mapping of names; empty where nothing is."""
    check = _FORMATS.get(what)
    return check(name) if check else ""


def _enum(spec: Spec, text: str) -> str:
    known = {value.lower() for value in spec.enum} if spec.ignore_case else spec.enum
    if (text.lower() if spec.ignore_case else text) in known:
        return ""
    allowed = ", ".join(spec.enum)
    if spec.secret:
        return f"It has another value; allowed: {allowed}."
    hint = did_you_mean(text, spec.enum)
    return f"{shown(text)} is not one of its values; {f'{hint} Allowed' if hint else 'allowed'}: {allowed}."


def _port(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and int(text) <= 65535:
        return ""
    return f"{shown(text)} is not a port; a port is between 0 and 65535."


def _trust_domain(text: str) -> str:
    found = f"The trust domain {shown(text)}"
    bare = without_scheme(text)
    plain = re.split(r"[/:?#]", bare.rpartition("@")[2])[0].lower()
    suggestion = f": write {shown(plain)}" if plain and re.fullmatch(r"[a-z0-9._-]+", plain) else ""
    if not text:
        return "The trust domain is empty; it is a name such as prod.example.org."
    if bare != text:
        return f"{found} has a scheme, and it must be the name alone{suggestion}."
    if "/" in text:
        return f"{found} has a path, and it must be the name alone{suggestion}."
    if ":" in text or "@" in text:
        return f"{found} has a port or a user, and it must be the name alone{suggestion}."
    if text.lower() != text:
        return f"{found} has upper-case letters, and it must be lower case{suggestion}."
    if not re.fullmatch(r"[a-z0-9._-]+", text):
        return f"{found} has other characters than lower-case letters, digits, dots, dashes and underscores."
    if len(text) > TRUST_DOMAIN_BYTES:
        return f"The trust domain is {len(text)} characters long; at most {TRUST_DOMAIN_BYTES} are allowed."
    return ""


def trust_domain_of(text: str) -> str:
    """Returns the trust domain of a SPIFFE ID; empty where the text is none."""
    match = re.fullmatch(r"spiffe://([^/]*)((?:/[A-Za-z0-9._-]+)*)", text)
    return match[1] if match and not _trust_domain(match[1]) and not {".", ".."} & set(match[2].split("/")) else ""


def _spiffe_id(text: str) -> str:
    return "" if trust_domain_of(text) else f"{shown(text)} is not a SPIFFE ID, which looks like spiffe://example.org/path."


def _cidr(text: str) -> str:
    try:
        if "/" not in text:
            raise ValueError("an address alone")
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f'{shown(text)} is not a network, which looks like "10.0.0.0/8".'
    return ""


def _ip(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{shown(text)} is not an IP address; SPIRE would listen on all addresses."
    return ""


def _https_url(text: str) -> str:
    if re.match(r"https://[^/]", text, re.IGNORECASE):
        return _port_of_url(text)
    # The URL is not shown, because it may contain a password.
    return "The URL must start with https:// and name a host."


def _url(text: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+(?:[/?#]|$)", text):
        return _port_of_url(text)
    return "It must be a URL with a scheme and a host, such as https://oidc.example.org."


def _port_of_url(text: str) -> str:
    return "What follows the host's name in the URL is no port; a port is between 0 and 65535." if has_wrong_port(text) else ""


def _unix_target(text: str) -> str:
    if text.startswith("unix:"):
        return ""
    return f'{shown(text)} does not begin with "unix:"; it looks like unix:///run/spire/server/sockets/main/private/api.sock.'


def _workload_api(text: str) -> str:
    if re.fullmatch(r"unix:/[^?#]*[^/?#][^?#]*", text):
        return ""
    tcp = re.fullmatch(r"tcp://(\[[^\]]+\]|[^:/?#@\[\]]+):[0-9]+", text)
    try:
        if not tcp:
            raise ValueError("neither a socket nor an address")
        ipaddress.ip_address(tcp[1].strip("[]"))
    except ValueError:
        return f"{shown(text)} is not a Workload API's address, which looks like unix:///run/api.sock or tcp://127.0.0.1:8080."
    return ""


def _api_version(text: str) -> str:
    if re.fullmatch(r"\s*v?[0-9]+\.[0-9]+\s*", text, re.ASCII):
        return ""
    return f'{shown(text)} is not a version of Docker\'s API, which has two numbers, as in "1.44".'


def _host_port(text: str) -> str:
    match = re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5}|[a-z][a-z0-9-]*)", text)
    if match and (not match[1].isdigit() or int(match[1]) <= 65535):
        return ""
    return f'{shown(text)} is not an address with a port, which looks like "127.0.0.1:8443" or ":8443".'


def _socket_path(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size <= SOCKET_PATH_BYTES:
        return ""
    return (
        f"The path is {size} bytes long; a Unix socket's path can have at most {SOCKET_PATH_BYTES}. Choose a shorter"
        " one."
    )


_FORMATS: dict[str, Callable[[str], str]] = {
    "port": _port,
    "trust_domain": _trust_domain,
    "spiffe_id": _spiffe_id,
    "cidr": _cidr,
    "ip": _ip,
    "https_url": _https_url,
    "socket_path": _socket_path,
    "url": _url,
    "unix_target": _unix_target,
    "host_port": _host_port,
    "workload_api": _workload_api,
    "api_version": _api_version,
}
FORMATS = frozenset(_FORMATS)
TYPES = frozenset(_EXPECTED)
