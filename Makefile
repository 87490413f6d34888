# `make` lists the targets. Everything lives in .venv, which is made when it is missing or out of date; its two stamps
# say what is in there: the tool alone, or torch and all that development needs too.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PLAIN := .venv/.plain
# The tests' own environment without torch.
TORCHLESS := .venv-plain
# Another for the tests that run TensorFlow, Flax and haiku, whose pins would disturb all others.
FRAMEWORKS := .venv-frameworks
OUT ?= build/gpu-check-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# $(call environment,FOLDER): a virtual environment there, if there is none.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rnninspect needs Python 3.11 or newer, this is " + sys.version)'
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef
PIP := python -m pip install --disable-pip-version-check
INSTALL := $(PIP) -c .ci/constraints.txt

$(PLAIN): pyproject.toml .ci/constraints.txt
	@echo "setting up .venv: the tool alone, some 15 seconds"
	$(call environment,.venv)
	$(BIN)/$(INSTALL) --quiet -e .
	@touch $@

# why torch by itself: it is nine tenths of the waiting, and pip shows how far it is.
$(READY): pyproject.toml .ci/constraints.txt
	@echo "setting up .venv: torch, 200 MB for the CPU and gigabytes with CUDA, then the rest: a minute or two"
	$(call environment,.venv)
	$(BIN)/$(INSTALL) torch
	$(BIN)/$(INSTALL) --quiet -e '.[dev]'
	@touch $(PLAIN) $@

$(TORCHLESS)/.ready: pyproject.toml .ci/constraints.txt
	@echo "setting up $(TORCHLESS): what the tests need but torch, half a minute"
	$(call environment,$(TORCHLESS))
	$(TORCHLESS)/bin/$(INSTALL) --quiet -e '.[test]'
	@touch $@

$(FRAMEWORKS)/.ready: pyproject.toml .ci/constraints-frameworks.txt
	@echo "setting up $(FRAMEWORKS): TensorFlow, Flax and haiku beside torch, some minutes"
	$(call environment,$(FRAMEWORKS))
	$(FRAMEWORKS)/bin/$(PIP) -c .ci/constraints-frameworks.txt --quiet -e '.[frameworks]'
	@touch $@

.PHONY: setup
setup: $(READY) ## Make .venv with everything that is needed

