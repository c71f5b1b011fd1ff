# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of messages: lists, quoted values, types of values, and names that were probably meant."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list, describe, did_you_mean, nearest, shown

NAMES = ("server", "agent", "SVIDStore")


@pytest.mark.parametrize(("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_a_list_reads_as_a_sentence_has_it(words: list[str], text: str) -> None:
    assert and_list(words) == text


def test_a_value_is_shown_on_one_line_and_cut_off() -> None:
    assert shown("a\n b") == '"a b"'
    assert shown("x" * 81) == f'"{"x" * 77}..."'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"), (True, "a boolean"), ("x", "a string"), (1, "a whole number"), (1.5, "a number with a fraction"), ({}, "a mapping"),
        ([], "a list"), (datetime.date(2026, 1, 1), "a date"), (b"x", "a value of type bytes"),
    ],
)
def test_the_type_of_a_value(value: Any, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize(("word", "name"), [("sevrer", "server"), ("AGENT", "agent"), ("svidstores", "SVIDStore"), ("banana", ""), ("", "")])
def test_the_nearest_name_whatever_the_case(word: str, name: str) -> None:
    assert nearest(word, NAMES) == name
    assert did_you_mean(word, NAMES) == (f'did you mean "{name}"?' if name else "")


def test_a_higher_cutoff_wants_more_likeness() -> None:
    assert nearest("serv", NAMES, 0.6) == "server"
    assert nearest("serv", NAMES, 0.9) == ""
