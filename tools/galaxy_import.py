# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports the built archive as Galaxy does, with galaxy-importer in an environment of its own, and fails at a warning.

    python -m tools.galaxy_import ARCHIVE
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import environments
from tests.support.collection import REPO

ENVIRONMENT = REPO / ".build" / "galaxy-importer"
#: a line of the importer's log that reports a fault
FAULT = re.compile(r"^(WARNING|ERROR)\b")
# ansible-test's sanity tests are the tier lint; the importer would run them in a container.
SETTINGS = "[galaxy-importer]\nRUN_ANSIBLE_TEST = False\nCHECK_REQUIRED_TAGS = True\n"


def faults(log: str) -> list[str]:
    """Returns the lines of the importer's log that report a fault, and a sentence where it did not come to its end."""
    found = [line for line in log.splitlines() if FAULT.match(line)]
    if "Importer processing completed successfully" not in log:
        found.append("ERROR: The import did not come to its end.")
    return found


def main() -> int:
    """Returns 1 where the importer has found a fault."""
    (archive,) = sys.argv[1:]
    python = environments.made(ENVIRONMENT, Path(sys.executable), "galaxy-importer>=0.4.30", "ansible-core", "ansible-lint")
    settings = ENVIRONMENT / "galaxy-importer.cfg"
    settings.write_text(SETTINGS, encoding="utf-8")
    # Galaxy imports a collection where no other one is installed.
    environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_COLLECTIONS_PATH"}
    environment.update(GALAXY_IMPORTER_CONFIG=str(settings), PATH=os.pathsep.join([str(python.parent), os.environ["PATH"]]))
    done = subprocess.run(
        [str(python), "-m", "galaxy_importer.main", str(Path(archive).resolve())], cwd=ENVIRONMENT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    found = faults(done.stdout)
    print("\n".join(found) or f"Galaxy imports {Path(archive).name} without a warning.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
