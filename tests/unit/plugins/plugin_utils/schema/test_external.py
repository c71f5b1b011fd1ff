# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's own schema files are used like the collection's, and each mistake in one has a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert, external as schema_external
from tests.unit.builders.fleets import fleet, mistakes, planned
from tests.unit.builders.trees import NEWEST

ONE = "1a" * 32
GOOD = """
description: Signs by a safe.
rules:
  - at_most_one: [pin, badge]
options:
  pin: {type: string, secret: true, description: The pin.}
  badge: {type: string}
  slots: {type: int, default: 3, min: 1}
  nested:
    type: block
    options:
      depth: {type: duration}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    schema_external.mistakes.cache_clear()
    schema_external._load.cache_clear()
    write(tmp_path / "server" / "UpstreamAuthority" / "safe.yml", GOOD)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def variables(place: Path, data: dict[str, Any]) -> dict[str, Any]:
    body = {"plugin_cmd": "/opt/safe", "plugin_checksum": ONE, "plugin_data": data}
    return {"spire_plugin_schemas": [str(place)], "spire_server_config": {"plugins": {"UpstreamAuthority": {"safe": body}}}}


def messages(place: Path, **data: Any) -> list[str]:
    return [line.removeprefix("error: plugins.UpstreamAuthority.safe.plugin_data") for line in mistakes(fleet(s1=variables(place, data))).splitlines()]


def test_options_are_checked_and_brought_to_their_types(place: Path) -> None:
    assert messages(place, pin=1234, slots="2", nested={"depth": "1h"}) == []
    plan = planned("server", variables(place, {"pin": 1234, "slots": "2"}))
    assert plan.plugin_data("UpstreamAuthority", "safe") == {"pin": "1234", "slots": 2}
    assert messages(place, slot="1") == [
        f'.slot (set by spire_server_config): SPIRE {NEWEST} has no option "slot" in the UpstreamAuthority safe; did you mean "slots"? [s1]'
    ]
    assert messages(place, pin="a", badge="b") == [
        " (set by spire_server_config): At most one of pin and badge can be set, but pin and badge are set. [s1]"
    ]
    assert len(messages(place, slots=0, nested={"depth": "soon"})) == 2


def test_what_is_no_secret_is_shown(place: Path) -> None:
    plan = planned("server", variables(place, {"pin": "hidden", "slots": 2}))
    shown = convert.redact("server", plan.tree, (str(place),))["plugins"]["UpstreamAuthority"]["safe"]["plugin_data"]
    assert shown == {"pin": convert.REDACTED, "slots": 2}
    # Without the schema file it is not known which options are secret, so all of them are removed.
    assert convert.redact("server", plan.tree)["plugins"]["UpstreamAuthority"]["safe"]["plugin_data"] == convert.REDACTED


def test_the_users_schema_overrides_ours(place: Path) -> None:
    own = place / "server" / "UpstreamAuthority" / "akeyless_upstream.yml"
    assert schema_external.external("server", "UpstreamAuthority", "akeyless_upstream", (str(place),)).options["access_key"].secret
    write(own, "options: {own: {type: string}}")
    assert set(schema_external.external("server", "UpstreamAuthority", "akeyless_upstream", (str(place),)).options) == {"own"}


def test_a_builtin_plugin_keeps_its_own(place: Path) -> None:
    write(place / "server" / "UpstreamAuthority" / "disk.yml", "options: {own: {type: string}}")
    tree = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {"own": "x"}}}}}
    lines = mistakes(fleet(s1={"spire_plugin_schemas": [str(place)], "spire_server_config": tree})).splitlines()
    assert any('has no option "own" in the UpstreamAuthority disk' in line for line in lines)


ATTRIBUTES = ", ".join(sorted(schema_external.ATTRIBUTES))


@pytest.mark.parametrize("text, message", [
    ("options: {a: {type: string}", "it is not YAML in line 1: expected ',' or '}', but got '<stream end>'."),
    ("[1]", "it must be a mapping with options, and it is a list."),
    ("", "it must be a mapping with options, and it is null."),
    ("description: X.", "options must be a mapping from names to options; write `options: {}` for none."),
    ("option: {}\noptions: {}", "a schema has no option; it has absent, description, options, rules, since, until."),
    ("since: 1.5\noptions: {}", "since must be a release of SPIRE such as 1.15.3."),
    ("options: {a: string}", "a: it must be a mapping such as `{type: string}`, and it is a string."),
    ("options: {a: {type: text}}", f"a: type must be one of {', '.join(sorted(schema_external.TYPES))}."),
    ("options: {a: {typ: string, type: string}}", f"a: an option has no typ; it has {ATTRIBUTES}."),
    ("options: {a: {type: string, secret: 'yes'}}", "a: secret must be true or false."),
    ("options: {a: {type: string, description: 7}}", "a: description must be a string."),
    ("options: {a: {type: string, format: mail}}", f"a: format must be one of {', '.join(sorted(schema_external.FORMATS))}."),
    ("options: {a: {type: string, enum: x}}", "a: enum must be a list of the values that are allowed."),
    ("options: {a: {type: block, uses: blocks/acme}}", "a: uses names a file of the collection's own; write the options here instead."),
    ("options: {a: {type: block}}", "a: options must be a mapping from names to options; write `options: {}` for none."),
    ("options: {a: {type: block, options: {b: {type: x}}}}", f"a.b: type must be one of {', '.join(sorted(schema_external.TYPES))}."),
    ("options: {a: {type: int, options: {}}}", "a: only a block has options; its type must be block, list(block) or map(block)."),
    ("options: {a: {type: int}}\nrules: [{both: [a]}]", "a rule has no both; it has at_least_one, at_most_one, exactly_one, needs, none, together."),
    ("options: {a: {type: int}}\nrules: [{needs: [a, b]}]", "a rule names b, which is not an option here."),
    ("options: {a: {type: int}}\nrules: {needs: a}", "rules must be a list."),
    ("options: {a: {type: int}}\nrules: [a]", "each of rules must be a mapping such as `{needs: [one, other]}`."),
])
def test_mistakes_in_a_file(place: Path, text: str, message: str) -> None:
    path = place / "server" / "UpstreamAuthority" / "safe.yml"
    write(path, text)
    assert mistakes(fleet({"spire_plugin_schemas": [str(place)]})).splitlines() == [
        f"error: spire_plugin_schemas: {path}: {message} [a1, s1]"
    ]


@pytest.mark.parametrize("name, message", [
    ("safe.yml", "{path} must be <component>/<type>/<plugin>.yml below {place}, where the component is server or agent."),
    ("oidc/UpstreamAuthority/safe.yml", "{path} must be <component>/<type>/<plugin>.yml below {place}, where the component is server or agent."),
    ("server/UpstreamAuthority/safe.yaml", "{path} must be <component>/<type>/<plugin>.yml below {place}, where the component is server or agent."),
    ("agent/UpstreamAuthority/safe.yml", "{path} is for plugins of the type UpstreamAuthority, which a SPIRE agent does not have; its types are KeyManager, "
                                         "NodeAttestor, SVIDStore, WorkloadAttestor."),
])
def test_files_in_the_wrong_place(place: Path, name: str, message: str) -> None:
    write(place / name, GOOD)
    assert list(schema_external._of_place(str(place))) == [message.format(path=place / name, place=place)]


def test_no_directory_and_an_empty_one(tmp_path: Path) -> None:
    for place in ("/nowhere", "~nobody-of-this-name/schemas", "long" * 100, "\0"):
        assert list(schema_external._of_place(place)) == [f"There is no directory {place} on the controller."]
        assert schema_external.external("server", "KeyManager", "hsm", (place,)) is None
    assert list(schema_external._of_place(str(tmp_path))) == [
        f"{tmp_path} holds no schema file; each is <component>/<type>/<plugin>.yml in it."
    ]
