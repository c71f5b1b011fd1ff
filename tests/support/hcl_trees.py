# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypothesis strategies for all trees that HCL can represent; characters that its scanner treats specially are drawn often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

CHARACTERS = st.characters(blacklist_categories=("Cs",))
# The characters that the scanner treats specially are drawn more often than others.
PIECES = st.sampled_from(
    ["${", "$", "{", "}", '"', "\\", "\n", "\r\n", "\t", "\x00", "\ue123", "\u2028", "\\u", "😀", "/*", "#"]
)
STRINGS = st.lists(st.one_of(PIECES, st.text(CHARACTERS, max_size=4)), max_size=5).map("".join)
KEYS = st.one_of(
    st.sampled_from(
        ["plugins", "NodeAttestor", "federates_with", "profile", "true", "plugin_data", "", "b.test", "null"]
    ),
    STRINGS,
)
SCALARS = st.one_of(
    STRINGS,
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)


def mappings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS, values, max_size=4)


VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), mappings(inner)), max_leaves=25)
TREES = mappings(VALUES)
