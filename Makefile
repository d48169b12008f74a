# make infer      sets everything up and classifies 100 MNIST images on the simulated board
# make test       sets everything up and runs all tests but the slow ones
# make lint       ruff, mypy and the layers of the imports
# make format     lays the code out and mends what ruff can
# make boards     bitstreams for the boards with an open toolchain: BOARDS="ulx3s tangnano20k"
# make slow       the slow tests; make bench the measurements; make docs the generated pages
# make energy     energy at gate level, on a standard-cell library of Debian's
# make formal     proofs of the link's blocks; make soak faults between host and board;
#                 make fuzz hostile files by the thousand
# make clean      removes the simulated boards and caches; bitstreams and .venv stay
# make distclean  removes all that is generated, bitstreams and .venv too

PYTHON ?= python3
VENV ?= .venv
BOARDS ?= ulx3s tangnano20k
RUN = $(VENV)/bin/python
OSU = /usr/share/qflow/tech/osu018/osu018_stdcells.lib

.PHONY: infer test lint format boards slow bench energy formal soak fuzz docs clean distclean

infer: $(VENV)/.base
	@bash .ci/tools.sh verilator g++ make perl
	$(RUN) host/infer.py --port sim --limit 100

test: $(VENV)/.test
	@bash .ci/tools.sh verilator iverilog ghdl g++ make perl tclsh
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.lint
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	@bash .ci/lint_tree.sh
	cd build/lint && $(abspath $(RUN)) -m mypy --config-file ../../pyproject.toml \
		-p volley.firmware -p volley.host -p volley.fpga -p volley.model
	cd build/lint && $(abspath $(VENV)/bin/lint-imports) --no-logo ../../pyproject.toml

format: $(VENV)/.lint
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

boards: $(VENV)/.fpga
	for board in $(BOARDS); do $(RUN) fpga/build.py --target $$board || exit; done

slow: $(VENV)/.test
	@bash .ci/tools.sh verilator iverilog ghdl g++ make perl tclsh
	$(RUN) -m pytest -m slow --timeout=3600

bench: $(VENV)/.test
	@bash .ci/tools.sh verilator g++ make perl
	$(RUN) -m pip install -q --no-deps spikingjelly snntorch loguru
	$(RUN) bench/run.py
	$(RUN) bench/cycles.py
	$(RUN) bench/sim_speed.py
	$(RUN) bench/array_cost.py
	$(RUN) bench/training.py

soak: $(VENV)/.test
	@bash .ci/tools.sh verilator g++ make perl
	$(RUN) bench/soak.py

formal: $(VENV)/.test
	$(RUN) bench/formal.py

energy: $(VENV)/.test
	@test -e $(OSU) || bash .ci/tools.sh qflow-tech-osu018
	@bash .ci/tools.sh g++
	$(RUN) bench/energy.py --png docs/energy.png --write docs/energy.md

fuzz: $(VENV)/.test
	OMP_NUM_THREADS=1 $(RUN) -m tests.fuzz

docs: $(VENV)/.base
	$(RUN) -m volley.firmware.pages

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is wanted")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: setup.cfg .ci/requirements.py | $(VENV)/bin/python
	$(RUN) .ci/requirements.py > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -r $(VENV)/requirements.txt
	touch $@

$(VENV)/.test: setup.cfg .ci/requirements.py | $(VENV)/bin/python
	$(RUN) .ci/requirements.py train fpga test > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -r $(VENV)/requirements.txt
	touch $(VENV)/.base $(VENV)/.fpga $@

$(VENV)/.lint: setup.cfg .ci/requirements.py | $(VENV)/bin/python
	$(RUN) .ci/requirements.py lint > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -r $(VENV)/requirements.txt
	touch $(VENV)/.base $@

$(VENV)/.fpga: setup.cfg .ci/requirements.py | $(VENV)/bin/python
	$(RUN) .ci/requirements.py fpga > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -r $(VENV)/requirements.txt
	touch $(VENV)/.base $@

clean:
	rm -rf build/sim-* build/lint build/kernels .pytest_cache .ruff_cache .mypy_cache .hypothesis

distclean: clean
	rm -rf build $(VENV)
