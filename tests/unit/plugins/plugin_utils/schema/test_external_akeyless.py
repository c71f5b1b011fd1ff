# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only external plugin with a schema in the collection, Akeyless's UpstreamAuthority, is checked like SPIRE's own plugins."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert

AKEYLESS = {
    "akeyless_gateway_url": "https://gateway.acme.com:8000/api/v2", "access_id": "p-1", "pki_cert_issuer_name": "/spire/issuer",
}


def akeyless(**data: Any) -> list[str]:
    tree = {"plugins": {"UpstreamAuthority": {"akeyless_upstream": {
        "plugin_cmd": "/opt/akeyless", "plugin_checksum": "1a" * 32, "plugin_data": {**AKEYLESS, **data},
    }}}}
    found = tree_check.check("server", tree, Version(1, 15, 3))
    path = "plugins.UpstreamAuthority.akeyless_upstream.plugin_data"
    return [f"{one.path.removeprefix(path)}: {one.message}" for one in found if one.path.startswith(path) and one.severity == "error"]


def test_akeyless_is_checked_like_spires_own() -> None:
    assert akeyless() == []
    assert akeyless(access_key="hidden-key", jwt_keys_max_count=10, jwt_keys_retention_period="48h", jwt_keys_secret_name="keys") == []
    assert akeyless(acess_key="hidden") == [
        '.acess_key: SPIRE 1.15.3 has no option "acess_key" in the UpstreamAuthority akeyless_upstream; did you mean "access_key"?'
    ]
    (line,) = akeyless(access_key="hidden-key", gcp_audience="akeyless.io")
    assert line.startswith(": At most one of access_key, azure_object_id, gcp_audience and k8s_auth_config_name can be set, but ")
    assert "hidden-key" not in line


def test_akeyless_shows_all_but_its_key() -> None:
    tree = {"plugins": {"UpstreamAuthority": {"akeyless_upstream": {
        "plugin_cmd": "/opt/akeyless", "plugin_data": {**AKEYLESS, "access_key": "hidden-key", "other": "hidden"},
    }}}}
    shown = convert.redact("server", tree)["plugins"]["UpstreamAuthority"]["akeyless_upstream"]["plugin_data"]
    assert shown == {**AKEYLESS, "access_key": convert.REDACTED, "other": convert.REDACTED}


def test_akeyless_and_an_old_spire() -> None:
    tree = {"plugins": {"UpstreamAuthority": {"akeyless_upstream": {"plugin_cmd": "/opt/a", "plugin_data": AKEYLESS}}}}
    found = {one.message for one in tree_check.check("server", tree, Version(0, 12, 3))}
    assert "The UpstreamAuthority akeyless_upstream is for SPIRE 1.0.0 or later, and this is 0.12.3." in found
