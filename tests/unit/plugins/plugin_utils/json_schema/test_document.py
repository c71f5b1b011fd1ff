# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON Schemas are valid by a public validator, and refuse configurations that the collection's own checks refuse."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import document as json_schema, values as json_schema_values
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import block_rules, model as schema_model, values as schema_values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Rule, Span

from tests.support import examples, sample
from tests.unit.builders.trees import AGENT, Case, NEWEST, REMOVE, SERVER, UNKNOWN, option_cases, rule_cases
from tools.docs import json_schema_files

BASES = {"server": SERVER, "agent": AGENT}
LISTS = ("allOf", "anyOf", "oneOf")
MAPS = ("properties", "patternProperties", "definitions")
SINGLE = ("additionalProperties", "items", "if", "then", "else", "not", "propertyNames")

#: the codes of mistakes in the structure: unknown options, wrong types, wrong formats. All other mistakes are broken rules; those in
#: the schema's data are also in the JSON Schemas, and those that are functions are not.
STRUCTURE = {
    "unknown", "version", "type", "required", "enum", "duration", "number", "count", "plugin", "type_name", "windows",
    *schema_values.FORMATS,
}
#: patterns of the collection's own messages, with the reason why a JSON Schema can't express the mistake; the first match counts
UNSAID = {
    r"and it is a date": "an editor's YAML has no dates: 2026-01-01 is a string to it",
    r"is too (short|long); it must be": "a pattern can't compare durations",
    r'^"9999999h" is not a duration': "a pattern can't compare durations",
    r"The path is 109 bytes long": "it counts characters, not bytes",
}


@functools.lru_cache(maxsize=None)
def validator(kind: str, release: str = NEWEST) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json_schema.document(kind, versions.parse(release)))


class Loader(yaml.SafeLoader):
    """Reads YAML like an editor with the settings for Ansible's tags that docs/editors.md shows."""


Loader.add_constructor("!unsafe", Loader.construct_yaml_str)


def refusals(kind: str, text: str, release: str = NEWEST) -> list[str]:
    """Returns for each error of the text its path and the keyword of the schema that refuses it."""
    found = validator(kind, release).iter_errors(yaml.load(text, Loader))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.validator}" for error in found]


def as_json(tree: Any) -> Any:
    """Returns the tree as an editor reads it, in which a date is a text."""
    return json.loads(json.dumps(tree, default=str))


def pieces(piece: Any) -> Iterator[dict[str, Any]]:
    """Yields all schemas inside a schema, each without its inner ones. Most of them are the same in all releases, so each is checked once."""
    if not isinstance(piece, dict):
        return
    shallow = dict(piece)
    inner = []
    for key in MAPS:
        inner += list(piece.get(key, {}).values())
        shallow.update({key: dict.fromkeys(piece[key], True)} if key in piece else {})
    for key in LISTS:
        inner += piece.get(key, [])
        shallow.update({key: [True] * len(piece[key])} if key in piece else {})
    for key in SINGLE:
        inner.append(piece.get(key))
        shallow.update({key: True} if isinstance(piece.get(key), dict) else {})
    yield shallow
    for other in inner:
        yield from pieces(other)


#: a sample of the releases: at least one of each minor version, the oldest and the newest
RELEASES = sample.sample(
    versions.RELEASES, 40, kind=lambda release: (release.major, release.minor), always=sample.first_and_last(versions.RELEASES), name="schema"
)


def test_every_schema_of_every_release_is_a_schema() -> None:
    observed = set()
    for release in RELEASES:
        for kind in json_schema.KINDS:
            for piece in pieces(json_schema.document(kind, release)):
                text = json.dumps(piece)
                if text not in observed:
                    observed.add(text)
                    jsonschema.Draft7Validator.check_schema(piece)
    assert len(observed) > 1000


