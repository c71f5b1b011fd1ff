# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small HTTP server that speaks the part of AWX's API that the modules of awx.awx call, and records what they make. It is no AWX."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "planted-token-8c2e"
#: AWX's endpoints and the type of their objects
TYPES = {
    "organizations": "organization", "credential_types": "credential_type", "execution_environments": "execution_environment",
    "projects": "project", "inventories": "inventory", "inventory_sources": "inventory_source", "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template", "workflow_job_template_nodes": "workflow_job_template_node", "schedules": "schedule",
    "workflow_approval_templates": "workflow_approval_template",
}
UNIFIED = ("job_templates", "projects", "inventory_sources", "workflow_job_templates", "workflow_approval_templates")


class Awx:
    """The objects that were made, by endpoint and id."""

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[str, dict[int, dict[str, Any]]] = {endpoint: {} for endpoint in TYPES}
        self.surveys: dict[str, dict[str, Any]] = {}
        self.links: dict[str, list[int]] = {}
        self.create("organizations", {"name": "Default"})

    def named(self, endpoint: str) -> dict[str, dict[str, Any]]:
        """Returns the objects of an endpoint by name."""
        return {one["name"]: one for one in self.objects[endpoint].values()}

    def create(self, endpoint: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Makes an object as AWX does, with an id, an address and related addresses."""
        number = 1 + max((number for made in self.objects.values() for number in made), default=0)
        url = f"/api/v2/{endpoint}/{number}/"
        made = {
            # A project has the revision that was fetched.
            "scm_revision": "0f3c", **fields, "id": number, "url": url, "type": TYPES[endpoint], "summary_fields": {},
            "related": {"survey_spec": f"{url}survey_spec/"} if "job_template" in endpoint and "nodes" not in endpoint else {},
        }
        self.objects[endpoint][number] = made
        return made

    def find(self, endpoint: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
        """Returns the objects with these fields."""
        endpoints = UNIFIED if endpoint == "unified_job_templates" else (endpoint,)
        everyone = [one for name in endpoints for one in self.objects[name].values()]
        return [one for one in everyone if all(str(one.get(field)) == value for field, value in wanted.items() if not field.startswith(("page", "or__")))]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Returns the status and the answer to a request."""
        parts = path.removeprefix("/api/v2/").strip("/").split("/")
        if parts[0] not in self.objects and parts[0] != "unified_job_templates":
            return 404, {"detail": f"{path} is not known to this server"}
        if len(parts) == 1:
            return (201, self.create(parts[0], body)) if method == "POST" else (200, listed(self.find(parts[0], query)))
        found = self.objects[parts[0]][int(parts[1])]
        if len(parts) == 2:
            found.update(body if method == "PATCH" else {})
            return 200, found
        return self._of_object(method, path, parts[2], found, body)

    def _of_object(self, method: str, path: str, what: str, found: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        if what == "survey_spec":
            self.surveys.update({found["name"]: body} if method == "POST" else {})
            return 200, self.surveys.get(found["name"], {})
        if what == "create_approval_template":
            made = self.create("workflow_approval_templates", body)
            found["related"]["unified_job_template"], found["unified_job_template"] = made["url"], made["id"]
            return 201, made
        linked = self.links.setdefault(path, [])
        if method == "POST":
            linked.append(body["id"])
            return 204, None
        return 200, listed([{"id": number} for number in linked])


def listed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns a page of a list."""
    return {"count": len(found), "next": None, "previous": None, "results": found}


@contextlib.contextmanager
def running() -> Iterator[Awx]:
    """Runs the server on a free port of loopback."""
    awx = Awx()

    class Handler(BaseHTTPRequestHandler):
        """Answers from the objects of this server; a request without the token is refused."""

        def handle_request(self) -> None:
            """Answers one request."""
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}") if length else {}
            address = urlsplit(self.path)
            status, answer = 401, {"detail": "Authentication credentials were not provided."}
            if re.fullmatch(f"Bearer {TOKEN}", self.headers.get("Authorization") or ""):
                status, answer = awx.answer(self.command, address.path, dict(parse_qsl(address.query)), body)
            self.send_response(status)
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            text = json.dumps(answer).encode() if status != 204 else b""
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_request

        def log_message(self, format: str, *args: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    awx.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield awx
    finally:
        server.shutdown()
        server.server_close()
