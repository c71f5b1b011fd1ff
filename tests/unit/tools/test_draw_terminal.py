# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pictures of the terminal leave out what shows nothing, and keep the columns of the rest."""

from __future__ import annotations

from xml.etree import ElementTree

from tools import draw_terminal

OUTPUT = """
PLAY [One] ****

TASK [Quiet] ****
ok: [a]

PLAY [Two] ****
skipping: no hosts matched

PLAY [Three] ****

TASK [Loud] ****
A  B
ok: [a]

PLAY [Four] ****

PLAY RECAP ****
a : ok=2
"""


def test_what_shows_nothing_is_left_out() -> None:
    assert draw_terminal.shortened(OUTPUT) == [
        "PLAY [Three] ****", "", "TASK [Loud] ****", "A  B", "ok: [a]", "", "PLAY RECAP ****", "a : ok=2",
    ]


def test_the_picture_has_each_line() -> None:
    root = ElementTree.fromstring(draw_terminal.svg("x --y", ["TASK [Loud] ****", "A  <B>", "+ c"]))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["$\xa0x\xa0--y", "TASK\xa0[Loud]\xa0", "A\xa0\xa0<B>", "+\xa0c"]
