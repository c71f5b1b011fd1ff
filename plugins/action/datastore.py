# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what a server's database must have, or prints the statements for its administrator."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import module_loader

from ansible_collections.spire.fleet.plugins.plugin_utils.common import pipelining
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import datastore_admin, datastore_setup
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_admin import Step
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_setup import Setup, SetupError


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    EXPECTED = (SetupError,)
    NAMES_HOST = False

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what was made, or the statements that were printed; raises AnsibleActionFail where a step fails."""
        made = datastore_setup.setup(self.plan("server"))
        if made is None:
            return {"changed": False, "made": [], "statements": "", "msg": "The server has no database of PostgreSQL or MySQL that could be set up."}
        if self._is_done_for_another(made):
            return {"changed": False, "made": [], "statements": "", "msg": "The database is that of another server of this run."}
        values = self.plan("server").values
        collection, package = datastore_admin.COLLECTIONS[made.kind]
        host = datastore_admin.place(values, made.kind).host
        if not host:
            return self._printed(made, "Neither spire_datastore_host nor spire_datastore_login is set.")
        if host not in self.variables["hostvars"] and host != "localhost":
            raise SetupError(f"{self.host}: spire_datastore_host is {host}, which is no host of the inventory. Correct it.")
        if module_loader.find_plugin(collection) is None:
            return self._printed(made, f"The collection {collection.rpartition('.')[0]} is not installed on the controller.")
        login = datastore_admin.login(self.host, values, made)
        self._secrets = [*(account.password for account in made.accounts if account.password), *filter(None, [login.get("login_password")])]
        return self._made(made, login) or self._printed(made, f"The Python package {package} is not installed where the database's tasks run.")

    def _is_done_for_another(self, made: Setup) -> bool:
        """Whether an earlier server of the play has the same database."""
        for other in self.variables["ansible_play_hosts"]:
            if other == self.host:
                return False
            try:
                found = datastore_setup.setup(plan("server", other, self.fleet))
            except SetupError:
                continue
            if found and found.same == made.same:
                return True
        return False

    def _made(self, made: Setup, login: dict[str, Any]) -> dict[str, Any] | None:
        """Runs the steps; returns None where the modules lack the package of Python that they need."""
        pipelining.switch_on(self, self.variables)
        question = datastore_admin.question(made, login)
        answer = self._run(made, question) if question else {}
        if answer is None:
            return None
        row = next(iter(answer.get("query_result") or [{}]), {})
        kept = [account.name for account, step in datastore_admin.logins(made, login, row) if not datastore_admin.is_refused(self._run(made, step) or {})]
        changed: list[str] = []
        for step in datastore_admin.steps(made, login, row, kept):
            if self._task.check_mode and step.needs_earlier:
                changed.append(step.makes)
                continue
            result = self._run(made, step)
            if result is None:
                return None
            changed += [step.makes] if result.get("changed") else []
        text = "".join(f"{one}\n" for one in changed)
        if changed and self._task.check_mode:
            self._display.display(f"{self.host}: {made.product} would get:\n{text}")
        return {
            "changed": bool(changed), "made": changed, "statements": "",
            **({"diff": {"before_header": made.product, "after_header": made.product, "before": "", "after": text}} if changed else {}),
        }

    def _run(self, made: Setup, step: Step) -> dict[str, Any] | None:
        """Runs one step; returns None where its module lacks the package of Python that it needs."""
        result = self.execute_hidden(step.module, dict(step.arguments))
        if not result.get("failed"):
            return result
        said = str(result.get("msg", "it printed nothing that can be read"))
        if datastore_admin.MISSING.search(said):
            return None
        if any(secret in said for secret in self._secrets):
            said = "Its message is not shown, because a password is in it."
        where = f"{made.product} of {made.database}"
        raise failed(f"{self.host}: {where}: {step.makes or 'the login of the administrator'} failed: {said}")

    def _printed(self, made: Setup, why: str) -> dict[str, Any]:
        """Prints the statements for the administrator of the database."""
        text = datastore_setup.statements(made)
        comment = "--" if made.kind == "postgres" else "-- "
        self._display.display(f"{comment.strip()} {self.host}: {why} Run this as the administrator of {made.product}, with each password in quotes:\n{text}")
        return {"changed": False, "made": [], "statements": text, "msg": why}
