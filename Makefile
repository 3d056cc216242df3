# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists the words. All that is built lies under $(BUILD). A word that needs Debian packages installs
# what is missing, if it may (.ci/packages), and then calls make again: pkg-config and gcc may have just arrived.

VERSION := 0.1.0

# What the user may set
BUILD ?= build
CFLAGS ?= -O2 -g
WERROR ?= -Werror
SANITIZE ?=
CONFIG ?=
SPEED ?= 1
HOURS ?= 1
SOAK ?=
BENCH ?=
BENCH_ROUNDS ?=
DASHBOARDS ?= dashboards
TEMPLATES ?= config/alertmanager/templates
T ?=
V ?=
ifeq ($(origin CC),default)
CC := gcc
endif

Q := $(if $(V),,@)
PYTHON := /usr/bin/python3
MAKEFLAGS += --no-builtin-rules --no-print-directory
# As many jobs as there are processors, unless the command line says something else. The makes below share them.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

BUILD_PACKAGES := gcc libc6-dev make pkg-config libc-ares-dev libmicrohttpd-dev libyaml-dev zlib1g-dev libsqlite3-dev \
                  libgmime-3.0-dev libcurl4-gnutls-dev libgnutls28-dev libcrypt-dev
LINT_PACKAGES := clang-tidy clang-format cppcheck binutils python3
DEMO_PACKAGES := rbldnsd unbound prometheus prometheus-alertmanager python3
TEST_PACKAGES := libcmocka-dev $(DEMO_PACKAGES) python3-prometheus-client python3-yaml curl openssl strace \
                 faketime chromium chromium-driver slowhttptest systemd python3-seccomp \
                 iproute2 nftables
BENCH_PACKAGES := rbldnsd unbound dnsperf nginx prometheus-node-exporter wrk util-linux python3
FUZZ_PACKAGES := clang libclang-rt-14-dev python3
LIBRARIES := libcares libmicrohttpd gnutls libcrypt yaml-0.1 zlib sqlite3 gmime-3.0

# Asked for only by recipes (`=`), so that `make help` works before anything is installed.
LIBRARY_FLAGS = $(shell pkg-config --cflags $(LIBRARIES))
LIBS = $(shell pkg-config --libs $(LIBRARIES))
MACHINE = $(shell $(CC) -dumpmachine)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wno-sign-conversion \
            -Wvla $(WERROR)
LANGUAGE := -std=gnu11 -D_GNU_SOURCE -Iexporter
ifdef SANITIZE
PROTECTION := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
PROTECTION_LINK := -fsanitize=$(SANITIZE)
export ASAN_OPTIONS := detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS := print_stacktrace=1
export TSAN_OPTIONS := second_deadlock_stack=1
else
PROTECTION = -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 \
             $(if $(filter x86_64-% i%86-%,$(MACHINE)),-fcf-protection)
PROTECTION_LINK := -pie -Wl,-z,relro,-z,now
endif
COMPILE = $(CC) $(LANGUAGE) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(PROTECTION) $(LIBRARY_FLAGS) $(QUICK) -MMD -MP
LINK = $(CC) $(CFLAGS) $(PROTECTION_LINK) $(LDFLAGS)
# gold, where it is, links the many programs of the tests in two thirds of the time.
LINK_TEST = $(LINK) $(if $(SANITIZE),,$(GOLD))
GOLD := $(if $(shell command -v ld.gold),-fuse-ld=gold)

