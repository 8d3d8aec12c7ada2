# The newcomer's commands. Everything lives in .venv, made from a lock file with hashes; no root is needed.
PYTHON ?= python3
PIP = .venv/bin/python -m pip install -qq --disable-pip-version-check

.PHONY: simulate test quick check coverage fuzz wheelhouse components deb clean

simulate: .venv/simulator  ## run the trial floor: machines, collector, forwarder and an IoT Core stand-in
	@.venv/bin/edge-agent simulate

# Most of the time the slow tests wait for a trial to play, so more of them run at once than there are cores.
test: .venv/dev  ## run every test
	@.venv/bin/python -m pytest -n 4 --dist worksteal

quick: .venv/dev  ## run the tests that need no broker, pty or subprocess
	@.venv/bin/python -m pytest -m "not integration"

check: .venv/dev  ## format, lint, types, floors, spelling, schemas
	@scripts/check

coverage: .venv/dev  ## branch coverage of sas, journal, line and forwarder, which must be whole
	@scripts/coverage

fuzz: .venv/dev  ## let a coverage-guided fuzzer at both SAS decoders for a while
	@$(PIP) --require-hashes --requirement requirements/fuzz.txt || echo "the fuzzer cannot be fetched here"
	@scripts/fuzz $(SECONDS)

wheelhouse: .venv/simulator  ## fetch the locked wheels for every gateway; the build of the components is offline after it
	@.venv/bin/python scripts/fill_wheelhouse.py

components:  ## build every Greengrass component, as `gdk component build` does in its folder
	@for folder in components/*/; do (cd "$$folder" && $(PYTHON) ../../scripts/build_component.py) || exit 1; done

deb:  ## build the Debian packages, for a gateway with systemd and without Greengrass
	@$(PYTHON) scripts/build_deb.py $(ARCH)

clean:
	rm -rf .venv

.venv/simulator: requirements/simulator.txt pyproject.toml
	@$(PYTHON) scripts/require_python.py
	@echo "Setting up .venv for the trial floor; this happens once and takes a minute or two."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes --requirement requirements/simulator.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml
	@$(PYTHON) scripts/require_python.py
	@echo "Setting up .venv for tests; this happens once and takes a minute or two."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@ .venv/simulator
