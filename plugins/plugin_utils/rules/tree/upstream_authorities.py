# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of what signs the server's CA, of what publishes its bundle, and of plugins that are not built in."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule

#: the templates of AWS that make a CA, and not a certificate for a server
_CA_TEMPLATE = re.compile(r":template/(?:\w*_)?(?:Blank)?SubordinateCACertificate")


def _token_needs_keys(found: Found) -> Findings:
    if "secret_token" in found and not ("access_key_id" in found and "secret_access_key" in found):
        yield "secret_token", (
            "A session token belongs to temporary keys; set access_key_id and secret_access_key with it, or leave all three out "
            "where the machine has a role."
        )


def _keys_together(found: Found) -> Findings:
    for one, other in (("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")):
        if one in found and other not in found:
            yield one, f"It needs {other}, which is not set; set both, or leave both out where the machine has a role."


@rule("server", "plugins.UpstreamAuthority.awssecret.plugin_data")
def secret_keys_together(found: Found) -> Findings:
    """awssecret has access_key_id and secret_access_key together, and secret_token only with them.

    Source: doc/plugin_server_upstreamauthority_awssecret.md (the table of ways), v1.15.3; the older guide to configuring SPIRE
    """
    yield from _keys_together(found)
    yield from _token_needs_keys(found)


@rule("server", "plugins.UpstreamCA.awssecret.plugin_data", until="0.10.2")
def secret_keys_together_in_upstream_ca(found: Found) -> Findings:
    """awssecret has access_key_id and secret_access_key together, and secret_token only with them.

    Source: doc/plugin_server_upstreamca_awssecret.md, v0.9.4; the older guide to configuring SPIRE
    """
    yield from _keys_together(found)
    yield from _token_needs_keys(found)


@rule("server", "plugins.UpstreamAuthority.awssecret.plugin_data", severity="warning", allow="secret_token")
def temporary_credentials(found: Found) -> Findings:
    """Temporary credentials of awssecret are renewed by somebody before every start of the server.

    Source: doc/plugin_server_upstreamauthority_awssecret.md (the note on temporary credentials), v1.15.3; the older guide
    """
    if "secret_token" in found:
        yield "secret_token", (
            "It expires, and SPIRE reads it at every start: the server could not come back by itself after its machine restarts. "
            "Use the role of the machine, or keys that last with assume_role_arn."
        )


@rule("server", "plugins.UpstreamCA.awssecret.plugin_data", until="0.10.2", severity="warning", allow="secret_token")
def temporary_credentials_in_upstream_ca(found: Found) -> Findings:
    """Temporary credentials of awssecret are renewed by somebody before every start of the server.

    Source: doc/plugin_server_upstreamca_awssecret.md, v0.9.4; the older guide to configuring SPIRE
    """
    yield from temporary_credentials(found)


@rule("server", "plugins.UpstreamAuthority.awssecret.plugin_data")
def two_secrets(found: Found) -> Findings:
    """The CA's certificate and its key lie in two secrets.

    Source: doc/plugin_server_upstreamauthority_awssecret.md, v1.15.3; the older guide to configuring SPIRE
    """
    if found.text("key_file_arn") and found.text("key_file_arn") == found.text("cert_file_arn"):
        yield "key_file_arn", "It is the same secret as cert_file_arn; SPIRE reads one secret for the certificate and another for its key."


@rule("server", "plugins.UpstreamCA.awssecret.plugin_data", until="0.10.2")
def two_secrets_in_upstream_ca(found: Found) -> Findings:
    """The CA's certificate and its key lie in two secrets.

    Source: doc/plugin_server_upstreamca_awssecret.md, v0.9.4; the older guide to configuring SPIRE
    """
    yield from two_secrets(found)


@rule("server", "plugins.UpstreamAuthority.aws_pca.plugin_data")
def template_makes_a_ca(found: Found) -> Findings:
    """ca_signing_template_arn names a template of a subordinate CA.

    Source: doc/plugin_server_upstreamauthority_aws_pca.md, v1.15.3; the guide to aws_pca
    """
    given = found.text("ca_signing_template_arn")
    if given and not _CA_TEMPLATE.search(given):
        yield "ca_signing_template_arn", (
            "AWS makes no CA by that template, and the server needs one; use one such as "
            "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1."
        )


@rule("server", "plugins.UpstreamCA.aws_pca.plugin_data", since="0.9.0", until="0.10.2")
def template_makes_a_ca_in_upstream_ca(found: Found) -> Findings:
    """ca_signing_template_arn names a template of a subordinate CA.

    Source: doc/plugin_server_upstreamca_aws_pca.md, v0.9.4; the guide to aws_pca
    """
    yield from template_makes_a_ca(found)


@rule("server", "plugins.UpstreamAuthority.aws_pca.plugin_data")
def authority_in_its_region(found: Found) -> Findings:
    """The private CA of certificate_authority_arn is in the region that is asked.

    Source: pkg/server/plugin/upstreamauthority/awspca/pca.go (Configure), v1.15.3
    """
    yield from _same_region(found, "certificate_authority_arn", "acm-pca")


