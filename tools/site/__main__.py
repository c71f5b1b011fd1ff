# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation site in .build/site/html from docs, the roles, the examples and the documentation of the plugins.

    python -m tools.site

A warning of Sphinx and a link that leads nowhere are errors. Links to other sites are not followed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.collection import REPO
from tools.site import check, pages, plugin_pages

BUILD = REPO / ".build" / "site"


def build(directory: Path = BUILD) -> Path:
    """Builds the site anew; returns the directory of its pages."""
    source, html = directory / "source", directory / "html"
    for old in (source, html):
        shutil.rmtree(old, ignore_errors=True)
    pages.write(source, plugin_pages.write(source / "plugins"))
    # a fresh environment, quiet, with warnings as errors that are all shown
    options = ["-b", "html", "-c", str(Path(__file__).parent), "-E", "-q", "-W", "--keep-going", "-j", "auto", "-d", str(directory / "doctrees")]
    subprocess.run([sys.executable, "-m", "sphinx", *options, str(source), str(html)], check=True)
    return html


def main() -> None:
    try:
        html = build()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"site: {Path(error.cmd[0]).name} ended with {error.returncode}") from None
    broken = check.broken(html)
    if broken:
        raise SystemExit("site: links that lead nowhere:\n" + "\n".join(broken))
    print(f"{html / 'index.html'}")


if __name__ == "__main__":
    main()
