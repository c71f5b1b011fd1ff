# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes to files what callbacks get: every result as JSON, and what Ansible's default callback prints about it at -vvvv."""

from __future__ import annotations

DOCUMENTATION = r"""
name: captured
type: notification
short_description: Write to files what callbacks get
description: For the search for secrets, see tests/secret_scan.
author: spire.fleet contributors (@spire-fleet)
extends_documentation_fragment: [default_callback, result_format_callback]
options:
  captured_directory:
    description: The directory of these files.
    env: [{name: SPIRE_FLEET_CAPTURED}]
    type: path
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.display import Display

VERBOSITY = 4


class Screen:
    """The part of Ansible's display that a callback uses, with a file in place of the screen."""

    verbosity = VERBOSITY
    columns = 160

    def __init__(self, path: Path) -> None:
        self._path = path

    def display(self, msg: str, *_arguments: Any, **_options: Any) -> None:
        """Writes a message."""
        with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as out:
            out.write(f"{msg}\n")

    def banner(self, msg: str, *_arguments: Any, **_options: Any) -> None:
        """Writes a heading."""
        self.display(f"\n{msg} ***")

    def warning(self, msg: str, *_arguments: Any, **_options: Any) -> None:
        """Writes any other message."""
        self.display(msg)

    deprecated = error = v = vv = vvv = vvvv = verbose = warning

    def __getattr__(self, name: str) -> Any:
        return getattr(Display(), name)


class CallbackModule(Default):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "captured"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, *arguments: Any, **options: Any) -> None:
        """Sets the options as the default callback does, then opens the files in the directory that they name."""
        super().set_options(*arguments, **options)
        directory = Path(self.get_option("captured_directory"))
        self._display = Screen(directory / f"screen-{os.getpid()}.txt")
        self._results = Screen(directory / f"results-{os.getpid()}.jsonl")

    def _keep(self, event: str, result: Any) -> None:
        kept = {"event": event, "host": result._host.get_name(), "task": result._task.get_name(), "result": result._result}
        self._results.display(json.dumps(kept, cls=AnsibleJSONEncoder, ensure_ascii=False))


def _both(event: str) -> Any:
    """Returns a method that writes what the callback gets, before the default callback removes a part of it for the screen."""

    def call(self: CallbackModule, result: Any, *arguments: Any, **options: Any) -> None:
        self._keep(event, result)
        getattr(Default, event)(self, result, *arguments, **options)

    return call


for _result in ("on_ok", "on_failed", "on_unreachable", "on_skipped", "item_on_ok", "item_on_failed", "item_on_skipped", "retry"):
    setattr(CallbackModule, f"v2_runner_{_result}", _both(f"v2_runner_{_result}"))
