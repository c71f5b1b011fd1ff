# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about akeyless_upstream, the external UpstreamAuthority that the collection knows."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_DATA = "plugins.UpstreamAuthority.akeyless_upstream.plugin_data"


@rule(
    "tree", "server:plugins.UpstreamAuthority.akeyless_upstream.plugin_data", severity="warning", allow=True, external=True,
    source="the guide to akeyless_upstream, section Authentication",
)
def akeyless_api_key(context: RuleContext) -> Findings:
    """In production, akeyless_upstream authenticates by a method of the cloud or of Kubernetes, and not by an API key."""
    if "access_key" in context:
        yield Finding("access_key", (
            "An API key is for trials only: it does not expire, and anyone who reads it can get CA certificates signed. In production use "
            "the authentication method of AWS, Azure, Google Cloud or Kubernetes (k8s_auth_config_name)."
        ))


@rule(
    "tree", "server:plugins.UpstreamAuthority.akeyless_upstream.plugin_data", severity="warning", external=True,
    source="the guide to akeyless_upstream, section Configure SPIRE Server",
)
def akeyless_gateway_url(context: RuleContext) -> Findings:
    """akeyless_gateway_url is the gateway's API v2 endpoint, not the gateway's console."""
    url = context.text("akeyless_gateway_url")
    if url and not url.rstrip("/").endswith("/api/v2"):
        yield Finding("akeyless_gateway_url", (
            "It must be the gateway's API v2 endpoint, which ends in /api/v2, as in https://gateway:8000/api/v2."
        ))
