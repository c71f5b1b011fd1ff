# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The normal form of registration entries: of the wanted ones and of what `entry show` prints.

The normal form has the names of `entry create -data`. SPIRE ignores names that it does not know without a message
and refuses a whole batch for one bad SPIFFE ID, so both are checked here.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import spiffe_id

SERVERS_OWN = ("revision_number", "created_at")
# Fields that `entry show` calls by another name.
ALIASES = {"id": "entry_id", "expires_at": "entryExpiry"}
ATTRIBUTES = ("disable_x509_svid_prefetch", "jwt_svid_include_jti")

TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


# Old names of fields, and options of the command line, that are not similar to the name of the field.
MEANT = {"ttl": "x509_svid_ttl", "dns": "dns_names"}


class EntryError(ValueError):
    """Everything that is wrong with an entry that SPIRE would refuse or read differently."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def check_id(text: str) -> str:
    """Returns the SPIFFE ID. Raises EntryError where SPIRE would refuse it."""
    if not text.startswith("spiffe://"):
        raise EntryError(f"{text!r} is no SPIFFE ID: it does not begin with spiffe://")
    domain, *segments = text[len("spiffe://"):].split("/")
    if not TRUST_DOMAIN.fullmatch(domain):
        raise EntryError(
            f"{text!r} is no SPIFFE ID: a trust domain has lower case letters, digits, dots, dashes and underscores"
        )
    for segment in segments:
        if not SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise EntryError(
                f"{text!r} is no SPIFFE ID: a path segment has letters, digits, dots, dashes and underscores, and is"
                " neither empty nor a relative one"
            )
    return text


# The beginning of a message on a list of strings.
EACH = "each must be a string, and one"


def _id(value: Any) -> str:
    if not isinstance(value, (str, Mapping)):
        raise EntryError(f"must be a string, and it is {_kind(value)}")
    return check_id(spiffe_id(value))


def _text(value: Any, wanted: str = "must be a string, and it") -> str:
    if not isinstance(value, str):
        raise EntryError(f"{wanted} is {_kind(value)}")
    return str(value)


def _number(value: Any, most: int = 2**63 - 1) -> int:
    # The CLI prints int64 as strings, and templated values are strings as well.
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not re.fullmatch(r"\d+", str(value)):
        raise EntryError("must be a number of seconds, 0 or more, and it is " + _found(value))
    if int(value) > most:
        raise EntryError(f"must be {most} seconds at most, and it is {value}")
    return int(value)


def _lifetime(value: Any) -> int:
    # SPIRE's command refuses the whole batch for a larger number.
    return _number(value, 2**31 - 1)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
        return value.lower() in ("true", "yes")
    raise EntryError("must be true or false, and it is " + _found(value))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise EntryError(f"must be a list, and it is {_kind(value)}")
    return list(value)


def _selectors(value: Any) -> list[dict[str, str]]:
    found = set()
    for item in _list(value):
        if isinstance(item, str):
            kind, colon, rest = item.partition(":")
            if not colon:
                raise EntryError(f"selector {item!r} is wanted as type:value")
        elif isinstance(item, Mapping):
            unknown = sorted(set(item) - {"type", "value"})
            if unknown:
                raise EntryError(f"a selector has type and value, found {', '.join(map(str, unknown))}")
            kind, rest = (_text(item.get(name, ""), "type and value must be strings, and one") for name in ("type", "value"))
        else:
            raise EntryError(f"a selector is type:value or a dictionary of both, found {_kind(item)}")
        if not kind or not rest or ":" in kind:
            raise EntryError(f"selector {kind}:{rest} needs a type without a colon, and a value")
        found.add((str(kind), str(rest)))
    return [{"type": kind, "value": rest} for kind, rest in sorted(found)]


def _domains(value: Any) -> list[str]:
    # SPIRE accepts names and IDs, and stores names.
    found = set()
    for item in _list(value):
        name = re.sub(r"^spiffe://", "", _text(item, EACH))
        if not TRUST_DOMAIN.fullmatch(name):
            raise EntryError(f"{item!r} is no trust domain")
        found.add(name)
    return sorted(found)


def _dns_names(value: Any) -> list[str]:
    # The first name becomes the certificate's common name, so the order counts.
    return list(dict.fromkeys(_text(item, EACH) for item in _list(value)))


def _attributes(value: Any) -> dict[str, bool]:
    if not isinstance(value, Mapping):
        raise EntryError(f"must be a dictionary, and it is {_kind(value)}")
    unknown = _unknown(value, ATTRIBUTES, "is none of them")
    if unknown:
        raise EntryError(*unknown)
    return {name: True for name in ATTRIBUTES if value.get(name) is not None and _flag(value[name])}


FIELDS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "entry_id": (_text, ""),
    "spiffe_id": (_id, ""),
    "parent_id": (_id, ""),
    "selectors": (_selectors, []),
    "x509_svid_ttl": (_lifetime, 0),
    "jwt_svid_ttl": (_lifetime, 0),
    "federates_with": (_domains, []),
    "admin": (_flag, False),
    "downstream": (_flag, False),
    "entryExpiry": (_number, 0),
    "dns_names": (_dns_names, []),
    "store_svid": (_flag, False),
    "hint": (_text, ""),
    "additional_attributes": (_attributes, {}),
}
REQUIRED = ("entry_id", "spiffe_id", "parent_id", "selectors")


def _kind(value: Any) -> str:
    return {"NoneType": "nothing", "dict": "a dictionary", "list": "a list", "bool": "a boolean", "str": "a string"}.get(
        type(value).__name__, "a number" if isinstance(value, (int, float)) else type(value).__name__
    )


def _found(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float, str)) else _kind(value)


def _unknown(value: Mapping[str, Any], names: Iterable[str], wrong: str) -> list[str]:
    found = []
    for key in value:
        if key not in names:
            near = [MEANT[key]] if MEANT.get(key) in names else difflib.get_close_matches(str(key), list(names), 1)
            found.append(f'"{key}" {wrong}' + (f'; did you mean "{near[0]}"?' if near else ""))
    return found


def current(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an entry that a server printed in the normal form. Fields of newer servers are ignored."""
    known = {name: value for name, value in entry.items() if ALIASES.get(name, name) in FIELDS}
    attributes = known.get("additional_attributes") or {}
    known["additional_attributes"] = {name: attributes[name] for name in ATTRIBUTES if name in attributes}
    return normalise(known)


