# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives files the SELinux context that the host's policy has for their paths, as Ansible's own modules do."""

from __future__ import annotations

from typing import Callable

from ansible.module_utils.basic import AnsibleModule


def labeller(module: AnsibleModule) -> Callable[[str, bool], bool]:
    """Returns a function that labels a path, and returns whether the path was changed, by itself or by the caller as the second argument says."""

    def label(path: str, changed: bool) -> bool:
        # Where SELinux is enabled, Ansible's function says only whether the context was changed.
        return module.set_default_selinux_context(path, changed) or changed

    return label
