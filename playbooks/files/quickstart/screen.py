# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the texts that the quickstart shows at its end."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import processes
from .inventory import SPIFFE_ID
from .place import DEFAULT_NAME, Place
from .stop import Stop

UNTIL = re.compile(r"^SVID Valid Until:\s*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)


def fetch_command(place: Place, bin_dir: str) -> list[str]:
    """Returns the command that fetches the SVID."""
    paths = place.paths("agent")
    program = os.path.join(bin_dir or os.path.join(paths.link, "bin"), paths.binary_name)
    return [program, "api", "fetch", "x509", "-socketPath", paths.socket]


def expiry(fetched: str) -> datetime.datetime:
    """Returns when the workload's SVID expires, from the output of the agent's own command."""
    block = next((part for part in re.split(r"^SPIFFE ID:", fetched, flags=re.MULTILINE)[1:]
                  if part.split(maxsplit=1)[0] == SPIFFE_ID), "")
    until = UNTIL.search(block)
    if not until:
        raise Stop(f"The agent gave no SVID of {SPIFFE_ID}. It printed:\n{fetched.strip()}")
    return datetime.datetime.strptime(until.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)


def command(environ: Mapping[str, str], place: Place, what: str) -> str:
    """Returns the command for this quickstart, by make or by ansible-playbook as the caller used it."""
    default = os.path.join(environ.get("QUICKSTART_HOME") or os.getcwd(), DEFAULT_NAME)
    chosen = "" if str(place.directory) == default else f"QUICKSTART_DIR={place.directory}"
    if environ.get("QUICKSTART_MAKE"):
        return " ".join(filter(None, ["make", what, chosen]))
    return " ".join(filter(None, [chosen, "ansible-playbook", "spire.fleet." + what.replace("-", "_")]))


def show(place: Place, bin_dir: str, version: str, changed: int, environ: Mapping[str, str]) -> str:
    """Fetches the SVID with the shown command, and returns the text of a success."""
    fetch = fetch_command(place, bin_dir)
    done = subprocess.run(fetch, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Stop(f"The agent gave no SVID: {(done.stderr or done.stdout).strip()}")
    until = expiry(done.stdout)
    minutes = int((until - datetime.datetime.now(datetime.timezone.utc)).total_seconds() // 60)
    running = processes.services(place)
    configs = [place.paths(component).config for component in processes.COMPONENTS]
    stop = command(environ, place, "quickstart-down")
    purge = f"{stop} PURGE=1" if environ.get("QUICKSTART_MAKE") else f"{stop} -e spire_quickstart_purge=true"
    words = f"This run made {changed} changes." if changed else "Everything was as it should be: nothing was changed."
    return f"""
A workload on this machine, your own user, has an identity:

  SPIFFE ID   {SPIFFE_ID}
  valid until {until:%Y-%m-%d %H:%M:%S} UTC, for {minutes} minutes; the agent renews it in time

Fetch it yourself:
  {' '.join(fetch)}

SPIRE {version} runs: server (process {running.get('server', '?')}) and agent (process {running.get('agent', '?')}).
  inventory       {place.inventory}
  configurations  {configs[0]}
                  {configs[1]}
  logs            {place.run_log.parent}

Stop it:           {stop}
and remove it all: {purge}

{words}"""


def no_spire(place: Place, reason: str, environ: Mapping[str, str]) -> str:
    """Returns the text for a machine that has no SPIRE."""
    configs = "\n".join(f"  {place.paths(component).config}" for component in processes.COMPONENTS)
    again = command(environ, place, "quickstart")
    if environ.get("QUICKSTART_MAKE"):
        have, mirror = f"{again} SPIRE_BIN_DIR=/where/they/are", f"{again} SPIRE_ARCHIVE_URL=https://mirror.example/v{{version}}"
    else:
        have, mirror = f"SPIRE_BIN_DIR=/where/they/are {again}", f"SPIRE_ARCHIVE_URL=https://mirror.example/v{{version}} {again}"
    return f"""
The quickstart has no SPIRE that it can run. {reason}

Both configurations are rendered, and checked as far as that goes without SPIRE:
{configs}

To go on, give it SPIRE's programs, or a mirror of SPIRE's release files:
  {have}
  {mirror}
"""


def failed(place: Place, reason: str) -> str:
    """Returns the text of a failure."""
    return f"{reason.rstrip()}\n\nThe whole output is in {Path(place.run_log)}."
