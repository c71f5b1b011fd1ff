# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree of a file gets the schema's shape. SPIRE 1.15.3 reads each of these in the same way, as its `validate` shows."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import decode

SUBJECT = {"country": ["DE"], "organization": ["Acme"]}


def decoded(tree: dict[str, Any], release: str = "1.15.3", component: str = "server") -> tuple[dict[str, Any], list[str]]:
    made, problems = decode.decode(component, tree, versions.parse(release))
    return made, [f"{one.severity}: {one.path}: {one.message}" for one in problems]


@pytest.mark.parametrize(
    ("tree", "made"),
    [
        ({"server": {"ca_subject": [SUBJECT]}}, {"server": {"ca_subject": SUBJECT}}),
        ({"server": {"ca_subject": [SUBJECT, {"country": ["FR"], "common_name": "x"}]}},
         {"server": {"ca_subject": {"country": ["DE", "FR"], "organization": ["Acme"], "common_name": "x"}}}),
        ({"telemetry": {"Statsd": {"address": "a:1"}, "Prometheus": [{"port": 1}]}},
         {"telemetry": {"Statsd": [{"address": "a:1"}], "Prometheus": {"port": 1}}}),
        ({"server": {"federation": {"federates_with": [{"b.test": {"bundle_endpoint_url": "x"}}, {"b.test": [{"bundle_endpoint_url": "y"}]}]}}},
         {"server": {"federation": {"federates_with": {"b.test": {"bundle_endpoint_url": "y"}}}}}),
        ({"plugins": [{"NodeAttestor": [{"aws_iid": [{"plugin_data": [{"skip_block_device": True}]}]}, {"join_token": {}}]}]},
         {"plugins": {"NodeAttestor": {"aws_iid": {"plugin_data": {"skip_block_device": True}}, "join_token": {}}}}),
        ({"plugins": {"NodeAttestor": {"own": {"plugin_cmd": "/x", "plugin_data": [{"A": [1]}]}}}},
         {"plugins": {"NodeAttestor": {"own": {"plugin_cmd": "/x", "plugin_data": {"A": [1]}}}}}),
        ({"server": {"bind_port": "0x10", "log_file": 15}}, {"server": {"bind_port": 16, "log_file": "15"}}),
        ({"server": {"bind_port": "010"}}, {"server": {"bind_port": 8}}),
    ],
)
def test_the_shape_becomes_the_schemas(tree: dict[str, Any], made: dict[str, Any]) -> None:
    assert decoded(tree) == (made, [])
    assert decoded(made) == (made, [])


@pytest.mark.parametrize("tree", [
    {"server": {"audit_log_enabled": "true", "bind_port": " 1", "log_level": 1.5, "admin_ids": "x"}},
    {"server": {"audit_log_enabled": 1, "bind_port": 1.0, "log_level": True, "ca_subject": []}},
    {"server": "x", "plugins": "x", "telemetry": ["x"], "unknown": [{"a": 1}]},
    {"plugins": {"NodeAttestor": "x", "KeyManager": {"disk": "x"}, "Other": {"x": {"plugin_data": {"A": "true"}}}}},
    {"server": {"federation": {"federates_with": {"b.test": "x"}}}, 1: {2: 3}},
])
def test_what_spire_does_not_convert_stays(tree: dict[Any, Any]) -> None:
    assert decoded(tree) == (tree, [])


def test_names_of_options_in_other_capitals_are_noted() -> None:
    tree = {
        "Server": {"ca_subject": {"Country": ["DE"], "country": ["FR"]}},
        "plugins": {"NodeAttestor": {"aws_iid": {"Plugin_Data": {"Partition": "aws"}}}, "keymanager": {"memory": {}}},
    }
    made, notes = decoded(tree)
    assert made == {
        "server": {"ca_subject": {"country": ["DE", "FR"]}},
        "plugins": {"NodeAttestor": {"aws_iid": {"plugin_data": {"partition": "aws"}}}, "keymanager": {"memory": {}}},
    }
    places = ["Server", "server.ca_subject.Country"]
    places += [f"plugins.NodeAttestor.aws_iid.{name}" for name in ("Plugin_Data", "plugin_data.Partition")]
    assert [note.partition(": SPIRE reads")[0] for note in notes] == [f"warning: {place}" for place in places]
    assert notes[1].endswith('SPIRE reads "Country" as "country", because it does not distinguish capitals in names of options. Write "country".')


def test_booleans_in_quotes_were_read_before_1_7_0() -> None:
    tree = {"plugins": {"NodeAttestor": {"aws_iid": {"enabled": "false", "plugin_data": {"skip_block_device": "True"}}}}}
    made = {"plugins": {"NodeAttestor": {"aws_iid": {"enabled": False, "plugin_data": {"skip_block_device": True}}}}}
    assert decoded(tree, "1.6.5") == (made, [])
    assert decoded(tree, "1.7.0") == (tree, [])


def test_a_trust_domain_may_be_a_spiffe_id_from_1_0_0_on() -> None:
    inner = {"bundle_endpoint_url": "https://x"}
    tree = {"server": {"trust_domain": "spiffe://a.test", "federation": {"federates_with": {"spiffe://b.test/x": inner, "spiffe://B.test": inner}}}}
    made = {"server": {"trust_domain": "a.test", "federation": {"federates_with": {"b.test": inner, "spiffe://B.test": inner}}}}
    assert decoded(tree) == decoded(tree, "1.0.0") == (made, [])
    assert decoded(tree, "0.12.3") == (tree, [])


def test_a_plugin_that_is_there_twice_is_an_error() -> None:
    tree = {"plugins": {"NodeAttestor": {"join_token": [{"enabled": True}, {}]}}}
    made = {"plugins": {"NodeAttestor": {"join_token": {"enabled": True}}}}
    message = "error: plugins.NodeAttestor.join_token: The file has this plugin 2 times, and SPIRE refuses that: make them one."
    assert decoded(tree) == (made, [message])
