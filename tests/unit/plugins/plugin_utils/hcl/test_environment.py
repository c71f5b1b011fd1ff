# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl

ENVIRONMENT = {"PORT": "8081", "A B": "x", "1": "one"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("bind_port = $PORT", "bind_port = 8081"),
        ("${PORT}${PORT}s", "80818081s"),
        ("$PORT.x ${A B} $1PORT", "8081.x x onePORT"),
        ("a$$PORT", "a$PORT"),
        ("100% $ ($) $.", "100% $ ($) $."),
        ("${}x ${ y", "x  y"),
    ],
)
def test_variables_are_replaced_as_spire_replaces_them(text: str, expanded: str) -> None:
    assert hcl.expand(text, ENVIRONMENT) == expanded


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(hcl.HclError, match="SPIRE would take them as empty: NAME and OTHER[.]"):
        hcl.expand("$NAME ${OTHER} $PORT $NAME", ENVIRONMENT)
