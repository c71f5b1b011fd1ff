# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""validate_config checks whole configurations that the collection does not deploy, such as that of the OIDC discovery provider."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter import validate_config
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from tests.unit.plugins.plugin_utils.rules.tree.test_oidc_provider import NEWEST, PLANTED, SOUND

CHECK: Callable[..., list[str]] = validate_config.FilterModule().filters()["validate_config"]
PROVIDER = "oidc_discovery_provider"


def test_a_sound_file_has_none() -> None:
    assert CHECK(SOUND, PROVIDER) == []


def test_every_mistake_is_a_line_without_secrets() -> None:
    wrong = {**SOUND, "domians": [PLANTED], "domains": ["https://oidc.acme.com"], "jwt_issuer": "https://a.test/x", "listen_socket_path": "/s"}
    assert CHECK(wrong, PROVIDER) == [
        "error: oidc_discovery_provider: Exactly one of acme, serving_cert_file, insecure_addr and listen_socket_path must be set, but "
        "insecure_addr and listen_socket_path are set. (rule oidc_listener)",
        'error: domains[0]: "https://oidc.acme.com" must be a domain name alone: write "oidc.acme.com". (rule oidc_domain_names)',
        f'error: domians: SPIRE {NEWEST} has no option "domians" in the file; did you mean "domains"?',
        "warning: jwks_uri: It is not set, so SPIRE derives the address of the keys from jwt_issuer. Set it to the address where the "
        "keys are served. (rule oidc_jwks_uri)",
    ]


SERVER = """
server {{
  Trust_domain = "spiffe://prod.acme.com"
  data_dir = "/var/lib/spire/server"
  audit_log_enabled = "true"
}}
server {{
  ca_subject {{ country = ["DE"] }}
  admin_ids = ["spiffe://prod.acme.com/a"]
  admin_ids = [{item}]
}}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" connection_string = "/var/lib/spire/server/db.sqlite3" }} }}
  KeyManager "memory" {{ plugin_data {{}} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
}}
"""


def test_a_file_is_read_as_spire_reads_it() -> None:
    assert CHECK(hcl.loads(SERVER.format(item='""')), "server") == [
        "error: server.admin_ids[1]: It is empty, and SPIRE refuses that; leave it out instead.",
        "error: server.audit_log_enabled: It must be true or false, and it is a string; write true or false without quotes.",
        'warning: server.Trust_domain: SPIRE reads "Trust_domain" as "trust_domain", because it does not distinguish capitals in names of options. '
        'Write "trust_domain".',
    ]


def test_blocks_of_json_may_be_in_lists() -> None:
    provider = json.dumps({**SOUND, "workload_api": [SOUND["workload_api"]]})
    assert CHECK(hcl.loads(provider), PROVIDER) == []


def test_a_release_is_asked_for() -> None:
    tree = {**SOUND, "jwks_uri": "https://a.test/keys"}
    assert CHECK(tree, PROVIDER) == CHECK(tree, PROVIDER, release=NEWEST) == []
    assert CHECK(tree, PROVIDER, release="1.5.6")[0].startswith("error: jwks_uri: ")


@pytest.mark.parametrize("tree, component, release, message", [
    (SOUND, "provider", "", "validate_config: component is one of server, agent, oidc_discovery_provider."),
    (["x"], PROVIDER, "", "validate_config: The configuration must be a mapping, and it is a list."),
    (SOUND, PROVIDER, "1.14", 'validate_config: release: "1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7".'),
])
def test_what_the_filter_was_given_wrongly(tree: Any, component: str, release: str, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"^{re.escape(message)}$"):
        CHECK(tree, component, release=release)
