# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintainers' tool finds every option in a source tree with the structure of SPIRE's."""

from __future__ import annotations

import pytest

from tests.unit.builders.spire_source import FILES, SERVER, go
from tools.schema_drift import go_text, source_options
from tools.schema_drift.checkout import Source


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
    blocks = source_options.everything(Source(FILES))
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


def test_upstream_authorities_are_accepted_under_their_older_type() -> None:
    ported = 'package catalog\nvar portedUpstreamCA = map[string]bool{\n\t"disk": true,\n\t"gone": false,\n}\n'
    blocks = source_options.everything(Source({**FILES, "pkg/server/catalog/catalog.go": ported}))
    assert blocks["server/UpstreamCA/disk"] == {"inner": "block", "inner.path": "string"}
    assert [name for name in blocks if "UpstreamCA" in name] == ["server/UpstreamCA/disk"]


def test_server_and_agent_have_different_structs_for_sshpop() -> None:
    shared = go("""package sshpop
const PluginName = "sshpop"
type ClientConfig struct {
    Key string 'hcl:"host_key_path"'
}
type ServerConfig struct {
    Authorities []string 'hcl:"cert_authorities"'
}
""")
    files = {**FILES, "pkg/common/plugin/sshpop/sshpop.go": shared}
    for side in ("server", "agent"):
        files[f"pkg/{side}/catalog/nodeattestor.go"] = (
            "package catalog\n"
            f'import "github.com/spiffe/spire/pkg/{side}/plugin/nodeattestor/sshpop"\n'
            "var attestors = []any{sshpop.BuiltIn()}\n"
        )
        files[f"pkg/{side}/plugin/nodeattestor/sshpop/sshpop.go"] = (
            "package sshpop\n"
            'import "github.com/spiffe/spire/pkg/common/plugin/sshpop"\n'
            "func BuiltIn() any { return catalog.MakeBuiltIn(sshpop.PluginName, nil) }\n"
        )
    blocks = source_options.everything(Source(files))
    assert blocks["server/NodeAttestor/sshpop"] == {"cert_authorities": "list(string)"}
    assert blocks["agent/NodeAttestor/sshpop"] == {"host_key_path": "string"}


def test_the_datastore_is_found_though_no_catalogue_names_it() -> None:
    config = go("""package sqlcommon
type Configuration struct {
    Kind ast.Node 'hcl:"database_type"'
    Text string 'hcl:"connection_string"'
}
type DBTypeConfig struct {
    MySQL *struct{ Region string 'hcl:"region"' } 'hcl:"aws_mysql"'
}
""")
    blocks = source_options.everything(Source({**FILES, "pkg/server/datastore/sqlcommon/config.go": config}))
    assert blocks["server/DataStore/sql"] == {
        "database_type": "any",
        "database_type.aws_mysql": "block",
        "database_type.aws_mysql.region": "string",
        "connection_string": "string",
    }


def test_a_struct_that_is_not_reached_is_reported() -> None:
    assert source_options.unreached(Source(FILES)) == []
    stray = go('package stray\ntype config struct {\n\tA string \'hcl:"a"\'\n}\n')
    assert source_options.unreached(Source({**FILES, "pkg/server/stray/stray.go": stray})) == ["pkg/server/stray.config"]


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
            "no struct in cmd/spire-server/cli/run has a name that is known for profile; add it to _LATER",
        ),
        (
            {"pkg/server/plugin/keymanager/disk/disk.go": "package disk\n"},
            "the plugin in pkg/server/plugin/keymanager/disk has no name that can be read",
        ),
    ],
)
def test_what_is_not_understood_is_an_error(changed: dict[str, str], message: str) -> None:
    with pytest.raises(LookupError, match=message):
        source_options.everything(Source({**FILES, **changed}))
