# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import DEFAULT, RELEASES, Version
from tests.support.errors import error_of
from tests.unit.builders.trees import NEXT_PATCH, UNKNOWN


def test_every_release_is_known() -> None:
    assert len(RELEASES) == len(set(RELEASES)) == 128
    assert (str(RELEASES[0]), str(RELEASES[-1])) == ("0.8.0", "1.15.3")
    assert list(RELEASES) == sorted(RELEASES)
    assert DEFAULT == Version(1, 15, 3)


@pytest.mark.parametrize("version", RELEASES, ids=str)
def test_a_release_is_what_it_is_written_as(version: Version) -> None:
    assert versions.parse(str(version)) == version
    assert versions.parse(f"v{version}") == version
    assert versions.nearest(str(version)) == version


def test_versions_are_ordered_by_number_not_by_letter() -> None:
    assert versions.parse("1.9.6") < versions.parse("1.10.0") < versions.parse("1.10.2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.13.0", "SPIRE 0.13.0 is a version that SPIRE never had: the nearest release is 0.12.3."),
        ("0.7.3", "SPIRE 0.7.3 is older than what is supported: the oldest release is 0.8.0."),
        ("1.14", '"1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7".'),
        ("1", f'"1" is not the number of a SPIRE release, which has three parts: write "{DEFAULT}".'),
        ("latest", f'"latest" is not the number of a SPIRE release, which has three parts: write "{DEFAULT}".'),
        ("", f'"" is not the number of a SPIRE release, which has three parts: write "{DEFAULT}".'),
        ("1.8.5-rc1", '"1.8.5-rc1" is not the number of a SPIRE release, which has three parts: write "1.8.5".'),
        ("٣.1.1", f'"٣.1.1" is not the number of a SPIRE release, which has three parts: write "{DEFAULT}".'),
    ],
)
def test_a_version_that_spire_never_had(text: str, message: str) -> None:
    assert error_of(ValueError, versions.parse, text) == message


@given(st.one_of(st.text(max_size=30), st.builds("{}.{}.{}".format, *[st.integers(0, 40)] * 3)))
def test_any_text_is_a_release_or_an_error_with_a_release_in_it(text: str) -> None:
    assert versions.nearest(text) in RELEASES
    try:
        assert versions.checked_as(versions.parse(text)) in RELEASES
    except ValueError as error:
        assert any(str(release) in str(error) for release in RELEASES)


@pytest.mark.parametrize(
    ("text", "checked_as"),
    [(NEXT_PATCH, str(DEFAULT)), ("1.14.99", "1.14.7"), ("1.5.9", "1.5.6"), (UNKNOWN, str(DEFAULT)), ("2.0.0", str(DEFAULT)), ("1.14.2", "1.14.2")],
)
def test_a_release_that_came_later_is_checked_as_the_last_known_one(text: str, checked_as: str) -> None:
    version = versions.parse(text)
    assert (str(version), str(versions.checked_as(version))) == (text, checked_as)
    said = f"This collection does not know SPIRE {text}, and checks everything as for {checked_as}, so it does not see what changed between the two."
    assert versions.newer_than_collection(version) == ("" if text == checked_as else said)


def test_where_nothing_permits_an_unknown_minor_release_it_is_refused() -> None:
    assert versions.parse_known("1.14.7") == (Version(1, 14, 7), "")
    assert versions.parse_known("1.14.8") == (Version(1, 14, 7), versions.newer_than_collection(Version(1, 14, 8)))
    message = f"This collection knows SPIRE up to {DEFAULT}. For {UNKNOWN} take a newer collection, or write {DEFAULT}."
    assert error_of(ValueError, versions.parse_known, UNKNOWN) == message


def test_minor_releases_are_numbered_one_after_the_other() -> None:
    minors = [Version(0, 12, 0), Version(1, 0, 0), Version(1, 1, 9)]
    minors += [DEFAULT, DEFAULT._replace(minor=DEFAULT.minor + 1), DEFAULT._replace(minor=DEFAULT.minor + 2)]
    numbers = [versions.minor_number(minor) for minor in minors]
    assert [number - numbers[0] for number in numbers[:3]] == [0, 1, 2]
    assert [number - numbers[3] for number in numbers[3:]] == [0, 1, 2]
    assert versions.minor_number(Version(DEFAULT.major + 1, 0, 0)) == numbers[4]
