# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unknown keys, which SPIRE ignores, are reported in every block of every component and every built-in plugin.

The messages of such mistakes are in cases/dropped_keys.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model, suggestions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block

KEY = "qqqq_zzzz"
#: the last release of each minor version that operators still use, and the oldest release
SOME = [*(versions.parse(text) for text in ("0.8.0", "0.12.3", "1.5.6", "1.9.6", "1.14.7")), versions.DEFAULT]
#: the path of a block, in which "*" and "[]" stand for names and items
Nest = tuple[str, ...]


def blocks(known: Block, release: Version, path: Nest) -> Iterator[Nest]:
    """Yields the paths of all blocks; "*" stands for a name that the user chooses, "[]" for an item of a list."""
    yield path
    for name, spec in known.at(release).specs.items():
        inner = known.options[name].block
        if inner and spec.type != "string" and not spec.windows:
            more: Nest = {"map(block)": ("*",), "list(block)": ("[]",)}.get(spec.type, ())
            yield from blocks(inner, release, (*path, name, *more))


def places(release: Version) -> Iterator[tuple[str, Nest]]:
    for component in ("server", "agent", "oidc_discovery_provider"):
        whole = schema_model.block(component)
        if release not in whole.span:
            continue
        yield from ((component, path) for path in blocks(whole, release, ()))
        if component == "oidc_discovery_provider":
            continue
        for kind in schema_model.plugin_types(component):
            for name in schema_model.plugin_names(component, kind):
                known = schema_model.plugin(component, kind, name)
                if known and release in known.span and not known.extra.get("windows"):
                    start = ("plugins", kind, name)
                    yield component, start
                    yield from ((component, path) for path in blocks(known, release, (*start, "plugin_data")))


def tree(path: Nest) -> dict[str, Any]:
    result: Any = {KEY: "x"}
    for name in reversed(path):
        result = [result] if name == "[]" else {"example.org" if name == "*" else name: result}
    return dict(result)


def written(path: Nest) -> str:
    text = ""
    for name in (*path, KEY):
        shown = '"example.org"' if name == "*" else f'"{name}"' if "." in name else name
        text += "[0]" if name == "[]" else shown if not text else f".{shown}"
    return text


@pytest.mark.parametrize("release", SOME, ids=str)
def test_an_unknown_key_is_an_error_wherever_it_stands(release: Version) -> None:
    observed = 0
    for component, path in places(release):
        found = tree_check.check(component, tree(path), release)
        about = [(problem.code, problem.severity) for problem in found if problem.path == written(path)]
        assert about == [("unknown", "error")], f"{component} {written(path)}"
        assert KEY not in "".join(problem.message for problem in found if problem.path != written(path))
        observed += 1
    assert observed > (60 if release < versions.parse("1.0.0") else 100)


@pytest.mark.parametrize("release", SOME, ids=str)
def test_a_block_with_many_options_has_their_number_instead_of_their_names(release: Version) -> None:
    block = schema_model.block("server").options["server"].block
    assert block
    listed = [name for name, option in block.options.items() if release in option.span]
    assert len(listed) > 12
    (problem,) = [one for one in tree_check.check("server", {"server": {KEY: "x"}}, release) if one.path == f"server.{KEY}"]
    assert problem.message == f'SPIRE {release} has no option "{KEY}" in server; its {len(listed)} options are in SPIRE\'s documentation.'


def test_the_blocks_where_spire_drops_unknown_keys_are_covered() -> None:
    found = {f"{component}: {written(path)}" for component, path in places(versions.DEFAULT)}
    for block in ("server.experimental", "server.federation", "server.federation.bundle_endpoint.profile", "telemetry"):
        assert f"server: {block}.{KEY}" in found
    for block in ("agent.experimental", "agent.sds", "telemetry.Prometheus.tls", "plugins.NodeAttestor.x509pop",
                  "plugins.WorkloadAttestor.unix.plugin_data", "plugins.NodeAttestor.aws_iid.plugin_data"):
        assert f"agent: {block}.{KEY}" in found
    assert f'server: server.federation.federates_with."example.org".bundle_endpoint_profile.https_web.{KEY}' in found
    assert f"oidc_discovery_provider: acme.{KEY}" in found


def options(known: Block, prefix: str = "") -> Iterator[tuple[str, schema_model.Option, Block]]:
    for name, option in known.options.items():
        yield f"{prefix}{name}", option, known
        if option.block:
            yield from options(option.block, f"{prefix}{name}.")


def everything(component: str) -> Iterator[tuple[str, schema_model.Option, Block]]:
    yield from options(schema_model.block(component))
    for kind in schema_model.plugin_types(component):
        for name in schema_model.plugin_names(component, kind):
            known = schema_model.plugin(component, kind, name)
            assert known
            yield from options(known, f"plugins.{kind}.{name}.plugin_data.")


