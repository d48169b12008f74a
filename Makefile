# make infer   sets everything up and classifies 100 MNIST images on the simulated board
# make test    sets everything up and runs all tests but the slow ones
# make boards  bitstreams for the boards with an open toolchain: BOARDS="ulx3s tangnano20k"
# make slow    the slow tests; make bench the measurements; make docs the generated pages

PYTHON ?= python3
VENV ?= .venv
BOARDS ?= ulx3s tangnano20k
RUN = $(VENV)/bin/python

.PHONY: infer test boards slow bench docs clean

infer: $(VENV)/.base
	@bash .ci/tools.sh verilator g++ make perl
	$(RUN) host/infer.py --port sim --limit 100

test: $(VENV)/.test
	@bash .ci/tools.sh verilator iverilog ghdl g++ make perl
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile

boards: $(VENV)/.fpga
	for board in $(BOARDS); do $(RUN) fpga/build.py --target $$board || exit; done

slow: $(VENV)/.test
	@bash .ci/tools.sh verilator iverilog ghdl g++ make perl
	$(RUN) -m pytest -m slow --timeout=3600

bench: $(VENV)/.test
	@bash .ci/tools.sh verilator g++ make perl
	$(RUN) -m pip install -q --no-deps spikingjelly snntorch loguru
	$(RUN) bench/run.py
	$(RUN) bench/cycles.py
	$(RUN) bench/sim_speed.py
	$(RUN) bench/array_cost.py
	$(RUN) bench/training.py

docs: $(VENV)/.base
	$(RUN) -m volley.firmware.pages.docs

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

$(VENV)/.fpga: setup.cfg .ci/requirements.py | $(VENV)/bin/python
	$(RUN) .ci/requirements.py fpga > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -r $(VENV)/requirements.txt
	touch $(VENV)/.base $@

clean:
	rm -rf build $(VENV)
