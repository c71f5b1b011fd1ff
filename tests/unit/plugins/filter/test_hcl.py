# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter import from_hcl, to_hcl

TREE = {"server": {"trust_domain": "example.org", "password": "${X}"}}
TO_HCL: Callable[..., str] = to_hcl.FilterModule().filters()["to_hcl"]
FROM_HCL: Callable[..., dict[str, Any]] = from_hcl.FilterModule().filters()["from_hcl"]


def test_there_and_back() -> None:
    text = 'server {\n    trust_domain = "example.org"\n    password = "\\u0024{X}"\n}\n'
    assert TO_HCL(TREE) == text
    assert FROM_HCL(text) == TREE


def test_json_is_the_other_format() -> None:
    assert json.loads(TO_HCL(TREE, format="json")) == TREE


def test_variables_can_be_left_to_spire() -> None:
    assert 'password = "${X}"' in TO_HCL(TREE, expand_env=True)
    assert '"password": "${X}"' in TO_HCL(TREE, format="json", expand_env=True)


def test_a_file_of_a_program_gets_the_shape_of_its_documentation() -> None:
    text = '{"Server": [{"trust_domain": "example.org", "CA_subject": [{"country": ["DE"]}]}]}'
    assert FROM_HCL(text) == {"Server": {"trust_domain": "example.org", "CA_subject": [{"country": ["DE"]}]}}
    assert FROM_HCL(text, component="server") == {"server": {"trust_domain": "example.org", "ca_subject": {"country": ["DE"]}}}
    with pytest.raises(AnsibleFilterError, match="from_hcl: component is one of server, agent, oidc_discovery_provider."):
        FROM_HCL(text, component="provider")


def test_a_file_is_read_as_its_release_reads_it() -> None:
    text = 'server { trust_domain = "spiffe://prod.acme.com" }'
    assert FROM_HCL(text, component="server") == {"server": {"trust_domain": "prod.acme.com"}}
    assert FROM_HCL(text, component="server", release="0.9.4") == {"server": {"trust_domain": "spiffe://prod.acme.com"}}
    with pytest.raises(AnsibleFilterError, match="from_hcl: release: .*seven"):
        FROM_HCL(text, component="server", release="seven")


def test_a_file_that_runs_with_expand_env_is_read_with_its_environment() -> None:
    text = 'server { trust_domain = "$NAME" bind_port = $PORT }'
    assert FROM_HCL(text, environment={"NAME": "example.org", "PORT": 80}) == {"server": {"trust_domain": "example.org", "bind_port": 80}}
    with pytest.raises(AnsibleFilterError, match="from_hcl: The file uses variables .*: NAME and PORT[.]"):
        FROM_HCL(text, environment={})


def test_errors_are_ansibles_and_name_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match=r"to_hcl: a\.b: The value is null"):
        TO_HCL({"a": {"b": None}})
    with pytest.raises(AnsibleFilterError, match=r"to_hcl: format is hcl or json\."):
        TO_HCL(TREE, format="yaml")
    with pytest.raises(AnsibleFilterError, match=r"from_hcl: line 1, column 5: This string is never closed"):
        FROM_HCL('a = "hunter2')
