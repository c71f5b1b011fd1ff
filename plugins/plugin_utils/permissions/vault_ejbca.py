# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tree uses of HashiCorp Vault, as a policy, and of EJBCA, as access rules of a role."""

from __future__ import annotations

import json
import re

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import Asked, PermissionsError, Use, uses

#: a star at the end is any rest, a plus any segment; a name that has one of them would allow more than itself
_PATTERN = re.compile(r"[*+]")


def vault(asked: Asked) -> str:
    """A Vault policy: of two paths that match, Vault takes the more special one alone, so each says all that its requests need."""
    found: dict[str, set[str]] = {}
    for use in uses("vault", asked):
        for facts in use.statements():
            for template in facts["resources"]:
                for path in _filled(use, template):
                    found.setdefault(path.strip("/"), set()).update(facts["capabilities"])
    blocks = [
        f"path {json.dumps(path, ensure_ascii=False)} {{\n  capabilities = {json.dumps(sorted(found[path]))}\n}}\n" for path in sorted(found)
    ]
    return "\n".join(blocks)


def ejbca(asked: Asked) -> list[str]:
    """The rules that the role of SPIRE's client certificate must have."""
    rules = {
        rule for use in uses("ejbca", asked) for facts in use.statements() for template in facts["rules"]
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
