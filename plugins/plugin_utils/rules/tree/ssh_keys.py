# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the SSH CAs that sshpop trusts."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.formats.authorized_keys import Key, KeyLineError, first
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_SSHPOP = "plugins.NodeAttestor.sshpop.plugin_data"


@rule(
    "tree", "server:plugins.NodeAttestor.sshpop.plugin_data",
    source="pkg/common/plugin/sshpop/sshpop.go (certCheckerFromPubkeys), v1.15.3",
)
def ssh_authority_format(context: RuleContext) -> Findings:
    """Every item of cert_authorities is a complete public key in the format of authorized_keys."""
    for index, line in enumerate(context.strings("cert_authorities")):
        try:
            first(line)
        except KeyLineError as exc:
            hint = " To name a file, use cert_authorities_path." if line.startswith("/") else ""
            yield Finding(f"cert_authorities[{index}]", (
                f'It is not a public key in the format of authorized_keys, such as "ssh-ed25519 AAAA... name": {exc}.{hint}'
            ))


@rule(
    "tree", "server:plugins.NodeAttestor.sshpop.plugin_data", since="1.15.3",
    source="pkg/common/plugin/sshpop/sshpop.go (certCheckerFromPubkeys) and go.mod (golang.org/x/crypto v0.54.0), v1.15.3",
)
def ssh_authority_key_type(context: RuleContext) -> Findings:
    """The type that is written in an item of cert_authorities is the type of its key."""
    for option, key in _mistyped(context):
        yield Finding(option, f'The item begins with {key.shown_type}, but the type of its key is {key.encoded}. Write "{key.encoded}".')


@rule(
    "tree", "server:plugins.NodeAttestor.sshpop.plugin_data", until="1.15.2", severity="warning",
    source="pkg/common/plugin/sshpop/sshpop.go (certCheckerFromPubkeys) and go.mod (golang.org/x/crypto v0.52.0), v1.14.7",
)
def ssh_authority_key_type_deprecated(context: RuleContext) -> Findings:
    """The type that is written in an item of cert_authorities is the type of its key, which SPIRE requires since 1.15.3."""
    for option, key in _mistyped(context):
        yield Finding(option, (
            f'The item begins with {key.shown_type}, but the type of its key is {key.encoded}. SPIRE refuses that since 1.15.3. Write '
            f'"{key.encoded}".'
        ))


def _mistyped(context: RuleContext) -> Iterator[tuple[str, Key]]:
    for index, line in enumerate(context.strings("cert_authorities")):
        try:
            key = first(line)
        except KeyLineError:
            continue
        if key.declared != key.encoded:
            yield f"cert_authorities[{index}]", key
