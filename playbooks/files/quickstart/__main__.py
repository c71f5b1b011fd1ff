# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m playbooks.files.quickstart up|down [--purge]

QUICKSTART_DIR      the directory for all files, .quickstart unless set
QUICKSTART_PYTHON   a Python that has ansible-core, cryptography and supervisor; a virtual environment is made unless set
SPIRE_BIN_DIR       the directory of spire-server and spire-agent; PATH and /opt/spire/*/bin are searched unless set
SPIRE_ARCHIVE_URL   the address of the release, which is downloaded where they are not found
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from . import ansible_run, inventory, processes, programs, screen
from .place import DEFAULT_NAME, Place, write
from .stop import NO_SPIRE, Stop


def up(place: Place, environ: Mapping[str, str]) -> str:
    """Starts everything. Returns the text to show."""
    place.check()
    place.make()
    print(f"A SPIRE server and agent of your own, in {place.directory}:", flush=True)
    kept = str(place.settings().get("spire_bin_dir", ""))
    downloaded = os.path.exists(place.paths("server").link) and not environ.get("SPIRE_BIN_DIR")
    bin_dir, version, missing = "", "", ""
    try:
        if not downloaded:
            bin_dir, version = programs.find_spire(environ, kept)
    except Stop as stop:
        missing = str(stop)
    running = processes.supervisor(place) > 0
    if not running:
        # A supervisor that was killed leaves its programs running, on our ports.
        processes.end(place)
    ports = place.ports(running)
    if not missing:
        place.remember({**place.settings(), "spire_bin_dir": bin_dir})
    python = programs.find_python(place, environ)
    source = inventory.source(place, bin_dir, version, environ)
    write(place.inventory, inventory.render(inventory.variables(place, python, ports, source)))
    place.volatile()
    try:
        code = ansible_run.play(place, python, environ, {"quickstart_missing": missing})
    finally:
        place.forget_volatile()
    log = place.run_log.read_text(encoding="utf-8")
    if code:
        reason = ansible_run.failure(log)
        if ansible_run.lacks_spire(log):
            raise Stop(screen.no_spire(place, reason, environ).strip(), NO_SPIRE)
        raise Stop(screen.failed(place, reason))
    if not version:
        version = programs.version_of(os.path.dirname(screen.fetch_command(place, bin_dir)[0])) or "?"
    return screen.show(place, bin_dir, version, ansible_run.changed(log), environ)


def down(place: Place, purge: bool) -> str:
    """Stops what runs. Returns the text to show."""
    if not place.ours:
        return f"There is no quickstart in {place.directory}."
    ended = processes.end(place)
    place.forget_volatile()
    words = f"Stopped: {', '.join(ended)}." if ended else "Nothing was running."
    if purge:
        place.purge()
        return f"{words} {place.directory} is removed."
    return f"{words} The files stay in {place.directory}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--purge", action="store_true", help="with down: remove the directory too")
    given = parser.parse_args(arguments)
    try:
        if not sys.platform.startswith("linux"):
            raise Stop("SPIRE's server and agent, as the quickstart runs them, need Linux.")
        home = os.environ.get("QUICKSTART_HOME") or os.getcwd()
        place = Place(os.environ.get("QUICKSTART_DIR") or os.path.join(home, DEFAULT_NAME))
        print(up(place, os.environ) if given.command == "up" else down(place, given.purge))
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
