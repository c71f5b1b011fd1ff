# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
from collections import OrderedDict, UserDict, UserList
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from tests.support.errors import error_of

SERVER: dict[str, Any] = {
    "server": {
        "trust_domain": "example.org",
        "bind_port": 8081,
        "audit_log_enabled": False,
        "admin_ids": ["spiffe://example.org/a", "spiffe://example.org/b"],
        "ca_subject": {"country": ["US"], "common_name": ""},
        "federation": {
            "bundle_endpoint": {"address": "0.0.0.0", "port": 8443, "profile": {"https_spiffe": {}}},
            "federates_with": {
                "b.test": {
                    "bundle_endpoint_url": "https://b.test",
                    "bundle_endpoint_profile": {"https_spiffe": {"endpoint_spiffe_id": "spiffe://b.test/s"}},
                },
                "localhost": {"bundle_endpoint_url": "https://localhost", "bundle_endpoint_profile": {"https_web": {}}},
            },
        },
    },
    "plugins": {
        "NodeAttestor": {
            "join_token": {"plugin_data": {}},
            "k8s_psat": {
                "plugin_data": {
                    "clusters": {
                        "one": {"service_account_allow_list": ["spire:spire-agent"]},
                        "the second": {"service_account_allow_list": []},
                    },
                },
            },
        },
        "KeyManager": {"memory": {"plugin_data": {}}},
    },
    "telemetry": {
        "Prometheus": {"port": 9988},
        "DogStatsd": [{"address": "localhost:8125"}, {"address": "localhost:8126"}],
    },
    "health_checks": {"listener_enabled": True},
}

SERVER_HCL = """\
server {
    trust_domain = "example.org"
    bind_port = 8081
    audit_log_enabled = false
    admin_ids = ["spiffe://example.org/a", "spiffe://example.org/b"]

    ca_subject {
        country = ["US"]
        common_name = ""
    }

    federation {
        bundle_endpoint {
            address = "0.0.0.0"
            port = 8443
            profile "https_spiffe" {}
        }

        federates_with "b.test" {
            bundle_endpoint_url = "https://b.test"

            bundle_endpoint_profile "https_spiffe" {
                endpoint_spiffe_id = "spiffe://b.test/s"
            }
        }

        federates_with "localhost" {
            bundle_endpoint_url = "https://localhost"
            bundle_endpoint_profile "https_web" {}
        }
    }
}

plugins {
    NodeAttestor "join_token" {
        plugin_data {}
    }

    NodeAttestor "k8s_psat" {
        plugin_data {
            clusters {
                one {
                    service_account_allow_list = ["spire:spire-agent"]
                }

                "the second" {
                    service_account_allow_list = []
                }
            }
        }
    }

    KeyManager "memory" {
        plugin_data {}
    }
}

telemetry {
    Prometheus {
        port = 9988
    }

    DogStatsd = [
        {
            address = "localhost:8125"
        },
        {
            address = "localhost:8126"
        },
    ]
}

health_checks {
    listener_enabled = true
}
"""


def test_a_server_is_written_as_a_person_would_write_it() -> None:
    assert hcl.dumps(SERVER) == SERVER_HCL
    assert hcl.loads(SERVER_HCL) == SERVER


def test_nothing_is_an_empty_file() -> None:
    assert hcl.dumps({}) == ""
    assert hcl.loads("") == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0, "0"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
        ("", '""'),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\dir\\n", r'"C:\\dir\\n"'),
        ("a\nb\tc\rd", r'"a\nb\tc\rd"'),
        ("\x00\x01\x1b\x7f\x85", r'"\u0000\u0001\u001b\u007f\u0085"'),
        ("${HOME}", r'"\u0024{HOME}"'),
        ("$${", r'"$\u0024{"'),
        ("$HOME $ {}", '"$HOME $ {}"'),
        ("Zoë 東京 😀", '"Zoë 東京 😀"'),
        ("\ue123\u2028\ufeff\u200b", r'"\ue123\u2028\ufeff\u200b"'),
        ([], "[]"),
        ([1, "a", True, 1.5], '[1, "a", true, 1.5]'),
        (["x" * 99], f'["{"x" * 99}"]'),
        (["x" * 60, "y" * 60], f'[\n    "{"x" * 60}",\n    "{"y" * 60}",\n]'),
        ([[1, 2], []], "[\n    [1, 2],\n    [],\n]"),
        ([{}], "[{}]"),
        ([[{"a": 1}]], "[\n    [\n        {\n            a = 1\n        },\n    ],\n]"),
        (("a", "b"), '["a", "b"]'),
    ],
)
def test_a_value_is_written(value: Any, text: str) -> None:
    assert hcl.dumps({"key": value}) == f"key = {text}\n"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a_b-c1", "a_b-c1"),
        ("a.b", '"a.b"'),
        ("1a", '"1a"'),
        ("true", '"true"'),
        ("", '""'),
        ("a\n", r'"a\n"'),
        ("é", '"é"'),
    ],
)
def test_a_key_is_quoted_where_it_must_be(key: str, text: str) -> None:
    assert hcl.dumps({key: 1}) == f"{text} = 1\n"
    assert hcl.dumps({key: {}}) == f"{text} {{}}\n"
    assert hcl.loads(hcl.dumps({key: {"x": 1}})) == {key: {"x": 1}}


