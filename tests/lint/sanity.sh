#!/usr/bin/env bash
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/lint/sanity.sh [ANSIBLE-TEST OPTIONS...]
# Runs ansible-test sanity on a copy of the work tree: ansible-test wants a directory .../ansible_collections/spire/fleet
# and asks git for the files, and a symlink to the work tree would be resolved away.
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
python=$(command -v "${PYTHON:-python}")
work=$repo/.build/sanity
copy=$work/ansible_collections/spire/fleet
# Each of two runs at once would remove the copy that the other one uses; lint.py holds the lock for all its steps.
if [ -z "${SPIRE_FLEET_LINT_LOCKED:-}" ]; then
  mkdir -p "$repo/.build"
  exec 9>"$repo/.build/lint.lock"
  flock 9
fi
rm -rf "$copy"
mkdir -p "$copy"
cd "$repo"
# New files that git does not know yet are checked as well; files deleted but not yet committed are left out. So is the link in .config, which
# leads to the whole tree again.
git ls-files -z --cached --others --exclude-standard --deduplicate -- . ':!.config/collections' |
  while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
  tar --null --files-from=- -cf - | tar -xf - -C "$copy"
git -C "$copy" init --quiet
git -C "$copy" add --all

"$python" -m tests.support.pythons --link "$work/pythons"
# ansible-test makes the virtual environments of its tools below HOME, which is a directory of the build here.
export HOME=$work/home
export LC_ALL=C.UTF-8
cache=$HOME/.ansible/test/cache
mkdir -p "$cache"
# It would download get-pip.py from a server of its own. The same pip comes from PyPI, so that PyPI alone is needed.
pip_version=$("$python" -c '
import inspect, re
from ansible_test._internal import python_requirements as r
print(re.search(r"pip\s*=\s*.(\d[\d.]*\d)", inspect.getsource(r.get_venv_packages)).group(1))')
get_pip=$cache/get_pip_${pip_version//./_}.py
if [ ! -e "$get_pip" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$cache" "pip==$pip_version"
  cat >"$get_pip" <<PIP
import glob, os, sys
sys.path.insert(0, glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-$pip_version-*.whl"))[0])
from pip._internal.cli.main import main
sys.exit(main(["install", "--upgrade", "--force-reinstall"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]))
PIP
fi

cd "$copy"
export PATH=$work/pythons:$PATH
exec "$(dirname "$python")/ansible-test" sanity --local --requirements --color no --truncate 0 "$@"