@pytest.mark.parametrize("component", ["server", "agent"])
def test_every_removed_option_is_an_error_in_later_releases(component: str) -> None:
    """A removed option is an error in later releases. The message has its name, the last release that had it, and its successor."""
    gone = [found for found in everything(component) if found[1].span.until]
    assert len(gone) > 15
    for path, option, inside in gone:
        assert option.span.until
        after = RELEASES[RELEASES.index(option.span.until) + 1]
        code, _where, message = suggestions.unknown_option(component, inside, option.name, path, "it", after)
        words = f'SPIRE {after} no longer has the option "{option.name}", it was removed after {option.span.until}'
        if option.base.get("replaced_by"):
            words += f"; use {option.base['replaced_by']} instead"
        if option.base.get("inverted"):
            words += ", which means the opposite: true becomes false"
        reason = "" if option.base.get("no_effect") else option.base.get("because", "")
        assert (code, message) == ("version", f"{words}. {reason}".strip())


def hinted(message: str) -> list[str]:
    found = re.search(r"; use (.+?) instead", message)
    return found[1].split(", ") if found else []


def placed(name: str, path: str) -> str:
    """Returns the path in the tree of an option that a message about ``path`` names."""
    if name.startswith("plugin_data."):
        return ".".join([*path.split(".")[:3], name])
    return name if "." in name else f"{path.rpartition('.')[0]}.{name}"


@pytest.mark.parametrize("component", ["server", "agent"])
def test_what_a_message_says_to_use_instead_is_there(component: str) -> None:
    spans: dict[str, list[schema_model.Option]] = {}
    for path, option, _inside in everything(component):
        spans[path] = [*spans.get(path.rpartition(".")[0], []), option]
    observed = 0
    for path, option, inside in everything(component):
        # If a block was removed as a whole, only one message is about the block.
        around = spans[path][:-1]
        for release in RELEASES if option.base.get("replaced_by") else ():
            if not all(release in one.span for one in around):
                continue
            _code, _where, gone = suggestions.unknown_option(component, inside, option.name, path, "it", release)
            old = suggestions.deprecated_option(component, inside, option, path, release)
            for name in [] if release in option.span else hinted(gone):
                assert all(release in one.span for one in spans[placed(name, path)]), f"{path} in {release}: {gone}"
                observed += 1
            for name in hinted(old) if release in option.span else []:
                assert all(release in one.span for one in spans[placed(name, path)]), f"{path} in {release}: {old}"
                observed += 1
    assert observed > 300


@pytest.mark.parametrize("component", ["server", "agent"])
def test_a_plugin_that_a_message_says_to_use_instead_is_there(component: str) -> None:
    observed = 0
    types = schema_model.plugin_types(component)
    for kind in types:
        for name in schema_model.plugin_names(component, kind):
            known = schema_model.plugin(component, kind, name)
            assert known
            for release in RELEASES if known.extra.get("replaced_by") else ():
                _code, _where, gone = suggestions.unknown_plugin(component, kind, name, known, name, release)
                old = suggestions.deprecated_plugin(component, kind, known, release)
                for hint in hinted(old if release in known.span else gone):
                    other, its = re.fullmatch(r"(?:the (\w+) )?(\w+)", hint).groups()  # type: ignore[union-attr]
                    successor = schema_model.plugin(component, other or kind, its)
                    assert successor and release in successor.span and release in types[other or kind].span, f"{name}: {hint}"
                    observed += 1
    assert observed > 20


def datastore(name: str) -> dict[str, Any]:
    external = {"plugin_cmd": "/usr/bin/mine", "plugin_checksum": "0" * 64, "plugin_data": {"any": 1}}
    return {
        "server": {"trust_domain": "example.org", "data_dir": "/d"},
        "plugins": {
            "DataStore": {name: external},
            "KeyManager": {"memory": {}},
            "NodeAttestor": {"join_token": {}},
        },
    }


@pytest.mark.parametrize("name", ["mine", "sql"])
def test_other_datastores_than_sql_are_refused_since_0_11(name: str) -> None:
    def messages(release: str) -> list[str]:
        found = tree_check.check("server", datastore(name), versions.parse(release))
        return [f"{problem.path}: {problem.message}" for problem in found if problem.severity == "error"]

    assert messages("0.8.0") == messages("0.10.2") == []
    for release in ("0.11.0", str(versions.DEFAULT)):
        assert messages(release) == [f"plugins.DataStore.{name}: SPIRE takes only its own sql as DataStore."]
