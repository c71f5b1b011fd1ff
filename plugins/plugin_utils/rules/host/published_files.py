# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message about a file on a host that holds a CA which SPIRE published with its key: the rule dummy_ca, asked of the file's content."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.strict import dummy_ca


def published_certificate(option: str, file: str, releases: str) -> str:
    """Returns the message about a certificate of SPIRE's dummy CA, or one made of its key."""
    return (
        f"{file} ({option}) holds a certificate of the dummy CA that comes with {releases}, and its key is public: anybody could issue "
        f"identities of your trust domain. Make a CA of your own. If it is meant so: spire_allow: [{dummy_ca.__name__}]."
    )
