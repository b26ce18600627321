# SPDX-License-Identifier: BSD-3-Clause
# Shortcuts for common tasks; CMake does the work. PRESET is a preset of CMakePresets.json.
PRESET ?= release
PREFIX ?= /usr/local
DURATION = $(if $(filter command% environment%,$(origin SECONDS)),$(SECONDS),60)

# Benchmarks: PAIRS turns of each method, ROUNDS of two builds; SLOW groups need Python for their files or servers.
PAIRS ?= 15
ROUNDS ?= 5
SLOW = cold delays large remote single strips

# Mutation test: number of mutants, and seed.
COUNT ?= 60
SEED ?= 1

ORACLE = build/oracle
CAREAMICS = build/careamics
STORES = build/stores
NOISY = $${MICROTOME_TEST_DATA:-../shared/data}/denoise

.PHONY: help setup setup-check build test test-oracle test-wheel test-careamics test-kill test-stores demo build-command example \
	docs bench bench-build bench-env bench-slow bench-against bench-python bench-loaders bench-tiles bench-writers coverage mutants outcomes fuzz check wheel install

help: ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 24

setup: ## install missing Debian packages, and Python packages into .venv
	@tools/setup.sh build
	@tools/venv.sh .venv python/requirements-dev.txt

setup-check: setup
	@tools/setup.sh check

build: setup ## build library and command into build/PRESET (PRESET=release, debug, asan, tsan, clang)
	@cmake --preset $(PRESET)
	@cmake --build --preset $(PRESET)

test: build ## run the tests
	@ctest --preset $(PRESET)

coverage: ## measure line and branch coverage of the tests, per folder; FILES=1 lists the lines missed
	@$(MAKE) --no-print-directory build PRESET=coverage
	@find build/coverage -name '*.gcda' -delete
	@ctest --preset coverage
	@tools/coverage.py build/coverage $(if $(FILES),--files)

mutants: setup ## mutation test: COUNT random one-token changes; list those that no test detects; SEED=1
	@tools/mutants.py --count $(COUNT) --seed $(SEED)

