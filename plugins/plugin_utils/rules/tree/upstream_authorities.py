# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about upstream authorities, and about plugins that are not built in."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import is_instance, is_ipv6, with_brackets, without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: the templates of AWS that make a CA, and not a certificate for a server
_CA_TEMPLATE = re.compile(r":template/(?:\w*_)?(?:Blank)?SubordinateCACertificate")


def _token_needs_keys(context: RuleContext) -> Findings:
    if "secret_token" in context and not ("access_key_id" in context and "secret_access_key" in context):
        yield Finding("secret_token", (
            "A session token is valid only with temporary keys. Set access_key_id and secret_access_key too, or remove all three if the "
            "machine has an IAM role."
        ))


def _keys_together(context: RuleContext) -> Findings:
    for one, other in (("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")):
        if one in context and other not in context:
            yield Finding(one, f"{other} is not set, and this option needs it. Set both, or remove both if the machine has an IAM role.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_awssecret.md (the table of ways), v1.15.3; the older guide to configuring SPIRE; "
        "doc/plugin_server_upstreamca_awssecret.md, v0.9.4"
    ),
)
def awssecret_credentials(context: RuleContext) -> Findings:
    """awssecret has both access_key_id and secret_access_key or neither, and secret_token only with both."""
    yield from _keys_together(context)
    yield from _token_needs_keys(context)


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    severity="warning", allow=True,
    source=(
        "doc/plugin_server_upstreamauthority_awssecret.md (the note on temporary credentials), v1.15.3; the older guide; "
        "doc/plugin_server_upstreamca_awssecret.md, v0.9.4; the older guide to configuring SPIRE"
    ),
)
def secret_token(context: RuleContext) -> Findings:
    """awssecret has no secret_token: temporary credentials expire, and the server can't restart with expired ones."""
    if "secret_token" in context:
        yield Finding("secret_token", (
            "A session token expires, and SPIRE uses it at every start, so the server can't start again once it has expired. Use the IAM role "
            "of the machine, or permanent keys with assume_role_arn."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_awssecret.md, v1.15.3; the older guide to configuring SPIRE; "
        "doc/plugin_server_upstreamca_awssecret.md, v0.9.4"
    ),
)
def awssecret_separate_secrets(context: RuleContext) -> Findings:
    """The CA's certificate and its key are in different secrets."""
    if context.text("key_file_arn") and context.text("key_file_arn") == context.text("cert_file_arn"):
        yield Finding("key_file_arn", (
            "It is the same secret as cert_file_arn, but SPIRE needs one secret for the certificate and another for its key. Write the ARN of "
            "the key's secret."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.aws_pca.plugin_data", "server:plugins.UpstreamCA.aws_pca.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_aws_pca.md, v1.15.3; the guide to aws_pca; doc/plugin_server_upstreamca_aws_pca.md, "
        "v0.9.4"
    ),
)
def aws_pca_signing_template(context: RuleContext) -> Findings:
    """ca_signing_template_arn is the ARN of a template for subordinate CAs."""
    given = context.text("ca_signing_template_arn")
    if given and not _CA_TEMPLATE.search(given):
        yield Finding("ca_signing_template_arn", (
            "This template does not create certificates of subordinate CAs, which the server needs. Use such a template, for example "
            "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.aws_pca.plugin_data", "server:plugins.UpstreamCA.aws_pca.plugin_data",
    source=(
        "pkg/server/plugin/upstreamauthority/awspca/pca.go (Configure), v1.15.3; pkg/server/plugin/upstreamca/aws/pca.go "
        "(Configure), v0.9.4"
    ),
)
def aws_pca_region(context: RuleContext) -> Findings:
    """The private CA of certificate_authority_arn is in the region that region names."""
    yield from _same_region(context, "certificate_authority_arn", "acm-pca")


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source="pkg/server/plugin/upstreamauthority/awssecret/awslib.go, v1.15.3; pkg/server/plugin/upstreamca/awssecret/awslib.go, v0.9.4",
)
def awssecret_region(context: RuleContext) -> Findings:
    """The secrets of awssecret are in the region that region names."""
    for name in ("cert_file_arn", "key_file_arn", "bundle_file_arn"):
        yield from _same_region(context, name, "secretsmanager")


