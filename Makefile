# Each target is the only command needed on a fresh machine: it makes the environment first.
VENV ?= .venv
BIN := $(VENV)/bin
# One thread for each of the test workers: more than the cores have only slows both down.
TEST_ENV := OMP_NUM_THREADS=1

.PHONY: help install demo test test-realdata lint format docs clean

help:
	@echo "make demo           train, sweep and report on the embedded data set, in results/"
	@echo "make test           all tests, without network"
	@echo "make test-realdata  slower checks on MNIST; LNBENCH_DATA names its folder"
	@echo "make lint           formatting, lint and types"
	@echo "make docs           write the tables generated from code and results/reference.npz"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/lnbench train
	$(BIN)/lnbench corrupt-eval --noise agn --sigma 0:4
	$(BIN)/lnbench report
	@echo "Open $(CURDIR)/results/report.html in a browser."

test: install
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not realdata"

test-realdata: install
	$(BIN)/pytest -m realdata

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