# Sources and what becomes of them
object = $(patsubst exporter/%.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
test_object = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
CORE := $(call object,exporter/core/*.c)
EDGE := $(call object,exporter/edge/*.c)
APP := $(call object,exporter/main.c exporter/app*.c)
DRIVER := $(call test_object,tests/scenario/driver*.c)
TEST_OBJECTS := $(call test_object,tests/unit/test_*.c)
TESTS := $(TEST_OBJECTS:$(BUILD)/obj/tests/unit/%.o=$(BUILD)/tests/%)
FUZZ_OBJECTS := $(call test_object,tests/fuzz/*.c)
REPLAYS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/replay_%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(REPLAYS:$(BUILD)/tests/replay_%=$(BUILD)/tests/fuzz_%)
PRELOAD := $(BUILD)/tests/allocfail.so
RAW_LOOP := $(BUILD)/tests/raw_loop
EDGE_TESTS := $(filter $(BUILD)/tests/test_edge_%,$(TESTS))
CORE_TESTS := $(filter-out $(EDGE_TESTS),$(TESTS))

SOAKS := mixed chaos emptied crashes kills store reloads allocations months
.PHONY: all run demo test soak $(SOAKS:%=soak-%) mutants coverage fuzz fuzz-run \
        bench programs asan tsan tsan-run lint lint-layers lint-headers lint-purity lint-tidy lint-cppcheck \
        lint-format analyze valgrind format reference pages prometheusrule clean help FORCE
.DELETE_ON_ERROR:

all: $(BUILD)/rbl_exporter ## Builds build/rbl_exporter and nothing else

run: ## Installs what the build needs, builds and starts it; CONFIG=file instead of the embedded configuration
	$(Q)sh .ci/packages $(BUILD_PACKAGES)
	$(Q)$(MAKE) all
	$(Q)exec $(BUILD)/rbl_exporter $(if $(CONFIG),--config.file=$(CONFIG))

demo: ## Installs and starts all that belongs together, on loopback, and plays the story of a listing; SPEED=2: faster
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(DEMO_PACKAGES)
	$(Q)$(MAKE) all
	$(Q)RBL_EXPORTER=$(BUILD)/rbl_exporter exec $(PYTHON) tests/demo/demo.py --speed=$(SPEED)

# --- The program ---

$(BUILD)/rbl_exporter: $(APP) $(CORE) $(EDGE)
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: exporter/%.c Makefile
	@echo "  CC    $@"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

# The compiler does not see what the assembler reads.
$(BUILD)/obj/edge/embedded.o: config/lists.yml config/default.yml config/mirrors.yml

# Outside of a checkout of its own (a tarball inside another project's tree) there is no revision.
git = $(or $(shell [ ! -e .git ] || git $(1) 2>/dev/null),unknown)
VERSION_FLAGS = -DVERSION_TEXT='"$(VERSION)"' -DVERSION_ARCH='"$(firstword $(subst -, ,$(MACHINE)))"' \
                -DVERSION_REVISION='"$(call git,rev-parse --verify --quiet HEAD)"' \
                -DVERSION_BRANCH='"$(call git,symbolic-ref --quiet --short HEAD)"'
# `private`, or the prerequisites would inherit it.
$(BUILD)/obj/edge/version.o: private CPPFLAGS += $(VERSION_FLAGS)
$(BUILD)/obj/edge/version.o: $(BUILD)/version.flags
# By the number of this make: another one may be at it.
version_new = $@.$(shell echo $$PPID)
$(BUILD)/version.flags: FORCE | $(BUILD)
	$(file >$(version_new),$(VERSION_FLAGS))
	@if cmp -s $@ $(version_new); then rm $(version_new); else mv $(version_new) $@; fi

$(BUILD):
	@mkdir -p $@

# --- Tests ---

# A source that does not compile must neither hide the results of the rest nor leave an old program to pass for it:
# make goes on as far as it can, and tests/run counts the failed build.
KINDS ?= unit scenario e2e dashboards fuzz lint rules
test: ## Installs the test tools, builds and runs all tests; T=text only those with it in their name
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES) $(if $(filter lint,$(KINDS)),$(LINT_PACKAGES))
	$(Q)$(MAKE) --keep-going programs || broken=--broken-build; \
	$(PYTHON) tests/run --build=$(BUILD) --match='$(T)' $$broken $(KINDS)

# The tests that can go on for longer, each with what makes it so.
CHOSEN = $(strip $(foreach name,$(SOAKS),$(if $(findstring $(or $(SOAK),$(name)),$(name)),$(name))))
soak: ## All that takes long: a mixed load for HOURS=1, then three hours of crashes, failures and months; SOAK=mixed: only that
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES)
	$(Q)$(MAKE) all $(BUILD)/tests/scenario_driver
	$(if $(CHOSEN),,$(error SOAK=$(SOAK): it is one of $(SOAKS)))
	$(Q)for name in $(CHOSEN); do $(MAKE) soak-$$name || failed=1; done; test -z "$$failed"
SOAK_RUN = $(PYTHON) tests/run --build=$(BUILD) --limit=86400
soak-mixed:
	$(Q)RBL_SOAK_HOURS=$(HOURS) RBL_EXPORTER=$(BUILD)/rbl_exporter $(PYTHON) tests/e2e/test_soak.py
soak-chaos:
	$(Q)RBL_CHAOS=1000000 $(SOAK_RUN) --match=test_chaos e2e
soak-emptied:
	$(Q)RBL_EMPTIED=100 $(SOAK_RUN) --match=test_emptied e2e
soak-crashes:
	$(Q)RBL_CRASHES=334 $(SOAK_RUN) --match=test_crash e2e
soak-kills:
	$(Q)RBL_KILLS=all $(SOAK_RUN) --match=test_state_kill e2e
STORE_SOAK := test_edge_state_bits test_edge_state_power test_edge_state_calls
soak-store: $(STORE_SOAK:%=$(BUILD)/tests/%)
	$(Q)RBL_STATE_ALL=1 $(SOAK_RUN) --match=test_edge_state_bits,test_edge_state_power,test_edge_state_calls unit
soak-reloads:
	$(Q)RBL_RELOADS=1000 $(SOAK_RUN) --match=test_bad_files e2e
soak-allocations: $(PRELOAD)
	$(Q)RBL_ALLOCATIONS=all $(SOAK_RUN) --match=test_memory e2e
soak-months:
	$(Q)$(SOAK_RUN) soak

asan: ## The same tests but those of lint, dashboards and rules, with AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) test BUILD=$(BUILD)/asan SANITIZE=address,undefined CFLAGS="-O1 -g" KINDS="unit scenario e2e fuzz"

# What has threads: the web server, its doorkeeper and hasher, the store, the loop, the log.
TSAN_UNIT := $(foreach name,httpd state app_store loop log,$(filter $(BUILD)/tests/test_edge_$(name)%,$(TESTS)))
TSAN_E2E := test_http,test_slowhttptest,test_signals,test_listen,test_tls,test_auth,test_web_config_live,test_probe,\
test_state,test_disk
tsan: ## The tests of the web server, the store and the loop with ThreadSanitizer, which finds races between threads
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES)
	$(Q)$(MAKE) tsan-run BUILD=$(BUILD)/tsan SANITIZE=thread CFLAGS="-O1 -g"
tsan-run: all $(TSAN_UNIT)
	$(Q)$(PYTHON) tests/run --build=$(BUILD) --match=test_edge_httpd,test_edge_state,test_edge_app_store,test_edge_loop,test_edge_log unit
	$(Q)$(PYTHON) tests/run --build=$(BUILD) --match=$(TSAN_E2E) e2e

# Their objects are copied from here, so that each bug costs the compilation of one file.
mutants: ## Plants known bugs, one at a time, and expects each to be found by a test; T=text only those with it in their name
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES)
	$(Q)$(MAKE) programs
	$(Q)$(PYTHON) tests/mutants/run.py --build=$(BUILD) --match='$(T)'

# Without optimisation, or branches are no longer those of the source. Counts of earlier runs do not count.
COVERAGE_KINDS ?= unit scenario fuzz
coverage: ## Builds with counters, runs the tests, and prints what of the code they have run; fails under what is promised
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES) gcovr
	$(Q)find $(BUILD)/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(Q)$(MAKE) programs BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage -fprofile-update=atomic" \
	    PROTECTION= PROTECTION_LINK= LDFLAGS="-Wl,--no-as-needed -lm"
	$(Q)$(PYTHON) tests/run --build=$(BUILD)/coverage $(COVERAGE_KINDS)
	$(Q)$(PYTHON) tests/coverage/coverage.py --missing $(BUILD)/coverage

# Beside the programs that replay an input, which gcc builds as ever. FUZZ_SANITIZE=undefined is about twice as fast.
FUZZ_TIME ?= 60
FUZZ_SANITIZE ?= address,undefined
fuzz: ## Fuzzes what reads bytes, FUZZ_TIME=seconds each (60); T=text only those with it in their name
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(FUZZ_PACKAGES)
	$(Q)$(MAKE) $(REPLAYS)
	$(Q)$(MAKE) fuzz-run BUILD=$(BUILD)/fuzz REPLAY_FOLDER=$(BUILD)/tests CC=clang CFLAGS="-O1 -g" WERROR= \
	    SANITIZE=fuzzer-no-link,$(FUZZ_SANITIZE)
fuzz-run: $(FUZZERS)
	$(Q)$(PYTHON) tests/fuzz/run.py --build=$(BUILD) --replays=$(REPLAY_FOLDER) --time=$(FUZZ_TIME) --match='$(T)'

VALGRIND_PACKAGES := valgrind libc6-dbg
# Not test_signals: a signal that comes while memcheck starts ends it, and it does not run without standard streams.
VALGRIND_E2E := test_scrape,test_state
valgrind: ## The unit tests and a few whole ones under valgrind's memcheck
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(TEST_PACKAGES) $(VALGRIND_PACKAGES)
	$(Q)$(MAKE) programs
	$(Q)$(PYTHON) tests/run --build=$(BUILD) --match='$(T)' --valgrind --limit=3600 unit
	$(Q)$(PYTHON) tests/run --build=$(BUILD) --match=$(VALGRIND_E2E) --valgrind --limit=3600 e2e

comma := ,
bench: ## Measures sweeps, pacing, memory and scrapes beside others; ten minutes, BENCH_ROUNDS=1: three; BENCH=sweep,growth: only those
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(BENCH_PACKAGES)
	$(Q)$(MAKE) all $(RAW_LOOP)
	$(Q)RBL_EXPORTER=$(BUILD)/rbl_exporter exec $(PYTHON) tests/bench/run.py \
	    $(BENCH_ROUNDS:%=--rounds=%) $(subst $(comma), ,$(BENCH))

$(RAW_LOOP): tests/bench/raw_loop.c Makefile
	@echo "  CC    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(CFLAGS) $(WARNINGS) -o $@ $<

programs: all $(TESTS) $(REPLAYS) $(PRELOAD) $(RAW_LOOP) $(if $(DRIVER),$(BUILD)/tests/scenario_driver)

# What /* LINK: -Wl,--wrap=malloc */ near the top of a test asks for.
link_flags = $(shell sed -n '1,20s|.*/\* LINK: \(.*\) \*/.*|\1|p' tests/unit/$(@F).c)
$(CORE_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(CORE)
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(LINK_TEST) -o $@ $^ $(link_flags) -lcmocka -lm

$(EDGE_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(CORE) $(EDGE)
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(LINK_TEST) -o $@ $^ $(link_flags) -lcmocka $(LIBS) -lm

$(BUILD)/tests/scenario_driver: $(DRIVER) $(CORE) $(BUILD)/obj/edge/yaml.o
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(LINK_TEST) -o $@ $^ $(shell pkg-config --libs yaml-0.1) -lm

# Those of the edges need the edges.
edges_of = $(if $(findstring /replay_edge_,$(1))$(findstring /fuzz_edge_,$(1)),$(EDGE))
.SECONDEXPANSION:
$(REPLAYS): $(BUILD)/tests/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(CORE) \
    $$(call edges_of,$$@)
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(LINK_TEST) -o $@ $^ $(if $(call edges_of,$@),$(LIBS)) -lm

$(FUZZERS): $(BUILD)/tests/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(CORE) $$(call edges_of,$$@)
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(if $(call edges_of,$@),$(LIBS)) -lm

# Preloaded into the program, whose sanitizer it must not know.
$(PRELOAD): private WARNINGS += -Wno-missing-prototypes
$(PRELOAD): $(BUILD)/tests/%.so: tests/e2e/preload/%.c Makefile
	@echo "  CC    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(CFLAGS) $(WARNINGS) -fPIC -shared -o $@ $<

# Half of the time of a build would go into making tests fast that run for milliseconds. Not so the driver of scenarios,
# which plays months. With a sanitizer they are optimised, so that warnings that need it are given, too.
$(TEST_OBJECTS) $(FUZZ_OBJECTS): private QUICK := $(if $(SANITIZE),,-O0 -U_FORTIFY_SOURCE)
# cmocka hands every test a `state` that few need, and what --wrap calls has no header.
$(TEST_OBJECTS) $(FUZZ_OBJECTS): private WARNINGS += -Wno-unused-parameter -Wno-missing-prototypes
$(BUILD)/obj/tests/%.o: tests/%.c Makefile
	@echo "  CC    $@"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

# --- Checks that read the code ---

lint: ## Layers, headers alone, purity of core, clang-tidy, cppcheck, clang-format
	$(Q)sh .ci/packages $(BUILD_PACKAGES) $(LINT_PACKAGES)
	$(Q)$(MAKE) --keep-going --output-sync \
	    lint-layers lint-headers lint-purity lint-format lint-cppcheck lint-tidy
	@echo "lint: nothing to complain about"

lint-layers:
	$(Q)$(PYTHON) tests/lint/layers.py exporter
lint-headers:
	$(Q)sh tests/lint/headers.sh exporter $(CC) $(LANGUAGE) $(WARNINGS) $(LIBRARY_FLAGS)
lint-purity: $(CORE)
	$(Q)$(PYTHON) tests/lint/purity.py $(CORE)
lint-format:
	$(Q)sh tests/lint/format.sh exporter tests
lint-cppcheck:
	$(Q)sh tests/lint/cppcheck.sh exporter $(BUILD)/lint/cppcheck
lint-tidy:
	$(Q)$(PYTHON) tests/lint/tidy.py --stamps=$(BUILD)/lint/tidy exporter -- $(LANGUAGE) $(LIBRARY_FLAGS) \
	    $(foreach name,TEXT REVISION BRANCH ARCH,-DVERSION_$(name)='""')

# Leaks are left to valgrind and AddressSanitizer: gcc 12 loses what is kept under an index that is computed, and takes
# it for one, in 13 places.
ANALYZER := -fanalyzer -Wno-analyzer-malloc-leak
ANALYZED := $(patsubst exporter/%.c,$(BUILD)/analyze/%.o,$(wildcard exporter/*.c exporter/core/*.c exporter/edge/*.c))
analyze: ## gcc's -fanalyzer on all of the program; some minutes, later only for what has changed
	$(Q)sh .ci/packages $(BUILD_PACKAGES)
	$(Q)$(MAKE) --keep-going $(ANALYZED)
	@echo "analyze: nothing to complain about"
$(BUILD)/analyze/%.o: exporter/%.c Makefile
	@echo "  CHECK $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(ANALYZER) $(foreach name,TEXT REVISION BRANCH ARCH,-DVERSION_$(name)='""') -c -o $@ $<

format: ## Formats the C files as lint wants them
	$(Q)sh .ci/packages clang-format
	$(Q)find exporter tests -name '*.[ch]' -exec clang-format -i {} +

reference: all ## Writes keys and metrics into the README, and the pages of built-in lists where `make pages` does
	$(Q)$(PYTHON) tests/lint/readme.py --update $(BUILD)/rbl_exporter
	$(Q)$(MAKE) pages CONFIG=

# Dashboards and templates that were copied to where Grafana and Alertmanager read them can be named instead.
pages: all ## Writes the pages of your lists (CONFIG=file) into dashboards and Alertmanager's templates
	$(Q)sh .ci/packages python3
	$(Q)$(PYTHON) tests/dashboards/lookup_pages.py --update --folder='$(DASHBOARDS)' $(BUILD)/rbl_exporter \
	    $(if $(CONFIG),--config.file='$(CONFIG)')
	$(Q)$(PYTHON) tests/lint/delisting.py --update --template='$(TEMPLATES)/rbl_lists.tmpl' $(BUILD)/rbl_exporter \
	    $(if $(CONFIG),--config.file='$(CONFIG)')
	@echo "pages: written into $(DASHBOARDS)/*.json and $(TEMPLATES)/rbl_lists.tmpl"

prometheusrule: ## Writes the rules of Prometheus as an object of its operator for Kubernetes
	$(Q)$(PYTHON) tests/rules/prometheusrule.py --update

clean: ## Removes what was built
	$(Q)rm -rf $(BUILD)

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

-include $(patsubst %.o,%.d,$(ANALYZED) $(APP) $(CORE) $(EDGE) $(TEST_OBJECTS) $(FUZZ_OBJECTS) $(DRIVER))
