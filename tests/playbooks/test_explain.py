# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook explain prints a rule by the id that its message shows."""

from __future__ import annotations

from pathlib import Path

from tests.support import playbook_run


def test_a_rule_is_printed_by_its_id(tmp_path: Path) -> None:
    code, text = playbook_run.run(tmp_path, {"spire_servers": ["s1"]}, "explain", "-e", "spire_rule=memory_datastore")
    assert code == 0
    assert "To accept a configuration that breaks this rule, set spire_allow: [memory_datastore]. Wrong: spire_server_config: plugins: DataStore: sql:" in text


def test_an_unknown_id_gets_similar_ids_as_a_suggestion(tmp_path: Path) -> None:
    code, text = playbook_run.run(tmp_path, {"spire_servers": ["s1"]}, "explain", "-e", "spire_rule=memory_datastor")
    assert code != 0 and "Did you mean memory_datastore" in text


def test_without_an_id_all_rules_are_listed(tmp_path: Path) -> None:
    code, text = playbook_run.run(tmp_path, {"spire_servers": ["s1"]}, "explain")
    assert code == 0
    assert all(f" {rule}: " in text for rule in ("memory_datastore", "trust_bundle_source", "pki_release", "unused_plugin_entry"))
