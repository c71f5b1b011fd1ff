# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintainers' tool that compares the schema's data with SPIRE's source, on a small source of our own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.versions import RELEASES, Version
from tests.schema_source import compare, found, go_text, ours, report
from tests.schema_source.checkout import Checkout, Source
from tests.schema_source.compare import Difference, Known

TICK = "`"


def go(text: str) -> str:
    """Go of ours, in which ' is the back quote of a tag."""
    return text.replace("'", TICK)


SERVER = go("""package run

import (
    "time"

    "example.test/tree/ast"
    shared "github.com/spiffe/spire/pkg/common/shared"
)

// Whole { is not } a struct yet: "type Not struct {"
type whole struct {
    Server  *part    'hcl:"server" json:"x"'
    Plugins ast.Node 'hcl:"plugins"'
}

type part struct {
    Name, Other string  'hcl:"name"'
    Port        *int    'hcl:"port"'
    Wait        time.Duration 'hcl:"-"'
    RawWait     string  'hcl:"wait"'
    Labels      map[string]string 'hcl:"labels"'
    Sorted      map[string][]string 'hcl:"sorted"'
    Peers       map[string]*peer 'hcl:"peers"'
    Sinks       []struct {
        Address string 'hcl:"address"'
    } 'hcl:"sinks"'
    shared.Common 'hcl:",squash"'
    Untagged    bool
    hidden      bool
    Hook        func(a, b string) (map[string]int, error)
    Profile     ast.Node 'hcl:"profile"'
    Unused      map[string][]int 'hcl:",unusedKeyPositions"'
}

type peer struct {
    Address string 'hcl:"address"'
}

type bundleEndpointConfigProfile struct {
    Web *struct{} 'hcl:"web"'
}

func start() error {
    x := map[string]interface{}{"type": struct{}{}}
    switch x["type"].(type) {
    }
    return nil
}
""")
AGENT = go("""package run
type Config struct {
    Agent   struct{ Dir string 'hcl:"dir"' } 'hcl:"agent"'
    Plugins map[string]string 'hcl:"plugins"'
}
""")
SHARED = go("""package shared
type (
    Common struct {
        Level Level 'hcl:"level"'
    }
    Level string
)
""")
WRAPPER = go("""package catalog
type wrapped struct {
    Command string 'hcl:"plugin_cmd"'
}
""")
CATALOG = {
    "pkg/server/catalog/keymanager.go": """package catalog
import "github.com/spiffe/spire/pkg/server/plugin/keymanager/disk"
var keys = []any{disk.BuiltIn()}
""",
    "pkg/server/catalog/upstreamauthority.go": """package catalog
import (
    "github.com/spiffe/spire/pkg/server/plugin/upstreamauthority/disk"
    "github.com/spiffe/spire/pkg/server/plugin/upstreamauthority/lent"
)
var upstream = []any{disk.BuiltIn(), lent.BuiltIn()}
""",
    "pkg/server/plugin/keymanager/disk/disk.go": go("""package disk
const pluginName = "disk"
func BuiltIn() any { return catalog.MakeBuiltIn(pluginName, nil) }
type config struct {
    Path string 'hcl:"keys_path"'
}
"""),
    "pkg/server/plugin/upstreamauthority/disk/disk.go": go("""package disk
func BuiltIn() any { return catalog.MakePlugin("disk", nil) }
type outer struct {
    Inner *inner 'hcl:"inner"'
}
type inner struct {
    Path string 'hcl:"path"'
}
"""),
    "pkg/server/plugin/upstreamauthority/disk/disk_test.go": go("""package disk
type fake struct {
    Path string 'hcl:"only_in_tests"'
}
"""),
    "pkg/server/plugin/upstreamauthority/lent/lent.go": """package lent
import "github.com/spiffe/spire/pkg/common/shared"
const (
    PluginName = "lent_one"
    other      = 1
)
func BuiltIn() any { return catalog.MakeBuiltIn(PluginName, nil) }
func configure(text string) error {
    config := new(shared.Common)
    return hcl.Decode(config, text)
}
""",
}
FILES = {
    "cmd/spire-server/cli/run/run.go": SERVER,
    "cmd/spire-agent/cli/run/run.go": AGENT,
    "pkg/common/shared/shared.go": SHARED,
    "pkg/common/catalog/config.go": WRAPPER,
    **CATALOG,
}


def test_a_file_of_go_is_read() -> None:
    file = go_text.parse(SERVER)
    assert (file.package, sorted(file.types)) == ("run", ["bundleEndpointConfigProfile", "part", "peer", "whole"])
    assert file.imports == {
        "time": "time",
        "ast": "example.test/tree/ast",
        "shared": "github.com/spiffe/spire/pkg/common/shared",
    }
    assert [(field.name, field.tag) for field in file.types["part"].fields][:3] == [
        ("Name", "name"), ("Other", "name"), ("Port", "port"),
    ]


@pytest.mark.parametrize(
    ("text", "constants"),
    [
        ('const a = "x"\n', {"a": "x"}),
        ('const (\n\ta string = "x" // a word\n\tb = 1\n\tc = "y" + "z"\n\td = f("(")\n\te = `raw`\n)\n', {"a": "x", "e": "raw"}),
        ("const a = 'b'\ntype t struct{}\n", {}),
    ],
    ids=["alone", "several", "a rune"],
)
def test_constants_that_are_strings(text: str, constants: dict[str, str]) -> None:
    assert go_text.parse("package p\n" + text).constants == constants