def test_a_schema_that_is_none_is_found() -> None:
    with pytest.raises(jsonschema.SchemaError):
        for piece in pieces({"properties": {"a": {"items": {"type": "strin"}}}}):
            jsonschema.Draft7Validator.check_schema(piece)


@pytest.mark.parametrize("component", json_schema.COMPONENTS)
def test_a_sound_tree_is_sound_in_every_release(component: str) -> None:
    for release in RELEASES:
        assert refusals(component, json.dumps(BASES[component]), str(release)) == [], release


@pytest.mark.parametrize("example", examples.names())
def test_examples_are_sound(example: str) -> None:
    directory = examples.EXAMPLES / example
    # An inventory for an old release has options of that release, so its schema is used.
    (release,) = {str(plan.version) for plan in examples.plans(examples.fleet(example))}
    assert refusals("inventory", (directory / "inventory.yml").read_text("utf-8"), release) == []
    texts = [file.read_text("utf-8") for file in directory.glob("*_vars/**/*.yml")]
    assert [found for text in (*texts, json.dumps(examples.answers(example))) if (found := refusals("variables", text))] == []
    planned = list(examples.plans(examples.fleet(example)))
    assert planned
    for plan in planned:
        assert refusals(plan.component, json.dumps(plan.tree), str(plan.version)) == [], plan.host


EVERYTHING = catalogue.everything()
#: the wrong configurations of servers and agents with built-in plugins, without those that only strict mode refuses
MISTAKES = [
    case for case in (*option_cases(), *rule_cases("wrong"))
    if case.component in ("server", "agent") and "akeyless" not in case.expected["path"] and not (case.rule and EVERYTHING[case.rule].strict)
]


@functools.lru_cache(maxsize=None)
def problems_of(number: int) -> list[Problem]:
    """Returns the problems that the collection's own check finds in the wrong configuration of this number."""
    case = MISTAKES[number]
    return tree_check.check(case.component, case.tree, versions.parse(case.release))


def unsaid(number: int) -> str:
    """Returns the pattern in UNSAID for a mistake that a JSON Schema can't refuse; empty for other mistakes."""
    case = MISTAKES[number]
    messages = [problem.message for problem in problems_of(number) if problem.path == case.expected["path"]]
    return next((pattern for pattern in UNSAID if any(re.search(pattern, message) for message in messages)), "")


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[case.name for case in MISTAKES])
def test_a_mistake_of_structure_is_refused(number: int) -> None:
    case: Case = MISTAKES[number]
    codes = [problem.code for problem in problems_of(number) if problem.severity == "error"]
    sound = validator(case.component, case.release).is_valid(as_json(case.tree))
    if unsaid(number):
        assert sound, f"it can say that: {codes}"
    elif STRUCTURE & set(codes):
        assert not sound, codes


VALUES: tuple[Any, ...] = (REMOVE, "", False, [], "x", {}, 1)


@pytest.mark.parametrize("when, unless", [({}, {}), ({"mode": "m"}, {}), ({}, {"mode": "m"})], ids=["", "when", "unless"])
@pytest.mark.parametrize("kind", sorted(schema_model.RULE_KINDS))
def test_a_rule_of_the_data_says_the_same(kind: str, when: dict[str, str], unless: dict[str, str]) -> None:
    rule = Rule(kind, ("a", "b"), Span(), when=tuple(when.items()), unless=tuple(unless.items()))
    judge = jsonschema.Draft7Validator(json_schema_values.rule(rule.kind, rule.names, when, unless))
    judgements = Counter()
    for one, other, mode in itertools.product(VALUES, VALUES, (REMOVE, "m", "n")):
        found = {key: value for key, value in (("a", one), ("b", other), ("mode", mode)) if value is not REMOVE}
        broken = bool(block_rules.broken(rule, found))
        assert judge.is_valid(found) == (not broken), found
        judgements[broken] += 1
    assert judgements[True] > 5 and judgements[False] > 5


