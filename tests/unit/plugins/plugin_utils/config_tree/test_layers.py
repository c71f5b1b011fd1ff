# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import datetime
from collections import UserDict, UserList
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import render
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree import layers
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer, Merged

KEYS = st.sampled_from(["a", "b", "c", "plugins", "server", "KeyManager", "disk", "example.org"])
SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3))
)
TREES = st.dictionaries(KEYS, VALUES, max_size=4)


class Text(str):
    """Stands for Ansible's tagged strings, which are a subclass of str."""


def merge(*trees: Any, component: str = "agent") -> Merged:
    return layers.merge(component, [Layer(f"layer{number}", one) for number, one in enumerate(trees)])


def plugins(kind: str, *names: str) -> dict[str, Any]:
    return {"plugins": {kind: {name: {} for name in names}}}


def all_paths(value: Mapping[str, Any], path: str = "") -> list[str]:
    found = []
    for key, inner in value.items():
        here = layers.child(path, key)
        found += [here] + (all_paths(inner, here) if isinstance(inner, dict) else [])
    return found


@given(TREES)
def test_one_layer_alone_is_the_tree(one: dict[str, Any]) -> None:
    assert merge(one).tree == one


@given(TREES)
def test_empty_layers_change_nothing(one: dict[str, Any]) -> None:
    assert merge({}, one, {}).tree == one == merge(one, one).tree


@given(TREES, TREES)
def test_the_last_layer_wins(below: dict[str, Any], above: dict[str, Any]) -> None:
    def holds(inside: Any, outside: Any) -> bool:
        if isinstance(inside, dict):
            return isinstance(outside, dict) and all(holds(inside[key], outside.get(key)) for key in inside)
        return bool(inside == outside)

    assert holds(above, merge(below, above).tree)