def test_variables_stay_for_a_spire_that_expands_them() -> None:
    tree = {"password": "${DB_PASSWORD}", "other": "${", "third": "${a b}"}
    hcl_text = 'password = "${DB_PASSWORD}"\nother = "\\u0024{"\nthird = "\\u0024{a b}"\n'
    assert hcl.dumps(tree, expand_env=True) == hcl_text
    assert hcl.loads(hcl_text) == tree
    assert '"${DB_PASSWORD}"' in hcl.dumps_json(tree, expand_env=True)
    assert json.loads(hcl.dumps_json(tree, expand_env=True)) == tree


class Tagged(str):
    """Stands for Ansible's strings that carry tags."""


class AnsibleVaultEncryptedUnicode(UserList):  # type: ignore[type-arg]
    """Stands for the encrypted strings of ansible-core up to 2.18, which pass for a list of characters."""

    def __str__(self) -> str:
        return "decrypted"


def test_subclasses_become_plain_values() -> None:
    tree = OrderedDict({Tagged("a"): UserDict({"b": [Tagged("c")]}), "v": AnsibleVaultEncryptedUnicode("abc")})
    result = hcl.plain(tree)
    assert result == {"a": {"b": ["c"]}, "v": "decrypted"}
    assert [type(item) for item in (result, next(iter(result)), result["a"], result["a"]["b"][0])] == [
        dict,
        str,
        dict,
        str,
    ]
    assert hcl.dumps(tree) == 'a {\n    b = ["c"]\n}\n\nv = "decrypted"\n'


NEST: dict[str, Any] = {}
for _level in range(60):
    NEST = {"a": NEST}


@pytest.mark.parametrize("dumps", [hcl.dumps, hcl.dumps_json])
@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"server": {"x": float("nan")}}, "server.x", "server.x: NaN and infinity have no form in HCL."),
        ({"a": [0, -float("inf")]}, "a[1]", "a[1]: NaN and infinity have no form in HCL."),
        (
            {"plugins": {"WorkloadAttestor": {"unix": None}}},
            "plugins.WorkloadAttestor.unix",
            "plugins.WorkloadAttestor.unix: The value is null, which HCL does not have: write {} for an empty block, or"
            " leave the key out.",
        ),
        ({"a": {1: 2}}, "a", "a: A key is a whole number, but keys in HCL are strings: quote it."),
        ({None: 2}, "", "A key is null, but keys in HCL are strings: quote it."),
        ({True: 2}, "", "A key is a boolean, but keys in HCL are strings: quote it."),
        ({"a": 2**63}, "a", "a: The integer does not fit into 64 bits, which is all that SPIRE reads."),
        ({"a": -(2**63) - 1}, "a", "a: The integer does not fit into 64 bits, which is all that SPIRE reads."),
        (
            {"a": {"b.c": "\ud83d"}},
            'a."b.c"',
            'a."b.c": The string contains half of a surrogate pair, which UTF-8 can\'t represent.',
        ),
        ({"\udc00": 1}, "", "A key contains half of a surrogate pair, which UTF-8 can't represent."),
        (
            {"a": b"x"},
            "a",
            "a: The value is a value of type bytes, which HCL can't represent: it has strings, numbers, booleans,"
            " lists and mappings.",
        ),
        (
            {"a": {1, 2}},
            "a",
            "a: The value is a value of type set, which HCL can't represent: it has strings, numbers, booleans, lists"
            " and mappings.",
        ),
        (
            {"a": datetime.date(2026, 1, 1)},
            "a",
            "a: The value is a date, which HCL does not have: quote it in YAML to make it a string.",
        ),
        (["a"], "", "A configuration is a mapping of blocks, but this is a list."),
        ("a", "", "A configuration is a mapping of blocks, but this is a string."),
        (NEST, "a.a.a...", "a.a.a...: The tree is nested more than 50 levels deep."),
    ],
)
def test_what_hcl_cannot_hold_is_named(dumps: Any, tree: Any, path: str, message: str) -> None:
    with pytest.raises(hcl.HclError) as caught:
        dumps(tree)
    assert str(caught.value) == message
    assert caught.value.path == path


def test_the_deepest_tree_that_is_written_is_read() -> None:
    deepest: Any = "x"
    for _level in range(51):
        deepest = {"a": deepest}
    assert hcl.loads(hcl.dumps(deepest)) == deepest
    with pytest.raises(hcl.HclError, match="nested more than 50 levels deep"):
        hcl.dumps({"a": deepest})
    with pytest.raises(hcl.HclError, match="nested more than 50 levels deep"):
        hcl.loads("a {" + hcl.dumps(deepest) + "}")


def test_a_list_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(hcl.HclError, match="nested more than 50 levels deep"):
        hcl.dumps({"a": loop})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"a": {"b": [1, True]}},
            "a.b[1]: SPIRE's JSON reader loses a boolean inside a list: use HCL for this configuration.",
        ),
        ({"a": [[1]]}, "a[0]: SPIRE's JSON reader loses a list inside a list: use HCL for this configuration."),
    ],
)
def test_what_spire_would_lose_of_json_is_named(tree: Any, message: str) -> None:
    assert error_of(hcl.HclError, hcl.dumps_json, tree) == message


def test_json_is_laid_out_for_spires_reader() -> None:
    text = hcl.dumps_json(
        {"plugins": SERVER["plugins"], "server": {"federation": SERVER["server"]["federation"], "bind_port": 1}}
    )
    tree = json.loads(text)
    assert list(tree) == ["server", "plugins"]
    assert list(tree["server"]) == ["bind_port", "federation"]
    assert tree["plugins"]["NodeAttestor"]["k8s_psat"] == {
        "plugin_cmd": "",
        **SERVER["plugins"]["NodeAttestor"]["k8s_psat"],
    }
    assert tree["plugins"]["KeyManager"] == SERVER["plugins"]["KeyManager"]
    assert text.endswith("}\n")
