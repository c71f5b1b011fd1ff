# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a person's own that a run puts on a host, from spire_server_files and spire_agent_files.

Each path on the host has its content, or the file on the controller that has it. The service's user can read them, and nobody else can,
unless their owner, group and mode say otherwise.
"""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list, describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values

KEYS = ("content", "src", "owner", "group", "mode")
_MODE = re.compile(r"0?[0-7]{3}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


def variable(component: str) -> str:
    """Returns the name of the variable that has the files of a component."""
    return f"spire_{component}_files"


@dataclasses.dataclass(frozen=True)
class DeliveredFile:
    """One file, with the mistake in its description if there is one."""

    path: str
    content: str = dataclasses.field(default="", repr=False)
    owner: str = ""
    group: str = ""
    #: four octal digits; empty where it is not given
    mode: str = ""
    mistake: str = ""

    @property
    def secret(self) -> bool:
        """Whether a diff must not show the content. Only certificates are certainly public."""
        return set(_PEM.findall(self.content)) != {"CERTIFICATE"}


def read(component: str, values: Values, read_file: Callable[[str], str]) -> list[DeliveredFile]:
    """Returns the files of a component. ``read_file`` reads a file of the controller; it raises OSError or ValueError where it can't."""
    given = values[variable(component)]
    if not isinstance(given, Mapping):
        return []
    # Of a file whose description has a value that can't be made, that value is the only mistake.
    unmade = [problem.path for problem in values.problems]
    return [
        DeliveredFile(str(path)) if any(one.startswith(f"{child(variable(component), path)}.") for one in unmade) else _file(str(path), body, read_file)
        for path, body in sorted(given.items(), key=lambda item: str(item[0]))
    ]


def _file(path: str, body: Any, read_file: Callable[[str], str]) -> DeliveredFile:
    mistake = next(_mistakes(path, body), "")
    if mistake:
        return DeliveredFile(path, mistake=mistake)
    mode = str(body.get("mode") or "")
    made = DeliveredFile(path, "", str(body.get("owner") or ""), str(body.get("group") or ""), mode.rjust(4, "0") if mode else "")
    if "content" in body:
        return dataclasses.replace(made, content=body["content"])
    source = os.path.expanduser(body["src"])
    try:
        return dataclasses.replace(made, content=read_file(source))
    except OSError as exc:
        return dataclasses.replace(made, mistake=f"The file {source} can't be read on the controller: {exc.strerror or exc}.")
    except ValueError as exc:
        return dataclasses.replace(made, mistake=f"The file {source} can't be delivered: {exc}")


def _mistakes(path: str, body: Any) -> Iterator[str]:
    if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
        yield "A path on the host is absolute, without a slash at its end and without dots, such as /etc/spire/server/database-ca.pem."
    if not isinstance(body, Mapping):
        yield f"It is {describe(body)}, and must be a mapping with content or src."
        return
    unknown = sorted(set(map(str, body)) - set(KEYS))
    if unknown:
        yield f"There is no {and_list(unknown)} here; a file has {and_list(KEYS)}."
    if ("content" in body) is ("src" in body):
        yield "Exactly one of content and src must be set: the text itself, or a file on the controller."
    for key in ("content", "src"):
        if key in body and not (isinstance(body[key], str) and body[key]):
            yield f"Its {key} is {'empty' if body[key] == '' else describe(body[key])}, and must be a text."
    for key in ("owner", "group"):
        if key in body and not _NAME.fullmatch(str(body[key])):
            yield f"Its {key} is not the name of a {'user' if key == 'owner' else 'group'}."
    mode = body.get("mode")
    if mode is not None and not (isinstance(mode, str) and _MODE.fullmatch(mode)):
        yield 'Its mode must be a text of octal digits, such as "0640". In quotes, YAML keeps it as it is written.'
    elif mode is not None and int(mode, 8) & 0o022:
        yield f"Its mode {mode} lets others than the owner change the file. Use 0640, or 0644 for a file that everybody may read."
