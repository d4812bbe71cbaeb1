# Everything a newcomer needs: `make demo` and `make test`, from a fresh clone, with python3 >= 3.11, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEMO ?=
TNTP ?= $(or $(GREENTRIP_REFERENCE),../shared/data)/tntp
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow check bench chaos fuzz load audit serve clean stubs lock

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with every package, pinned by hash

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Greentrip needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m greentrip_server.warm
	touch $(STAMP)

demo: setup ## Do the main job on Beijing and write out/demo.html (DEMO="--small" for the tiny city)
	$(BIN)/greentrip demo $(DEMO)

test: setup ## Run the tests (TESTS="tests/server -k cancel" for some)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

slow: setup ## Run the tests that take more than ten seconds each
	$(BIN)/python -m pytest -m slow

check: setup ## Format, lint, types, import order, contract, stubs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy proto/greentrip networks/greentrip_networks agents/greentrip_agents optimizer/greentrip_optimizer server/greentrip_server tools
	$(BIN)/lint-imports
	$(BIN)/python tools/stubs.py --lint
	$(BIN)/python tools/stubs.py --breaking
	$(BIN)/python tools/stubs.py --check

bench: setup ## Measure, beside other ways of doing the same (TNTP=folder of TNTP networks for traffic)
	$(BIN)/python benchmarks/day.py --sample 0.01 --days 0
	$(BIN)/python benchmarks/feeder_nearest.py
	$(BIN)/python benchmarks/roads_yardstick.py
	$(BIN)/python benchmarks/transit_strategies.py
	@for n in SiouxFalls Anaheim Winnipeg Chicago-Sketch; do \
	  $(BIN)/python benchmarks/road_equilibrium.py --net $(TNTP)/$$n/*_net.tntp --trips $(TNTP)/$$n/*_trips.tntp || exit 1; done
	$(BIN)/python benchmarks/queue_traffic.py --net $(TNTP)/Anaheim/Anaheim_net.tntp --trips $(TNTP)/Anaheim/Anaheim_trips.tntp --scale 0.5

chaos: setup ## Kill, cut, fill and repeat, 100 times each (CHAOS_TRIES=N, CHAOS_KINDS=worker,server,...)
	$(BIN)/python tests/chaos/harness.py

fuzz: setup ## Call every method with made-up messages (CALLS=100000)
	$(BIN)/python tools/fuzz_api.py $(or $(CALLS),100000)

load: setup ## 200 clients for a while beside two runs (MINUTES=30)
	$(BIN)/python benchmarks/load.py --minutes $(or $(MINUTES),30)

audit: setup ## Known holes in what is installed, or else the pinned hashes; a list of parts in out/sbom.json
	$(BIN)/python tools/audit.py

serve: setup ## Serve on 127.0.0.1:50051 from greentrip-data/
	$(BIN)/greentrip serve

stubs: setup ## Generate the contract's Python stubs anew
	$(BIN)/python tools/stubs.py

lock: setup ## Solve the pins anew (needs uv)
	uv pip compile pyproject.toml --extra engine --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean: ## Remove what was made, the environment too
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
