# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small source tree with the structure of SPIRE's, for the tests of tools/schema_drift."""

from __future__ import annotations

TICK = "`"


def go(text: str) -> str:
    """Returns Go source, with each ' replaced by the back quote of a tag."""
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