def normalise(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an entry of either shape in the normal form: every field present, sets sorted, numbers as numbers.

    Raises EntryError with all mistakes. Each begins with the name of its field, or with "has".
    """
    renamed: dict[str, Any] = {}
    mistakes = []
    for key, value in entry.items():
        name = ALIASES.get(key, key)
        if name in renamed:
            mistakes.append(f"has {name} twice, once as {key}")
        renamed[name] = value
    mistakes += _unknown(renamed, (*FIELDS, *SERVERS_OWN), "is no field of an entry")
    result: dict[str, Any] = {}
    for name, (convert, default) in FIELDS.items():
        value = renamed.get(name)
        try:
            result[name] = default if value is None or value == "" else convert(value)
        except EntryError as exc:
            mistakes += [f"{name} {text}" if text.startswith("must ") else f"{name}: {text}" for text in exc.mistakes]
    if mistakes:
        raise EntryError(*mistakes)
    return result


def digest(entry: Mapping[str, Any]) -> str:
    """Returns a SHA-256 of an entry in the normal form."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def shown_digest(entry: Mapping[str, Any]) -> str:
    """Returns the digest of an entry that a server printed; empty for one of a newer server that can't be read, which is like no wanted entry."""
    try:
        return digest(current(entry))
    except EntryError:
        return ""


def identity(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the fields by which SPIRE identifies an entry, apart from its ID."""
    return entry["spiffe_id"], entry["parent_id"], tuple((s["type"], s["value"]) for s in entry["selectors"])


def data(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entry in the shape of `-data`. Fields with their default are left out, because old servers may not know them."""
    return {name: entry[name] for name, (_convert, default) in FIELDS.items() if entry[name] != default}
