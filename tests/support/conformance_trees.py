# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generates configurations from the schema's own data: valid ones, and each of them with one change.

A subject is the component's own file or one plugin; the rest is the smallest tree with which SPIRE starts. A seed decides everything.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

from tests.support.conformance_values import Values, WRONG_TEXTS, WRONG_TYPES

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Rule, Spec

Tree = dict[str, Any]
Path_ = tuple[str, ...]
#: how often a tree is generated again or corrected until it is valid
TRIES = 40


@dataclass(frozen=True)
class Case:
    """One configuration, and the change that was made to it."""

    component: str
    release: Version
    kind: str
    path: str
    tree: Tree = field(hash=False, compare=False)


def base(component: str, release: Version, directory: Path) -> Tree:
    """Returns the smallest tree with which SPIRE starts."""
    common = {"trust_domain": "example.org", "data_dir": str(directory / "data")}
    if component == "server":
        sql = {"database_type": "sqlite3", "connection_string": str(directory / "data" / "datastore.sqlite3")}
        socket = "socket_path" if release >= (1, 0, 0) else "registration_uds_path"
        return {
            "server": {**common, "bind_address": "127.0.0.1", "bind_port": 8081, socket: str(directory / "server.sock")},
            "plugins": {
                "DataStore": {"sql": {"plugin_data": sql}},
                "KeyManager": {"memory": {"plugin_data": {}}},
                "NodeAttestor": {"join_token": {"plugin_data": {}}},
            },
        }
    return {
        "agent": {
            **common,
            "server_address": "127.0.0.1",
            "server_port": 8081,
            "socket_path": str(directory / "public" / "agent.sock"),
            "trust_bundle_path": str(directory / "cert.pem"),
        },
        "plugins": {
            "KeyManager": {"memory": {"plugin_data": {}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
            "WorkloadAttestor": {"unix": {"plugin_data": {}}},
        },
    }


def plugins(component: str, release: Version, windows: bool = False) -> list[tuple[str, str]]:
    """Returns type and name of every plugin that the release has on Linux, and of those for Windows alone."""
    found = []
    for kind, described in schema_model.plugin_types(component).items():
        if release in described.span:
            for name in sorted(schema_model.plugin_names(component, kind)):
                known = schema_model.plugin(component, kind, name)
                if known and release in known.span and bool(known.extra.get("windows")) == windows:
                    found.append((kind, name))
    return found


@dataclass
class Maker:
    """Generates all cases of one component in one release."""

    component: str
    release: Version
    directory: Path
    rng: random.Random

    def __post_init__(self) -> None:
        self.values = Values(self.directory, self.rng)
        self.base = base(self.component, self.release, self.directory)

    def subjects(self) -> list[Path_]:
        """Yields the file itself, and every plugin that the release has."""
        return [(), *plugins(self.component, self.release)]

    def sound(self, subject: Path_, share: float) -> Tree | None:
        """Returns a tree that the collection accepts, with about this share of the options that the subject could have."""
        for _attempt in range(TRIES):
            tree = self._tree(subject, share)
            for _repair in range(TRIES):
                wrong = [problem for problem in tree_check.check(self.component, tree, self.release) if problem.severity == "error"]
                if not wrong:
                    return tree
                if not self._without(tree, wrong[0].path):
                    break
        return None

    def _tree(self, subject: Path_, share: float) -> Tree:
        tree = copy.deepcopy(self.base)
        if not subject:
            made = self._block(schema_model.block(self.component), share, skip=("plugins",))
            for name, value in made.items():
                if isinstance(value, dict):
                    tree[name] = {**value, **tree.get(name, {})}
            self._one_bundle(tree)
            return tree
        kind, name = subject
        known = schema_model.plugin(self.component, kind, name)
        assert known is not None
        body = {"plugin_data": self._block(known, share)}
        if subject == ("DataStore", "sql"):
            self.values.connect(body["plugin_data"], reachable=not share)
        single = schema_model.plugin_types(self.component)[kind].max == 1
        tree["plugins"][kind] = {name: body} if single else {**tree["plugins"].get(kind, {}), name: body}
        return tree

    def _one_bundle(self, tree: Tree) -> None:
        others = {"trust_bundle_url", "trust_bundle_spiffe_workload_api", "insecure_bootstrap"}
        for name in others & set(tree.get("agent", ())):
            del tree["agent"][name]

    def _block(self, known: Block, share: float, skip: tuple[str, ...] = ()) -> Tree:
        view = known.at(self.release)
        made = {}
        for name, spec in view.specs.items():
            if name not in skip and not spec.windows and (spec.required or self.rng.random() < share):
                made[name] = self._value(spec, known, share)
        for _pass in range(3):
            for rule in view.rules:
                self._obey(rule, made, known, share)
        return made

    def _value(self, spec: Spec, known: Block, share: float) -> Any:
        inner = known.options[spec.name].block
        if inner is None or spec.type in ("string", "string or block"):
            return self.values.of(spec)
        block = self._block(inner, share)
        if spec.type == "list(block)":
            return [block]
        return {"example.org" if spec.keys == "trust_domain" else "one": block} if spec.type == "map(block)" else block

    def _obey(self, rule: Rule, made: Tree, known: Block, share: float) -> None:
        if any(made.get(name) != value for name, value in rule.when) or any(made.get(n) == v for n, v in rule.unless):
            return
        specs = known.at(self.release).specs
        here = [name for name in rule.names if name in specs]
        on = [name for name in here if made.get(name) not in (None, False, "", [])]
        if rule.kind in ("exactly_one", "at_most_one"):
            for name in on[1:]:
                del made[name]
        if rule.kind in ("exactly_one", "at_least_one") and not on and here:
            name = self.rng.choice(here)
            made[name] = True if specs[name].type == "bool" else self._value(specs[name], known, share)
        partly = rule.kind == "together" and on or rule.kind == "needs" and rule.names[0] in on
        for name in here if partly else ():
            made.setdefault(name, True if specs[name].type == "bool" else self._value(specs[name], known, share))
        if rule.kind == "none":
            for name in on:
                del made[name]

    def _without(self, tree: Tree, path: str) -> bool:
        """Removes the optional setting that a problem is about."""
        keys = _keys(path)
        block: Any = tree
        for key in keys[:-1]:
            block = block.get(key) if isinstance(block, dict) else None
        if not isinstance(block, dict) or keys[-1] not in block or len(keys) < 2:
            return False
        if len(keys) <= 4 and keys[0] == "plugins":
            return False
        del block[keys[-1]]
        return True

    def mistakes(self, subject: Path_) -> Iterator[Case]:
        """Yields small trees of the subject, each with one mistake."""
        small = self.sound(subject, 0.0)
        if small is None:
            return
        if subject:
            known = schema_model.plugin(self.component, *subject)
            assert known is not None
            yield from self._in_block(small, ("plugins", *subject, "plugin_data"), known)
            yield from self._of_plugin(small, ("plugins", *subject))
        else:
            yield from self._in_block(small, (), schema_model.block(self.component))
            yield from self._of_types(small)

    def _in_block(self, tree: Tree, path: Path_, known: Block) -> Iterator[Case]:
        view = known.at(self.release)
        yield self._changed(tree, "unknown option", (*path, "no_such_option"), "x")
        if view.specs:
            spec = view.specs[self.rng.choice(sorted(view.specs))]
            yield self._changed(tree, "misspelt option", (*path, spec.name + "x"), WRONG_TYPES.get(spec.type, "x"))
        for name, spec in view.specs.items():
            if not spec.windows and spec.type != "plugins":
                yield from self._of_option(tree, (*path, name), spec, known)
        for name, option in known.options.items():
            if name not in view.specs:
                kind = "removed option" if option.span.until and self.release > option.span.until else "later option"
                yield self._changed(tree, kind, (*path, name), self._elsewhere(name, known))
        for rule in view.rules:
            yield from self._rule(tree, path, rule, known)

    def _of_option(self, tree: Tree, path: Path_, spec: Spec, known: Block) -> Iterator[Case]:
        yield self._changed(tree, "wrong type", path, WRONG_TYPES[spec.type])
        if spec.required:
            yield self._changed(tree, "missing", path, None)
        if spec.type in ("string", "duration") and not spec.required:
            yield self._changed(tree, "empty text", path, "")
        if spec.type == "duration":
            for text in ("7d", "3600", "-1h"):
                yield self._changed(tree, "bad duration", path, text)
        elif spec.enum:
            yield self._changed(tree, "wrong word", path, "no-such-word")
        elif spec.format in WRONG_TEXTS and spec.type in ("string", "list(string)"):
            text = WRONG_TEXTS[spec.format]
            yield self._changed(tree, "wrong text", path, text if spec.type == "string" else [text])
        elif spec.type == "int":
            yield self._changed(tree, "wrong number", path, 65536 if spec.format == "port" else -1)
        inner = known.options[spec.name].block
        if inner:
            yield self._changed(tree, "empty block", path, [{}] if spec.type == "list(block)" else {})
            if spec.type == "block":
                filled = tree if _has(tree, path) else self._changed(tree, "", path, self._block(inner, 0.0)).tree
                yield from self._in_block(filled, path, inner)

    def _rule(self, tree: Tree, path: Path_, rule: Rule, known: Block) -> Iterator[Case]:
        specs = known.at(self.release).specs
        names = [name for name in rule.names if name in specs]
        set_ = {name: True if specs[name].type == "bool" else self._value(specs[name], known, 0.0) for name in names}
        block = dict(rule.when)
        some = {**{name: None for name in names}, **block}
        wanted = {
            "exactly_one": [some, {**set_, **block}],
            "at_most_one": [{**set_, **block}],
            "at_least_one": [some],
            "together": [{**some, name: set_[name]} for name in names[:1]],
            "needs": [{**some, name: set_[name]} for name in names[:1]],
            "none": [{**some, name: set_[name]} for name in names[:1]],
        }.get(rule.kind, [])
        for options in wanted:
            result = copy.deepcopy(tree)
            for name, value in options.items():
                _put(result, (*path, name), value)
            yield Case(self.component, self.release, "broken rule", ".".join(path), result)

    def _of_plugin(self, tree: Tree, path: Path_) -> Iterator[Case]:
        yield self._changed(tree, "misspelt option", (*path, "plugin_dta"), {})
        yield self._changed(tree, "wrong type", (*path, "enabled"), "no")
        yield self._changed(tree, "empty block", path, {})
        if schema_model.plugin_types(self.component)[path[1]].max == 1:
            others = schema_model.plugin_names(self.component, path[1]) - {path[2]}
            for other in sorted(others)[:1]:
                yield self._changed(tree, "two of one", (*path[:2], other), {"plugin_data": {}})

    def _of_types(self, tree: Tree) -> Iterator[Case]:
        for kind, known in schema_model.plugin_types(self.component).items():
            if self.release in known.span:
                yield self._changed(tree, "unknown plugin", ("plugins", kind, "no_such_plugin"), {"plugin_data": {}})
                if known.min:
                    yield self._changed(tree, "missing", ("plugins", kind), None)
            else:
                yield self._changed(tree, "type of another release", ("plugins", kind, "x"), {"plugin_data": {}})
        yield self._changed(tree, "unknown type", ("plugins", "NoSuchType", "x"), {"plugin_data": {}})
        for plugin in plugins(self.component, self.release, windows=True):
            yield self._changed(tree, "plugin of Windows", ("plugins", *plugin), {"plugin_data": {}})

    def _elsewhere(self, name: str, known: Block) -> Any:
        """Returns a value of the option that is valid in another release."""
        option = known.options[name]
        release = next(release for release in RELEASES if release in option.span)
        return Maker(self.component, release, self.directory, self.rng)._value(option.at(release), known, 0.0)

    def _changed(self, tree: Tree, kind: str, path: Path_, value: Any) -> Case:
        result = copy.deepcopy(tree)
        _put(result, path, value)
        return Case(self.component, self.release, kind, ".".join(path), result)


def _has(tree: Tree, path: Path_) -> bool:
    block: Any = tree
    for name in path:
        block = block.get(name) if isinstance(block, dict) else None
    return isinstance(block, dict)


def _put(tree: Tree, path: Path_, value: Any) -> None:
    *blocks, last = path
    block = tree
    for name in blocks:
        inner = block.get(name)
        block[name] = inner if isinstance(inner, dict) else {}
        block = block[name]
    if value is None:
        block.pop(last, None)
    else:
        block[last] = value


def _keys(path: str) -> list[str]:
    """Returns the keys of a problem's path, in which names with dots are quoted."""
    keys: list[str] = []
    for number, part in enumerate(path.split('"')):
        keys += [part] if number % 2 else [key.partition("[")[0] for key in part.split(".") if key]
    return keys


def cases(component: str, release: Version, directory: Path, seed: str, limit: int = 0, plugins: bool | None = None) -> list[Case]:
    """Returns valid and invalid cases: ``limit`` of them, or all if it is 0; ``plugins_only`` chooses cases of plugins, or the others."""
    rng = random.Random(f"{seed} {component} {release} {plugins}")
    maker = Maker(component, release, directory, rng)
    subjects = [subject for subject in maker.subjects() if plugins is None or bool(subject) == plugins]
    wrong = [case for subject in maker.subjects() for case in maker.mistakes(subject)]
    wrong = [case for case in wrong if plugins is None or case.path.startswith("plugins.") == plugins]
    rng.shuffle(wrong)
    sound = []
    others = itertools.cycle([subject for subject in subjects if subject] or subjects)
    for index in range((limit or len(wrong)) // 3):
        # Every third case is about the file itself, because it has as many options as all plugins together.
        subject = () if () in subjects and index % 3 == 0 else next(others)
        tree = maker.sound(subject, rng.choice((0.1, 0.3, 0.6, 1.0)))
        if tree is not None:
            sound.append(Case(component, release, "sound", ".".join(("plugins", *subject)) if subject else "", tree))
    return sound + (wrong[: limit - len(sound)] if limit else wrong)
