# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quickstart plans its server and its agent once in each run, whatever there is to do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.files.quickstart import __main__ as quickstart
from playbooks.files.quickstart import ansible_run, processes, programs
from playbooks.files.quickstart.place import Place
from tests.support import plan_count


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, spire_server: Path) -> Iterator[Place]:
    # pytest's own directories are too long for the path of a socket
    base = Path(tempfile.mkdtemp(prefix="sf-"))
    found = Place(base / "q")
    try:
        programs.find_python(found, {"QUICKSTART_PYTHON": sys.executable})
        monkeypatch.setenv("QUICKSTART_PYTHON", sys.executable)
    except quickstart.Stop:
        monkeypatch.delenv("QUICKSTART_PYTHON", raising=False)
    for name, value in {"QUICKSTART_DIR": found.directory, "HOME": base, "SPIRE_BIN_DIR": spire_server.parent}.items():
        monkeypatch.setenv(name, str(value))
    yield found
    processes.end(found)
    found.forget_volatile()
    shutil.rmtree(base)


def test_a_first_and_a_converged_run_plan_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, environment = place.directory.parent / "counted", ansible_run.environment
    monkeypatch.setattr(ansible_run, "environment", lambda *given: {**environment(*given), **plan_count.environment(counted)})
    for changes in (True, False):
        assert quickstart.main(["up"]) == 0
        assert (ansible_run.changed(place.run_log.read_text(encoding="utf-8")) > 0) == changes
        made = plan_count.made(counted)
        assert [(one["component"], one["main"]) for one in made] == [("server", True), ("agent", True)]