@given(TREES, TREES, TREES)
def test_nothing_that_goes_in_is_changed(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    before = copy.deepcopy((one, two, three))
    result = merge(one, two, three).tree
    assert (one, two, three) == before
    # The result shares no dict or list with the inputs.
    for value in result.values():
        if isinstance(value, (dict, list)):
            value.clear()
    assert (one, two, three) == before


@given(TREES, TREES)
def test_every_path_has_the_layer_that_set_it(below: dict[str, Any], above: dict[str, Any]) -> None:
    merged = merge(below, above)
    for path in all_paths(merged.tree):
        assert merged.origin(path) == ("layer1" if path in all_paths(above) else "layer0")


def test_a_path_that_nobody_set_has_the_layer_around_it() -> None:
    merged = merge({"server": {"federation": {"federates_with": {"b.test": {"x": [{"y": 1}]}}}}}, {"server": {}})
    assert merged.origin('server.federation.federates_with."b.test".url') == "layer0"
    assert merged.origin('server.federation.federates_with."b.test".x[0].y') == "layer0"
    assert merged.origin("server.data_dir") == "layer1"
    assert merged.origin("telemetry") == merged.origin("") == ""


def test_layers_are_taken_in_order_of_their_names() -> None:
    variables = {
        "spire_agent_config__eu": {"agent": {"log_level": "INFO"}},
        "spire_agent_config__db": {"agent": {"log_level": "DEBUG"}},
        "spire_agent_config": {"agent": {"log_level": "WARN"}},
        "spire_agent_config_format": "hcl",
        "spire_server_config": {"server": {}},
    }
    stack = layers.layers("agent", variables, {"agent": {"log_level": "ERROR"}})
    names = ["built-in defaults", "spire_agent_config", "spire_agent_config__db", "spire_agent_config__eu"]
    assert [layer.name for layer in stack] == names
    merged = layers.merge("agent", stack)
    assert merged.tree == {"agent": {"log_level": "INFO"}}
    assert merged.origin("agent.log_level") == "spire_agent_config__eu"


def test_no_variables_leave_the_defaults() -> None:
    assert [layer.name for layer in layers.layers("server", {}, {})] == ["built-in defaults"]


def test_lists_replace() -> None:
    assert merge({"a": [1, 2]}, {"a": [3]}).tree == {"a": [3]}


def test_a_block_replaces_a_value_and_a_value_a_block() -> None:
    assert merge({"a": 1, "b": {"c": 1}}, {"a": {"d": 1}, "b": 2}).tree == {"a": {"d": 1}, "b": 2}


@pytest.mark.parametrize(
    ("component", "kind", "below", "above", "left"),
    [
        ("agent", "NodeAttestor", ["join_token"], ["x509pop"], ["x509pop"]),
        ("agent", "NodeAttestor", ["join_token"], ["join_token"], ["join_token"]),
        ("agent", "NodeAttestor", ["join_token"], [], ["join_token"]),
        ("agent", "KeyManager", ["disk"], ["memory"], ["memory"]),
        ("agent", "WorkloadAttestor", ["unix"], ["docker"], ["unix", "docker"]),
        ("server", "KeyManager", ["disk"], ["aws_kms"], ["aws_kms"]),
        ("server", "DataStore", ["sql"], ["mine"], ["mine"]),
        ("server", "UpstreamAuthority", ["disk"], ["vault"], ["vault"]),
        ("server", "UpstreamCA", ["disk"], ["spire"], ["spire"]),
        ("server", "NodeAttestor", ["join_token"], ["x509pop"], ["join_token", "x509pop"]),
        ("server", "Notifier", ["k8sbundle"], ["gcs_bundle"], ["k8sbundle", "gcs_bundle"]),
    ],
)
def test_singletons(component: str, kind: str, below: list[str], above: list[str], left: list[str]) -> None:
    merged = merge(plugins(kind, *below), plugins(kind, *above), component=component)
    assert list(merged.tree["plugins"][kind]) == left
    assert merged.problems == []


def test_the_same_singleton_is_merged() -> None:
    below = {"plugins": {"KeyManager": {"disk": {"plugin_data": {"directory": "/a", "x": 1}}}}}
    above = {"plugins": {"KeyManager": {"disk": {"plugin_data": {"directory": "/b"}}}}}
    assert merge(below, above).tree == {
        "plugins": {"KeyManager": {"disk": {"plugin_data": {"directory": "/b", "x": 1}}}}
    }


def test_a_replaced_singleton_leaves_nothing_of_itself() -> None:
    below = {"plugins": {"KeyManager": {"disk": {"plugin_data": {"directory": "/a"}}}}}
    merged = merge(below, plugins("KeyManager", "memory"), plugins("KeyManager", "disk"))
    assert merged.tree == plugins("KeyManager", "disk")
    assert merged.origin("plugins.KeyManager.disk.plugin_data.directory") == "layer2"


def test_two_singletons_of_one_layer_stay_for_the_check_to_find() -> None:
    merged = merge(plugins("NodeAttestor", "join_token"), plugins("NodeAttestor", "x509pop", "aws_iid"))
    assert sorted(merged.tree["plugins"]["NodeAttestor"]) == ["aws_iid", "x509pop"]


def test_a_disabled_plugin_replaces_nothing() -> None:
    above = {"plugins": {"NodeAttestor": {"x509pop": {"enabled": False}}}}
    merged = merge(plugins("NodeAttestor", "join_token"), above)
    assert sorted(merged.tree["plugins"]["NodeAttestor"]) == ["join_token", "x509pop"]


def test_null_removes() -> None:
    merged = merge({"agent": {"a": {"b": 1}, "c": 2}}, {"agent": {"a": None}})
    assert merged.tree == {"agent": {"c": 2}}
    assert merged.problems == []
    assert merged.origin.removed == {"agent.a": "layer1"}


def test_what_null_took_away_is_known_until_it_is_set_again() -> None:
    null, again = {"agent": None}, {"agent": {"a": 1}}
    merged = merge({"agent": {"a": 1, "b": 2}}, null, again)
    assert merged.origin.taken("agent.b") == ("agent", "layer1")
    assert [merged.origin.taken(path) for path in ("agent", "agent.a", "agent.c")] == [None, None, None]


def test_a_singleton_that_was_replaced_was_not_removed_by_null() -> None:
    first, other = ({"plugins": {"KeyManager": {name: {}}}} for name in ("disk", "memory"))
    assert merge(first, other).origin.removed == {}


def test_what_was_removed_can_be_set_again() -> None:
    merged = merge({"a": 1}, {"a": None}, {"a": 2})
    assert (merged.tree, merged.origin.removed, merged.problems) == ({"a": 2}, {}, [])


def test_null_removes_a_singleton_beside_its_successor() -> None:
    above = {"plugins": {"NodeAttestor": {"join_token": None, "x509pop": {}}}}
    merged = merge(plugins("NodeAttestor", "join_token"), above)
    assert (merged.tree, merged.problems) == (plugins("NodeAttestor", "x509pop"), [])


@pytest.mark.parametrize(
    ("trees", "message"),
    [
        (
            [{}, {"plugins": {"WorkloadAttestor": {"unix": None}}}],
            (
                "error: plugins.WorkloadAttestor.unix (set by layer1): null removes what a lower layer set, and no"
                " lower layer sets this; to switch it on without options write `unix: {}`."
            ),
        ),
        (
            [{"agent": None}],
            (
                "error: agent (set by layer0): null removes what a lower layer set, and no lower layer sets this; to"
                " switch it on without options write `agent: {}`."
            ),
        ),
        (
            [{"a": [1, None]}],
            (
                "error: a[1] (set by layer0): null inside a list removes nothing, because lists are replaced whole;"
                " leave it out."
            ),
        ),
        (
            [{"a": [{"b": None}]}],
            (
                "error: a[0].b (set by layer0): null inside a list removes nothing, because lists are replaced whole;"
                " leave it out."
            ),
        ),
        (
            [None],
            "error: layer0: A layer must be a mapping, and this is null; write `{}` for an empty one.",
        ),
        (
            ["agent {}"],
            (
                "error: layer0: A layer must be a mapping, and this is a string; write SPIRE's blocks"
                " as a mapping."
            ),
        ),
        (
            [[{"agent": {}}]],
            (
                "error: layer0: A layer must be a mapping, and this is a list; write SPIRE's blocks as"
                " a mapping."
            ),
        ),
        ([{"a": {1: 2}}], "error: a.1 (set by layer0): The key 1 is a whole number; a key must be a string: quote it."),
        ([{True: 2}], "error: True (set by layer0): The key True is a boolean; a key must be a string: quote it."),
    ],
)
def test_what_a_layer_cannot_be(trees: list[Any], message: str) -> None:
    assert render(merge(*trees).problems) == message


def test_a_wrong_layer_leaves_the_others() -> None:
    assert merge({"a": 1}, None, {"b": 2}).tree == {"a": 1, "b": 2}


def test_tagged_and_lazy_values_come_out_plain() -> None:
    class Number(int):
        pass

    class Fraction(float):
        pass

    lazy = UserDict(
        {Text("a"): UserList([Text("b"), Number(1), Fraction(1.5), UserDict(c=Text("d"))]), "e": UserDict()}
    )
    result = merge(lazy).tree
    assert result == {"a": ["b", 1, 1.5, {"c": "d"}], "e": {}}
    assert [item.__class__ for item in result["a"]] == [str, int, float, dict]
    assert {key.__class__ for key in result} == {str}
    assert result["a"][3]["c"].__class__ is str
    assert result["e"].__class__ is dict


def test_a_value_out_of_the_vault_is_its_text() -> None:
    class AnsibleVaultEncryptedUnicode(UserList):  # it is a sequence of its letters in ansible-core 2.17
        def __str__(self) -> str:
            return "".join(self.data)

    assert merge({"a": AnsibleVaultEncryptedUnicode("secret")}).tree == {"a": "secret"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "a boolean"),
        ("x", "a string"),
        (1, "a whole number"),
        (1.5, "a number with a fraction"),
        ({}, "a mapping"),
        ([], "a list"),
        (datetime.date(2026, 1, 1), "a date"),
        (b"x", "a value of type bytes"),
    ],
)
def test_types_in_words(value: object, words: str) -> None:
    assert layers.describe(value) == words
