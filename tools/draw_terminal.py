# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws what a reader sees in the terminal, from real runs over a fleet on this machine: the plan of a change, and verify's tables.

    python -m tools.draw_terminal

It needs SPIRE's programs, which it finds as the quickstart does. The quickstart starts a server and an agent in /tmp/spire, and is removed
at the end. Plays and tasks that show nothing are left out of the pictures, docs/plan.svg and docs/verify.svg; nothing else is changed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

from tests.support.collection import COLLECTIONS, REPO

FLEET = Path("/tmp/spire")
#: the size of a letter and the height of a line, in pixels
LETTER, LINE, MARGIN = 7.8, 18, 12
COLOURS = [(r"\+", "#116329"), (r"-", "#a40e26"), (r"@@", "#0550ae"), (r"changed:", "#7d4e00"), (r"ok:", "#116329")]
OWN = f"unix:uid:{os.getuid()}"
#: the canary lets verify fetch an SVID
CANARY: dict[str, Any] = {"spire_canary": True, "spire_canary_selectors": [OWN]}
#: what the picture of the plan changes: an option of the agent, and a new entry beside that of the quickstart
CHANGE: dict[str, Any] = {
    **CANARY,
    "spire_agent_config__debug": {"agent": {"log_level": "DEBUG"}},
    "spire_entries": [
        {"spiffe_id": "/hello", "parent_id": "/fleet/spire_agents", "selectors": [OWN]},
        {"spiffe_id": "/web", "parent_id": "/fleet/spire_agents", "selectors": ["unix:user:www-data"]},
    ],
}


def environment() -> dict[str, str]:
    """Returns the environment of the runs: no colours, lines that are wide enough, and the collection of this clone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own = {"QUICKSTART_DIR": str(FLEET), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "100"}
    return {**kept, **own, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def quickstart(*arguments: str) -> None:
    subprocess.run([sys.executable, "-B", "-m", "playbooks.files.quickstart", *arguments], cwd=REPO, env=environment(), check=True)


def run(playbook: str, variables: dict[str, Any], *options: str) -> str:
    """Runs a playbook over the fleet; returns its output."""
    command = ["ansible-playbook", f"spire.fleet.{playbook}", "-i", "inventory.yml", *options, "-e", json.dumps(variables)]
    done = subprocess.run(command, cwd=FLEET, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def shortened(output: str) -> list[str]:
    """Returns the lines of an output without the plays and tasks that show nothing but that all is well."""
    kept: list[str] = []
    play: list[str] = []
    for part in re.split(r"\n(?=(?:PLAY|TASK|PLAY RECAP) ?[\[*])", output.strip("\n")):
        lines = [line.rstrip() for line in part.strip("\n").splitlines()]
        if lines[0].startswith("PLAY ["):
            play = [lines[0], ""]
        elif lines[0].startswith("PLAY RECAP"):
            kept += [*lines, ""]
        elif any(not re.match(r"(ok|skipping|included): |$", line) for line in lines[1:]):
            kept += [*play, *lines, ""]
            play = []
    return kept[:-1]


def svg(command: str, lines: list[str]) -> str:
    """Returns the picture of a command and its output."""
    shown = [f"$ {command}", "", *(re.sub(r"\*{3,}$", "", line) for line in lines)]
    width, height = max(map(len, shown)) * LETTER + 2 * MARGIN, len(shown) * LINE + 2 * MARGIN
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img">',
        f"<title>{escape(command)}</title>",
        '<rect width="100%" height="100%" rx="6" fill="#f6f8fa" stroke="#d0d7de"/>',
        '<g font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" fill="#1f2328">',
    ]
    for number, line in enumerate(shown):
        if line:
            colour = next((f' fill="{value}"' for start, value in COLOURS if re.match(start, line)), "")
            bold = ' font-weight="bold"' if re.match(r"(PLAY|TASK|\$) ?", line) else ""
            # The length keeps columns under each other, whatever font the reader has.
            place = f'x="{MARGIN}" y="{MARGIN + (number + 0.75) * LINE:.1f}" textLength="{len(line) * LETTER:.1f}"'
            # Several blanks would become one.
            made.append(f"<text {place}{colour}{bold}>{escape(line).replace(' ', chr(0xA0))}</text>")
    return "\n".join([*made, "</g>", "</svg>", ""])


def main() -> None:
    """Starts a fleet, draws both pictures, and removes the fleet."""
    quickstart("down", "--purge")
    quickstart("up")
    try:
        run("site", CANARY)
        plan = shortened(run("site", CHANGE, "--check", "--diff"))
        report = shortened(run("verify", CANARY))
    finally:
        quickstart("down", "--purge")
    for name, command, lines in (("plan", "site -i inventory.yml --check --diff", plan), ("verify", "verify -i inventory.yml", report)):
        (REPO / "docs" / f"{name}.svg").write_text(svg(f"ansible-playbook spire.fleet.{command}", lines), encoding="utf-8")


if __name__ == "__main__":
    main()
