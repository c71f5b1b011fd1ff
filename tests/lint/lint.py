# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tier `lint`: static checks of the collection.

    python tests/lint/lint.py [STEP...]
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = REPO / ".build"
# The directory into which sanity.sh copies the work tree. The other tools also need the path of a real collection.
COPIES = BUILD / "sanity"
COPY = COPIES / "ansible_collections" / "spire" / "fleet"
BIN = Path(sys.executable).parent

# The directories and files that the collection's archive must have. Anything else in the archive is a mistake.
ARCHIVED = {
    ".ansible-lint", "CHANGELOG.md", "FILES.json", "LICENSE", "LICENSES", "MANIFEST.json", "README.md", "REUSE.toml", "changelogs", "docs", "examples",
    "meta", "playbooks", "plugins", "requirements.txt", "roles",
}
ARCHIVED_CHANGELOGS = {"changelog.yaml"}


class Failed(Exception):
    """A step found a fault; the message describes it, unless the tool has already printed it."""


def run(*command: str | Path, cwd: Path = REPO, collections: Path = COPIES) -> str:
    """Runs a tool, shows its output if it fails, and returns its standard output."""
    # The tools start each other by name, so their directory must be in PATH.
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout, end="", flush=True)
        raise Failed(f"{Path(command[0]).name} ended with {done.returncode}")
    return done.stdout


def sanity() -> None:
    environment = {**os.environ, "PYTHON": sys.executable, "SPIRE_FLEET_LINT_LOCKED": "yes"}
    done = subprocess.run([str(REPO / "tests" / "lint" / "sanity.sh")], env=environment, check=False)
    if done.returncode:
        raise Failed(f"ansible-test sanity ended with {done.returncode}")


def ansible_lint() -> None:
    """Runs ansible-lint with the production profile, which includes yamllint's rules."""
    print(run(BIN / "ansible-lint", "--offline", "--nocolor", cwd=COPY), end="")
    # The archive's own configuration leaves this directory out, since Galaxy reads the archive where the collection is not installed.
    project = ("--offline", "--nocolor", "--strict", "--profile", "production", "--config-file", os.devnull)
    print(run(BIN / "ansible-lint", *project, cwd=COPY / "examples" / "project"), end="")


def changelog() -> None:
    run(BIN / "antsibull-changelog", "lint", cwd=COPY)


def docs() -> None:
    """Checks that the plugins' documentation renders, and that its links lead somewhere."""
    print(run(BIN / "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", COPY), end="")


def site() -> None:
    """Builds the documentation site without a warning, and checks that every link in it leads somewhere. Links to other sites are not followed."""
    run(sys.executable, "-m", "tools.site")


def licences() -> None:
    """Checks that each file says by REUSE whose it is and under which licence."""
    run(BIN / "reuse", "lint", "--quiet")


def archive() -> None:
    """Checks that the archive holds what users need and nothing else, and that ansible-doc reads every plugin's documentation from it."""
    dist = BUILD / "dist"
    installed = BUILD / "installed"
    for directory in (dist, installed):
        shutil.rmtree(directory, ignore_errors=True)
    galaxy = BIN / "ansible-galaxy"
    # The archive is built from the work tree and not from the copy, because it must leave out files that git does not know, too.
    run(galaxy, "collection", "build", "--output-path", dist)
    (built,) = dist.glob("*.tar.gz")
    with tarfile.open(built) as opened:
        names = [Path(name) for name in opened.getnames()]
    check_names(names)
    run(galaxy, "collection", "install", "--offline", "--no-deps", "--collections-path", installed, built, collections=installed)
    documented = json.loads(run(BIN / "ansible-doc", "--metadata-dump", "spire.fleet", collections=installed))["all"]
    root = installed / "ansible_collections" / "spire" / "fleet"
    missing = sorted(expected_documents(root) - {f"{kind}:{name.rpartition('.')[2]}" for kind in documented for name in documented[kind]})
    if missing:
        raise Failed(f"ansible-doc shows nothing for {', '.join(missing)}")


def check_names(names: list[Path]) -> None:
    strange = {str(name) for name in names if name.parts[0] not in ARCHIVED}
    strange |= {str(n) for n in names if n.parts[0] == "changelogs" and len(n.parts) > 1 and n.parts[1] not in ARCHIVED_CHANGELOGS}
    strange |= {str(name) for name in names if name.suffix == ".pyc" or "tests" in name.parts or "molecule" in name.parts}
    if strange:
        shown = sorted(strange)
        raise Failed(f"the archive holds {len(shown)} names that users do not need (build_ignore in galaxy.yml): {', '.join(shown[:20])}")


def expected_documents(root: Path) -> set[str]:
    """Returns kind:name of every plugin, and of every role with an argument spec; each plugin has a file of its own name."""
    kinds = {"modules": "module", "filter": "filter", "lookup": "lookup", "test": "test", "inventory": "inventory"}
    return {
        f"{kind}:{path.stem}"
        for directory, kind in kinds.items()
        for path in (root / "plugins" / directory).glob("*.py")
        if path.stem != "__init__"
    } | {f"role:{path.parents[1].name}" for path in root.glob("roles/*/meta/argument_specs.yml")}


STEPS: dict[str, Callable[[], None]] = {
    step.__name__.replace("_", "-"): step for step in (sanity, ansible_lint, changelog, docs, site, licences, archive)
}


def run_step(name: str) -> list[str]:
    """Runs one step; returns its name if it failed."""
    print(f"--- lint: {name}", flush=True)
    try:
        STEPS[name]()
    except Failed as problem:
        print(f"lint: {name}: {problem}", flush=True)
        return [name]
    return []


def run_steps(names: list[str]) -> tuple[int, list[str]]:
    """Runs all steps, even if one fails; returns how many ran, and which failed."""
    failed = []
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lint.lock").open("w", encoding="utf-8") as lock:
        # All steps read the one copy of the work tree, and a second run would replace it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            failed += run_step(name)
    return len(names), failed


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(STEPS)
    unknown = sorted(set(wanted) - set(STEPS))
    if unknown:
        raise SystemExit(f"no such step: {', '.join(unknown)}; there are {', '.join(STEPS)}")
    sys.exit(1 if run_steps(wanted)[1] else 0)