def test_no_reason_is_left_over() -> None:
    used = Counter(map(unsaid, range(len(MISTAKES))))
    assert [pattern for pattern in UNSAID if not used[pattern]] == []
    assert used[""] > len(MISTAKES) / 2


VARIABLES = {
    "null takes away": ("spire_agent_config: {plugins: {WorkloadAttestor: {unix: null}}}", []),
    "templates": (
        'spire_server_config__eu: {server: {bind_port: "{{ port }}", ca_ttl: "{{ ttl }}", log_level: "{{ l }}", '
        'admin_ids: "{{ ids }}", ratelimit: "{{ x }}", audit_log_enabled: "{{ a }}", socket_path: "{{ d }}/s"}, '
        'plugins: "{{ p }}", telemetry: {Statsd: "{{ sinks }}"}}',
        [],
    ),
    "a whole layer as a template": ('spire_agent_config__eu: "{{ eu }}"', []),
    "numbers and booleans as strings": (
        'spire_server_config: {server: {bind_port: "8081", audit_log_enabled: "Yes"}, health_checks: {bind_port: 80}}',
        [],
    ),
    "a layer need not be whole": ("spire_server_config: {plugins: {KeyManager: {disk: {plugin_data: {}}}}}", []),
    "another key manager": ("spire_server_config: {plugins: {KeyManager: {disk: null, memory: {}}}}", []),
    "external plugins": (
        "spire_server_config: {plugins: {NodeAttestor: {mine: {plugin_cmd: /m, plugin_data: {x: [1]}}}, "
        "UpstreamAuthority: {x: {enabled: false, whatever: 1}}}}",
        [],
    ),
    "names of one's own": ("spire_own: 1\nother: {a: 1}", []),
    "switches": ('spire_canary: "yes"\nspire_become: 0\nspire_start_timeout: "90"\nspire_version: "{{ v }}"', []),
    "nothing": ("", []),
    "an unknown option": (
        "spire_server_config: {server: {bind_prt: 1}}",
        ["spire_server_config.server: additionalProperties"],
    ),
    "in a layer": (
        "spire_agent_config__eu: {agent: {log_level: loud}}",
        ["spire_agent_config__eu.agent.log_level: anyOf"],
    ),
    "an unknown plugin": (
        "spire_agent_config: {plugins: {WorkloadAttestor: {dokcer: {}}}}",
        ["spire_agent_config.plugins.WorkloadAttestor.dokcer: anyOf"],
    ),
    "a plugin's option": (
        "spire_server_config: {plugins: {NodeAttestor: {x509pop: {plugin_data: {ca_bundle_pth: /x}}}}}",
        ["spire_server_config.plugins.NodeAttestor.x509pop.plugin_data: additionalProperties"],
    ),
    "two of a singleton": (
        "spire_agent_config: {plugins: {NodeAttestor: {x509pop: {}, join_token: {}}}}",
        ["spire_agent_config.plugins.NodeAttestor: anyOf"],
    ),
    "a choice": ("spire_install_source: rpm", ["spire_install_source: anyOf"]),
    "no release": (f"spire_version: {UNKNOWN}", ["spire_version: anyOf"]),
    "no number": ("spire_start_timeout: soon", ["spire_start_timeout: pattern"]),
    "waves and checksums": (
        f'spire_agents_serial: 25%\nspire_archive_sha256: {{amd64: "{"0" * 64}"}}\nspire_archive_url: "{{{{ mirror }}}}/spire"', []
    ),
    "mirrors": ("spire_archive_url: HTTP://mirror/spire", []),
    "a directory": ("spire_archive_url: file:///srv/spire", []),
    "no mirror": ("spire_archive_url: ftp://mirror/spire", ["spire_archive_url: pattern"]),
    "no wave": ("spire_agents_serial: 3x", ["spire_agents_serial: pattern"]),
    "no checksum": ("spire_archive_sha256: {amd64: abc}", ["spire_archive_sha256.amd64: pattern"]),
    "no architecture": ("spire_archive_sha256: {x86_64: ''}", ["spire_archive_sha256: enum"]),
    "no switch": ("spire_canary: 2", ["spire_canary: maximum"]),
    "an entry's field": (
        "spire_entries: [{spiffe_id: /a, parent_id: /b, selectors: ['unix:uid:0'], dns: [a]}]",
        ["spire_entries.0: additionalProperties"],
    ),
    "an entry without selectors": ("spire_entries: [{spiffe_id: /a, parent_id: /b}]", ["spire_entries.0: required"]),
    "a selector": (
        "spire_entries: [{spiffe_id: /a, parent_id: /b, selectors: [root]}]",
        ["spire_entries.0.selectors.0: pattern"],
    ),
}


