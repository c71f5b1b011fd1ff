# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capture has all output of a run except the results that Ansible hides from callbacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.secret_scan import capture

PLAY = [{
    "hosts": "localhost", "gather_facts": False, "connection": "local",
    "tasks": [
        {"ansible.builtin.set_fact": {"fact": "the-fact", "cacheable": True}},
        {"ansible.builtin.debug": {"msg": "only-at-v", "verbosity": 1}},
        {"ansible.builtin.copy": {"content": "the-content\n", "dest": "{{ home }}/copied", "mode": "0600"}},
        {"ansible.builtin.command": "echo {{ item }}", "loop": ["the-item"], "changed_when": False},
        {"ansible.builtin.command": "echo hidden-{{ 'result' }}", "no_log": True, "changed_when": False},
        {"ansible.builtin.fail": {"msg": "the-failure"}, "ignore_errors": True},
    ],
}]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Runs a play once; returns the captured files by kind, and the screen."""
    scenario_directory = tmp_path_factory.mktemp("captured")
    (scenario_directory / "play.yml").write_text(yaml.safe_dump(PLAY))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(capture, "scenario_directory", lambda scenario: scenario_directory / scenario)
        environment = {**os.environ, **capture.environment("one"), "ANSIBLE_NOCOLOR": "1"}
    environment.pop("ANSIBLE_STDOUT_CALLBACK", None)
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.yml", "-e", f"home={scenario_directory}"]
    argv += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(argv, cwd=scenario_directory, env=environment, capture_output=True, text=True, check=True)
    top = scenario_directory / "one" / "captured"
    kinds = {"log": "ansible.log", "screen": "screen-*", "results": "results-*", "facts": "facts/*"}
    return {
        **{kind: "".join(path.read_text() for path in sorted(top.glob(pattern))) for kind, pattern in kinds.items()},
        "stdout": done.stdout,
    }


def test_everything_is_kept(kept: dict[str, str]) -> None:
    for text in ("the-fact", "the-content", "the-item", "the-failure"):
        assert text in kept["screen"], text
    for text in ("the-fact", "the-item", "the-failure"):
        assert text in kept["results"], text
    assert "the-fact" in kept["facts"] and "the-content" in kept["log"]
    # Ansible prints these only at -vvvv.
    assert "Using module file" in kept["log"]
    assert "task path:" in kept["screen"] and '"module_args"' in kept["screen"]


def test_what_is_hidden_from_callbacks_is_in_none(kept: dict[str, str]) -> None:
    assert not [kind for kind, text in kept.items() if "hidden-result" in text]
