# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares our data with a checkout of SPIRE, release by release, and prints the differences to resolve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links as schema_links
from tools.schema_drift import compare, data_options, rule_sources, selectors, source_options
from tools.schema_drift.checkout import Checkout, Source
from tools.schema_drift.compare import Difference, Known

UNREACHED, DEAD_LINK = "unreached", "dead link"


def run(path: Path, references: Sequence[str]) -> int:
    """Compares the named releases, branches or commits, or all releases, and prints the differences.

    Returns 1 where known.yml does not list one of them.
    """
    checkout, listed = Checkout(path), compare.known()
    wanted = [checkout.find(text) for text in references or map(str, RELEASES)]
    used: set[Known] = set()
    pairs, wrong = 0, 0
    for name, release in wanted:
        source = checkout.source(name)
        theirs = source_options.everything(source)
        here = [*compare.differences(theirs, data_options.everything(release)), *other_differences(source, release)]
        used.update(known for known in listed for difference in here if known.covers(difference, release))
        unlisted = compare.unlisted(here, listed, release)
        options = sum(map(len, theirs.values()))
        pairs, wrong = pairs + options, wrong + len(unlisted)
        title = str(release) if name.removeprefix("v") == str(release) else f"{name}, which is {release}"
        print(f"{title}: {options} options in {len(theirs)} blocks, {_number(unlisted)}, {len(here) - len(unlisted)} listed")
        for difference in unlisted:
            print(f"  {difference}")
    unused = [known for known in listed if known not in used] if not references else []
    for known in unused:
        print(f"known.yml lists a difference that no release has: {known.kind}: {known.where}")
    print(f"{len(wanted)} releases, {pairs} pairs of option and release, {wrong} differences to resolve")
    return int(bool(wrong or unused))


def other_differences(source: Source, release: Version) -> list[Difference]:
    """Returns the differences that are not of options: unread structs, dead links, selectors, and wrong sources of rules."""
    result = [Difference(struct, "", UNREACHED) for struct in source_options.unreached(source)]
    result += selectors.differences(source, release)
    result += rule_sources.differences(source, release)
    for name in ("telemetry", "health_checks", *data_options.everything(release)):
        page = schema_links.page(name, release)
        path = page.split("/", 7)[-1]
        if page and path not in source.names:
            result.append(Difference(name, "", DEAD_LINK, path))
    return result


def _number(differences: Sequence[Difference]) -> str:
    return f"{len(differences)} to resolve" if differences else "nothing to resolve"
