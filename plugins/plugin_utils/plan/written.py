# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The specification of files and directories to write, which module_utils/host/component_files.py carries out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import Directory, File
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import (
    CONFIGURATION, DELIVERED, ENVIRONMENT, UnknownFileError, delivered_list, file_of,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert

#: the length of the shortest secret that is looked for in a text; a shorter one may be any word
SHORTEST = 4


def specification(plan: Plan, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the paths, contents, owners and modes for the arguments of a task; raises UnknownFileError for what the plan does not have.

    The upper directories come first, so that each is created with its own owner and mode whatever the umask is.
    """
    return {
        "absent": list(asked["absent"]),
        "directories": [dataclasses.asdict(_directory(plan, path)) for path in sorted(asked["directories"])],
        "files": [_file(plan, name, asked["still_delivered"]) for name in asked["files"]],
    }


def _directory(plan: Plan, path: str) -> Directory:
    for one in (*plan.parents, *plan.directories):
        if one.path == path:
            return one
    raise UnknownFileError(f"no directory of the {plan.component} is {path}")


def _file(plan: Plan, name: str, still_delivered: list[str]) -> dict[str, Any]:
    validated = name == CONFIGURATION
    return {
        **dataclasses.asdict(_listed(plan, still_delivered) if name == DELIVERED else file_of(plan, name)),
        # SPIRE itself validates a new configuration before the old file is replaced.
        "validate": _validate(plan) if validated else [],
        "candidate": plan.paths.candidate if validated else "",
    }


def _listed(plan: Plan, still_delivered: list[str]) -> File:
    """Returns the list of delivered files, with those that are removed later, so that a run which ends too early forgets none."""
    planned = file_of(plan, DELIVERED)
    return dataclasses.replace(planned, content=delivered_list([*planned.content.splitlines(), *still_delivered]))


def _validate(plan: Plan) -> list[str]:
    """Returns the command by which SPIRE validates the new configuration.

    It runs as the service's own user and with its umask, because validate may create the log file. It runs in the service's environment,
    which external plugins need. A shell reads that, so that no value is in a command's arguments.
    """
    environment = next((file.path for file in plan.files if file.name == ENVIRONMENT), "")
    shell = ['set -a; . "$0"; set +a; umask 0027; exec "$@"', environment] if environment else ['umask 0027; exec "$@"', "sh"]
    user = ["runuser", "-u", plan.user, "--"] if plan.user not in ("", "root") else []
    return ["/bin/sh", "-c", *shell, *user, plan.binary, "validate", "-config", plan.paths.candidate]


def without_secrets(plan: Plan, text: str) -> str:
    """Returns a text with the secret values of the plan redacted, for what SPIRE or one of its plugins may print."""
    schemas = plan.filler.schemas if plan.filler else ()
    secrets = {*_redacted(plan.tree, convert.redact(plan.component, plan.tree, schemas)), *map(str, plan.environment.values())}
    for secret in sorted((one for one in secrets if len(one) >= SHORTEST), key=len, reverse=True):
        text = text.replace(secret, "(redacted)")
    return text


def _redacted(value: Any, shown: Any) -> Iterator[str]:
    """Yields the texts of a tree that are not shown in its redacted copy."""
    if isinstance(value, Mapping):
        for key in value:
            yield from _redacted(value[key], shown.get(key) if isinstance(shown, Mapping) else None)
    elif isinstance(value, list):
        copies = shown if isinstance(shown, list) and len(shown) == len(value) else [None] * len(value)
        for one, copy in zip(value, copies):
            yield from _redacted(one, copy)
    elif value != shown:
        yield str(value)
