# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that each release of SPIRE makes the calls that plugins/plugin_utils/permissions/data names, and on AWS no others.

    python -m tools.schema_drift.permission_calls CHECKOUT

It reads a git checkout with its tags; SPIRE is neither built nor run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tests.support import collection
from tools.docs import permissions_page

#: needs no permission
#: calls of AWS that need no permission
FREE = frozenset({"GetCallerIdentity"})
#: what a call takes, as AWS's library for Go names it
_INPUT = re.compile(r"\b[a-z0-9]+\.([A-Z]\w+)Input\b")
_FAKES = (":(exclude,glob)**/*_test.go", ":(exclude,glob)**/*fake*", ":(exclude,glob)**/*mock*")


@lru_cache(maxsize=None)
def source(checkout: str, tag: str, path: str) -> str:
    """Returns the Go code of a directory at a tag, without tests and fakes."""
    # the pattern "/aws*" is for the directories of aws_pca, which was renamed; it must not match that of awssecret
    others = [":(exclude)*/awssecret/*"] if path.endswith("/aws*") else []
    command = ["git", "-C", checkout, "grep", "-h", "", tag, "--", f"{path}/*.go", *_FAKES, *others]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def calls(statement: Mapping[str, Any]) -> list[str]:
    """Returns the calls of a statement; their names are those of the actions unless it names them."""
    if "calls" in statement:
        return list(statement["calls"])
    return [action.partition(":")[2] for action in statement["actions"]]


def missing(checkout: str) -> Iterator[str]:
    """Yields a line for each call that a release does not make, and at the end the number of calls that were searched."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue
    from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions

    looked = 0
    for cloud in permissions_page.CLOUDS:
        for key, facts in permissions_catalogue.load(cloud).items():
            for statement in facts["statements"]:
                for release in permissions_page.releases(key, facts, statement):
                    tag = f"{'v' if release >= versions.Version(0, 9, 2) else ''}{release}"
                    text = source(checkout, tag, facts["source"])
                    wanted = [] if statement.get("given") == "kms_keys" else calls(statement)
                    looked += len(wanted)
                    yield from (f"{release} {key}: {call} is not called" for call in wanted if call not in text)
    yield f"{looked} pairs of release and call"


def unnamed(checkout: str) -> Iterator[str]:
    """Yields a line for each call to AWS that a release makes and that no statement names."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue
    from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

    for key, facts in permissions_catalogue.load("aws").items():
        named = FREE | {action.partition(":")[2] for statement in facts["statements"] for action in statement["actions"]}
        block = schema_model.plugin(*key.split("/"))
        for release in versions.RELEASES if block else ():
            if release in block.span:
                tag = f"{'v' if release >= versions.Version(0, 9, 2) else ''}{release}"
                made = set(_INPUT.findall(source(checkout, tag, facts["source"])))
                yield from (f"{release} {key}: {call} needs a permission that the data does not name" for call in sorted(made - named))


if __name__ == "__main__":
    for line in (*missing(sys.argv[1]), *unnamed(sys.argv[1])):
        print(line)
