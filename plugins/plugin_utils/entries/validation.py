# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds values in the fields of an entry that a SPIRE server refuses although they have the right type.

Source: pkg/server/api/entry.go (ProtoToRegistrationEntryWithMask), pkg/common/x509util/dns.go (ValidateLabel) and
pkg/server/datastore/sqlstore/sqlstore.go (validateRegistrationEntry), v1.15.3
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version

MAX_ID = 255
#: the longest hint in bytes, although SPIRE's message calls them characters
MAX_HINT = 1024
MAX_LABEL, MAX_NAME, MAX_OLD_NAME = 63, 253, 255
#: the first release that accepts wildcards and labels of one character; older ones accept capitals and dashes anywhere inside a label
NEW_NAMES = Version(1, 9, 0)

_ID = re.compile(r"[A-Za-z0-9._-]+")
_OLD_LABEL = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9])+")
#: Go's ASCII spaces, which SPIRE removes around a name
_SPACES = "\t\n\v\f\r "


def field_problems(entry: Mapping[str, Any], release: Version) -> Iterator[str]:
    """Yields what SPIRE refuses in single fields of an entry with full SPIFFE IDs. Fields of a wrong type are skipped."""
    texts = {name: value for name, value in entry.items() if isinstance(value, str) and value}
    for name, example in (("spiffe_id", "/web"), ("parent_id", "/fleet/spire_agents")):
        path = texts[name].removeprefix("spiffe://").partition("/")[2] if name in texts else "."
        if not path:
            yield f"{name} is {texts[name]}, a trust domain without a path, which SPIRE refuses; write a path, such as {example}."
        elif name == "spiffe_id" and path.partition("/")[0] == "spire":
            yield (
                f"spiffe_id is {texts[name]}, and SPIRE keeps /spire and everything below it for servers and agents; choose another "
                "path."
            )
    entry_id, hint = texts.get("entry_id", ""), len(texts.get("hint", "").encode())
    if len(entry_id) > MAX_ID:
        yield f"entry_id is {len(entry_id)} characters long, and SPIRE takes {MAX_ID} at most; shorten it, or leave it out."
    elif entry_id and not _ID.fullmatch(entry_id):
        yield (
            f'entry_id is "{entry_id}", and SPIRE takes letters, digits, dots, dashes and underscores alone; change it, or leave it '
            "out."
        )
    if hint > MAX_HINT:
        yield f"hint is {hint} bytes long, and SPIRE takes {MAX_HINT} at most; shorten it."
    names = entry.get("dns_names")
    for index, name in enumerate(names if isinstance(names, (list, tuple)) else ()):
        wrong = dns_name_problem(name, release) if isinstance(name, str) else ""
        if wrong:
            yield f'dns_names[{index}] is "{name}", and {wrong}.'


def combination_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yields which fields of an entry in the normal form SPIRE refuses together."""
    if not entry["store_svid"]:
        return
    kinds = sorted({selector["type"] for selector in entry["selectors"]})
    if len(kinds) > 1:
        yield (
            f"selectors are of {' and '.join(kinds)}, and SPIRE accepts only one type where store_svid is set. Write one entry for "
            "each."
        )
    if entry["additional_attributes"].get("disable_x509_svid_prefetch"):
        yield "additional_attributes set disable_x509_svid_prefetch, which SPIRE refuses where store_svid is set; remove one of the two."


def dns_name_problem(name: str, release: Version) -> str:
    """Returns why a server of a release refuses a DNS name; empty where it accepts it.

    The characters of a label in Punycode are not all checked, since that needs Unicode's tables.
    """
    if release < NEW_NAMES:
        return _old_name_problem(name.strip(_SPACES), release)
    if not name.isascii():
        return "SPIRE accepts only ASCII; write the form that DNS has, which begins with xn--"
    if name.count("*") > 1:
        return "SPIRE takes one * at most"
    if "*" in name and not name.startswith("*."):
        return "SPIRE takes a * as the whole first label alone, as in *.acme.com"
    rest = name.removeprefix("*.").strip(_SPACES)
    if not rest:
        return "SPIRE takes no empty name"
    if rest.endswith("."):
        return "SPIRE takes no name that ends with a dot"
    if len(rest) > MAX_NAME:
        return f"SPIRE takes {MAX_NAME} characters at most"
    return next(filter(None, map(_label_problem, rest.split("."))), "")


def _label_problem(label: str) -> str:
    if not label:
        return "SPIRE takes no empty label, before or after a dot"
    if len(label) > MAX_LABEL:
        return f"SPIRE takes {MAX_LABEL} characters at most between two dots"
    if label.startswith("xn--"):
        return "" if _is_punycode(label[len("xn--"):]) else f"SPIRE can't decode the Punycode of its label {label}"
    if label.startswith("-") or label.endswith("-") or label[2:4] == "--":
        return f"SPIRE takes no label that begins or ends with a dash, or has two in its third and fourth place, as {label}"
    return ""


def _is_punycode(text: str) -> bool:
    """Whether a text is the Punycode of characters outside of ASCII, and encoding them again gives the same text."""
    try:
        decoded = text.encode().decode("punycode")
        return not decoded.isascii() and decoded == decoded.lower() and decoded.encode("punycode") == text.encode()
    except (UnicodeError, ValueError, OverflowError):
        return False


def _old_name_problem(name: str, release: Version) -> str:
    # pkg/common/x509util/dns.go (ValidateDNS), v1.8.11
    if not name:
        return "SPIRE takes no empty name"
    if len(name) > MAX_OLD_NAME:
        return f"SPIRE {release} takes {MAX_OLD_NAME} characters at most"
    if all(len(label) <= MAX_LABEL and _OLD_LABEL.fullmatch(label) for label in name.split(".")):
        return ""
    return (
        f"SPIRE {release} takes two to {MAX_LABEL} letters, digits and dashes between two dots, the first and the last no dash"
    )
