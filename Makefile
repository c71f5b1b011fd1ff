# The first of these that is Python 3.10 or newer and can make virtual environments. Each is run, since a name on PATH may
# be a version manager's shim that fails.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo "$$python" && break; \
	done)
VENV := $(CURDIR)/.venv
TIERS ?= unit playbooks lint real hosts
SCENARIO ?= default
# Tools such as ansible-playbook are called by name, in here and by each other.
export PATH := $(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(VENV)

.PHONY: help quickstart quickstart-down venv test unit playbooks lint real hosts molecule spire bench image docs site schema-drift build import publish clean

help:
	@echo "make quickstart                a SPIRE server and agent on this machine, without root, and a workload with an SVID"
	@echo "make quickstart-down [PURGE=1] stop them [and remove their files]"
	@echo "make test [TIERS='unit lint']  all tiers of tests that can run here; SPIRE_FLEET_REQUIRE=real,hosts fails when those can't"
	@echo "make unit|playbooks|lint|real|hosts  one tier"
	@echo "make molecule [SCENARIO=default] [COMMAND=test]  one Molecule scenario on systemd hosts in podman"
	@echo "make spire [SPIRE_VERSIONS='1.15.3 1.14.7']  download releases of SPIRE to /opt/spire, where the tests look for them"
	@echo "make bench [BENCH='--agents 50']  what a converged run costs, as ratios to ping, and preflight of 10,000 agents; as root, with podman"
	@echo "make image                     the image of those hosts"
	@echo "make docs                      docs/variables.md, docs/schema, docs/reference and the roles' argument_specs.yml, from the collection's data"
	@echo "make site                      these pages and the reference of the plugins as a site in .build/site/html, with its links checked"
	@echo "make schema-drift SPIRE_SOURCE=DIR [TAGS='v1.16.0 main']  where a git checkout of SPIRE and our schema data differ"
	@echo "make build                     the collection's archive in .build"
	@echo "make import                    import that archive as Galaxy does, without a warning"
	@echo "make publish                   upload it to Galaxy, with the token in GALAXY_API_KEY"
	@echo "make clean                     remove .build and .venv"

# Remade when the requirements change. The stamp comes last, so an interrupted installation is started again.
$(VENV)/.installed: tests/requirements.txt
	@[ -n "$(PYTHON)" ] || { echo "make: no Python 3.10 or newer with venv found; set PYTHON" >&2; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt $(if $(ANSIBLE_CORE),"ansible-core~=$(ANSIBLE_CORE).0")
	@touch "$@"

# Its own virtual environment is in its own directory: neither needs what the tests need.
QUICKSTART = @[ -n "$(PYTHON)" ] || { echo "no Python 3.10 or newer with venv was found; install python3 and python3-venv, or set PYTHON" >&2; exit 1; }; \
	QUICKSTART_MAKE=1 "$(PYTHON)" -B -m playbooks.files.quickstart
quickstart:
	$(QUICKSTART) up

quickstart-down:
	$(QUICKSTART) down $(if $(filter 1 true yes,$(PURGE)),--purge)

venv: $(VENV)/.installed

test: venv
	"$(VENV)/bin/python" -m tests.run $(TIERS)

unit playbooks lint real hosts: venv
	"$(VENV)/bin/python" -m tests.run $@

COMMAND ?= test
molecule: venv
	"$(VENV)/bin/python" -m tests.run --molecule $(SCENARIO) --command $(COMMAND)

SPIRE_VERSIONS ?= 1.15.3
spire: venv
	"$(VENV)/bin/python" -m tools.spire_release $(SPIRE_VERSIONS)

bench: venv
	"$(VENV)/bin/python" -m tools.bench.bench $(BENCH)
	"$(VENV)/bin/python" -m tools.bench.several_servers
	"$(VENV)/bin/python" -m tools.bench.scale
	"$(VENV)/bin/python" -m tools.bench.over_ssh

image:
	tests/hosts/image

docs: venv
	"$(VENV)/bin/python" -m tools.import_rules --draw
	"$(VENV)/bin/python" -m tools.docs.variables_page
	"$(VENV)/bin/python" -m tools.docs.role_argument_specs
	"$(VENV)/bin/python" -m tools.docs.permissions_page
	"$(VENV)/bin/python" -m tools.docs.selectors_page
	"$(VENV)/bin/python" -m tools.docs.rules_page
	"$(VENV)/bin/python" -m tools.docs.examples_page
	"$(VENV)/bin/python" -m tools.docs.grafana_dashboard
	"$(VENV)/bin/python" -m tools.docs.json_schema_files
	"$(VENV)/bin/python" -m tools.docs.reference_pages

site: venv
	"$(VENV)/bin/python" -m tools.site

# Only reads the checkout that the maintainer names; SPIRE is neither built nor run.
schema-drift: venv
	@[ -n "$(SPIRE_SOURCE)" ] || { echo "make: set SPIRE_SOURCE to a git checkout of SPIRE, with its tags" >&2; exit 1; }
	@"$(VENV)/bin/python" -m tools.schema_drift "$(SPIRE_SOURCE)" $(TAGS)

build: venv
	"$(VENV)/bin/ansible-galaxy" collection build --force --output-path .build

import: build
	"$(VENV)/bin/python" -m tools.galaxy_import .build/spire-fleet-*.tar.gz

# The token is in a file, since every user of the machine sees the arguments of a command.
publish: build
	@[ -n "$$GALAXY_API_KEY" ] || { echo "make: set GALAXY_API_KEY" >&2; exit 1; }
	@umask 077 && printf 'token: %s\n' "$$GALAXY_API_KEY" >.build/galaxy_token
	@ANSIBLE_GALAXY_TOKEN_PATH=.build/galaxy_token "$(VENV)/bin/ansible-galaxy" collection publish .build/spire-fleet-*.tar.gz; code=$$?; \
		rm -f .build/galaxy_token; exit $$code

clean:
	rm -rf .build .venv
