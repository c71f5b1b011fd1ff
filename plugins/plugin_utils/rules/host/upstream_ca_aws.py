# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight has against an upstream CA that AWS keeps. It asks AWS nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.aws import client as aws_client
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: what Secrets Manager allows in a name
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}", re.ASCII)
#: what only one server, and only one of its secrets, may be called
_PLACES = ("{host}", "{file}")


def check(planned: Plan, upstream: Upstream) -> Iterable[Problem]:
    """Everything that is known before AWS is asked."""
    way = upstream.storage_mode
    wanting = aws_client.boto3_missing(f"It is {way}, which needs boto3")
    if wanting:
        yield Problem("missing_boto3", VARIABLE, wanting, VARIABLE)
    if not upstream.region and way == aws_record.SECRETS:
        # SPIRE itself has no need of it in every case, and its schema says nothing
        message = f"It is required where {VARIABLE} is {way}: the controller makes the secrets there. Set it, such as to eu-central-1."
        yield Problem("pki_region", "plugins.UpstreamAuthority.awssecret.plugin_data.region", message)
    if way == aws_record.SECRETS:
        yield from _secrets(planned, upstream)
    else:
        yield from _private_ca(upstream)


def too_old(planned: Plan) -> Iterable[Problem]:
    """Releases that can't have what is asked for."""
    way = planned.values[VARIABLE]
    since = {aws_record.SECRETS: aws_record.BUNDLE_SINCE, aws_record.PRIVATE_CA: pki_options.AUTHORITY_SINCE}.get(way)
    if since and planned.version < since:
        why = "takes a root alone from Secrets Manager, whose key stays on the controller" if way == aws_record.SECRETS else "calls it UpstreamCA"
        message = f"It is {way}, and SPIRE {planned.version} {why}; {since} is the first release for it. Use controller or host."
        yield Problem("pki_release", VARIABLE, message, VARIABLE)


def _secrets(planned: Plan, upstream: Upstream) -> Iterable[Problem]:
    name = str(planned.values["spire_pki_secret_name"])
    missing = [place for place in _PLACES if place not in name]
    if missing:
        message = f"It lacks {' and '.join(missing)}: every server has three secrets of its own. Write it as in spire/{{host}}/{{file}}."
        yield Problem("pki_secret_name", "spire_pki_secret_name", message, "spire_pki_secret_name")
        return
    for made in aws_record.secret_names(planned.values, upstream.host, upstream.trust_domain).values():
        if not _NAME.fullmatch(made):
            message = f"It makes the name {made}, and AWS allows letters, digits and /_+=.@- in the name of a secret, 512 at most."
            yield Problem("pki_secret_name", "spire_pki_secret_name", message, "spire_pki_secret_name")
            return


def _private_ca(upstream: Upstream) -> Iterable[Problem]:
    if upstream.values["spire_pki_name_constraints"]:
        message = "AWS Private CA imports no certificate with a critical name constraint. Switch it off where spire_pki is aws_pca."
        yield Problem("pki_name_constraints", "spire_pki_name_constraints", message, "spire_pki_name_constraints")
    longest = aws_record.LONGEST_TEMPLATE + 1
    if upstream.path_length > longest:
        message = f"AWS Private CA has templates for up to {longest} tiers of CAs below its own; it must be {longest} or less."
        yield Problem("pki_path_length", "spire_pki_path_length", message, "spire_pki_path_length")