@pytest.mark.parametrize("text, wanted", VARIABLES.values(), ids=VARIABLES)
def test_variables(text: str, wanted: list[str]) -> None:
    assert refusals("variables", text) == wanted


def test_an_inventory_has_variables_at_groups_and_hosts() -> None:
    wrong = {"spire_install_source": "rpm"}
    inventory = {"all": {"vars": wrong, "children": {"web": {"hosts": {"a": wrong, "b": None}}}}}
    assert refusals("inventory", json.dumps(inventory)) == [
        "all.vars.spire_install_source: anyOf",
        "all.children.web.hosts.a.spire_install_source: anyOf",
    ]


def test_external_plugins_of_ones_own_need_no_command_in_the_tree() -> None:
    layer = {"spire_server_config": {"plugins": {"NodeAttestor": {"mine": {"plugin_data": {"x": 1}}}}}}
    assert not validator("variables").is_valid(layer)
    named = json_schema.document("variables", versions.DEFAULT, ["mine"])
    assert jsonschema.Draft7Validator(named).is_valid(layer)
    assert not jsonschema.Draft7Validator(json_schema.document("server", versions.DEFAULT, ["other"])).is_valid(layer)


def test_external_plugins_that_we_know_are_checked() -> None:
    layer = "spire_server_config: {plugins: {UpstreamAuthority: {akeyless_upstream: {plugin_data: {access_ky: x}}}}}"
    path = "spire_server_config.plugins.UpstreamAuthority.akeyless_upstream.plugin_data"
    assert refusals("variables", layer) == [f"{path}: additionalProperties"]
    assert refusals("variables", layer.replace("access_ky", "access_key")) == []


def test_options_are_those_of_the_release() -> None:
    layer = "spire_server_config: {server: {default_svid_ttl: 1h}}"
    assert refusals("variables", layer, "1.5.6") == []
    assert refusals("variables", layer, "1.6.0") == ["spire_server_config.server: additionalProperties"]


def test_an_editor_is_told_what_an_option_is() -> None:
    server = json_schema.document("server", versions.parse("1.5.6"))["properties"]["server"]["properties"]
    assert server["default_svid_ttl"]["description"] == (
        "Lifetime of SVIDs whose entry has no TTL. Deprecated since SPIRE 1.5.0; use default_x509_svid_ttl, "
        "default_jwt_svid_ttl instead. Since SPIRE 0.9.0."
    )
    assert (server["default_svid_ttl"]["deprecated"], server["default_svid_ttl"]["default"]) == (True, "1h")
    assert server["data_dir"]["description"].endswith(" Required.")


def test_formats_are_the_same_as_in_our_own_check() -> None:
    assert set(json_schema_values.FORMATS) == schema_values.FORMATS


def test_a_kind_that_is_none() -> None:
    message = 'There is no schema "servr"; there are server, agent, oidc_discovery_provider, variables, inventory.'
    with pytest.raises(ValueError, match=message):
        json_schema.document("servr", versions.DEFAULT)


def test_the_files_are_fresh() -> None:
    found = {file.name: file.read_text("utf-8") for file in json_schema_files.DIRECTORY.iterdir()}
    assert found == json_schema_files.files(), "run make docs"
