# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A survey asks for a variable as its description says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.survey import UnknownVariableError, specification
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue


def question(name: str, **more: Any) -> dict[str, Any]:
    (found,) = specification([name], **more)["spec"]
    return dict(found)


@pytest.mark.parametrize(
    ("name", "kind", "default", "choices"),
    [
        ("spire_version", "text", "", ""), ("spire_start_timeout", "integer", "", ""), ("spire_entries", "textarea", "", ""),
        ("spire_pki_passphrase", "password", "", ""), ("spire_rotate_authority", "multiplechoice", "", ["x509", "jwt"]),
        ("spire_rotate_revoke", "multiplechoice", "false", ["true", "false"]), ("spire_rotate_settle", "integer", 60, ""),
    ],
)
def test_the_question_has_the_variables_type(name: str, kind: str, default: Any, choices: Any) -> None:
    found = question(name)
    assert (found["type"], found["default"], found["choices"], found["required"]) == (kind, default, choices, False)


def test_every_variable_can_be_asked_for() -> None:
    for found in specification(catalogue())["spec"]:
        assert not any(mark in found["question_description"] for mark in ("C(", "V(", "O(", "M("))
        assert (found["min"] is None) == (found["type"] == "multiplechoice")


def test_an_answer_may_be_required() -> None:
    assert question("spire_version", required=["spire_version"])["required"] is True
    assert question("spire_version")["question_name"] == "Version"


def test_a_variable_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnknownVariableError, match="the collection has no variable spire_releese"):
        specification(["spire_releese"])