outcomes: build ## after an intended change: write the outcomes of damaged inputs anew, and list those that changed
	@for table in fuzz/outcomes/*.txt; do \
	  build/$(PRESET)/fuzz/$$(basename $$table .txt) --outcomes $$table . write || exit; done

test-oracle: build ## compare pixels with other libraries (installed into build/oracle)
	@tools/oracle.sh $(ORACLE) build/$(PRESET)/microtome

test-wheel: wheel ## test the wheel in empty environments, with the oldest and the newest Python
	@tools/check_wheel.py

test-careamics: build ## compare with CAREamics, and train it (installed into build/careamics, with torch)
	@tools/careamics.sh $(CAREAMICS) build/$(PRESET)

test-kill: build ## kill conversions and predictions at RUNS=100 random moments for each format, and continue them
	@python3 test/cli/kill_test.py build/$(PRESET)/microtome --runs $(or $(RUNS),100) Interrupted.test_kill Predicted.test_kill

test-stores: build ## test HTTP and S3 with real servers on loopback (installed into build/stores)
	@tools/stores.sh $(STORES) build/$(PRESET)

demo: build-command ## fetch three real images, draw them and cut patches; prints the paths of the pictures
	@tools/demo.sh build/$(PRESET)

# Only the command, in the usual build folder, so that later builds reuse the objects.
build-command:
	@tools/setup.sh demo
	@[ -f build/$(PRESET)/build.ninja ] || cmake --preset $(PRESET) -DMT_TESTS=OFF -DMT_BENCH=OFF -DMT_PYTHON=OFF
	@cmake --build --preset $(PRESET) --target microtome_cli

example: build ## train on a noisy volume (or IMAGE), predict it, kill and continue that; draws build/example/denoised.png
	@tools/careamics.sh $(CAREAMICS) environment
	@[ -d "$(NOISY)" ] || tools/demo.sh build/$(PRESET)
	@mkdir -p build/example/careamics
	@if [ -d "$(NOISY)" ]; then image=build/example/volume.ome.zarr; \
			build/$(PRESET)/microtome convert "$(NOISY)/example_cells_*.tif" $$image --join Z || exit; \
		else image=demo/nuclei.tif; fi; \
		PYTHONPATH=build/$(PRESET)/python $(CAREAMICS)/bin/python examples/denoise.py "$${IMAGE:-$$image}" build/example
	@PYTHONPATH=build/$(PRESET)/python $(CAREAMICS)/bin/python examples/careamics_n2v.py build/example/careamics

docs: build ## build the documentation into build/docs and run its examples
	@tools/docs.sh build/$(PRESET)

bench: bench-build ## benchmark against the limits of the machine: patches/s, opening, memory; GROUP=name for one group
	@if [ -n "$(filter $(SLOW),$(GROUP))" ]; then $(MAKE) --no-print-directory bench-slow; \
		else build/release/bench/bench $(GROUP); fi

bench-build: setup
	@cmake --preset release -DMT_BENCH=ON
	@cmake --build --preset release --target bench

bench-env: bench-build
	@PIP_NO_DEPS=1 tools/venv.sh build/bench-env bench/python/requirements.txt
	@cmake --build --preset release --target microtome_python microtome_python_package

bench-slow: bench-env ## benchmark cold files, slow stores, large files (or GROUP) and TensorStore; WRITE=1 updates the docs
	@PYTHONPATH=build/release/python build/bench-env/bin/python bench/python/slow.py build/release/bench/bench $(GROUP) \
		--pairs $(PAIRS) --json build/bench-slow.json $(if $(WRITE),--write)

bench-against: bench-build ## compare with the benchmark program of an older build: BASE=path/to/bench
	@tools/bench_against.py $(BASE) build/release/bench/bench $(if $(GROUP),--group $(GROUP)) --rounds $(ROUNDS)

bench-python: bench-env ## benchmark from Python with other libraries (in build/bench-env); updates chart and tables; ONLY="n5 frames"
	@PYTHONPATH=build/release/python build/bench-env/bin/python bench/python/peers.py build/release/bench/bench \
		$(if $(ONLY),--only $(ONLY),--json build/bench-python.json --write)

bench-loaders: bench-build ## benchmark training loaders side by side (torch, CAREamics, MONAI... in build/careamics)
	@tools/careamics.sh $(CAREAMICS) environment
	@PIP_NO_DEPS=1 $(CAREAMICS)/bin/pip install -q --disable-pip-version-check -r bench/python/requirements-loaders.txt
	@cmake --build --preset release --target microtome_python microtome_python_package
	@mkdir -p build/bench-loaders
	@[ -d build/bench-loaders/zstd-large.zarr ] || build/release/bench/bench --keep build/bench-loaders loader
	@PYTHONPATH=build/release/python $(CAREAMICS)/bin/python bench/python/loaders.py build/bench-loaders \
		--json build/bench-loaders.json

bench-tiles: bench-build ## benchmark tiled prediction beside CAREamics, MONAI and torchio (in build/careamics)
	@tools/careamics.sh $(CAREAMICS) environment
	@PIP_NO_DEPS=1 $(CAREAMICS)/bin/pip install -q --disable-pip-version-check -r bench/python/requirements-loaders.txt
	@cmake --build --preset release --target microtome_python microtome_python_package
	@PYTHONPATH=build/release/python $(CAREAMICS)/bin/python bench/python/tiles.py build/bench-tiles \
		--json build/bench-tiles.json

bench-writers: bench-env ## benchmark writing beside zarr-python, zarrs, TensorStore, acquire-zarr and tifffile
	@build/bench-env/bin/pip install -q --disable-pip-version-check --no-deps -r bench/python/requirements-writers.txt
	@cmake --build --preset release --target microtome_python microtome_python_package
	@PYTHONPATH=build/release/python build/bench-env/bin/python bench/python/writers.py build/bench-writers \
		--json build/bench-writers.json

fuzz: setup-check ## fuzz each target for SECONDS=60, or only TARGET
	@tools/fuzz.sh $(DURATION) $(TARGET)

check: setup-check build ## format, static analysis, layering, exported symbols
	@tools/check.sh build/$(PRESET)

wheel: setup ## build a wheel for Python 3.11 and later, with the codec libraries, into build/dist
	@tools/wheel.sh

install: build ## install into PREFIX=/usr/local (and DESTDIR)
	@cmake --install build/$(PRESET) --prefix $(PREFIX)
