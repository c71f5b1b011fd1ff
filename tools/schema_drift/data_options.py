# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Returns the options of our data in the form of source_options.py: by block, with the type that the Go code has."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block
from tools.schema_drift.source_options import Options

COMPONENTS = ("server", "agent", "oidc_discovery_provider")
# where ours say more than Go's type does
_GO = {"duration": "string", "raw": "any", "string or block": "any"}


def everything(release: Version) -> dict[str, Options]:
    """Returns the options of every block that the release has."""
    names = [*COMPONENTS, "plugin", *plugins()]
    blocks = {name: schema_model.block(name) for name in names}
    return {name: dict(_options(block, release, "")) for name, block in blocks.items() if release in block.span}


def plugins() -> list[str]:
    """Returns the names of the files of built-in plugins."""
    paths = [path for component in ("server", "agent") for path in (schema_model.DATA / component).glob("*/*.yml")]
    return sorted(str(path.relative_to(schema_model.DATA).with_suffix("")) for path in paths)


def _options(block: Block, release: Version, prefix: str) -> Iterator[tuple[str, str]]:
    for name, spec in block.at(release).specs.items():
        yield f"{prefix}{name}", _GO.get(spec.type, spec.type)
        inner = block.options[name].block
        if inner and spec.type != "string":
            yield from _options(inner, release, f"{prefix}{name}.*." if spec.type == "map(block)" else f"{prefix}{name}.")
