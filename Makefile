# SPDX-License-Identifier: BSD-3-Clause
# The face of the project for people; CMake does the work. PRESET is one of those of CMakePresets.json.
PRESET ?= release
PREFIX ?= /usr/local
DURATION = $(if $(filter command% environment%,$(origin SECONDS)),$(SECONDS),60)

ORACLE = build/oracle

.PHONY: help setup setup-check build test test-oracle demo bench fuzz check install

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 20

setup: ## install what is missing of the distribution's packages
	@tools/setup.sh build

setup-check:
	@tools/setup.sh check

build: setup ## build library and command into build/PRESET (PRESET=release, debug, asan, tsan, clang)
	@cmake --preset $(PRESET)
	@cmake --build --preset $(PRESET)

test: build ## run the tests
	@ctest --preset $(PRESET)

test-oracle: build ## compare with other libraries: h5py, which is installed into build/oracle, and jxrlib
	@tools/oracle.sh $(ORACLE) build/$(PRESET)/microtome

demo: build ## fetch two real images, cut patches out of them and show where the pictures are
	@tools/demo.sh build/$(PRESET)

bench: setup ## measure against the limits of the machine: patches a second, opening, memory
	@cmake --preset release -DMT_BENCH=ON
	@cmake --build --preset release --target bench
	@build/release/bench/bench $(GROUP)

fuzz: setup-check ## fuzz every target for SECONDS=60 each, or the one named by TARGET
	@tools/fuzz.sh $(DURATION) $(TARGET)

check: setup-check build ## format, static analysis, layering, exported symbols
	@tools/check.sh build/$(PRESET)

install: build ## install into PREFIX=/usr/local (and DESTDIR)
	@cmake --install build/$(PRESET) --prefix $(PREFIX)
