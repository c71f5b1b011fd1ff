/*
 * Copyright: (c) 2026, spire.fleet contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Gives each cell of a table with three columns or more the name of its column, which site.css shows on phones.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.docutils:not(.ansible-option-table)")) {
    const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    if (names.length < 3) continue;
    table.classList.add("wide");
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = names[column];
        cell.classList.toggle("empty", !cell.textContent.trim());
      });
    }
  }
});
