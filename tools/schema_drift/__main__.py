# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares SPIRE's source with our data. docs/schema.md describes how maintainers use it.

    python -m tools.schema_drift CHECKOUT [REFERENCE ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.support import collection


def main() -> int:
    """Returns 0 where known.yml lists every difference."""
    parser = argparse.ArgumentParser(prog="python -m tools.schema_drift", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a git checkout of SPIRE, with its tags")
    parser.add_argument(
        "references", nargs="*", metavar="REFERENCE", help="a release such as 1.15.3, a branch or a commit; all releases of the data, unless given"
    )
    arguments = parser.parse_args()
    collection.make_importable()
    from tools.schema_drift import report
    from tools.schema_drift.checkout import MissingReferenceError

    try:
        return report.run(arguments.checkout, arguments.references)
    except MissingReferenceError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
