# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a Prometheus server on a scenario's host by its HTTP API."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

#: the host of a scenario that Prometheus runs on
MONITOR = "monitor1"


def until(met: Callable[[], Any], seconds: float, every: float = 1) -> Any:
    """Returns the first value that counts as true; it is an assertion error with the last value where there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = met()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} seconds: {value}"
        time.sleep(every)


class Prometheus:
    """Prometheus's HTTP API, asked on its own host."""

    def __init__(self, shell: Callable[..., str], port: int) -> None:
        self.shell, self.port = shell, port

    def ask(self, path: str, **parameters: str) -> Any:
        """Returns the data of an answer."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        program = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
        answer = json.loads(self.shell(MONITOR, f"python3 -c '{program}' '{url}'"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def targets(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Returns what Prometheus knows of each target, by host and component."""
        return {(one["labels"]["host"], one["labels"]["component"]): one for one in self.ask("targets", state="active")["activeTargets"]}

    def down(self) -> dict[tuple[str, str], str]:
        """Returns the targets that do not answer, with the reasons."""
        return {key: one["lastError"] or one["health"] for key, one in self.targets().items() if one["health"] != "up"}

    def series(self, query: str) -> list[dict[str, str]]:
        """Returns the labels of the series that a query returns now."""
        return [one["metric"] for one in self.ask("query", query=query)["result"]]

    def firing(self) -> set[tuple[str, str]]:
        """Returns the alerts that fire, with their hosts."""
        return {(one["labels"]["alertname"], one["labels"]["host"]) for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}
