# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last stage of every scenario: each secret that was in use is searched for in everything that the scenario has left.

A planted secret is written to every kind of place as well, and must be found in each: otherwise the search would prove nothing.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.secret_scan import capture, collect, places, search
from tests.secret_scan.patterns import Secret, key
from tests.support import site_run

SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
REPORT = places.REPO / ".build" / "reports" / f"secret_scan-{SCENARIO}.txt"
#: a file on each host that must not hold a secret
MISPLACED = "/var/tmp/planted"
PLANT = """
- hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Print it, and keep it in the fact cache
      ansible.builtin.set_fact:
        planted: "{{ lookup('ansible.builtin.env', 'PLANTED') }}"
        cacheable: true
    - ansible.builtin.debug:
        var: planted
    - name: Give it to a process that ends at once, in base64
      ansible.builtin.command:
        argv: [/bin/true, "{{ planted | b64encode }}"]
    - name: Give it to one that stays
      ansible.builtin.command:
        argv:
          - systemd-run
          - --quiet
          - "--unit=planted-{{ inventory_hostname }}"
          - "--setenv=PLANTED={{ planted | replace('\\n', ' ') }}"
          - sleep
          - "600"
    - name: Log it
      ansible.builtin.command:
        argv: [systemd-cat, echo, "{{ planted }}"]
    - name: Leave it in a file, with a diff
      ansible.builtin.copy:
        content: "{{ planted }}"
        dest: %s
        mode: "0644"
"""


class Searched:
    """The result of the search."""

    def __init__(self, secrets: list[Secret], kinds: dict[str, search.Found], files: dict[str, dict[str, Path]]) -> None:
        self.secrets, self.kinds, self.files = secrets, kinds, files

    def misplaced(self, planted: bool) -> list[str]:
        """Returns the files of hosts that should hold no secret but do, or whose mode or owner is wrong."""
        found = []
        for host, paths in self.files.items():
            named = {str(file): path for path, file in paths.items()}
            holders = {
                named[where] for secret, where in self.kinds["files of hosts"].hits
                if where in named and (secret.kind == "planted") is planted
            }
            found += [f"{host}: {text}" for text in places.evaluate(SCENARIO, [(path, paths[path]) for path in sorted(holders)])]
        return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, groups: dict[str, list[str]]) -> Searched:
    """Plants a key in every kind of place, searches, and returns the result."""
    if capture.captured() is None:
        pytest.skip(f"what the scenario printed and started was not kept; make molecule SCENARIO={SCENARIO} keeps and searches it")
    store = collect.Store(SCENARIO)
    own = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.NoEncryption()
    pem = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    planted = key("planted", own)
    assert planted is not None
    store.add([dataclasses.replace(planted, kind="planted")])
    play = tmp_path_factory.mktemp("planted") / "planted.yml"
    play.write_text(PLANT % MISPLACED, encoding="utf-8")
    site_run.run(str(play), PLANTED=pem.decode()).require()
    directory = capture.scenario_directory(SCENARIO) / "captured"
    (directory / "local" / "planted").write_bytes(pem)
    collect.moment(SCENARIO, thorough=True)
    kinds = places.captured(SCENARIO)
    files = places.of_hosts(SCENARIO)
    secrets = store.secrets()
    result = search.search({**kinds, "files of hosts": [file for paths in files.values() for file in paths.values()]}, secrets)
    (directory / "local" / "planted").unlink()
    found = Searched(secrets, result, files)
    last = f"of the files of hosts, {len(found.misplaced(planted=False))} should hold no secret but do, or have a wrong mode or owner"
    REPORT.write_text(f"secrets of {SCENARIO}: {search.table(result, secrets)}{last}\n", encoding="utf-8")
    return found


def test_there_are_secrets_and_places(searched: Searched) -> None:
    assert len(searched.secrets) > 1
    assert sum(found.size for found in searched.kinds.values()) > 100_000


def test_what_is_planted_is_found_everywhere(searched: Searched) -> None:
    missed = {kind for kind, found in searched.kinds.items() if not found.of(planted=True)}
    # A report is written after its stage. Arguments are known only where the kernel's audit works.
    untraced = (capture.scenario_directory(SCENARIO) / "captured" / "not-traced").exists()
    assert missed <= {"tests' reports", *(["arguments of processes"] if untraced else [])}


def test_no_secret_is_found_anywhere_else(searched: Searched) -> None:
    leaked = {kind: found.of(planted=False) for kind, found in searched.kinds.items() if kind != "files of hosts"}
    assert {kind: names for kind, names in leaked.items() if names} == {}


def test_on_hosts_each_secret_is_where_it_should_be(searched: Searched, groups: dict[str, list[str]]) -> None:
    planted = [f"{host}: {MISPLACED} holds a secret, and is no place for one" for host in groups["all"]]
    # systemd and its journal have written the planted secret to files, too.
    assert set(planted) <= set(searched.misplaced(planted=True))
    assert searched.misplaced(planted=False) == []


def test_no_start_of_a_process_was_missed(searched: Searched) -> None:
    """The kernel has delivered all records of started processes; each run of the tracer has written the number of lost ones at its end."""
    path = capture.scenario_directory(SCENARIO) / "captured" / "processes.jsonl"
    if not path.exists():
        pytest.skip(f"nothing was traced: {path.with_name('not-traced').read_text(encoding='utf-8')}")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    assert sum("argv" in line for line in lines) > 50
    assert [line for line in lines if line.get("lost")] == []
