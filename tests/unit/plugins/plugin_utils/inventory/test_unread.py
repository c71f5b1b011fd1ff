# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of variables that Ansible does not read are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import unread
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet

GROUPS = {"all": ["s1", "a1"], "web": ["a1"]}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_directories_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = write(tmp_path / "project" / "site.yml", "")
    hosts = write(tmp_path / "inventory" / "hosts.yml", "")
    plays = tmp_path / "collection"
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    given = [str(wrapper), "spire.fleet.site"]
    assert unread.directories(given, [str(hosts)], str(plays)) == [str(wrapper.parent), str(here)]
    # Each of them is read once it is beside the inventory, or has the plays.
    assert unread.directories(given, [str(wrapper.parent), "a,b"], str(here)) == []
    (tmp_path / "link").symlink_to(wrapper.parent)
    assert unread.directories(given, [str(tmp_path / "link" / "site.yml")], str(plays)) == [str(here)]


def test_the_files_that_are_not_read(tmp_path: Path) -> None:
    variables = "---\nspire_trust_domain: prod.acme.com\nother: 1\nspire_server_config__eu:\n  server: {}\n# spire_allow: x\n"
    everywhere = write(tmp_path / "group_vars" / "all.yml", variables)
    split = write(tmp_path / "group_vars" / "web" / "main.json", '{"spire_version": "1.15.3"}')
    one = write(tmp_path / "host_vars" / "a1", "spire_allow: []\n")
    for name in ("group_vars/nobody.yml", "group_vars/.web.yml", "group_vars/web.txt", "host_vars/b1.yml", "vars/all.yml"):
        write(tmp_path / name, variables)
    write(tmp_path / "host_vars" / "s1.yml", "spire_mine: 1\nother: spire_version\n")
    assert list(unread.files([str(tmp_path)], GROUPS)) == [
        (str(everywhere), ("s1", "a1"), ("spire_trust_domain", "spire_server_config__eu")),
        (str(split), ("a1",), ("spire_version",)),
        (str(one), ("a1",), ("spire_allow",)),
    ]


def test_an_encrypted_file_and_a_missing_directory_tell_nothing(tmp_path: Path) -> None:
    write(tmp_path / "group_vars" / "all.yml", "$ANSIBLE_VAULT;1.1;AES256\n3666\n")
    (tmp_path / "group_vars" / "web.yml").write_bytes(b"\xff\xfe")
    assert not list(unread.files([str(tmp_path), str(tmp_path / "nowhere")], GROUPS))


def test_preflight_warns_of_them(tmp_path: Path) -> None:
    path = write(tmp_path / "group_vars" / "all.yml", "spire_version: 1.15.3\n")

    def warnings(**variables: object) -> str:
        made = fleet(variables, groups={"all": ["s1", "a1", "db1"]})
        made.unread_directories = [str(tmp_path)]
        return problems.render(rules_run.of_fleet(made))

    assert warnings() == (
        f"warning: {path}: This file sets spire_version, and Ansible does not read it. It reads group_vars and host_vars beside the inventory, "
        "and neither beside a playbook that imports one of this collection nor in the directory where you are. Move the folder beside the "
        "inventory. (rule unread_variables) [a1, s1]"
    )
    assert warnings(spire_allow=["unread_variables"]) == ""
