# Everything runs in .venv, which `setup` makes by itself; no target needs another one to be called first.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.setup-done
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CODE := src tests tools examples $(wildcard benchmarks)
# The demo must not need the network: the Hub is switched off, and whatever would still ask for a page meets a closed door.
OFFLINE := HF_HUB_OFFLINE=1 AFINA_OFFLINE=1 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
DEMO := demo/support-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help setup demo test check proof format schema messages clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      set up, then fine-tune the packaged MiniLM on the support sample; ends with the verdict"
	@echo "make test      set up, then run the tests"
	@echo "make setup     the installation alone, into $(VENV)"
	@echo "make check     format, lint, types, architecture and spelling; under a minute"
	@echo "make proof     the long measurements: tests marked proof, and the benchmarks"
	@echo "make schema    write the recipe's JSON schema and the reference page made from it"
	@echo "make messages  compile the translations"
	@echo "make format    put the code into the house's format"
	@echo "make clean     remove what the other targets made"

setup: $(READY)

# torch comes first and alone, so that nothing after it may choose another build of it.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Afina is tested on Python 3.11 only, and $(PYTHON) is another one. Name yours: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 5; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e ".[train,minilm,dev]"
	touch $@

demo: $(READY)
	$(OFFLINE) $(BIN)/afina init $(DEMO) --recipe support
	cd $(DEMO) && $(OFFLINE) $(CURDIR)/$(BIN)/afina train recipe.yaml

test: $(READY)
	$(BIN)/python -m pytest -m "not proof" -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

proof: $(READY)
	$(BIN)/python -m pytest -m proof
	set -e; for file in $(wildcard benchmarks/*.py); do $(BIN)/python $$file; done

format: $(READY)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

schema: $(READY)
	$(BIN)/python -m afina.recipe.generate
	$(BIN)/python tools/reference.py

messages: $(READY)
	$(BIN)/python tools/messages.py

clean:
	rm -rf $(VENV) demo runs build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +
