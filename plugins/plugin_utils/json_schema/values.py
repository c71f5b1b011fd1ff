# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the JSON Schema of one option's value.

An editor sees the text of a file, before templates are resolved and before values are converted. So each schema allows a template,
and a string in place of a number or boolean. JavaScript and Python read the patterns in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Spec
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.values import SOCKET_PATH_BYTES, TRUST_DOMAIN_BYTES

Schema = dict[str, Any]

TEMPLATE = r"\{[{%]"

_DOMAIN = rf"[a-z0-9._-]{{1,{TRUST_DOMAIN_BYTES}}}"
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PORT = r"(?:[0-9]{1,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
#: a pattern for each format. schema/values.py checks more precisely than a pattern can.
FORMATS = {
    "port": _PORT,
    "trust_domain": _DOMAIN,
    "spiffe_id": rf"spiffe://{_DOMAIN}(?:/(?!\.{{1,2}}(?:/|$))[A-Za-z0-9._-]+)*",
    "cidr": r"[0-9A-Fa-f:.]+/[0-9.]+",
    "ip": r"[0-9A-Fa-f.]*[:.][0-9A-Fa-f:.]*(?:%.+)?",
    "https_url": r"[hH][tT][tT][pP][sS]://[^/][^\n]*",
    "socket_path": rf"[^\n]{{0,{SOCKET_PATH_BYTES}}}",
    "url": r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\n][^\n]*",
    "unix_target": r"unix:[^\n]*",
    "workload_api": r"unix:/[^?#\n]*[^/?#\n][^?#\n]*|tcp://(?:\[[^\]\n]+\]|[^:/?#@\[\]\n]+):[0-9]+",
    "api_version": r"\s*v?[0-9]+\.[0-9]+\s*",
    "host_port": rf"(?:\[[^\]\n]*\]|[^:\[\]\n]*):(?:0*{_PORT}|[a-z][a-z0-9-]*)",
}


def words(values: Iterable[str]) -> str:
    """Returns a pattern for the words in upper or lower case."""
    return "|".join(
        "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word) for word in values
    )


_PATTERNS = {
    "int": r"\s*[+-]?[0-9]{1,18}\s*",
    "float": r"\s*[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?\s*",
    "bool": rf"\s*(?:{words(('true', 'yes', 'on', 'false', 'no', 'off'))})\s*",
    "duration": rf"\s*(?:0|\+?(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)?\s*",
}
#: the messages that the YAML language server shows in place of the pattern
_MESSAGES = {
    "port": "A port is between 0 and 65535.",
    "trust_domain": "A trust domain is a name alone, such as prod.example.org: lower-case letters, digits, dots, dashes, underscores.",
    "spiffe_id": "A SPIFFE ID looks like spiffe://example.org/path.",
    "cidr": "A network looks like 10.0.0.0/8.",
    "ip": "It must be an IP address.",
    "https_url": "The URL must start with https:// and name a host.",
    "socket_path": f"A Unix socket's path has at most {SOCKET_PATH_BYTES} bytes.",
    "url": "It must be a URL with a scheme and a host.",
    "unix_target": "It begins with unix:, as in unix:///run/spire/api.sock.",
    "workload_api": "It looks like unix:///run/api.sock or tcp://127.0.0.1:8080.",
    "api_version": "It has two numbers, as in 1.44.",
    "host_port": "It is an address with a port, as in 127.0.0.1:8443.",
    "int": "It must be a whole number.",
    "float": "It must be a number.",
    "bool": "It must be true or false.",
    "duration": "A duration has units, of which h is the longest, as in 1h30m.",
}
_TYPES = {
    "string": ("string", "integer"),
    "int": ("integer", "string"),
    "float": ("number", "string"),
    "bool": ("boolean", "string"),
    "duration": ("string",),
}


def fitting(pattern: str, *, empty: bool = False) -> str:
    """Returns the pattern that allows a value of this pattern and a template; with ``empty`` an empty text as well."""
    return f"^(?:{pattern})$|{TEMPLATE}" + ("|^$" if empty else "")


def of_types(names: Iterable[str], nullable: bool) -> Schema:
    """Returns the schema that allows values of these types."""
    listed = [*names, *(["null"] if nullable else [])]
    return {"type": listed if len(listed) > 1 else listed[0]}


def scalar(spec: Spec, kind: str, layer: bool) -> Schema:
    """Returns the schema of a scalar. In a layer it may be null, which removes it, and empty, since a higher layer may set it."""
    result = of_types(_TYPES[kind], layer)
    if kind in ("string", "duration"):
        _text(result, spec, kind, layer)
    else:
        name = "port" if spec.format == "port" else kind
        result.update(_pattern(name, FORMATS.get(name) or _PATTERNS[name], empty=False))
        result.update(_bounds(spec))
    return result


def _text(result: Schema, spec: Spec, kind: str, layer: bool) -> None:
    name = kind if kind == "duration" else spec.format
    pattern = FORMATS.get(name) or _PATTERNS.get(name)
    empty = spec.format != "trust_domain" and (layer or not (spec.required or spec.not_empty))
    if spec.enum and kind == "string":
        others = fitting(words(spec.enum), empty=empty) if spec.ignore_case else TEMPLATE + ("|^$" if empty else "")
        result["anyOf"] = [{"enum": list(spec.enum) + ([None] if layer else [])}, {"type": "string", "pattern": others}]
        return
    if pattern:
        result.update(_pattern(name, pattern, empty))
    if not empty:
        result["minLength"] = 1
    if spec.format == "port":
        result.update(_bounds(spec))


def _pattern(name: str, pattern: str, empty: bool) -> Schema:
    return {"pattern": fitting(pattern, empty=empty), "patternErrorMessage": _MESSAGES[name]}


def _bounds(spec: Spec) -> Schema:
    bounds: Schema = {}
    if isinstance(spec.min, (int, float)):
        bounds["minimum"] = spec.min
    if spec.format == "port":
        bounds = {"minimum": 0, "maximum": 65535, **bounds}
    return bounds


def names(keys: str) -> Schema:
    """Returns the schema of the names in a mapping of names."""
    return {"propertyNames": {"pattern": f"^(?:{FORMATS[keys]})$"}} if keys in FORMATS else {}


def metadata(spec: Spec, since: str, deprecated: bool, has_no_effect: bool) -> Schema:
    """Returns the description, the default and the marks that an editor shows for an option."""
    facts = [spec.description] if spec.description else []
    if deprecated:
        # deprecationMessage is shown as an error, and the option still works
        instead = f"; use {spec.replaced_by} instead" if spec.replaced_by else ""
        facts.append(f"Deprecated since SPIRE {spec.deprecated}{instead}.")
    if has_no_effect:
        facts.append(f"SPIRE does nothing with it. {spec.because}".rstrip())
    if since:
        facts.append(f"Since SPIRE {since}.")
    if spec.required:
        facts.append("Required.")
    if spec.secret:
        facts.append("A secret: it appears in no output.")
    if spec.default_env:
        facts.append(f"Unless set, taken from the environment variable {spec.default_env}.")
    result: Schema = {"description": " ".join(facts)} if facts else {}
    if deprecated:
        result["deprecated"] = True
    if spec.default is not None:
        result["default"] = spec.default
    return result


def is_set(name: str) -> Schema:
    """Returns the schema that requires an option with a value that is not empty."""
    return {"required": [name], "properties": {name: {"not": {"enum": [None, False, "", []]}}}}


def rule(kind: str, listed: tuple[str, ...], when: Mapping[str, Any], unless: Mapping[str, Any]) -> Schema:
    """Returns the schema of a rule."""
    body = _RULES[kind]([is_set(name) for name in listed])
    if not (when or unless):
        return body
    condition = [_equals(name, value) for name, value in when.items()]
    condition += [{"not": _equals(name, value)} for name, value in unless.items()]
    return {"if": {"allOf": condition}, "then": body}


def _equals(name: str, value: Any) -> Schema:
    return {"required": [name], "properties": {name: {"const": value}}}


def _at_most_one(each: list[Schema]) -> Schema:
    pairs = [{"allOf": [one, other]} for index, one in enumerate(each) for other in each[index + 1 :]]
    return {"not": {"anyOf": pairs}}


_RULES = {
    "exactly_one": lambda each: {"oneOf": each} if len(each) > 1 else each[0],
    "at_most_one": _at_most_one,
    "at_least_one": lambda each: {"anyOf": each},
    "together": lambda each: {"anyOf": [{"allOf": each}, {"not": {"anyOf": each}}]},
    "needs": lambda each: {"if": each[0], "then": {"allOf": each[1:]}},
    "none": lambda each: {"not": {"anyOf": each}},
}
