# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names in Go templates are found, and no text leads to an unexpected exception. tests/real compares the results with SPIRE's."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import authorized_keys, go_template
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent_path_template import data
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

PARTS = st.sampled_from([
    "{{", "}}", "{{-", "-}}", " ", ".A", ".A.B", "$", "$x", ":=", "|", "(", ")", '"', "`", "'", "/*", "*/", "if", "with", "range", "else",
    "end", "lower", "1.5", "-", "/", "\\", "\n",
])


@pytest.mark.parametrize("text, functions, fields", [
    ("/x", [], []),
    ("/{{ .A }}/{{.B.C}}/{{ .A | lower }}", ["lower"], ["A", "B"]),
    ("/{{ (index .A 0).B }}{{ $x := .C }}{{ $x.D }}{{ $.E }}", ["index"], ["A", "C", "E"]),
    ('/{{ "}} .A" }}{{ `.B` }}{{/* .C */}}', [], []),
    ("/{{ with .A }}{{ .B }}{{ $.C }}{{ if .D }}{{ .E }}{{ end }}{{ end }}{{ .F }}", [], ["A", "C", "F"]),
    ("/{{ if .A }}{{ .B }}{{ else if .C }}{{ .D }}{{ else }}{{ .E }}{{ end }}", [], ["A", "B", "C", "D", "E"]),
    ("/{{ true }}{{ nil }}{{ printf .A }}{{ template .B }}", ["printf"], ["A", "B"]),
])
def test_what_a_template_names(text: str, functions: list[str], fields: list[str]) -> None:
    found = go_template.names(text)
    assert (found.functions, found.fields) == (functions, fields)


@pytest.mark.parametrize("text, paths, whole", [
    ("/x", [], False),
    ("/{{ .A.B.C }}/{{ $.D.E | lower }}/{{ (index .F 0).G }}", ["A.B.C", "D.E", "F"], False),
    ("/{{ with .A.B }}{{ . }}{{ .C.D }}{{ end }}{{ if .E }}{{ end }}", ["A.B", "E"], False),
    ("/{{ . }}", [], True),
    ("/{{ if .A }}{{ toString . }}{{ end }}", ["A"], True),
    ("/{{ $ }}", [], True),
    ("/{{ print $ .A }}", ["A"], True),
])
def test_how_far_a_template_names_fields_of_fields(text: str, paths: list[str], whole: bool) -> None:
    found = go_template.names(text)
    assert (found.paths, found.whole) == (paths, whole)


@pytest.mark.parametrize("text, texts, begins_with", [
    ("", [""], ""),
    ("/x", ["/x"], ""),
    ("/a/{{ .A }}/b{{ .B }}", ["/a/", "/b", ""], ""),
    ("{{ .A.B }}/b", ["", "/b"], "A.B"),
    ("{{ lower .A }}/b", ["", "/b"], ""),
    ("{{/* .A */}}{{ .B }}/b", ["", "", "/b"], ""),
    ("/a {{- .A -}} /b {{ .C }} ", ["/a", "/b ", " "], ""),
    ('{{ define "x" }} x {{ end }}/b', ["", "/b"], ""),
])
def test_the_text_of_a_template_outside_of_its_actions(text: str, texts: list[str], begins_with: str) -> None:
    found = go_template.names(text)
    assert (found.texts, found.begins_with) == (texts, begins_with)


@given(st.lists(PARTS, max_size=25).map("".join))
@example("{{" + "(" * 20000)
@example('{{ "' + "\\" * 20001)
def test_any_text_is_a_template_or_none(text: str) -> None:
    try:
        go_template.names(text)
    except go_template.TemplateError as exc:
        assert str(exc)


@given(st.lists(st.sampled_from(["ssh-rsa", "AAAAB3NzaC1yc2E", '"', "\\", ",", " ", "\n", "#", "=", "planted"]), max_size=25).map("".join))
@example('"' * 20001 + " x")
@example('\\"' * 20001 + " x")
def test_any_text_is_a_key_or_none(text: str) -> None:
    try:
        assert authorized_keys.first(text)
    except authorized_keys.KeyLineError as exc:
        assert str(exc) and "planted" not in str(exc)


def test_fields_that_nodes_share_or_do_not_share_are_fields() -> None:
    for known in data()["fields"].values():
        fields = {*known["own"], *known["embedded"]}
        assert {path.partition(".")[0] for path in [*known["shared"], known["apart"]]} <= fields
        assert known["apart"] not in known["shared"]


def test_every_attestor_with_a_template_has_its_fields() -> None:
    kinds = schema_model.plugin_names("server", "NodeAttestor")
    found = {name: schema_model.plugin("server", "NodeAttestor", name) for name in kinds}
    assert set(data()["fields"]) == {name for name, known in found.items() if known and "agent_path_template" in known.options}


def test_the_defaults_of_spire_name_what_there_is() -> None:
    observed = 0
    for name, known in data()["fields"].items():
        block = schema_model.plugin("server", "NodeAttestor", name)
        assert block
        option = block.options["agent_path_template"]
        for default in [option.base["default"], *(change["default"] for _since, change in option.changes if "default" in change)]:
            assert set(go_template.names(default).fields) <= set(known["own"])
            observed += 1
    assert observed > 8
