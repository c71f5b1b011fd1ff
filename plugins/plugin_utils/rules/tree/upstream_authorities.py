# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about upstream authorities, and about plugins that are not built in."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: the templates of AWS that make a CA, and not a certificate for a server
_CA_TEMPLATE = re.compile(r":template/(?:\w*_)?(?:Blank)?SubordinateCACertificate")


def _token_needs_keys(context: RuleContext) -> Findings:
    if "secret_token" in context and not ("access_key_id" in context and "secret_access_key" in context):
        yield Finding("secret_token", (
            "A session token belongs to temporary keys; set access_key_id and secret_access_key with it, or leave all three out "
            "where the machine has a role."
        ))


def _keys_together(context: RuleContext) -> Findings:
    for one, other in (("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")):
        if one in context and other not in context:
            yield Finding(one, f"It needs {other}, which is not set; set both, or leave both out where the machine has a role.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_awssecret.md (the table of ways), v1.15.3; the older guide to configuring SPIRE; "
        "doc/plugin_server_upstreamca_awssecret.md, v0.9.4"
    ),
)
def awssecret_credentials(context: RuleContext) -> Findings:
    """awssecret has access_key_id and secret_access_key together, and secret_token only with them."""
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
    """Temporary credentials of awssecret are renewed by somebody before every start of the server."""
    if "secret_token" in context:
        yield Finding("secret_token", (
            "It expires, and SPIRE reads it at every start: the server could not come back by itself after its machine restarts. "
            "Use the role of the machine, or keys that last with assume_role_arn."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_awssecret.md, v1.15.3; the older guide to configuring SPIRE; "
        "doc/plugin_server_upstreamca_awssecret.md, v0.9.4"
    ),
)
def awssecret_separate_secrets(context: RuleContext) -> Findings:
    """The CA's certificate and its key lie in two secrets."""
    if context.text("key_file_arn") and context.text("key_file_arn") == context.text("cert_file_arn"):
        yield Finding("key_file_arn", (
            "It is the same secret as cert_file_arn; SPIRE reads one secret for the certificate and another for its key."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.aws_pca.plugin_data", "server:plugins.UpstreamCA.aws_pca.plugin_data",
    source=(
        "doc/plugin_server_upstreamauthority_aws_pca.md, v1.15.3; the guide to aws_pca; doc/plugin_server_upstreamca_aws_pca.md, "
        "v0.9.4"
    ),
)
def aws_pca_signing_template(context: RuleContext) -> Findings:
    """ca_signing_template_arn names a template of a subordinate CA."""
    given = context.text("ca_signing_template_arn")
    if given and not _CA_TEMPLATE.search(given):
        yield Finding("ca_signing_template_arn", (
            "AWS makes no CA by that template, and the server needs one; use one such as "
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
    """The private CA of certificate_authority_arn is in the region that is asked."""
    yield from _same_region(context, "certificate_authority_arn", "acm-pca")


@rule(
    "tree", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data",
    source="pkg/server/plugin/upstreamauthority/awssecret/awslib.go, v1.15.3; pkg/server/plugin/upstreamca/awssecret/awslib.go, v0.9.4",
)
def awssecret_region(context: RuleContext) -> Findings:
    """The secrets of awssecret are in the region that is asked."""
    for name in ("cert_file_arn", "key_file_arn", "bundle_file_arn"):
        yield from _same_region(context, name, "secretsmanager")


def _same_region(context: RuleContext, name: str, service: str) -> Findings:
    match = re.match(rf"arn:[^:]*:{service}:([^:]+):", context.text(name))
    region = context.text("region")
    if match and region and match[1] != region:
        yield Finding(name, f"It is in {match[1]}, and region is {region}: SPIRE would look for it there in vain. Make them the same.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.disk.plugin_data", "server:plugins.UpstreamCA.disk.plugin_data", severity="warning",
    source=(
        "doc/plugin_server_upstreamauthority_disk.md, v1.15.3; both guides to configuring SPIRE; "
        "doc/plugin_server_upstreamca_disk.md, v0.9.4; the older guide to configuring SPIRE"
    ),
)
def upstream_key_and_certificate_in_one_file(context: RuleContext) -> Findings:
    """The upstream CA's key and its certificate are two files."""
    if context.text("key_file_path") and context.text("key_file_path") == context.text("cert_file_path"):
        yield Finding("key_file_path", (
            "It is the certificate's file too; keep the key in a file of its own that the server alone can read."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.spire.plugin_data",
    source="doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE",
)
def upstream_server_is_itself(context: RuleContext) -> Findings:
    """A nested server's parent is another server."""
    own = context.main()
    port = own.get("bind_port", 8081)
    local = context.text("server_address") in ("127.0.0.1", "::1", "localhost")
    if local and str(context.values.get("server_port")) == str(port) and own.get("bind_address", "0.0.0.0") in (
        "0.0.0.0", "::", "127.0.0.1", "localhost", ""
    ):
        yield Finding("server_address", f"That address and port {port} are this server's own; name the server above it.")


@rule(
    "tree", "server:plugins.*.*", "agent:plugins.*.*", severity="warning", allow=True,
    source=(
        "doc/spire_server.md (plugin_checksum), v1.15.3; the guide to akeyless_upstream; doc/spire_agent.md (plugin_checksum), "
        "v1.15.3"
    ),
)
def plugin_without_checksum(context: RuleContext) -> Findings:
    """A plugin_cmd has its plugin_checksum, so that SPIRE starts no other program."""
    if "plugin_cmd" in context and "plugin_checksum" not in context:
        yield Finding("plugin_checksum", (
            "It is not set, so whoever can write to the plugin's file can have SPIRE run anything. Set its SHA-256, or let "
            "spire_plugins install the plugin."
        ))


@rule("tree", "server:plugins.*.*", "agent:plugins.*.*", source="pkg/common/catalog/external.go (buildSecureConfig), v1.15.3")
def plugin_checksum_format(context: RuleContext) -> Findings:
    """A plugin_checksum is a SHA-256 in hexadecimal, and belongs to a plugin_cmd."""
    given = context.text("plugin_checksum")
    if given and not re.fullmatch("[0-9A-Fa-f]{64}", given):
        yield Finding("plugin_checksum", f"It must be a SHA-256, 64 hexadecimal digits, and it has {len(given)} characters.")
    for name in ("plugin_checksum", "plugin_args"):
        if name in context and "plugin_cmd" not in context:
            yield Finding(name, "It does nothing without plugin_cmd: a built-in plugin has no file of its own.")