.PHONY: demo
demo: $(PLAIN) ## The main job on real input, the documents of configs/: the plan first, then torch's proof
	$(BIN)/rnninspect configs/tagger.yaml --plan
	@$(MAKE) --no-print-directory $(READY)
	$(BIN)/rnninspect shapes configs/rnn.yaml configs/lstm.yaml configs/gru.yaml
	$(BIN)/rnninspect weights configs/lstm.yaml --gates
	$(BIN)/rnninspect params configs/*.yaml --plan
	$(BIN)/rnninspect configs/tagger.yaml

# why at once: the type checker takes one CPU, where it has no cache for as long as a tenth of all tests.
.PHONY: test
test: $(READY) ## Linter, type checker and the tests, in two processes
	@$(MAKE) --no-print-directory --jobs 2 lint tests

.PHONY: tests
tests: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal -m 'not more'

.PHONY: test-more
test-more: $(READY) test-frameworks ## What takes minutes, or needs more than this checkout; random tests with ten times the examples
	$(BIN)/pytest -m '(more or hypothesis) and not frameworks' --hypothesis-profile many

.PHONY: test-frameworks
test-frameworks: $(FRAMEWORKS)/.ready ## The tests that run TensorFlow, Flax and haiku, in an environment of their own
	$(FRAMEWORKS)/bin/pytest tests/frameworks

.PHONY: test-plain
test-plain: $(TORCHLESS)/.ready ## The tests where torch is not installed: what needs it is skipped
	$(TORCHLESS)/bin/pytest -n 2 --dist worksteal -m 'not more' -rs

.PHONY: quick
quick: $(READY) ## The tests that take no more than a few seconds each
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow and not more'

.PHONY: lint
lint: $(READY) ## Linter, formatter (check only) and type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: mutate
mutate: $(READY) ## Prove that the tests can fail: one-line faults, each of which must break one
	$(BIN)/python tests/tools/mutate.py

.PHONY: torture
torture: $(READY) ## Every system call of what writes, made to fail in turn, where strace is there: some minutes
	$(BIN)/python tests/tools/torture.py

.PHONY: floors
floors: $(READY) ## The quick tests with the oldest and the newest of each dependency; FLOORS names other interpreters
	$(BIN)/python tests/tools/floors.py $(FLOORS)

.PHONY: dist
dist: $(READY) ## Wheel and sdist into dist/, their contents checked, both installed into bare environments, with torch too
	$(BIN)/python tests/tools/dist.py

.PHONY: golden-cells
golden-cells: $(READY) ## Record anew what the oracles of the library's cells give
	$(BIN)/python tests/tools/golden_cells.py

.PHONY: options
options: $(PLAIN) ## Which command has which option, and why others have not
	$(BIN)/python tests/tools/options.py

.PHONY: bench-startup
bench-startup: $(READY) ## Start-up against torch's own, as ratios measured in one run
	$(BIN)/python tests/tools/bench_startup.py

.PHONY: bench-hostile
bench-hostile: $(READY) ## What it costs to refuse cells that are made to cost something
	$(BIN)/python tests/tools/bench_hostile.py

.PHONY: bench-check
bench-check: $(READY) ## What a check costs, against torch's own start
	$(BIN)/python tests/tools/bench_check.py

.PHONY: bench-files
bench-files: $(READY) ## What it costs to read a checkpoint, of a gigabyte too, against a plan of a document
	$(BIN)/python tests/tools/bench_files.py

.PHONY: bench-merge
bench-merge: $(READY) ## What it costs to merge a sweep of 10,000 points in 200 journals
	$(BIN)/python tests/tools/bench_merge.py

.PHONY: bench-verify
bench-verify: $(READY) ## What a verification costs, against shapes of the same model
	$(BIN)/python tests/tools/bench_verify.py

.PHONY: bench-gradflow
bench-gradflow: $(READY) ## What gradflow costs over 1,000 and 2,000 steps
	$(BIN)/python tests/tools/bench_gradflow.py

.PHONY: bench-cells
bench-cells: $(READY) ## What a layer costs that is run by its equations, against torch's own
	$(BIN)/python tests/tools/bench_cells.py

# why not $(READY): where the GPU is there may be no network, and a torch of the site's own.
.PHONY: gpu-check
gpu-check: ## What only a CUDA device can show, in eight minutes, into OUT; with PYTHON where there is no .venv
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) tests/tools/gpu_check.py $(OUT)

.PHONY: bench-repeat
bench-repeat: $(READY) ## How repeatable the figures of bench are, beside torch.utils.benchmark's: ten processes each
	$(BIN)/python tests/tools/bench_repeat.py

.PHONY: figures
figures: bench-startup bench-check bench-files bench-cells bench-verify bench-gradflow bench-hostile bench-merge bench-repeat
figures: ## Every figure of the tool itself in one run, ten minutes, on a machine that does nothing else
	@date +%F
	@$(BIN)/python -c 'import os, torch; from rnninspect.bench.machine import name_of; \
	print(name_of(torch.device("cpu")), os.cpu_count(), "CPUs, torch", torch.__version__)'

.PHONY: readme
readme: $(READY) ## Run the commands of the README and the books behind it, and put in what they print
	$(BIN)/python tests/test_readme.py

.PHONY: clean
clean: ## Remove the environments and every cache
	rm -rf .venv $(TORCHLESS) $(FRAMEWORKS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find rnninspect tests -name __pycache__ -prune -exec rm -rf {} +
