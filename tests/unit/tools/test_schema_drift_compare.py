# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintainers' tool compares the options in a checkout of SPIRE with the schema's data, and reports the differences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from tests.unit.builders.spire_source import AGENT, FILES
from tools.schema_drift import __main__ as command, compare, data_options, report, rule_sources, source_options
from tools.schema_drift.checkout import Checkout, MissingReferenceError, Source
from tools.schema_drift.compare import Difference, Known

OURS = {"server": {"server.a": "string", "server.old_name": "int", "server.gone": "bool", "server.Case": "string"}}


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ({"server.a": "string", "server.old_name": "int", "server.gone": "bool", "server.cASE": "string"}, []),
        (
            {"server.a": "any", "server.old_names": "int", "server.gone": "bool", "server.case": "string"},
            ["renamed: server: server.old_name (to server.old_names)"],
        ),
        (
            {"server.a": "int", "server.x.old_name": "int", "server.new": "string", "server.case": "string"},
            [
                "added: server: server.new (string)",
                "type: server: server.a (SPIRE int, data string)",
                "removed: server: server.gone",
                "renamed: server: server.old_name (to server.x.old_name)",
            ],
        ),
    ],
    ids=["the same", "a new name", "the rest"],
)
def test_differences(theirs: dict[str, str], expected: list[str]) -> None:
    assert sorted(map(str, compare.differences({"server": theirs}, OURS))) == sorted(expected)


def test_blocks_that_one_side_has_alone() -> None:
    found_here = compare.differences({"server/Notifier/new": {"a": "int", "b": "int"}}, {"server/Notifier/old": {}})
    assert list(map(str, found_here)) == ["new block: server/Notifier/new (a, b)", "no block: server/Notifier/old"]


def test_a_listed_difference_counts_in_its_releases_alone() -> None:
    difference = Difference("server", "server.a", "added", "int")
    listed = [Known("added", "server: server.*", "because", Version(1, 0, 0), Version(1, 1, 5))]
    assert compare.unlisted([difference], listed, Version(1, 1, 5)) == []
    for release in (Version(0, 12, 3), Version(1, 2, 0)):
        assert compare.unlisted([difference], listed, release) == [difference]
    assert compare.unlisted([Difference("agent", "agent.a", "added")], listed, Version(1, 1, 0)) != []
    assert compare.unlisted([Difference("server", "server.a", "removed")], listed, Version(1, 1, 0)) != []


def test_every_listed_difference_has_a_reason() -> None:
    listed = compare.known()
    assert len(listed) >= 9
    kinds = {compare.ADDED, compare.REMOVED, compare.RENAMED, compare.TYPE, compare.NEW_BLOCK, compare.NO_BLOCK}
    for known in listed:
        assert known.kind in kinds | {report.UNREACHED, report.DEAD_LINK}
        assert len(known.reason) > 30 and known.reason.endswith(".")
        assert {known.since, known.until} - {None} <= set(RELEASES)


def test_our_data_in_the_words_of_the_source() -> None:
    blocks = data_options.everything(Version(1, 15, 3))
    assert blocks["server"]["server.ca_ttl"] == "string"
    assert blocks["server"]["server.federation.federates_with.*.bundle_endpoint_url"] == "string"
    assert blocks["server/DataStore/sql"]["database_type.aws_mysql.region"] == "string"
    assert blocks["plugin"]["plugin_data"] == "any"
    assert "server/UpstreamCA/disk" not in blocks
    assert data_options.everything(Version(1, 9, 1))["server/DataStore/sql"]["database_type"] == "string"
    assert "database_type.aws_mysql" not in data_options.everything(Version(1, 9, 1))["server/DataStore/sql"]


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.test", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def spire(tmp_path: Path) -> Path:
    """Makes a repository with two releases, of which the second one renames an option."""
    git(tmp_path, "init", "--quiet")
    for tag, agent in (("0.9.1", AGENT), ("v1.15.3", AGENT.replace('"dir"', '"directory"'))):
        for path, text in {**FILES, "cmd/spire-agent/cli/run/run.go": agent, "doc/spire_agent.md": "x"}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", tag)
        git(tmp_path, "tag", tag)
    return tmp_path


def test_a_checkout_is_read_at_its_tags(spire: Path) -> None:
    checkout = Checkout(spire)
    assert [checkout.tag(release) for release in ("0.9.1", "1.15.3", "v1.15.3")] == ["0.9.1", "v1.15.3", "v1.15.3"]
    with pytest.raises(MissingReferenceError, match="has no tag for the release 1.16.0; fetch its tags first"):
        checkout.tag("1.16.0")
    old, new = (source_options.everything(checkout.source(tag))["agent"] for tag in ("0.9.1", "v1.15.3"))
    assert ("agent.dir" in old, "agent.directory" in old) == (True, False)
    assert ("agent.dir" in new, "agent.directory" in new) == (False, True)
    source = checkout.source("v1.15.3")
    assert "doc/spire_agent.md" in source.names and "doc/spire_agent.md" not in source.files