def _same_region(context: RuleContext, name: str, service: str) -> Findings:
    match = re.match(rf"arn:[^:]*:{service}:([^:]+):", context.text(name))
    region = context.text("region")
    if match and region and match[1] != region:
        yield Finding(name, f"It is in the region {match[1]}, but region is {region}, so SPIRE would not find it. Write the same region in both.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.disk.plugin_data", "server:plugins.UpstreamCA.disk.plugin_data", severity="warning",
    source=(
        "doc/plugin_server_upstreamauthority_disk.md, v1.15.3; both guides to configuring SPIRE; "
        "doc/plugin_server_upstreamca_disk.md, v0.9.4; the older guide to configuring SPIRE"
    ),
)
def upstream_key_and_certificate_in_one_file(context: RuleContext) -> Findings:
    """The upstream CA's key and its certificate are in different files."""
    if context.text("key_file_path") and context.text("key_file_path") == context.text("cert_file_path"):
        yield Finding("key_file_path", (
            "This file also contains the certificate. Keep the key in a file of its own that only the server can read."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.spire.plugin_data", "server:plugins.UpstreamCA.spire.plugin_data",
    source="pkg/server/plugin/upstreamauthority/spire/spire.go (joins it with server_port by a colon), v1.15.3",
)
def upstream_server_address_format(context: RuleContext) -> Findings:
    """The address of a nested server's upstream server is no ID of a machine in AWS, and has brackets where it is an IPv6 address."""
    address = context.text("server_address")
    if is_instance(address):
        yield Finding("server_address", (
            f"{address} is the ID of a machine in AWS, and no server can connect to an ID. Set spire_server_address of the upstream server to a "
            "name or an address."
        ))
    elif is_ipv6(address):
        yield Finding("server_address", f'SPIRE adds a colon and the port to this IPv6 address. Write "{with_brackets(address)}".')


@rule(
    "tree", "server:plugins.UpstreamAuthority.spire.plugin_data",
    source="doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE",
)
def upstream_server_is_itself(context: RuleContext) -> Findings:
    """The upstream server of a nested server is another server."""
    own = context.main()
    port = own.get("bind_port", 8081)
    local = without_brackets(context.text("server_address")) in ("127.0.0.1", "::1", "localhost")
    if local and str(context.values.get("server_port")) == str(port) and own.get("bind_address", "0.0.0.0") in (
        "0.0.0.0", "::", "127.0.0.1", "localhost", ""
    ):
        yield Finding("server_address", f"This address and port {port} are the server's own. Write the address of its upstream server.")


@rule(
    "tree", "server:plugins.*.*", "agent:plugins.*.*", severity="warning", allow=True,
    source=(
        "doc/spire_server.md (plugin_checksum), v1.15.3; the guide to akeyless_upstream; doc/spire_agent.md (plugin_checksum), "
        "v1.15.3"
    ),
)
def plugin_without_checksum(context: RuleContext) -> Findings:
    """plugin_checksum is set when plugin_cmd is set, so that SPIRE starts no other program."""
    if "plugin_cmd" in context and "plugin_checksum" not in context:
        yield Finding("plugin_checksum", (
            "It is not set, so anyone who can write to the plugin's file can make SPIRE run any program. Set it to the SHA-256 checksum of the "
            "file, or install the plugin by spire_plugins."
        ))


@rule("tree", "server:plugins.*.*", "agent:plugins.*.*", source="pkg/common/catalog/external.go (buildSecureConfig), v1.15.3")
def plugin_checksum_format(context: RuleContext) -> Findings:
    """plugin_checksum is a SHA-256 checksum in hexadecimal, and it is set only when plugin_cmd is set, as is plugin_args."""
    given = context.text("plugin_checksum")
    if given and not re.fullmatch("[0-9A-Fa-f]{64}", given):
        yield Finding("plugin_checksum", f"It must be a SHA-256 checksum, which has 64 hexadecimal digits, but it has {len(given)} characters.")
    for name in ("plugin_checksum", "plugin_args"):
        if name in context and "plugin_cmd" not in context:
            yield Finding(name, "This option has no effect unless plugin_cmd is set, because a built-in plugin has no program of its own. Remove it.")
