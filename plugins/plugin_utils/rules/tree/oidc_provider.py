# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the OIDC discovery provider."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_PROVIDER = "oidc_discovery_provider"


@rule(
    "tree", "oidc_discovery_provider", since="1.11.2", severity="warning",
    source="support/oidc-discovery-provider/config.go (ParseConfig), v1.15.3",
)
def oidc_jwks_uri(context: RuleContext) -> Findings:
    """jwks_uri is set when jwt_issuer is set; otherwise SPIRE derives jwks_uri from jwt_issuer."""
    if "jwt_issuer" in context and "jwks_uri" not in context:
        yield Finding("jwks_uri", "It is not set, so SPIRE derives the address of the keys from jwt_issuer. Set it to the address where the keys are served.")


@rule(
    "tree", "oidc_discovery_provider", since="1.11.1", severity="warning",
    source="support/oidc-discovery-provider/domain_policy.go (DomainAllowlist) and support/oidc-discovery-provider/config.go (ParseConfig), v1.15.3",
)
def oidc_issuer_domain(context: RuleContext) -> Findings:
    """The host of jwt_issuer is one of domains, because clients ask the provider under that name."""
    try:
        host = urlsplit(context.text("jwt_issuer")).hostname
    except ValueError:
        return
    known = [_bare(name).rstrip(".") for name in context.strings("domains")]
    if host and known and host.rstrip(".") not in known:
        yield Finding("jwt_issuer", (
            f"Clients look for the keys at {host}, which is not one of domains, so the provider would refuse them. Add it to domains, unless a proxy "
            "asks under another name."
        ))


@rule("tree", "oidc_discovery_provider", since="1.0.2", source="support/oidc-discovery-provider/domain_policy.go (toDomainKey), v1.15.3")
def oidc_domain_names(context: RuleContext) -> Findings:
    """Every item of domains is a domain name as IDNA takes it: in ASCII, without a scheme, a port or an underscore."""
    for index, name in enumerate(context.strings("domains")):
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", name):
            bare = _bare(name)
            if "*" in name:
                yield Finding(f"domains[{index}]", f'"{name}" is refused, because domains takes no wildcards: write each domain name by itself.')
                continue
            hint = f'write "{bare}"' if re.fullmatch(r"[a-z0-9._-]+", bare) else "write it in punycode if it has letters outside of ASCII"
            yield Finding(f"domains[{index}]", f'"{name}" must be a domain name alone: {hint}.')
            continue
        for label in filter(_wrong_label, name.split(".")):
            yield Finding(f"domains[{index}]", f'IDNA refuses the part "{label}" of "{name}", and the provider exits: {_wrong_label(label)}.')


def _wrong_label(label: str) -> str:
    """Returns why IDNA refuses a part of a domain name; empty where it takes it."""
    if "_" in label:
        return "it has an underscore"
    if label.startswith("-") or label.endswith("-"):
        return "it begins or ends with a hyphen"
    if label[2:4] != "--":
        return ""
    return "" if label.startswith("xn--") and _is_punycode(label[4:]) else 'a "--" after two characters is for punycode alone'


def _is_punycode(text: str) -> bool:
    """Whether the text decodes to letters, of which one is outside of ASCII."""
    try:
        decoded = text.encode().decode("punycode")
    except UnicodeError:
        return False
    return not decoded.isascii() and decoded == unicodedata.normalize("NFC", decoded.lower()) and not any(
        unicodedata.category(char).startswith("C") for char in decoded
    )


def _bare(name: str) -> str:
    """Returns a domain name without a scheme, a port and a path that it may have by mistake."""
    return re.sub(r"^[A-Za-z]+://", "", name).split("/")[0].split(":")[0].lower()