def test_every_option_is_found_with_its_nesting_and_type() -> None:
    blocks = found.everything(Source(FILES))
    assert blocks == {
        "server": {
            "server": "block",
            "server.name": "string",
            "server.port": "int",
            "server.wait": "string",
            "server.labels": "map(string)",
            "server.sorted": "map(list(string))",
            "server.peers": "map(block)",
            "server.peers.*.address": "string",
            "server.sinks": "list(block)",
            "server.sinks.address": "string",
            "server.level": "string",
            "server.Untagged": "bool",
            "server.profile": "any",
            "server.profile.web": "block",
            "plugins": "plugins",
        },
        "agent": {"agent": "block", "agent.dir": "string", "plugins": "plugins"},
        "plugin": {"plugin_cmd": "string"},
        "server/KeyManager/disk": {"keys_path": "string"},
        "server/UpstreamAuthority/disk": {"inner": "block", "inner.path": "string"},
        "server/UpstreamAuthority/lent_one": {"level": "string"},
    }


def test_a_struct_that_nothing_leads_to_is_named() -> None:
    assert found.unreached(Source(FILES)) == []
    stray = go('package stray\ntype config struct {\n\tA string \'hcl:"a"\'\n}\n')
    assert found.unreached(Source({**FILES, "pkg/server/stray/stray.go": stray})) == ["pkg/server/stray.config"]


def test_files_for_different_systems_are_one_package() -> None:
    posix, windows = (
        go(f'package p\ntype config struct {{\n\t{name} string \'hcl:"{name.lower()}"\'\n}}\n') for name in ("A", "B")
    )
    fields = Source({"p/p_posix.go": posix, "p/p_windows.go": windows}).package("p").types["config"].fields
    assert [field.option for field in fields] == ["a", "b"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pkg/common/catalog/config.go": "package catalog\n"}, "no struct in pkg/common/catalog has plugin_cmd"),
        (
            {"cmd/spire-agent/cli/run/run.go": "package run\n"},
            "no struct in cmd/spire-agent/cli/run has the blocks agent and plugins",
        ),
        (
            {"cmd/spire-server/cli/run/run.go": SERVER.replace("bundleEndpointConfigProfile", "somethingElse")},
            "no struct in cmd/spire-server/cli/run has a name that is known for profile; mend _LATER",
        ),
        (
            {"pkg/server/plugin/keymanager/disk/disk.go": "package disk\n"},
            "the plugin in pkg/server/plugin/keymanager/disk has no name that can be read",
        ),
    ],
)
def test_what_is_not_understood_is_an_error(changed: dict[str, str], message: str) -> None:
    with pytest.raises(LookupError, match=message):
        found.everything(Source({**FILES, **changed}))


OURS = {"server": {"server.a": "string", "server.old_name": "int", "server.gone": "bool", "server.Case": "string"}}


@pytest.mark.parametrize(
    ("theirs", "says"),
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
def test_differences(theirs: dict[str, str], says: list[str]) -> None:
    assert sorted(map(str, compare.differences({"server": theirs}, OURS))) == sorted(says)


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


def test_the_list_gives_a_reason_for_each() -> None:
    listed = compare.known()
    assert len(listed) >= 9
    kinds = {compare.ADDED, compare.REMOVED, compare.RENAMED, compare.TYPE, compare.NEW_BLOCK, compare.NO_BLOCK}
    for known in listed:
        assert known.kind in kinds | {report.UNREACHED, report.DEAD_LINK}
        assert len(known.reason) > 30 and known.reason.endswith(".")
        assert {known.since, known.until} - {None} <= set(RELEASES)


def test_our_data_in_the_words_of_the_source() -> None:
    blocks = ours.everything(Version(1, 15, 3))
    assert blocks["server"]["server.ca_ttl"] == "string"
    assert blocks["server"]["server.federation.federates_with.*.bundle_endpoint_url"] == "string"
    assert blocks["server/DataStore/sql"]["database_type.aws_mysql.region"] == "string"
    assert blocks["plugin"]["plugin_data"] == "any"
    assert "server/UpstreamCA/disk" not in blocks
    assert ours.everything(Version(1, 9, 1))["server/DataStore/sql"]["database_type"] == "string"
    assert "database_type.aws_mysql" not in ours.everything(Version(1, 9, 1))["server/DataStore/sql"]


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def spire(tmp_path: Path) -> Path:
    """A repository with two releases: the second one renames an option."""
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
    with pytest.raises(ValueError, match="has no tag for the release 1.16.0; fetch its tags first"):
        checkout.tag("1.16.0")
    old, new = (found.everything(checkout.source(tag))["agent"] for tag in ("0.9.1", "v1.15.3"))
    assert ("agent.dir" in old, "agent.directory" in old) == (True, False)
    assert ("agent.dir" in new, "agent.directory" in new) == (False, True)
    source = checkout.source("v1.15.3")
    assert "doc/spire_agent.md" in source.names and "doc/spire_agent.md" not in source.files


def test_the_report_names_each_difference_and_fails(spire: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.run(spire, ["v1.15.3"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"1.15.3: 23 options in 6 blocks, {len(printed) - 2} to mend, 0 listed"
    assert printed[-1] == f"1 releases, 23 pairs of option and release, {len(printed) - 2} differences to mend"
    assert "  added: agent: agent.directory (string)" in printed
    assert "  new block: server/UpstreamAuthority/lent_one (level)" in printed
    assert "  dead link: server (doc/spire_server.md)" in printed
    assert not any("dead link: agent (" in line for line in printed)


def test_a_release_as_the_data_have_it_is_fine(
    spire: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ours, "everything", lambda release: found.everything(Checkout(spire).source("v1.15.3")))
    monkeypatch.setattr(report, "beside", lambda source, release: [])
    assert report.run(spire, ["1.15.3"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1.15.3: 23 options in 6 blocks, nothing to mend, 0 listed",
        "1 releases, 23 pairs of option and release, 0 differences to mend",
    ]
