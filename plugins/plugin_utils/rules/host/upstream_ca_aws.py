# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about an upstream CA that the collection keeps in AWS. They need no connection to AWS."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.aws import client as aws_client
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: what Secrets Manager allows in a name
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}", re.ASCII)
#: what the names of two servers, and of two secrets of one server, must differ in
_PARTS = ("{host}", "{file}")


@rule("host", "server:spire_pki", source="docs/pki.md")
def pki_release(context: RuleContext) -> Findings:
    """The server's release supports the value of spire_pki."""
    planned: Plan = context.plan
    way = planned.values[VARIABLE]
    since = {aws_record.SECRETS: aws_record.BUNDLE_SINCE, aws_record.PRIVATE_CA: pki_options.AUTHORITY_SINCE}.get(way)
    if since and planned.version < since:
        why = "can't read a bundle from Secrets Manager" if way == aws_record.SECRETS else "has no UpstreamAuthority aws_pca yet"
        message = f"It is {way}, but SPIRE {planned.version} {why}; {since} is the first release that works. Set it to controller or host."
        yield Finding(VARIABLE, message)


def _in_aws(context: RuleContext, *ways: str) -> Upstream | None:
    """Returns the upstream CA, if it is kept in AWS in one of these ways."""
    planned: Plan = context.plan
    upstream = planned.upstream if planned.values[VARIABLE] != "none" else None
    return upstream if upstream and not upstream.stored_on_host and upstream.storage_mode in ways else None


@rule("host", "server:spire_pki", after=(pki_release,), source="docs/pki.md")
def pki_boto3(context: RuleContext) -> Findings:
    """boto3 is installed on the controller when spire_pki keeps the upstream CA in AWS."""
    upstream = _in_aws(context, aws_record.SECRETS, aws_record.PRIVATE_CA)
    wanting = aws_client.boto3_missing(f"It is {upstream.storage_mode}, which needs boto3") if upstream else ""
    if wanting:
        yield Finding(VARIABLE, wanting)


@rule("host", "server:plugins.UpstreamAuthority.awssecret.plugin_data.region", after=(pki_release,), source="docs/pki.md")
def pki_region(context: RuleContext) -> Findings:
    """The region of awssecret is set when the collection creates the secrets."""
    upstream = _in_aws(context, aws_record.SECRETS)
    if upstream and not upstream.region:
        # SPIRE doesn't need it in every case, so the schema doesn't require it
        message = (
            f"It is required when {VARIABLE} is {upstream.storage_mode}, because the controller creates the secrets in this region. Set it, for "
            "example to eu-central-1."
        )
        yield Finding("plugins.UpstreamAuthority.awssecret.plugin_data.region", message, layer="")


@rule(
    "host", "server:spire_pki_secret_name", after=(pki_release,),
    source="docs/pki.md; AWS Secrets Manager, CreateSecret (Name)",
)
def pki_secret_name(context: RuleContext) -> Findings:
    """spire_pki_secret_name contains {host} and {file}, and the names that it produces have only characters that AWS allows."""
    upstream = _in_aws(context, aws_record.SECRETS)
    if not upstream:
        return
    values = context.plan.values
    missing = [part for part in _PARTS if part not in str(values["spire_pki_secret_name"])]
    if missing:
        message = (
            f"It does not contain {' and '.join(missing)}, but every server has three secrets of its own. Write a name such as "
            "spire/{host}/{file}."
        )
        yield Finding("spire_pki_secret_name", message)
        return
    for made in aws_record.secret_names(values, upstream.host, upstream.trust_domain).values():
        if not _NAME.fullmatch(made):
            message = (
                f"It produces the name {made}, but AWS allows only letters, digits and /_+=.@- in the name of a secret, and at most 512 "
                "characters."
            )
            yield Finding("spire_pki_secret_name", message)
            return


@rule("host", "server:spire_pki_name_constraints", after=(pki_release,), source="docs/pki.md")
def pki_name_constraints(context: RuleContext) -> Findings:
    """spire_pki_name_constraints is false when spire_pki is aws_pca."""
    upstream = _in_aws(context, aws_record.PRIVATE_CA)
    if upstream and upstream.values["spire_pki_name_constraints"]:
        message = "AWS Private CA does not import certificates with a critical name constraint. Set it to false when spire_pki is aws_pca."
        yield Finding("spire_pki_name_constraints", message)


#: rules about variables, before which nothing on the controller is read
VARIABLES = (pki_boto3, pki_region, pki_secret_name, pki_name_constraints)
