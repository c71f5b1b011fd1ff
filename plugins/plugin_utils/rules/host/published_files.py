# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message about a file on a host with a CA whose key SPIRE has published: the rule dummy_ca, evaluated for the file's content."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.strict import dummy_ca


def published_certificate(option: str, file: str, releases: str) -> str:
    """Returns the message about a certificate of SPIRE's dummy CA, or one made of its key."""
    return (
        f"{file} ({option}) contains a certificate of the dummy CA that comes with {releases} and whose key is public, so anyone can issue "
        f"identities of your trust domain. Create a CA of your own. If this is intended, set spire_allow: [{dummy_ca.__name__}]."
    )
