# SPDX-License-Identifier: BSD-3-Clause
# The face of the project for people; CMake does the work. PRESET is one of those of CMakePresets.json.
PRESET ?= release
PREFIX ?= /usr/local
DURATION = $(if $(filter command% environment%,$(origin SECONDS)),$(SECONDS),60)

# Of the benchmarks: turns of each way, rounds of two builds, and the groups that make their files or servers in Python.
PAIRS ?= 15
ROUNDS ?= 5
SLOW = cold delays large remote single strips

# Of the mutants: how many, and which.
COUNT ?= 60
SEED ?= 1

ORACLE = build/oracle
CAREAMICS = build/careamics
STORES = build/stores

.PHONY: help setup setup-check build test test-oracle test-wheel test-careamics test-stores demo build-command example \
	docs bench bench-build bench-env bench-slow bench-against bench-python coverage mutants fuzz check wheel install

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 24

setup: ## install what is missing of the distribution's packages, and Python's into .venv
	@tools/setup.sh build
	@tools/venv.sh .venv python/requirements-dev.txt

setup-check: setup
	@tools/setup.sh check

build: setup ## build library and command into build/PRESET (PRESET=release, debug, asan, tsan, clang)
	@cmake --preset $(PRESET)
	@cmake --build --preset $(PRESET)

test: build ## run the tests
	@ctest --preset $(PRESET)

coverage: ## run the tests in a build that counts, and show which lines and branches they reach; FILES=1 names the lines
	@$(MAKE) --no-print-directory build PRESET=coverage
	@find build/coverage -name '*.gcda' -delete
	@ctest --preset coverage
	@tools/coverage.py build/coverage $(if $(FILES),--files)

mutants: setup ## change a token of the sources, COUNT times, and list the changes that no test notices; SEED=1
	@tools/mutants.py --count $(COUNT) --seed $(SEED)

test-oracle: build ## compare with other libraries, which are installed into build/oracle
	@tools/oracle.sh $(ORACLE) build/$(PRESET)/microtome

test-wheel: wheel ## install the wheel into empty environments, of the oldest and the newest Python, and test it there
	@tools/check_wheel.py

test-careamics: build ## compare with CAREamics, and train through it; it goes to build/careamics, with torch
	@tools/careamics.sh $(CAREAMICS) build/$(PRESET)

test-stores: build ## test HTTP and S3 with real servers on loopback, which go to build/stores
	@tools/stores.sh $(STORES) build/$(PRESET)

demo: build-command ## fetch three real images, draw them, cut patches and show where the pictures are
	@tools/demo.sh build/$(PRESET)

# The command alone, in the build folder of the rest: what was compiled for it is not compiled again.
build-command:
	@tools/setup.sh demo
	@[ -f build/$(PRESET)/build.ninja ] || cmake --preset $(PRESET) -DMT_TESTS=OFF -DMT_BENCH=OFF -DMT_PYTHON=OFF
	@cmake --build --preset $(PRESET) --target microtome_cli

example: build ## train CAREamics on a noisy image and show the picture: build/example/denoised.png
	@tools/careamics.sh $(CAREAMICS) environment
	@[ -d "$${MICROTOME_TEST_DATA:-../shared/data}/denoise" ] || tools/demo.sh build/$(PRESET)
	@mkdir -p build/example
	@PYTHONPATH=build/$(PRESET)/python $(CAREAMICS)/bin/python examples/careamics_n2v.py build/example

docs: build ## build the documentation into build/docs, and run its examples
	@tools/docs.sh build/$(PRESET)

bench: bench-build ## measure against the limits of the machine: patches a second, opening, memory; GROUP=name for one
	@if [ -n "$(filter $(SLOW),$(GROUP))" ]; then $(MAKE) --no-print-directory bench-slow; \
		else build/release/bench/bench $(GROUP); fi

bench-build: setup
	@cmake --preset release -DMT_BENCH=ON
	@cmake --build --preset release --target bench

bench-env: bench-build
	@PIP_NO_DEPS=1 tools/venv.sh build/bench-env bench/python/requirements.txt
	@cmake --build --preset release --target microtome_python microtome_python_package

bench-slow: bench-env ## measure cold files, slow stores, large files (or GROUP), beside TensorStore; WRITE=1 fills the tables
	@PYTHONPATH=build/release/python build/bench-env/bin/python bench/python/slow.py build/release/bench/bench $(GROUP) \
		--pairs $(PAIRS) --json build/bench-slow.json $(if $(WRITE),--write)

bench-against: bench-build ## compare with the benchmark program of an older build, in turns: BASE=path/to/bench
	@tools/bench_against.py $(BASE) build/release/bench/bench $(if $(GROUP),--group $(GROUP)) --rounds $(ROUNDS)

bench-python: bench-env ## measure beside other libraries from Python (build/bench-env), draw the chart, fill the tables
	@PYTHONPATH=build/release/python build/bench-env/bin/python bench/python/peers.py build/release/bench/bench \
		--json build/bench-python.json --write

fuzz: setup-check ## fuzz every target for SECONDS=60 each, or the one named by TARGET
	@tools/fuzz.sh $(DURATION) $(TARGET)

check: setup-check build ## format, static analysis, layering, exported symbols
	@tools/check.sh build/$(PRESET)

wheel: setup ## build a wheel for all Pythons from 3.11 on, with the codecs' libraries inside, into build/dist
	@tools/wheel.sh

install: build ## install into PREFIX=/usr/local (and DESTDIR)
	@cmake --install build/$(PRESET) --prefix $(PREFIX)
