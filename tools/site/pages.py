# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns the pages of the repository into those of the site.

A page keeps its text. Only its links change: a page of docs, a role's README and the changelog have a page of the site, the files of an
example are together on one page, and everything else is in the repository, to which the link then leads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.support.collection import REPO
from tests.support.links import LINK

#: the row of a page in a table of the index, and that of a plugin
PAGE_ROW = re.compile(r"^\| \[[^]]+\]\(([^)#]+\.md)\) \|", re.MULTILINE)
PLUGIN_ROW = re.compile(r"^\| `spire\.fleet\.(\w+)` \|", re.MULTILINE)
#: the languages in which an example's files are shown, by the end of their names
LANGUAGES = {".yml": "yaml", ".json": "json", ".j2": "jinja", ".cfg": "ini", ".conf": "text", ".md": "markdown"}
ARROW = re.compile(r"^ *\w+\[(.+)\] --> \w+\[(.+)\]$")


def place(path: str) -> str | None:
    """Returns the page of the site on which a file of the repository is, or None where it is on none."""
    parts = path.split("/")
    if path == "CHANGELOG.md":
        return "changelog.md"
    if parts[0] == "docs" and len(parts) > 1 and not path.endswith(".json"):
        inner = "/".join(parts[1:])
        return re.sub(r"README\.md$", "index.md", inner)
    if parts[0] == "roles" and parts[2:] == ["README.md"]:
        return f"roles/{parts[1]}.md"
    if parts[0] == "examples" and len(parts) > 1 and (REPO / "examples" / parts[1]).is_dir():
        return f"examples/{parts[1]}.md"
    return None


def repository() -> str:
    """Returns the address of the repository."""
    return str(yaml.safe_load((REPO / "galaxy.yml").read_text(encoding="utf-8"))["repository"])


def link(target: str, source: str) -> str:
    """Returns the target of a link on the page of a file of the repository, as it must be on the site."""
    path, mark, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return target
    there = os.path.normpath(os.path.join(os.path.dirname(source), path))
    page = place(there)
    if page is None:
        kind = "tree" if (REPO / there).is_dir() else "blob"
        return f"{repository()}/{kind}/main/{there}{mark}{anchor}"
    here = place(source)
    assert here is not None, source
    return os.path.relpath(page, os.path.dirname(here) or ".") + mark + anchor


def shown(written: str, target: str, source: str) -> str:
    """Returns the text of a link: the title of the page where the text is the page's name, since pages of the site have no such names."""
    text = written[1:written.index("](")]
    page = (REPO / source).parent / target.partition("#")[0]
    if not re.fullmatch(r"[\w/]+\.md", text) or not page.is_file():
        return text
    return re.findall(r"^# (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)[0]


def converted(text: str, source: str) -> str:
    """Returns the text of a page of the repository with the links of the site. The number of its lines stays the same."""
    made, in_code = [], False
    for line in text.split("\n"):
        in_code ^= line.startswith("```")
        if not in_code and not line.startswith("    "):
            line = LINK.sub(lambda found: f"[{shown(found[0], found[1], source)}]({link(found[1], source)})", line)
            # Within a table, this is how MyST writes an anchor to which other pages can lead.
            line = re.sub(r'<a id="(\w+)"></a>', r"[]{#\1}", line)
        made.append(line)
    return re.sub(r"```mermaid\n(.*?)\n```", lambda found: as_list(found[1]), "\n".join(made), flags=re.DOTALL)


def as_list(graph: str) -> str:
    """Returns a graph of Mermaid as a list. Drawing it would need a program that is fetched when the page is read."""
    arrows: dict[str, list[str]] = {}
    for found in filter(None, map(ARROW.match, graph.splitlines())):
        arrows.setdefault(found[1], []).append(f"`{found[2]}`")
    return "\n".join(f"- `{start}` → {', '.join(ends)}" for start, ends in arrows.items())


def index(text: str, plugins: dict[str, str]) -> str:
    """Returns the first page: the index of the documentation, with a link for each plugin, and the menu that follows from its sections.

    A section with a table of pages is a part of the menu.
    """
    text = PLUGIN_ROW.sub(lambda found: f"| [`spire.fleet.{found[1]}`]({plugins[found[1]]}) |" if found[1] in plugins else found[0], text)
    menu = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _newline, body = section.partition("\n")
        pages = [name for name in PAGE_ROW.findall(body) if "://" not in name]
        if pages:
            extra = ["plugins/index.rst"] if title == "Reference" else []
            menu += toctree(f":caption: {title}", *pages, *extra)
    return text.rstrip("\n") + "\n\n" + "\n".join(menu)


def toctree(*lines: str) -> list[str]:
    """Returns the lines of a hidden list of pages, for the menu."""
    return ["```{toctree}", ":hidden:", *lines, "```", ""]


def with_children(text: str, children: list[str]) -> str:
    """Returns a page with a hidden list of the pages below it, for the menu."""
    return text.rstrip("\n") + "\n\n" + "\n".join(toctree(*children))


def example(name: str) -> str:
    """Returns the page of an example with all its files, the inventory first."""
    directory = REPO / "examples" / name
    files = sorted((file for file in directory.rglob("*") if file.is_file()), key=lambda file: (file.name != "inventory.yml", str(file)))
    parts = [f"# {name}", ""]
    for file in files:
        text = file.read_text(encoding="utf-8").rstrip("\n")
        parts += [f"## {file.relative_to(directory)}", f"````{LANGUAGES.get(file.suffix, 'text')}", text, "````", ""]
    return "\n".join(parts)


def examples() -> list[str]:
    return sorted(path.name for path in (REPO / "examples").iterdir() if path.is_dir())


def sources() -> Iterator[str]:
    """Yields the files of the repository that are pages of the site, or pictures of pages."""
    yield "CHANGELOG.md"
    for pattern in ("docs/**/*.md", "docs/**/*.png", "docs/**/*.svg", "roles/*/README.md"):
        for file in sorted(REPO.glob(pattern)):
            yield str(file.relative_to(REPO))


def write(directory: Path, plugins: dict[str, str]) -> None:
    """Writes the sources of the site's pages; `plugins` has the page of each plugin by its name."""
    made: dict[str, str | bytes] = {}
    for source in sources():
        target = place(source)
        assert target is not None, source
        file = REPO / source
        made[target] = converted(file.read_text(encoding="utf-8"), source) if source.endswith(".md") else file.read_bytes()
    made.update({f"examples/{name}.md": example(name) for name in examples()})
    made["index.md"] = index(str(made["index.md"]), plugins)
    made["examples.md"] = with_children(str(made["examples.md"]), [f"examples/{name}.md" for name in examples()])
    below = sorted(name.removeprefix("reference/") for name in made if name.startswith("reference/") and name != "reference/index.md")
    made["reference/index.md"] = with_children(str(made["reference/index.md"]), below)
    for name, content in made.items():
        page = directory / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(content if isinstance(content, bytes) else content.encode())
