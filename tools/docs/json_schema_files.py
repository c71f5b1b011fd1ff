# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/schema: the JSON Schemas of the newest release, for editors to use directly.

    python -m tools.docs.json_schema_files
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import collection

DIRECTORY = collection.REPO / "docs" / "schema"


def files() -> dict[str, str]:
    """Returns the text of each file by its name."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import document as json_schema
    from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions

    documents = {kind: json_schema.document(kind, versions.DEFAULT) for kind in json_schema.KINDS}
    return {f"{kind}.json": json.dumps(made, indent=1, ensure_ascii=False) + "\n" for kind, made in documents.items()}


def main(directory: Path = DIRECTORY) -> None:
    """Writes the files."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