@rule("server", "plugins.UpstreamCA.aws_pca.plugin_data", since="0.9.0", until="0.10.2")
def authority_in_its_region_in_upstream_ca(found: Found) -> Findings:
    """The private CA of certificate_authority_arn is in the region that is asked.

    Source: pkg/server/plugin/upstreamca/aws/pca.go (Configure), v0.9.4
    """
    yield from authority_in_its_region(found)


@rule("server", "plugins.UpstreamAuthority.awssecret.plugin_data")
def secrets_in_their_region(found: Found) -> Findings:
    """The secrets of awssecret are in the region that is asked.

    Source: pkg/server/plugin/upstreamauthority/awssecret/awslib.go, v1.15.3
    """
    for name in ("cert_file_arn", "key_file_arn", "bundle_file_arn"):
        yield from _same_region(found, name, "secretsmanager")


@rule("server", "plugins.UpstreamCA.awssecret.plugin_data", until="0.10.2")
def secrets_in_their_region_in_upstream_ca(found: Found) -> Findings:
    """The secrets of awssecret are in the region that is asked.

    Source: pkg/server/plugin/upstreamca/awssecret/awslib.go, v0.9.4
    """
    yield from secrets_in_their_region(found)


def _same_region(found: Found, name: str, service: str) -> Findings:
    match = re.match(rf"arn:[^:]*:{service}:([^:]+):", found.text(name))
    region = found.text("region")
    if match and region and match[1] != region:
        yield name, f"It is in {match[1]}, and region is {region}: SPIRE would look for it there in vain. Make them the same."


@rule("server", "plugins.UpstreamAuthority.disk.plugin_data", severity="warning")
def key_apart_from_certificate(found: Found) -> Findings:
    """The upstream CA's key and its certificate are two files.

    Source: doc/plugin_server_upstreamauthority_disk.md, v1.15.3; both guides to configuring SPIRE
    """
    if found.text("key_file_path") and found.text("key_file_path") == found.text("cert_file_path"):
        yield "key_file_path", "It is the certificate's file too; keep the key in a file of its own that the server alone can read."


@rule("server", "plugins.UpstreamCA.disk.plugin_data", until="0.10.2", severity="warning")
def key_apart_from_certificate_in_upstream_ca(found: Found) -> Findings:
    """The upstream CA's key and its certificate are two files.

    Source: doc/plugin_server_upstreamca_disk.md, v0.9.4; the older guide to configuring SPIRE
    """
    yield from key_apart_from_certificate(found)


@rule("server", "plugins.UpstreamAuthority.spire.plugin_data")
def not_its_own_parent(found: Found) -> Findings:
    """A nested server's parent is another server.

    Source: doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE
    """
    own = found.main("server")
    port = own.get("bind_port", 8081)
    local = found.text("server_address") in ("127.0.0.1", "::1", "localhost")
    if local and str(found.values.get("server_port")) == str(port) and own.get("bind_address", "0.0.0.0") in (
        "0.0.0.0", "::", "127.0.0.1", "localhost", ""
    ):
        yield "server_address", f"That address and port {port} are this server's own; name the server above it."


@rule("server", "plugins.*.*", severity="warning", allow="plugin_without_checksum")
def checksum_of_external_plugin(found: Found) -> Findings:
    """A plugin_cmd has its plugin_checksum, so that SPIRE starts no other program.

    Source: doc/spire_server.md (plugin_checksum), v1.15.3; the guide to akeyless_upstream
    """
    yield from checksum(found)


@rule("agent", "plugins.*.*", severity="warning", allow="plugin_without_checksum")
def checksum_of_external_plugin_of_agent(found: Found) -> Findings:
    """A plugin_cmd has its plugin_checksum, so that SPIRE starts no other program.

    Source: doc/spire_agent.md (plugin_checksum), v1.15.3; the guide to akeyless_upstream
    """
    yield from checksum(found)


def checksum(found: Found) -> Findings:
    """The same for servers and agents."""
    if "plugin_cmd" in found and "plugin_checksum" not in found:
        yield "plugin_checksum", (
            "It is not set, so whoever can write to the plugin's file can have SPIRE run anything. Set its SHA-256, or let "
            "spire_plugins install the plugin."
        )


@rule("server", "plugins.*.*")
def checksum_is_sha256(found: Found) -> Findings:
    """A plugin_checksum is a SHA-256 in hexadecimal, and belongs to a plugin_cmd.

    Source: pkg/common/catalog/external.go (buildSecureConfig), v1.15.3
    """
    yield from _sha256(found)


@rule("agent", "plugins.*.*")
def checksum_is_sha256_of_agent(found: Found) -> Findings:
    """A plugin_checksum is a SHA-256 in hexadecimal, and belongs to a plugin_cmd.

    Source: pkg/common/catalog/external.go (buildSecureConfig), v1.15.3
    """
    yield from _sha256(found)


def _sha256(found: Found) -> Findings:
    given = found.text("plugin_checksum")
    if given and not re.fullmatch("[0-9A-Fa-f]{64}", given):
        yield "plugin_checksum", f"It must be a SHA-256, 64 hexadecimal digits, and it has {len(given)} characters."
    for name in ("plugin_checksum", "plugin_args"):
        if name in found and "plugin_cmd" not in found:
            yield name, "It does nothing without plugin_cmd: a built-in plugin has no file of its own."
