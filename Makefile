# Denpa's makefile. `make help` lists the targets. All output goes to build/ and .build/ (SwiftPM's).
SHELL := /bin/bash
BUILD := build
VENV := .venv
PYTHON := $(VENV)/bin/python
PEERS_VENV := .venv-bench
PEERS_PYTHON := $(PEERS_VENV)/bin/python
VERSION := $(shell sed -n 's/^\#define DENPA_VERSION "\(.*\)"/\1/p' include/denpa.h)
SOVERSION := 0
LIBRARY := $(BUILD)/libdenpa.so.$(SOVERSION)
# Swift's standard library, pruned so that the linker can drop its unused parts (scripts/prune_stdlib.py).
STDLIB := $(BUILD)/swift
SWIFT_BUILD := DENPA_STDLIB=$(CURDIR)/$(STDLIB) swift build -c release --product denpa --disable-local-rpath

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share

STRICT := -Wall -Wextra -Werror -pedantic-errors
CFLAGS ?= -O2 -g
LINK := -Wl,--as-needed -L$(BUILD) -ldenpa -lm -pthread -Wl,-rpath,$(CURDIR)/$(BUILD)

C_TESTS := $(patsubst Tests/c/%.c,$(BUILD)/tests/c/%,$(wildcard Tests/c/*.c))
CXX_TESTS := $(patsubst Tests/c/%.c,$(BUILD)/tests/c++/%,$(wildcard Tests/c/*.c)) \
  $(patsubst Tests/c/%.cpp,$(BUILD)/tests/c++/%,$(wildcard Tests/c/*.cpp))
EXAMPLES := $(patsubst examples/c/%.c,$(BUILD)/examples/%,$(wildcard examples/c/*.c))

.PHONY: all help lib reference demo test sanitize bench bench-peers bench-former bench-check bench-scores bench-initializers bench-product bench-programs campaign-networks campaign-calls campaign-files campaign-kill examples c-tests c++-tests install uninstall clean format lint tools venv
all: lib

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z+-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# ----------------------------------------------------------------------------------------------------- set-up
tools: $(BUILD)/.tools
$(BUILD)/.tools: scripts/setup.sh
	@mkdir -p $(BUILD)
	@scripts/setup.sh tools && touch $@

venv: $(VENV)/.complete ## installs Python packages for demo, tests and benchmarks in .venv
$(VENV)/.complete: scripts/setup.sh bindings/python/requirements-test.txt | tools
	@scripts/setup.sh venv $(VENV) && scripts/setup.sh browser && touch $@

# ---------------------------------------------------------------------------------------------------- library
lib: $(LIBRARY) ## builds build/libdenpa.so.0 and libdenpa.so: release, stripped (also plain `make`)

$(LIBRARY): .build/release/libdenpa.so
	strip --strip-unneeded -o $@.new $< && mv -f $@.new $@
	ln -sf libdenpa.so.$(SOVERSION) $(BUILD)/libdenpa.so

# SwiftPM detects what to rebuild, except after changes to files that only the linker reads and to C headers
# that only Swift reads, especially new ones. It always runs, and touches its product only if something
# changed.
LINKING := $(addprefix Sources/CShim/,link.txt exports.map sections.ld)
.build/release/libdenpa.so: FORCE $(STDLIB)/Glibc.o | tools
	@for made in $(STDLIB)/Glibc.o $(LINKING); do if [ $$made -nt $@ ]; then rm -f $@; fi; done
	@if [ -e $@ ] && [ -n "$$(find Sources/CShim/include -newer $@)" ]; then touch Sources/CShim/include/*.h $$(grep -rl '^import CShim' Sources); fi
	@$(SWIFT_BUILD)
FORCE:

$(STDLIB)/Glibc.o: scripts/prune_stdlib.py $(shell command -v swiftc) | tools
	python3 scripts/prune_stdlib.py $(STDLIB)

# --------------------------------------------------------------------------------------------- demo and tests
reference: lib venv ## writes docs/reference from what the library says of its layers, losses and so on
	@$(PYTHON) scripts/generate_reference.py

demo: lib venv $(BUILD)/examples/digits ## trains and proves a plugin layer from Python and uses it from C
	@scripts/demo.sh $(BUILD) $(PYTHON)

test: lib venv ## runs all tests; PARTS="c python" selects some (scripts/test.py --list)
	@$(PYTHON) scripts/test.py $(PARTS)

sanitize: $(STDLIB)/Glibc.o venv ## runs tests with sanitizers (half an hour); PARTS="address c-values" selects
	@$(PYTHON) scripts/sanitize.py $(PARTS)

campaign-networks: lib venv ## compares N=20000 random networks from SEED=1 on with NumPy (an hour)
	@PYTHONPATH=Tests/campaigns:bindings/python $(PYTHON) -m networks --count $(or $(N),20000) --seed $(or $(SEED),1)

campaign-calls: lib venv ## compares N=20000 random programs of calls, SEED=1, with a model (an hour)
	@PYTHONPATH=Tests/campaigns:bindings/python $(PYTHON) -m calls --count $(or $(N),20000) --seed $(or $(SEED),1)

campaign-files: lib venv ## loads N=1000000 mutated files, SEED=1 (twenty minutes)
	@PYTHONPATH=Tests/campaigns:bindings/python $(PYTHON) -m files --count $(or $(N),1000000) --seed $(or $(SEED),1)

campaign-kill: $(BUILD)/tests/kill ## kills N=10000 trainings that save checkpoints, SEED=1 (ten minutes)
	@$(BUILD)/tests/kill --count $(or $(N),10000) --seed $(or $(SEED),1)

c-tests: $(C_TESTS) $(BUILD)/tests/kill
c++-tests: $(CXX_TESTS)
examples: $(EXAMPLES)

HEADERS := $(wildcard include/*.h)
$(BUILD)/tests/c/%: Tests/c/%.c $(wildcard Tests/c/*.h) $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(STRICT) $(CFLAGS) -Iinclude $< -o $@ $(LINK) -ldl

$(BUILD)/tests/kill: Tests/campaigns/kill/kill.c $(wildcard Tests/c/*.h) $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(STRICT) $(CFLAGS) -Iinclude $< -o $@ $(LINK)

$(BUILD)/tests/c++/%: Tests/c/%.c $(wildcard Tests/c/*.h) $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(STRICT) $(CFLAGS) -Iinclude -x c++ $< -o $@ $(LINK) -ldl

$(BUILD)/tests/c++/%: Tests/c/%.cpp $(wildcard Tests/c/*.h) $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(STRICT) $(CFLAGS) -Iinclude $< -o $@ $(LINK) -ldl

$(BUILD)/examples/%: examples/c/%.c $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(STRICT) -O2 -Iinclude $< -o $@ $(LINK)

# ------------------------------------------------------------------------------------------------- benchmarks
BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,denpa_bench machine_peak load_time)

bench: lib venv bench-programs ## times Denpa alone; WORKLOADS="book-mlp loading" selects some
	@$(PYTHON) benchmarks/bench.py $(WORKLOADS)

bench-peers: lib bench-programs $(PEERS_VENV)/.complete $(BUILD)/bench/fann_peer ## compares Denpa with PyTorch, JAX, NumPy, scikit-learn, FANN (6 GB)
	@$(PEERS_PYTHON) benchmarks/bench_peers.py $(WORKLOADS)

bench-former: lib bench-programs ## compares with an earlier commit's library: FORMER=path/to/libdenpa.so.0
	@python3 benchmarks/compare.py $(FORMER) $(WORKLOADS)

bench-check: lib $(PEERS_VENV)/.complete ## checks that Denpa and its peers compute the same losses
	@$(PEERS_PYTHON) benchmarks/check.py $(WORKLOADS)

bench-scores: lib $(PEERS_VENV)/.complete ## compares test scores and whole scripts with scikit-learn and PyTorch
	@$(PEERS_PYTHON) benchmarks/scores.py $(ARGUMENTS)

bench-initializers: lib venv ## compares test scores of initial weights; ARGUMENTS="--seeds 15"
	@$(PYTHON) benchmarks/initializers.py $(ARGUMENTS)

bench-programs: $(BENCH_PROGRAMS)

$(PEERS_VENV)/.complete: scripts/setup.sh benchmarks/requirements-peers.txt | tools
	@scripts/setup.sh venv $(PEERS_VENV) benchmarks/requirements-peers.txt && touch $@

bench-product: tools $(PEERS_VENV)/.complete ## compares the product kernel with OpenBLAS and JAX
	@swift build -c release --product product-benchmark
	@$(PEERS_PYTHON) benchmarks/product/run.py $(ARGUMENTS)

$(BUILD)/bench/denpa_bench: benchmarks/denpa_bench.c benchmarks/blocks.h $(HEADERS) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(STRICT) -O2 -Iinclude $< -o $@ $(LINK)

$(BUILD)/bench/%: benchmarks/%.c benchmarks/blocks.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(STRICT) -O2 $< -o $@ -pthread -ldl

# If FANN is not installed, its column is empty.
$(BUILD)/bench/fann_peer: benchmarks/peers/fann_peer.c benchmarks/blocks.h
	@mkdir -p $(@D)
	@echo '#include <floatfann.h>' | $(CC) -E - >/dev/null 2>&1 || scripts/setup.sh package libfann-dev || true
	@$(CC) -std=c11 $(STRICT) -O2 $< -o $@ -lfloatfann -lm || echo "FANN is left out: libfann-dev is not there" >&2

# ---------------------------------------------------------------------------------------------------- install
install: lib ## installs library, headers, pkg-config and CMake files in DESTDIR/PREFIX (default /usr/local)
	install -d "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(LIBDIR)/cmake/denpa" "$(DESTDIR)$(INCLUDEDIR)"
	install -d "$(DESTDIR)$(DATADIR)/doc/denpa" "$(DESTDIR)$(DATADIR)/denpa"
	install -m 644 LICENSE "$(DESTDIR)$(DATADIR)/doc/denpa"
	install -m 644 suppressions/denpa.tsan.supp suppressions/denpa.valgrind.supp "$(DESTDIR)$(DATADIR)/denpa"
	install -m 755 $(LIBRARY) "$(DESTDIR)$(LIBDIR)/libdenpa.so.$(VERSION)"
	ln -sf libdenpa.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libdenpa.so.$(SOVERSION)"
	ln -sf libdenpa.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libdenpa.so"
	install -m 644 include/denpa.h include/denpa_types.h include/denpa_plugin.h "$(DESTDIR)$(INCLUDEDIR)"
	sed $(FILL) cmake/denpa.pc.in > "$(DESTDIR)$(LIBDIR)/pkgconfig/denpa.pc"
	sed $(FILL) cmake/denpaConfig.cmake.in > "$(DESTDIR)$(LIBDIR)/cmake/denpa/denpaConfig.cmake"
	sed $(FILL) cmake/denpaConfigVersion.cmake.in > "$(DESTDIR)$(LIBDIR)/cmake/denpa/denpaConfigVersion.cmake"
FILL = -e 's|@VERSION@|$(VERSION)|g' -e 's|@SOVERSION@|$(SOVERSION)|g' -e 's|@PREFIX@|$(PREFIX)|g' \
  -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
  -e "s|@INCLUDE_FROM_CMAKE@|$$(realpath -ms --relative-to="$(LIBDIR)/cmake/denpa" "$(INCLUDEDIR)")|g"

uninstall: ## removes the files of make install
	rm -f $(addprefix "$(DESTDIR)$(INCLUDEDIR)"/,denpa.h denpa_types.h denpa_plugin.h)
	rm -f $(addprefix "$(DESTDIR)$(LIBDIR)"/,libdenpa.so libdenpa.so.$(SOVERSION) libdenpa.so.$(VERSION) pkgconfig/denpa.pc)
	rm -rf "$(DESTDIR)$(LIBDIR)/cmake/denpa" "$(DESTDIR)$(DATADIR)/doc/denpa" "$(DESTDIR)$(DATADIR)/denpa"

# --------------------------------------------------------------------------------------------------- the rest
SWIFT_FILES = Package.swift Sources Tests
format: ## runs swift-format in place
	swift-format format --in-place --recursive --parallel $(SWIFT_FILES)

lint: ## runs swift-format in strict mode
	swift-format lint --strict --recursive --parallel $(SWIFT_FILES)

clean: ## removes build/ and SwiftPM's .build/; keeps .venv and .venv-bench
	rm -rf $(BUILD) .build
