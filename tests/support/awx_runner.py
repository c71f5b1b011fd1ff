# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts ansible-runner with the parameters on its standard input, which may hold secrets. It is the process in the container of a job of AWX."""

from __future__ import annotations

import json
import sys

if __name__ == "__main__":
    import ansible_runner

    sys.exit(ansible_runner.interface.run(**json.load(sys.stdin)).rc)
