# Each target is the only command needed on a fresh machine: it makes the environment first.
VENV ?= .venv
BIN := $(VENV)/bin
# One thread for each of the test workers: more than the cores have only slows both down.
TEST_ENV := OMP_NUM_THREADS=1

# The paper's items: how much of the recipes, minutes of one slice, other sources of data, and where results go.
PRESET ?= short
BUDGET ?= 9
SOURCES ?=
REPLICATION ?= results/replication
# Where nothing can be installed: make replicate LNBENCH="python3 -m cli".
LNBENCH ?= $(BIN)/lnbench

.PHONY: help install demo test test-faults test-realdata replicate replicate-check bench lint format docs clean

help:
	@echo "make demo           train, sweep and report on the embedded data set, in results/"
	@echo "make test           all tests, without network"
	@echo "make test-faults    kills, full disks, many writers and ten thousand inputs, half an hour or more"
	@echo "make test-realdata  slower checks on MNIST; LNBENCH_DATA names its folder"
	@echo "make replicate      train and measure the paper's items, most informative first, starting nothing new after BUDGET=$(BUDGET) minutes;"
	@echo "                    repeat it to go on. SOURCES='--data cifar10=folder:PATH' names other data"
	@echo "make replicate-check  train one MNIST network again and compare it with the committed results"
	@echo "make bench          measure what it costs beside the least it could; ROWS='a d' measures some rows alone"
	@echo "make lint           formatting, lint and types"
	@echo "make docs           write what documents say of code, results and outputs, and build the site into site/"

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
	$(TEST_ENV) $(BIN)/pytest -n 2 --dist loadgroup -m "not realdata and not replication and not faults"

test-faults: install
	$(TEST_ENV) $(BIN)/pytest -n 2 -m faults
	$(TEST_ENV) $(BIN)/pytest -n 2 -m hypothesis --hypothesis-profile faults
	$(TEST_ENV) $(BIN)/pytest tests/report/test_browser.py

test-realdata: install
	$(BIN)/pytest -m realdata

replicate: $(if $(filter $(BIN)/%,$(LNBENCH)),install)
	test ! -f $(REPLICATION).npz || \
		$(LNBENCH) results merge $(REPLICATION) $(REPLICATION).npz
	$(LNBENCH) run fig7 fig14 fig9a fig9b fig8d fig4b fig2 all --preset $(PRESET) --budget $(BUDGET) \
		$(SOURCES) --results $(REPLICATION) || test $$? -eq 3
	$(LNBENCH) results pack --results $(REPLICATION) --out $(REPLICATION).npz

replicate-check: install
	$(BIN)/pytest -m replication

# imagecorruptions imports with setuptools below 81 alone, and with packages that nothing else needs.
bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/imagecorruptions \
		imagecorruptions 'setuptools<81' opencv-python-headless scikit-image lazy-loader imageio tifffile
	IMAGECORRUPTIONS=$(VENV)/imagecorruptions $(BIN)/python bench/write.py $(ROWS)
	$(BIN)/python docs/generate.py

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The variable spares a notice about another generator's plans.
docs: install
	$(BIN)/python docs/generate.py
	$(TEST_ENV) $(BIN)/python docs/tutorial.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "Open $(CURDIR)/site/index.html in a browser."

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
