# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about agent_path_template, a Go template whose fields are what an attestor knows about a node."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean, nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.go_template import Names, TemplateError, names
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import version

_DATA = Path(__file__).parents[2] / "schema" / "agent_path_templates.yml"


@functools.lru_cache(maxsize=None)
def data() -> dict[str, Any]:
    """Returns the functions of templates, and the fields that each attestor provides."""
    found: dict[str, Any] = yaml.safe_load(_DATA.read_text("utf-8"))
    return found


@rule("tree", "server:plugins.NodeAttestor", source="pkg/common/agentpathtemplate/template.go (Parse and funcList), v1.15.3 and v1.11.1")
def agent_path_template_syntax(context: RuleContext) -> Findings:
    """agent_path_template is a valid Go template; it calls only Go's own functions and, since 1.11.1, those of sprig that SPIRE has."""
    for name, path, text in _templates(context):
        try:
            called = names(text).functions
        except TemplateError as exc:
            yield Finding(path, f"SPIRE can't read this template: {exc}.")
            continue
        for word in called:
            wrong = _unknown_function(name, word, context.release)
            if wrong:
                yield Finding(path, wrong)


@rule(
    "tree", "server:plugins.NodeAttestor",
    source=(
        "the struct agentPathTemplateData in pkg/common/plugin/x509pop/x509pop.go, pkg/common/plugin/sshpop/sshpop.go, "
        "pkg/common/plugin/gcp/iit.go, pkg/common/plugin/azure/msi.go, pkg/common/plugin/azure/imds.go and "
        "pkg/server/plugin/nodeattestor/awsiid/spiffeid.go, v1.15.3"
    ),
)
def agent_path_template_fields(context: RuleContext) -> Findings:
    """agent_path_template uses only fields that its attestor provides; otherwise SPIRE refuses every agent that attests."""
    for name, path, text in _templates(context):
        try:
            asked = names(text).fields
        except TemplateError:
            continue
        for word in asked:
            wrong = _unknown_field(name, word, context.release)
            if wrong:
                yield Finding(path, wrong)


@rule("tree", "server:plugins.NodeAttestor", since="1.2.0", source="pkg/common/idutil/spiffeid.go (AgentID), v1.15.3 and v1.2.0")
def agent_path_template_text(context: RuleContext) -> Findings:
    """The text of agent_path_template outside of its braces makes a path of a SPIFFE ID; otherwise SPIRE refuses every agent that attests."""
    for _name, path, text in _templates(context):
        try:
            wrong = _no_path(names(text))
        except TemplateError:
            continue
        if wrong:
            yield Finding(path, (
                f"{wrong}, so it makes no path of a SPIFFE ID, and agents could not attest. After each slash of such a path are one or more letters, "
                "digits, dots, hyphens and underscores, and not only one or two dots."
            ))


def _no_path(asked: Names) -> str:
    """Returns why no path can be made of the template's text, as the beginning of a sentence; empty where one can be made."""
    last = asked.texts[-1]
    for text in asked.texts:
        character = re.search(r"[^A-Za-z0-9/._-]", text)
        if character:
            return f"This template has the character {json.dumps(character[0])} outside of its braces"
    if last.endswith("/"):
        return "This template ends with a slash"
    if any("//" in text for text in asked.texts):
        return "This template has two slashes side by side"
    dots = next(filter(None, [re.search(r"/(\.\.?)/", text) for text in asked.texts] + [re.search(r"/(\.\.?)$", last)]), None)
    return f'This template has "{dots[1]}" between two slashes or at its end' if dots else ""


def relative(text: str) -> bool:
    """Whether a template's result can't begin with a slash."""
    try:
        begins_with = names(text).begins_with
    except TemplateError:
        begins_with = ""
    return bool(text) and not text.lstrip().startswith(("/", "{{")) or bool(begins_with) and begins_with not in data()["may_begin_with_slash"]


def common_fields(attestor: str, text: str) -> list[str] | None:
    """Returns the fields that a template names where each may be the same for several nodes, so that the path may be too.

    The list is empty where the path is the same for every node, and None where the template tells nodes apart or can't be judged.
    """
    try:
        asked = names(text)
    except TemplateError:
        return None
    if asked.whole or set(asked.functions) & set(data()["random"]):
        return None
    varying = [path for path in asked.paths if path not in data()["constant"]]
    return None if set(varying) - set(data()["fields"][attestor]["shared"]) else varying


def _templates(context: RuleContext) -> Iterator[tuple[str, str, str]]:
    """Yields the name of each attestor that has a template, with the template's path and text."""
    for name, options in context.plugins("NodeAttestor").items():
        text = options.get("agent_path_template")
        if name in data()["fields"] and isinstance(text, str) and text:
            yield name, f"{name}.plugin_data.agent_path_template", text


def _unknown_function(attestor: str, word: str, release: Version) -> str:
    functions = data()["functions"]
    since = version(functions["since"])
    known = [*functions["go"], *(functions["sprig"] if release >= since else ())]
    if word in known:
        return ""
    if word in functions["sprig"]:
        return f'SPIRE {release} does not have the function "{word}", which was added in {since}.'
    if not _unknown_field(attestor, word, release):
        return f'SPIRE can\'t read this template: "{word}" is not a function. A field of {attestor} begins with a dot: write ".{word}".'
    hint = did_you_mean(word, known, 0.7)
    return f'SPIRE can\'t read this template: there is no function "{word}"{f"; {hint}" if hint else "."}'


def _unknown_field(attestor: str, word: str, release: Version) -> str:
    known = data()["fields"][attestor]
    own = {name: version(since) if since else None for name, since in known["own"].items()}
    if word in known["embedded"]:
        return ""
    if word in own:
        since = own[word]
        if since is None or release >= since:
            return ""
        return f"SPIRE {release} does not have the field .{word}, which was added in {since}, so agents could not attest."
    here = [name for name, since in own.items() if since is None or release >= since]
    listed = ", ".join(f".{name}" for name in sorted(here))
    further = f" and others, such as {known['such_as']}" if "such_as" in known else ""
    near = nearest(word, [*here, *known["embedded"]], 0.7)
    hint = f'did you mean ".{near}"?' if near else f"its fields are {listed}{further}."
    return f"{attestor} has no field .{word}, so agents could not attest; {hint}"
