# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrapper of the filters about permissions: it reads the options of plugins/doc_fragments/permissions.py and translates errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.utils.display import Display

from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import PermissionsError, Request


def permission_filter(name: str, answer: Callable[..., Any]) -> type:
    """Returns the class in which Ansible finds a filter of this name. ``answer`` gets the request, and the options that only this filter has."""

    def run(
        tree: object, version: str | None = None, component: str | None = None, plugins: Sequence[str] = (), **options: Any
    ) -> Any:
        try:
            request = Request.read(tree, component, version, plugins)
            if request.warning:
                Display().warning(f"{name}: {request.warning}")
            return answer(request, **options)
        except PermissionsError as error:
            raise FilterError(f"{name}: {error}") from None

    return type("FilterModule", (), {"filters": lambda self: {name: run}})
