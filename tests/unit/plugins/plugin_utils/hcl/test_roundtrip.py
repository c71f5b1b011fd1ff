# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from tests.support.hcl_trees import KEYS, STRINGS, TREES, VALUES


def exact(value: Any) -> Any:
    """Returns the value with its types and the order of its keys, which == does not compare (1 == 1.0 == True, -0.0 == 0.0)."""
    if isinstance(value, dict):
        return [(key, exact(item)) for key, item in value.items()]
    if isinstance(value, list):
        return ["list", *(exact(item) for item in value)]
    if isinstance(value, float):
        return ("float", value, math.copysign(1, value))
    return (type(value).__name__, value)


@given(TREES)
def test_hcl_comes_back_as_it_was(tree: dict[str, Any]) -> None:
    assert exact(hcl.loads(hcl.dumps(tree))) == exact(tree)


@given(TREES)
def test_hcl_is_stable_and_of_clean_lines(tree: dict[str, Any]) -> None:
    text = hcl.dumps(tree)
    assert hcl.dumps(hcl.loads(text)) == text
    for line in text.splitlines():
        assert line == line.rstrip()
        assert "\t" not in line


@given(st.dictionaries(KEYS.filter(lambda key: key != "plugins"), VALUES, max_size=4))
def test_json_comes_back_as_it_was_or_is_refused(tree: dict[str, Any]) -> None:
    try:
        # At the top level a list of objects is one block, so the tree is inside a block.
        text = hcl.dumps_json({"block": tree})
    except hcl.HclError as error:
        assert "inside a list" in str(error)
        return
    assert hcl.loads(text) == {"block": tree}
    # A reader of JSON gets the same tree.
    assert json.loads(text) == {"block": tree}


@given(STRINGS)
def test_no_written_string_holds_an_interpolation(text: str) -> None:
    assert "${" not in hcl.dumps({"key": text})
    assert "${" not in hcl.dumps_json({"key": text})


@pytest.mark.parametrize(
    "one", [{"DogStatsd": [{"address": "localhost:8125"}]}, {"DogStatsd": {"address": "localhost:8125"}}]
)
def test_a_list_of_one_object_stays_a_list(one: dict[str, Any]) -> None:
    assert hcl.loads(hcl.dumps({"telemetry": one})) == {"telemetry": one}
    assert hcl.loads(hcl.dumps_json({"telemetry": one})) == {"telemetry": one}


def read_or_refused(text: str) -> None:
    """Checks that any text is either read as a tree that can be written and read again, or refused with a position; never another exception."""
    try:
        tree = hcl.loads(text)
    except hcl.HclError as error:
        assert (error.line > 0 and error.column > 0) or error.path
    else:
        assert exact(hcl.loads(hcl.dumps(tree))) == exact(tree)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    read_or_refused(text)


HCL_PIECES = st.sampled_from(
    [
        "a",
        "b-c.d",
        '"x"',
        '"${"',
        '"}"',
        "=",
        "{",
        "}",
        "[",
        "]",
        ",",
        "1",
        "-0x1F",
        "0755",
        "1.5e3",
        "true",
        "<<A\nq\nA\n",
    ]
    + [
        "<<-B\n  q\n  B\n",
        "# c\n",
        "// c\n",
        "/* c */",
        "\n",
        "\r\n",
        " ",
        '"\\n\\u00e9\\x41"',
        '"\\xff"',
        ".5",
        "1e999",
    ]
)


@given(st.lists(HCL_PIECES, max_size=25))
def test_any_row_of_tokens_is_read_or_refused_with_its_place(pieces: list[str]) -> None:
    read_or_refused(" ".join(pieces))
