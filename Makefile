# make demo    install into .venv and train a graph neural network on the karate club
# make test    install what the tests need and run them
# make lint    ruff and mypy          make format  what ruff can mend by itself
# make bench   benchmarks beside the peers
# make docs    the API reference      make core    rebuild the C++ core in place (PY=python to build for)
# make sanitize   the tests of the core, built with the address and undefined-behaviour sanitizers (Linux, g++)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PY     ?= $(BIN)/python

# Without an NVIDIA driver the CPU build of torch is pinned; `make CONSTRAINTS= ...` turns the pin off.
CONSTRAINTS ?= $(shell nvidia-smi -L >/dev/null 2>&1 || echo "-c constraints.txt")
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq $(CONSTRAINTS)

# A peer of the tests whose wheels stop at Python 3.11 and pin what it does not need; its marker leaves it out elsewhere.
DGL := "dgl==1.1.3; python_version < '3.12' and platform_machine == 'x86_64'"

BUILD_INPUTS := pyproject.toml CMakeLists.txt constraints.txt $(shell find csrc -type f 2>/dev/null)

.PHONY: demo test lint format bench docs core sanitize clean

demo: $(VENV)/.demo
	$(BIN)/grapevine train --data karate --seeds 10 --out runs/demo

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q $(TESTS)

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs
	$(BIN)/python docs/build.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BUILD_INPUTS) | $(BIN)/python
	@echo "Installing into $(VENV): a few minutes the first time, most of them for torch."
	$(PIP) -e ".[report]"
	@touch $@

$(VENV)/.test: $(BUILD_INPUTS) | $(BIN)/python
	@echo "Installing what the tests need into $(VENV): a few minutes the first time."
	GRAPEVINE_REQUIRE_CORE=1 $(PIP) -e ".[test]"
	$(PIP) --no-deps $(DGL)
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(BUILD_INPUTS) | $(BIN)/python
	$(PIP) -e ".[report,docs]"
	@touch $@ $(VENV)/.demo

# For work on csrc/: an incremental build next to the Python sources. A later install takes its place.
core: export PATH := $(dir $(abspath $(PY))):$(PATH)
core: | $(PY)
	@$(PY) -c "import nanobind" 2>/dev/null || $(PY) -m pip install --quiet nanobind cmake ninja
	cmake -S . -B build/core -DPython_EXECUTABLE="$(abspath $(PY))" -DCMAKE_BUILD_TYPE=Release
	cmake --build build/core --parallel 2
	cmake --install build/core --prefix src

# Its own build folder, and its own place in the process (tests/sanitized.py): the core in use is left alone.
SANITIZED := $(abspath build/sanitize)
sanitize: export PATH := $(dir $(abspath $(PY))):$(PATH)
sanitize: | $(PY)
	@$(PY) -c "import nanobind" 2>/dev/null || $(PY) -m pip install --quiet nanobind cmake ninja
	cmake -S . -B $(SANITIZED) -DPython_EXECUTABLE="$(abspath $(PY))" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g -DNDEBUG" \
	  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer"
	cmake --build $(SANITIZED) --parallel 2
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 OMP_NUM_THREADS=2 \
	  GRAPEVINE_SANITIZED_CORE="$$(ls $(SANITIZED)/_core*.so)" \
	  $(PY) -m pytest -q -p tests.sanitized -p no:cacheprovider -p no:faulthandler \
	  $(or $(TESTS),tests/ops tests/engine/test_random_programs.py)

clean:
	rm -rf build dist $(VENV) src/grapevine/_core*.so docs/api
