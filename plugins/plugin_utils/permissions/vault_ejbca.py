# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least policy in HashiCorp Vault and the least access rules in EJBCA for the plugins of a tree."""

from __future__ import annotations

import json
import re

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import PermissionsError, Request, Use, uses

#: the special characters in a path of a Vault policy: a star at the end stands for any rest, and a plus for any segment
_PATTERN = re.compile(r"[*+]")


def vault(request: Request) -> str:
    """Returns the Vault policy.

    Of two paths that match a request Vault applies the more specific one only, so each path has all capabilities that it needs.
    """
    found: dict[str, set[str]] = {}
    for use in uses("vault", request):
        for facts in use.statements():
            for template in facts["resources"]:
                for path in _filled(use, template):
                    found.setdefault(path.strip("/"), set()).update(facts["capabilities"])
    blocks = [
        f"path {json.dumps(path, ensure_ascii=False)} {{\n  capabilities = {json.dumps(sorted(capabilities))}\n}}\n"
        for path, capabilities in sorted(found.items())
    ]
    return "\n".join(blocks)


def ejbca(request: Request) -> list[str]:
    """Returns the access rules that the role of SPIRE's client certificate must have."""
    rules = {
        rule for use in uses("ejbca", request) for facts in use.statements() for template in facts["rules"]
        for rule in use.fill(template, lambda _name: None)
    }
    return sorted(rules)


def _filled(use: Use, template: str) -> list[str]:
    def literal(text: str) -> str:
        if _PATTERN.search(text):
            raise PermissionsError(
                f"{use.path} names {text}, and in a Vault policy * and + stand for any name: choose a name without them."
            )
        return text.strip("/")

    return use.fill(template, lambda _name: None, literal)
