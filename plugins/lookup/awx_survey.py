# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_survey
short_description: Make the specification of an AWX survey from the collection's variables
version_added: 0.1.0
description:
  - Returns what M(awx.awx.job_template) takes as its C(survey_spec), with a question for each variable. Its text, type, choices and default are those
    of the variable, and a secret's answer is hidden.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of the collection's variables, in the order of the questions.
    type: list
    elements: str
    required: true
  required:
    description: Those that must be answered.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Ask for the release
  awx.awx.job_template:
    name: SPIRE upgrade
    playbook: site.yml
    survey_enabled: true
    survey_spec: "{{ lookup('spire.fleet.awx_survey', 'spire_version', required=['spire_version']) }}"
"""

RETURN = r"""
_raw:
  description: One dictionary with the keys name, description and spec.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.survey import UnknownVariableError, specification
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    EXPECTED = (UnknownVariableError,)

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns the specification; raises AnsibleLookupError for a variable that does not exist."""
        return [specification(terms, self.get_option("required"))]