def test_a_missing_tag_ends_the_command_with_the_message_alone(spire: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["schema_drift", str(spire), "v1.16.0"])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == f"{spire} has no tag for the release 1.16.0; fetch its tags first"


def test_a_branch_or_a_commit_is_the_release_that_its_source_says(spire: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(spire, "checkout", "--quiet", "-b", "next")
    version = spire / "pkg/common/version/version.go"
    version.parent.mkdir(parents=True)
    version.write_text('package version\n\nconst (\n\tBase = "1.16.0"\n)\n', encoding="utf-8")
    git(spire, "add", "--all")
    git(spire, "commit", "--quiet", "--message", "1.16.0")
    checkout = Checkout(spire)
    commit = git(spire, "rev-parse", "HEAD").strip()
    assert [checkout.find(one) for one in ("next", commit, "v1.15.3")] == [
        ("next", Version(1, 16, 0)), (commit, Version(1, 16, 0)), ("v1.15.3", Version(1, 15, 3)),
    ]
    for name, message in (("1.16", "has no release, branch or commit 1.16;"), ("next~1", "has no number of a release in pkg/common/version")):
        with pytest.raises(MissingReferenceError, match=message):
            checkout.find(name)
    assert report.run(spire, ["next"]) == 1
    assert capsys.readouterr().out.startswith("next, which is 1.16.0: 23 options in 6 blocks, ")


def test_the_report_names_each_difference_and_fails(spire: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.run(spire, ["v1.15.3"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"1.15.3: 23 options in 6 blocks, {len(printed) - 2} to resolve, 0 listed"
    assert printed[-1] == f"1 releases, 23 pairs of option and release, {len(printed) - 2} differences to resolve"
    assert "  added: agent: agent.directory (string)" in printed
    assert "  new block: server/UpstreamAuthority/lent_one (level)" in printed
    assert "  dead link: server (doc/spire_server.md)" in printed
    assert not any("dead link: agent (" in line for line in printed)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("pkg/x/y.go (buildConfig), v1.15.3", [("1.15.3", "pkg/x/y.go", ("buildConfig",))]),
        ("pkg/x/y.go (Run and attest), v1.5.3 and v1.5.4; the guide to z",
         [("1.5.3", "pkg/x/y.go", ("Run", "attest")), ("1.5.4", "pkg/x/y.go", ("Run", "attest"))]),
        ("pkg/x/y.go (newRunner warns, and so on) and doc/x.md (one thing), 0.8.5",
         [("0.8.5", "pkg/x/y.go", ("newRunner",)), ("0.8.5", "doc/x.md", ())]),
        ("doc/x.md, v1.15.3; CHANGELOG.md, 1.6.3", [("1.15.3", "doc/x.md", ()), ("1.6.3", "CHANGELOG.md", ())]),
        ("both guides (of 0.9); docs/hosts.md", []),
    ],
)
def test_what_a_source_names(source: str, named: list[tuple[str, str, tuple[str, ...]]]) -> None:
    assert [(one.release, one.path, one.functions) for one in rule_sources.citations(source)] == named


def test_sources_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    named_sources = "pkg/x/y.go (build and gone) and pkg/x and doc/none.md and pkg/xy, v1.15.3"
    monkeypatch.setattr(rule_sources, "_all", lambda: tuple(("server server", one) for one in rule_sources.citations(named_sources)))
    source = Source({"pkg/x/y.go": "func build() { gonefar() }"})
    assert list(map(str, rule_sources.differences(source, Version(1, 15, 3)))) == [
        "wrong source: server server (pkg/x/y.go (gone))",
        "wrong source: server server (doc/none.md)",
        "wrong source: server server (pkg/xy)",
    ]
    assert rule_sources.differences(source, Version(1, 15, 2)) == []


def test_a_release_that_matches_the_data_has_no_differences(
    spire: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data_options, "everything", lambda release: source_options.everything(Checkout(spire).source("v1.15.3")))
    monkeypatch.setattr(report, "other_differences", lambda source, release: [])
    assert report.run(spire, ["1.15.3"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1.15.3: 23 options in 6 blocks, nothing to resolve, 0 listed",
        "1 releases, 23 pairs of option and release, 0 differences to resolve",
    ]
