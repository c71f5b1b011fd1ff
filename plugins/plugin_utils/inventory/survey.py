# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a survey of AWX from the descriptions of variables, so that both say the same.

A survey's answers are extra variables. An answer that is left empty is an empty text, which the collection takes for "not set".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Variable, catalogue

#: the longest text that AWX takes for an answer where the survey says nothing
LONGEST = 1024
#: AWX's type of a question for a variable's type; others are written as YAML in a field of several lines
TYPES = {"string": "text", "integer": "integer", "boolean": "multiplechoice"}


class UnknownVariableError(Exception):
    """The collection has no variable of this name."""


def specification(names: Iterable[str], required: Collection[str] = ()) -> dict[str, Any]:
    """Returns the specification of a survey that asks for these variables; raises UnknownVariableError."""
    unknown = sorted({*names, *required} - set(catalogue()))
    if unknown:
        raise UnknownVariableError(f"the collection has no variable {', '.join(unknown)}")
    return {"name": "", "description": "", "spec": [_question(catalogue()[name], name in required) for name in names]}


def _question(variable: Variable, required: bool) -> dict[str, Any]:
    choices = ["true", "false"] if variable.type == "boolean" else list(variable.choices)
    kind = "password" if variable.secret else "multiplechoice" if choices else TYPES.get(variable.type, "textarea")
    return {
        "question_name": _title(variable.name),
        "question_description": _plain(variable.description),
        "required": required,
        "type": kind,
        "variable": variable.name,
        "min": 0 if kind != "multiplechoice" else None,
        "max": {"multiplechoice": None, "integer": variable.maximum or 2**31 - 1}.get(kind, LONGEST),
        "default": _default(variable, kind),
        "choices": choices if kind == "multiplechoice" else "",
    }


def _title(name: str) -> str:
    """Returns the name of a variable as words: "Start timeout" of spire_start_timeout."""
    return name.removeprefix("spire_").replace("_", " ").capitalize()


def _plain(description: str) -> str:
    """Returns a description without the marks of Ansible's documentation."""
    return re.sub(r"\b[BCIMOPV]\(([^)]*)\)", r"\1", description).strip()


def _default(variable: Variable, kind: str) -> Any:
    """Returns the answer that the survey shows at first.

    An extra variable counts more than the inventory, so a variable that may stand there has an empty answer at first, which means its default.
    """
    of_the_run = variable.scope == "playbook" or variable.once
    if variable.default is None or not of_the_run or kind in ("password", "textarea"):
        return ""
    if variable.type == "boolean":
        return "true" if variable.default else "false"
    return variable.default
