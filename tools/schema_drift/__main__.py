# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares SPIRE's source with our data. docs/schema.md describes how maintainers use it.

    python -m tools.schema_drift CHECKOUT [RELEASE ...]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tests.support import collection


def _release(text: str) -> str:
    if not re.fullmatch(r"v?\d+\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError(f'"{text}" is not the number of a release, which has three parts, such as 1.15.3')
    return text


def main() -> int:
    """Returns 0 where known.yml lists every difference."""
    parser = argparse.ArgumentParser(prog="python -m tools.schema_drift", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a git checkout of SPIRE, with its tags")
    parser.add_argument("releases", nargs="*", type=_release, metavar="RELEASE", help="such as 1.15.3; all releases of the data, unless given")
    arguments = parser.parse_args()
    collection.make_importable()
    from tools.schema_drift import report
    from tools.schema_drift.checkout import MissingTagError

    try:
        return report.run(arguments.checkout, arguments.releases)
    except MissingTagError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
