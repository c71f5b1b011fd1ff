# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about agent_path_template, a Go template over what an attestor knows about a node."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean, nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.go_template import TemplateError, names
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
    """An agent_path_template is a Go template, whose functions are Go's own and, from 1.11.1 on, some of sprig."""
    for name, path, text in _templates(context):
        try:
            called = names(text).functions
        except TemplateError as exc:
            yield Finding(path, f"It is no template that SPIRE can read: {exc}.")
            continue
        for word in called:
            wrong = _unknown_function(name, word, context.release)
            if wrong:
                yield Finding(path, wrong)


@rule(
    "tree", "server:plugins.NodeAttestor", severity="warning",
    source=(
        "the struct agentPathTemplateData in pkg/common/plugin/x509pop/x509pop.go, pkg/common/plugin/sshpop/sshpop.go, "
        "pkg/common/plugin/gcp/iit.go, pkg/common/plugin/azure/msi.go, pkg/common/plugin/azure/imds.go and "
        "pkg/server/plugin/nodeattestor/awsiid/spiffeid.go, v1.15.3"
    ),
)
def agent_path_template_fields(context: RuleContext) -> Findings:
    """An agent_path_template names what its attestor gives. SPIRE finds out when an agent attests, and refuses it."""
    for name, path, text in _templates(context):
        try:
            asked = names(text).fields
        except TemplateError:
            continue
        for word in asked:
            wrong = _unknown_field(name, word, context.release)
            if wrong:
                yield Finding(path, wrong)


def _templates(context: RuleContext) -> Iterator[tuple[str, str, str]]:
    """Yields the name of each attestor that has a template, with the template's path and text."""
    for name, options in context.plugins("NodeAttestor").items():
        text = options.get("agent_path_template")
        if name in data()["fields"] and isinstance(text, str):
            yield name, f"{name}.plugin_data.agent_path_template", text


def _unknown_function(attestor: str, word: str, release: Version) -> str:
    functions = data()["functions"]
    since = version(functions["since"])
    known = [*functions["go"], *(functions["sprig"] if release >= since else ())]
    if word in known:
        return ""
    if word in functions["sprig"]:
        return f'SPIRE {release} does not have the function "{word}" yet, it was added in {since}.'
    if not _unknown_field(attestor, word, release):
        return f'It is no template that SPIRE can read: "{word}" is no function, and what {attestor} gives begins with a dot: ".{word}".'
    hint = did_you_mean(word, known, 0.7)
    return f'It is no template that SPIRE can read: there is no function "{word}"{f"; {hint}" if hint else "."}'


def _unknown_field(attestor: str, word: str, release: Version) -> str:
    known = data()["fields"][attestor]
    own = {name: version(since) if since else None for name, since in known["own"].items()}
    if word in known["embedded"]:
        return ""
    if word in own:
        since = own[word]
        if since is None or release >= since:
            return ""
        return f"SPIRE {release} does not have .{word} for it yet, it was added in {since}; agents could not attest."
    here = [name for name, since in own.items() if since is None or release >= since]
    listed = ", ".join(f".{name}" for name in sorted(here))
    further = f", and the rest, such as {known['such_as']}" if "such_as" in known else ""
    near = nearest(word, [*here, *known["embedded"]], 0.7)
    hint = f'did you mean ".{near}"?' if near else f"it gives {listed}{further}."
    return f"{attestor} gives SPIRE no .{word}, so agents could not attest; {hint}"
