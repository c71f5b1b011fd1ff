# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws what the panels of the Grafana dashboard show, from the answers of a Prometheus. It needs matplotlib.

    python -m tools.draw_panels PANELS.json PICTURE.png

The scenario `telemetry` writes the answers to .build/reports/telemetry-panels.json. Grafana itself is not used.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402

COLUMNS = 3
#: how much of the past is drawn
MINUTES = 8
#: the axis of each of Grafana's units, and the number that a value is divided by
UNITS = {"short": ("", 1), "s": ("s", 1), "ms": ("ms", 1), "ops": ("per second", 1), "bytes": ("MiB", 2**20)}


def legend(template: str, labels: dict[str, str]) -> str:
    """Returns the legend of a series as Grafana writes it."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template).strip()


def draw(panels: dict[str, dict[str, Any]], target: Path) -> None:
    """Draws all panels as one picture."""
    rows = -(-len(panels) // COLUMNS)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(15, 2.6 * rows), squeeze=False)
    newest = max(float(time) for panel in panels.values() for one in panel["series"] for time, _value in one["values"])
    for axis, (title, panel) in zip(axes.flat, panels.items()):
        unit, divisor = UNITS[panel["unit"]]
        highest = 0.0
        for one in panel["series"]:
            points = [((float(time) - newest) / 60, float(value) / divisor) for time, value in one["values"] if math.isfinite(float(value))]
            highest = max([highest, *(value for _time, value in points)])
            axis.plot(*zip(*points), label=legend(panel["legend"], one["metric"]), linewidth=1.2, marker="." if len(points) < 3 else None)
        axis.set_title(title, fontsize=10)
        axis.set_ylabel(unit, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.set_xlim(-MINUTES, 0.2)
        # so that the legend hides no line
        axis.set_ylim(-0.03 * (highest or 1), 1.4 * (highest or 1))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=6, loc="upper left", ncols=3)
    for axis in axes.flat[len(panels):]:
        axis.axis("off")
    for axis in axes[-1]:
        axis.set_xlabel("minutes", fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=62)


def main() -> None:
    """Draws the file that the command line names."""
    source, target = map(Path, sys.argv[1:])
    draw(json.loads(source.read_text(encoding="utf-8")), target)


if __name__ == "__main__":
    main()
