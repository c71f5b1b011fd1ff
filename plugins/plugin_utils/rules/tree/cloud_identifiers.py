# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about names in a cloud that can't be any: SPIRE starts with them, and then no node matches or the cloud refuses each call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import shown
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
#: an ID may have the domain of an organization before it (cloud.google.com, Creating and managing projects)
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
#: the algorithms of AWS Private CA (docs.aws.amazon.com, IssueCertificate)
_SIGNING = re.compile(r"SHA(?:256|384|512)WITH(?:RSA|ECDSA)|SM3WITHSM2|ML_DSA_(?:44|65|87)", re.ASCII)
#: a secret may also be given by its name
_SECRET = (r"(?!arn:).+|arn:aws[\w-]*:secretsmanager:[\w-]+:[0-9]{12}:secret:.+", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:NAME")
_ROLE = (r"arn:aws[\w-]*:iam::[0-9]{12}:role/.+", "arn:aws:iam::111122223333:role/NAME")
#: by option: the form of its ARN, and an example
_ARNS = {
    "assume_role_arn": _ROLE,
    "certificate_authority_arn": (
        r"arn:aws[\w-]*:acm-pca:[\w-]+:[0-9]{12}:certificate-authority/.+", "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/ID",
    ),
    **dict.fromkeys(("cert_file_arn", "key_file_arn", "bundle_file_arn"), _SECRET),
}


def _wrong(context: RuleContext, name: str, form: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yields the path and the text of each item of a list that does not have this form."""
    yield from ((f"{name}[{index}]", text) for index, text in enumerate(context.strings(name)) if not form.fullmatch(text))


@rule(
    "tree", "server:plugins.NodeAttestor.aws_iid.plugin_data", "server:plugins.NodeAttestor.aws_iid.plugin_data.verify_organization", allow=True,
    source="pkg/server/plugin/nodeattestor/awsiid/iid.go (account_ids_for_local_validation, management_account_id), v1.15.3",
)
def aws_account_number(context: RuleContext) -> Findings:
    """Account numbers of aws_iid are those of AWS, which have twelve digits; SPIRE compares them as texts."""
    given = context.text("management_account_id")
    single = [("management_account_id", given)] if given and not _ACCOUNT.fullmatch(given) else []
    for path, text in [*_wrong(context, "account_ids_for_local_validation", _ACCOUNT), *single]:
        yield Finding(path, (
            f"{shown(text)} is not the number of an AWS account, which has twelve digits without dashes. Write it in quotes, so that YAML keeps "
            "zeros at its beginning."
        ))


@rule(
    "tree", *(f"server:plugins.{kind}.{name}.plugin_data" for kind in ("UpstreamAuthority", "UpstreamCA") for name in ("aws_pca", "awssecret")),
    allow=True,
    source=(
        "pkg/server/plugin/upstreamauthority/awspca/pca.go (Configure) and pkg/server/plugin/upstreamauthority/awssecret/awslib.go, v1.15.3; "
        "pkg/server/plugin/upstreamca/aws/pca.go (Configure), v0.9.4"
    ),
)
def aws_arn(context: RuleContext) -> Findings:
    """The ARNs of aws_pca and awssecret are those of a private CA, of secrets and of a role."""
    for name, (form, example) in _ARNS.items():
        given = context.text(name)
        if given and not re.fullmatch(form, given, re.ASCII):
            yield Finding(name, f"{shown(given)} is not the ARN that belongs here, which looks like {example}.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.aws_pca.plugin_data", "server:plugins.UpstreamCA.aws_pca.plugin_data", allow=True,
    source=(
        "pkg/server/plugin/upstreamauthority/awspca/pca.go (MintX509CAAndSubscribe), v1.15.3; pkg/server/plugin/upstreamca/aws/pca.go "
        "(SubmitCSR), v0.9.4"
    ),
)
def aws_pca_signing_algorithm(context: RuleContext) -> Findings:
    """signing_algorithm of aws_pca is one of AWS Private CA, such as SHA256WITHECDSA."""
    given = context.text("signing_algorithm")
    if given and not _SIGNING.fullmatch(given):
        yield Finding("signing_algorithm", (
            f"{shown(given)} is not an algorithm of AWS Private CA. Write SHA256WITHECDSA, SHA256WITHRSA or another one that fits the key of the "
            "private CA, or remove the option to use that of the CA."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", "server:plugins.NodeAttestor.azure_imds.plugin_data.tenants.*",
    "server:plugins.NodeResolver.azure_msi.plugin_data.tenants.*", allow=True,
    source=(
        "pkg/server/plugin/nodeattestor/azureimds/imds.go (subscriptionAllowed) and pkg/server/plugin/nodeattestor/azuremsi/msi.go, v1.15.3; "
        "pkg/server/plugin/noderesolver/azuremsi/resolver.go, v0.12.0"
    ),
)
def azure_subscription_id(context: RuleContext) -> Findings:
    """Subscriptions of Azure are given by their IDs, which are GUIDs, and not by their names."""
    given = context.text("subscription_id")
    single = [("subscription_id", given)] if given and not _GUID.fullmatch(given) else []
    for path, text in [*((path, text) for path, text in _wrong(context, "restrict_to_subscriptions", _GUID) if text.strip()), *single]:
        yield Finding(path, (
            f"{shown(text)} is not the ID of a subscription, which is a GUID such as 0b1f6471-1bf0-4dda-aec3-cb9272f09590. az account list prints it."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.gcp_iit.plugin_data", allow=True,
    source="pkg/server/plugin/nodeattestor/gcpiit/iit.go (Attest compares the project_id of the token), v1.15.3",
)
def gcp_project_id(context: RuleContext) -> Findings:
    """The projects of gcp_iit are given by their IDs, and not by their numbers or with projects/ before them."""
    for name in ("projectid_allow_list", "projectid_whitelist"):
        for path, text in _wrong(context, name, _PROJECT):
            yield Finding(path, (
                f"{shown(text)} is not the ID of a Google project, which has 6 to 30 lower-case letters, digits and dashes and begins with a letter, "
                "such as acme-prod. gcloud projects list prints it."
            ))
