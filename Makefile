# Everything a person or CI runs. Needs Python 3.11 or newer and make; the rest is installed into .venv.
#
#   make demo        check the knowledge base, run a real patient, build the site
#   make test        every check, as in CI
#   make test-long   the same, with the complete runs
#   make serve       the site with live reload
#   make picture     the pictures in the README, made anew
#   make bench       figures beside their baselines; see benchmarks/README.md
#   make wheel       the distribution, with the shipped protocols inside

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT := out
DEMO := refractory-hypotension
PATIENT := --chart site/examples/flat-trace.json --at 2026-01-27T12:00:00+00:00 --local site/examples/local.yaml
PYTEST := $(BIN)/python -m pytest -n 2
# The language server the schemas are tried with (2.0.0 and newer need Node.js 22), and the checker of the runner's types.
YAML_SERVER := yaml-language-server@1.25.0
TYPESCRIPT := typescript@5.9.3
SERVER := $(VENV)/node/.$(YAML_SERVER)-$(TYPESCRIPT)

# Two of the checks at a time, the two longest first; their output is kept apart where make can do that.
CHECKS = $(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
  docs types scenarios check format lint
# Where bytecode is not kept, each of the hundreds of processes of the tests compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv server demo picture test test-long format lint types check scenarios docs site serve bench wheel clean

help:
	@sed -n 's/^#   \(make .*\)/\1/p' Makefile

venv: $(READY)

# The first interpreter that is new enough; set PYTHON to choose another.
$(READY): pyproject.toml
	@python=$${PYTHON:-$$(for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$name"; break; }; \
	  done)}; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed; set PYTHON to it" >&2; exit 2; fi; \
	echo "setting up $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV) || { echo "this Python has no venv module; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[authoring,editor,prove,signing,site,dev]'
	@touch $(READY)

# Node.js is not needed to use kb. Without it the tests that need it say so and are skipped, unless KB_REQUIRE_NODE is set.
server: venv
	@if [ ! -e $(SERVER) ] && command -v npm >/dev/null; then \
	  mkdir -p $(VENV)/node && \
	  npm install --silent --no-save --no-audit --no-fund --prefix $(VENV)/node $(YAML_SERVER) $(TYPESCRIPT) && touch $(SERVER) || \
	  { echo "$(YAML_SERVER) and $(TYPESCRIPT) could not be installed; the tests that need it are skipped" >&2; [ -z "$$KB_REQUIRE_NODE" ]; }; \
	fi

demo: venv
	@echo "== The knowledge base is checked"
	@$(BIN)/kb check
	@echo
	@echo "== A patient: pulse present, arterial trace flat, norepinephrine 0.08 mcg/kg/min"
	@$(BIN)/kb advise $(DEMO) $(PATIENT)
	@echo
	@echo "== The flowchart and the site are built"
	@mkdir -p $(OUT)
	@$(BIN)/kb show $(DEMO) --format svg > $(OUT)/$(DEMO).svg
	@$(BIN)/kb build >/dev/null
	@echo "Look at  $(OUT)/site/index.html                      the site: protocol, editor's guide, format, meaning"
	@echo "         $(OUT)/$(DEMO).svg          the flowchart"
	@echo "Try      $(BIN)/kb show $(DEMO)"
	@echo "         $(BIN)/kb order $(DEMO) $(PATIENT) vasopressin 0.06 units/min"
	@echo "         make test"

# The pictures in the README; tests say when they are out of date. Needs Chromium.
picture: venv docs
	$(BIN)/python -m tests.docs.pictures $(OUT)/site

test: venv server
	@$(CHECKS)
	$(PYTEST) -m "not long"

test-long: venv server
	@$(CHECKS)
	$(PYTEST) -m "long or not long"

format: venv
	$(BIN)/ruff format --check .

lint: venv
	$(BIN)/ruff check .

types: venv
	$(BIN)/mypy

check: venv
	$(BIN)/kb check
	$(BIN)/kb fmt --check

scenarios: venv
	$(BIN)/kb test

docs: venv
	$(BIN)/kb build
	$(BIN)/kb verify-site $(OUT)/site

site: docs

serve: venv
	$(BIN)/kb serve

bench: venv
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; echo; done

wheel: venv
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist

clean:
	rm -rf $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
