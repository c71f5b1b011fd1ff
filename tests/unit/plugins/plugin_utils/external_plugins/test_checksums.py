# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Vendors' checksum files are read in all their formats, from a page on loopback and from the disk."""

from __future__ import annotations

import errno
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import checksums
from tests.support import release_page
from tests.support.errors import error_of
from tests.unit.builders.fleets import fleet, mistakes, planned

ONE, TWO = "1a" * 32, "2b" * 32


class Page(http.server.SimpleHTTPRequestHandler):
    """A web page that records the requested paths."""

    asked: list[str] = []

    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Logs nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "page").mkdir()
    Page.asked.clear()
    checksums._read.cache_clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Page, directory=str(tmp_path / "page")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("text, wanted", [
    (f"{ONE}  plugin-amd64\n{TWO}  plugin-arm64\n", ONE),
    (f"{TWO} *plugin-arm64\n{ONE} *./dist/plugin-amd64\n", ONE),
    (f"SHA256 (plugin-arm64) = {TWO}\nSHA256 (plugin-amd64) = {ONE}\n", ONE),
    (f"{ONE.upper()}\n", ONE),
    (f"{ONE}  as-it-was-built\n", ONE),
    (f"# sums\n\n{ONE}\tplugin-amd64\r\n{TWO}\tother\r\n", ONE),
])
def test_the_line_that_is_meant(text: str, wanted: str) -> None:
    assert checksums.chosen(text, "plugin-amd64", "sums.txt") == wanted


@pytest.mark.parametrize("text, message", [
    ("<html>404</html>", "The checksum file sums.txt holds no SHA-256 checksum."),
    (f"{ONE[:-2]}  plugin-amd64", "The checksum file sums.txt holds no SHA-256 checksum."),
    (f"{ONE}  a\n{TWO}  b\n", "The checksum file sums.txt has 2 checksums and none of plugin-amd64; set sha256 instead of sums."),
])
def test_a_file_that_does_not_tell(text: str, message: str) -> None:
    assert error_of(ValueError, checksums.chosen, text, "plugin-amd64", "sums.txt") == message


def test_a_page_is_asked_once_and_its_answer_kept(page: str, tmp_path: Path) -> None:
    (tmp_path / "page" / "sums").write_text(f"{ONE}  plugin\n", encoding="ascii")
    cache = str(tmp_path / "cache")
    assert checksums.checksum(f"{page}/sums", "plugin", cache) == ONE
    (tmp_path / "page" / "sums").write_text(f"{TWO}  plugin\n", encoding="ascii")
    checksums._read.cache_clear()  # the cache is cleared as if another process read the file
    assert checksums.checksum(f"{page}/sums", "plugin", cache) == ONE
    assert Page.asked == ["/sums"]
    assert checksums.checksum(f"{page}/sums", "plugin", str(tmp_path / "elsewhere")) == TWO


def test_what_is_no_checksum_file_is_not_kept(page: str, tmp_path: Path) -> None:
    (tmp_path / "page" / "sums").write_text("come back later", encoding="ascii")
    cache = tmp_path / "cache"
    with pytest.raises(ValueError, match="holds no SHA-256 checksum"):
        checksums.checksum(f"{page}/sums", "plugin", str(cache))
    assert not cache.exists()


def test_a_page_that_has_none(page: str, tmp_path: Path) -> None:
    definition = {"url": f"{page}/plugin-{{arch}}", "sums": f"{page}/plugin-{{arch}}.sha256"}
    common = {
        "spire_archive_cache": str(tmp_path / "cache"), "spire_plugins": {"vaulted": definition},
        "spire_server_config": {"plugins": {"UpstreamAuthority": {"vaulted": {}}}},
    }
    assert mistakes(fleet(common)).splitlines() == [
        f"error: spire_plugins.vaulted: The checksum file {page}/plugin-amd64.sha256 can't be read on the controller: HTTP Error 404: "
        "File not found. [s1]"
    ]
    # Each file was requested once, for the server. The agent has no such plugin.
    assert sorted(Page.asked) == ["/plugin-amd64.sha256", "/plugin-arm64.sha256"]


def test_an_architecture_that_has_one_is_enough(page: str, tmp_path: Path) -> None:
    (tmp_path / "page" / "plugin-arm64.sha256").write_text(f"{TWO}  plugin-arm64\n", encoding="ascii")
    definition = {"url": f"{page}/plugin-{{arch}}", "sums": f"{page}/plugin-{{arch}}.sha256"}
    plan = planned("server", {
        "spire_archive_cache": str(tmp_path / "cache"), "spire_plugins": {"vaulted": definition},
        "spire_server_config": {"plugins": {"UpstreamAuthority": {"vaulted": {}}}},
    })
    assert plan.problems == [] and (plan.arch, plan.commands[0].sha256) == ("arm64", TWO)
    with pytest.raises(ValueError, match="plugin-amd64.sha256 can't be read on the controller"):
        plan.for_architecture("x86_64")


def test_a_file_on_the_controller(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{ONE}  plugin\n", encoding="ascii")
    assert checksums.checksum(str(tmp_path / "sums"), "plugin", "/nowhere") == ONE
    assert error_of(ValueError, checksums.checksum, str(tmp_path / "none"), "plugin", "/nowhere") == (
        f"The checksum file {tmp_path}/none can't be read on the controller: No such file or directory."
    )


def test_a_password_in_the_address_is_used_and_told_to_nobody(page: str, tmp_path: Path) -> None:
    (tmp_path / "page" / "sums").write_text(f"{ONE}  a\n{TWO}  b\n", encoding="ascii")
    cache, address = tmp_path / "cache", page.replace("//", "//me:p%40planted@")
    assert checksums.checksum(f"{address}/sums", "b", str(cache)) == TWO
    # The name of the cached file does not depend on the login.
    assert checksums.checksum(f"{page}/sums", "a", str(cache)) == ONE
    assert Page.asked == ["/sums"]
    for name, message in (
        ("sums", f"The checksum file {page}/sums has 2 checksums and none of c; set sha256 instead of sums."),
        ("none", f"The checksum file {page}/none can't be read on the controller: HTTP Error 404: File not found."),
    ):
        assert error_of(ValueError, checksums.checksum, f"{address}/{name}", "c", str(cache)) == message


def test_a_page_that_wants_a_password(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{ONE}  plugin\n", encoding="ascii")
    with release_page.serve(tmp_path, login="me:p@planted") as address:
        given = address.replace("//", "//me:p%40planted@")
        assert checksums.checksum(f"{given}/sums", "plugin", str(tmp_path / "cache")) == ONE
        with pytest.raises(ValueError, match="HTTP Error 401"):
            checksums.checksum(f"{address}/sums", "plugin", str(tmp_path / "elsewhere"))


def test_a_cache_that_can_not_be_written(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page" / "sums").write_text(f"{ONE}  plugin\n", encoding="ascii")
    (tmp_path / "file").write_text("", encoding="ascii")
    assert error_of(ValueError, checksums.checksum, f"{page}/sums", "plugin", str(tmp_path / "file")) == (
        f"The checksum file {page}/sums can't be kept on the controller: {tmp_path}/file/plugins: Not a directory. Set "
        "spire_archive_cache to a directory that the user who runs Ansible can write to."
    )

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="No space left on device"):
        checksums.checksum(f"{page}/sums", "plugin", str(tmp_path / "cache"))
    assert list((tmp_path / "cache" / "plugins" / "sums").iterdir()) == []
