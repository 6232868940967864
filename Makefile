# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything is built, tested, checked and installed from here; `make help` lists how.
# GNU make is the only prerequisite: `make deps` installs the rest.

VERSION := 0.2.0

# ---- Variables to set on the command line or in the environment -------------------------------

# Compiler (gcc or clang) and flags added to ours. The default flags depend on SAN.
CFLAGS   ?= $(if $(SAN),-O1,-O2) -g
CPPFLAGS ?=
LDFLAGS  ?=
PKG_CONFIG ?= pkg-config

# SAN=address,undefined or SAN=thread: build with sanitizers. COVERAGE=1: with gcov counters.
SAN      ?=
COVERAGE ?=

# STATIC=1: a program that needs no shared library; `make static` sets it.
STATIC ?=

# WERROR=1: warnings are errors. V=1: show the whole commands.
WERROR ?=
V      ?=

# Optional libraries: auto = used when found, 1 = required, 0 = not used.
WITH_LIBDEFLATE ?= auto
WITH_LIBGCRYPT  ?= auto
WITH_NETTLE     ?= auto
WITH_SECCOMP    ?= auto
WITH_CURL       ?= auto

# Where `make install` puts things. DESTDIR is put in front of all of them.
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DESTDIR ?=

# Where everything built goes. Each variant (plain, SAN, COVERAGE) has a folder of its own in it.
BUILD ?= build

# Jobs for the steps that start a make of their own, when make itself was given no -j.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

# TESTS="tests/map/map.bats test_json ...": `make check` runs only these files and unit tests.
# TESTS="test_json ...": `make check-unit` builds and runs only these.
TESTS ?=

# ---- Libraries: one row each, pkg-config name:Debian package ----------------------------------

REQUIRED := zlib:zlib1g-dev libzstd:libzstd-dev

# Optional: name in WITH_name:pkg-config name:Debian package
OPTIONAL := LIBDEFLATE:libdeflate:libdeflate-dev LIBGCRYPT:libgcrypt:libgcrypt20-dev \
            NETTLE:nettle:nettle-dev SECCOMP:libseccomp:libseccomp-dev \
            CURL:libcurl:libcurl4-openssl-dev
# Required too, but left out of a static program where there is no static library.
$(if $(filter 1,$(STATIC)),OPTIONAL,REQUIRED) += $(if $(filter 1,$(STATIC)),CJSON:)libcjson:libcjson-dev

# ---- What is built from what ------------------------------------------------------------------

comma   := ,
empty   :=
space   := $(empty) $(empty)
variant := $(subst $(space),-,$(or $(strip $(subst $(comma), ,$(SAN)) \
                                           $(if $(filter 1,$(STATIC)),static) \
                                           $(if $(filter 1,$(COVERAGE)),coverage)),default))
B       := $(BUILD)/$(variant)
BIN     := $(B)/qcow2-info

SRCS      := $(sort $(wildcard src/*.c src/*/*.c))
UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))
OBJS      := $(SRCS:%.c=$(B)/%.o)
LIB_OBJS  := $(filter-out $(B)/src/main.o,$(OBJS))
UNIT_OBJS := $(UNIT_SRCS:%.c=$(B)/%.o)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(B)/unit/%)
MAN_PAGES := $(wildcard man/*.[15])
DIST      := $(wildcard .ci .clang-format .editorconfig .github .gitignore LICENSE Makefile README.md \
                        man src tests)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all deps deps-build deps-check deps-lint deps-fuzz demo check check-only check-unit \
        check-random coverage bench lint lint-only lint-tidy format install uninstall dist clean \
        help FORCE

quiet = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' '$(1)' '$(2)';)

# Goals that build nothing themselves need neither a compiler nor a library.
UNCONFIGURED := deps deps-build deps-check deps-lint deps-fuzz demo check lint format \
                install-completions install-schemas static release \
                coverage fuzz uninstall dist clean help
ifneq ($(filter-out $(UNCONFIGURED),$(or $(MAKECMDGOALS),$(.DEFAULT_GOAL))),)

# ---- Finding the compiler and the libraries ---------------------------------------------------

define nl


endef
field   = $(word $(1),$(subst :, ,$(2)))
has     = $(shell command -v $(1) 2>/dev/null)
libs    = $(shell $(PKG_CONFIG) $(if $(filter 1,$(STATIC)),--static) --libs $(1))
found   = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && \
              { $(if $(filter 1,$(STATIC)),echo 'int main(void) { return 0; }' | $(CC) -static -x c - \
                -o /dev/null $(call libs,$(1)) 2>/dev/null &&) echo yes; })
missing = $(error $(nl)$(1)$(nl)Cure: `make deps` installs everything the build needs)

ifeq ($(call has,$(firstword $(CC))),)
  $(call missing,The C compiler `$(CC)` was not found (Debian package gcc).)
endif
ifeq ($(call has,$(PKG_CONFIG)),)
  $(call missing,The program `$(PKG_CONFIG)` was not found (Debian package pkg-config).)
endif

define add_optional
  WITH_$(1) ?= auto
  ifneq ($$(filter-out auto 0 1,$$(WITH_$(1))),)
    $$(error WITH_$(1)=$$(WITH_$(1)): it can be auto, 0 or 1)
  else ifeq ($$(WITH_$(1)),1)
    REQUIRED += $(2):$(3)
    LIB_DEFS += -DWITH_$(1)=1
  else ifeq ($$(WITH_$(1))$$(if $$(filter auto,$$(WITH_$(1))),$$(call found,$(2))),autoyes)
    FOUND    += $(2)
    LIB_DEFS += -DWITH_$(1)=1
  else ifeq ($(STATIC)$$(WITH_$(1)),1auto)
    $$(info static: left out: $(2), of which there is no static library)
  endif
endef
$(foreach o,$(OPTIONAL),$(eval \
    $(call add_optional,$(call field,1,$(o)),$(call field,2,$(o)),$(call field,3,$(o)))))

LIB_DEFS += $(if $(filter libcjson:%,$(REQUIRED)),-DWITH_CJSON=1)

PKGS   := $(foreach r,$(REQUIRED),$(call field,1,$(r))) $(FOUND)
ABSENT := $(if $(call found,$(PKGS)),,$(foreach r,$(REQUIRED),$(if \
              $(call found,$(call field,1,$(r))),,$(r))))
ifneq ($(ABSENT),)
  $(call missing,Libraries that were not found:$(foreach \
      r,$(ABSENT),$(nl)  $(call field,1,$(r)) (Debian package $(call field,2,$(r)))))
endif

LIB_CFLAGS   := $(shell $(PKG_CONFIG) --cflags $(PKGS))
LIB_LDLIBS   := $(call libs,$(PKGS))
LIB_VERSIONS := $(shell $(PKG_CONFIG) --modversion $(PKGS))
CC_VERSION   := $(shell $(CC) --version 2>/dev/null | head -n 1)

# ---- Flags ------------------------------------------------------------------------------------

accepted = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wvla -Wformat=2 -Wwrite-strings -Wpointer-arith \
            -Wimplicit-fallthrough $(if $(filter 1,$(WERROR)),-Werror)
LANGUAGE := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread
DEFINES  := -Isrc -DQCOW2_INFO_VERSION='"$(VERSION)"' $(LIB_DEFS) \
            $(if $(or $(SAN),$(filter 1,$(COVERAGE))),-DINSTRUMENTED=1)

# FORTIFY needs the optimiser, and would hide from a sanitizer what it looks for.
OPTIMISED := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
FORTIFY   := $(if $(and $(OPTIMISED),$(if $(SAN),,yes)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDENING := -fPIE -fstack-protector-strong $(FORTIFY) \
             $(call accepted,-fstack-clash-protection) $(call accepted,-fcf-protection)
ifneq ($(SAN),)
  INSTRUMENT += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifeq ($(COVERAGE),1)
  INSTRUMENT += --coverage
endif

ALL_CFLAGS  := $(LANGUAGE) $(WARNINGS) -ffile-prefix-map='$(CURDIR)'=. $(HARDENING) \
               $(INSTRUMENT) $(DEFINES) $(LIB_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pthread $(if $(filter 1,$(STATIC)),-static-pie,-pie) -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed \
               $(INSTRUMENT) $(CFLAGS) $(LDFLAGS)

endif

# ---- Building ---------------------------------------------------------------------------------

all: $(BIN) $(if $(filter default,$(variant)),$(BUILD)/qcow2-info) ## build qcow2-info (default)

# The two stamps hold what the results depend on besides their sources. They are written only when
# that changes, and everything that depends on them is then built again.
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
        printf '%s\n' '$(subst ','\'',$(1))' >$@

$(B)/compile.stamp: FORCE
	$(call stamp,$(CC) $(CC_VERSION) $(LIB_VERSIONS) $(ALL_CFLAGS))

$(B)/link.stamp: FORCE
	$(call stamp,$(CC) $(CC_VERSION) $(LIB_VERSIONS) $(ALL_LDFLAGS) $(LIB_LDLIBS) $(OBJS))

$(B)/%.o: %.c $(B)/compile.stamp
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BIN): $(OBJS) $(B)/link.stamp
	$(call quiet,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(LIB_LDLIBS)

$(BUILD)/qcow2-info: $(BIN)
	@ln -sf $(variant)/qcow2-info $@

$(B)/unit/%: $(B)/tests/unit/%.o $(LIB_OBJS) $(B)/link.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $< $(LIB_OBJS) $(LIB_LDLIBS)

.SECONDARY: $(UNIT_OBJS)
-include $(OBJS:.o=.d) $(UNIT_OBJS:.o=.d)
include tests/fuzz/fuzz.mk

# This test makes memory run out.
$(B)/unit/test_memory: private ALL_LDFLAGS += \
    $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup asprintf __asprintf_chk)

# ---- Installing what build and tests need; the demonstration ----------------------------------

# A make of its own, because only then are freshly installed libraries found.
submake = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

deps: ## install everything that build, tests, lint and fuzzing need
	@tests/helpers/deps.sh build check lint fuzz

deps-build deps-check deps-lint deps-fuzz: deps-%:
	@tests/helpers/deps.sh $*

demo: deps-build ## install what the build needs, build, and show the tool on a sample image
	+@$(submake) all
	@PATH="$(CURDIR)/$(B):$$PATH" tests/sample/demo.sh

# ---- Tests ------------------------------------------------------------------------------------

check: deps-build deps-check ## install what the tests need, build, and run all tests
	+@$(submake) check-only

# What only a file that does not run needs is not built.
NEEDED := $(if $(TESTS),$(patsubst %,$(B)/unit/%,$(filter test_%,$(TESTS))) \
              $(if $(filter %/fuzz.bats,$(TESTS)),$(FUZZ_BINS)),$(UNIT_BINS) $(FUZZ_BINS))
check-only: all $(NEEDED) ## the same, installing nothing
	@BUILD='$(abspath $(BUILD))' QCOW2_INFO='$(abspath $(BIN))' tests/run $(TESTS)

check-unit: all $(or $(TESTS:%=$(B)/unit/%),$(UNIT_BINS)) ## run only the unit tests
	@BUILD='$(abspath $(BUILD))' QCOW2_INFO='$(abspath $(BIN))' tests/run --unit $(TESTS)

check-random: SUITE := random
check-random: ## compare with qemu-img on random images
coverage: deps-build deps-check ## print which lines of src the tests do not reach
	+-@$(submake) COVERAGE=1 check-only
	@BUILD='$(BUILD)/coverage' tests/coverage

bench: SUITE := bench
bench: ## measure, side by side with qemu-img

check-random: export DRIVER := $(abspath $(B)/fuzz/driver)
check-random: $(B)/fuzz/driver

check-random bench: all
	@QCOW2_INFO='$(abspath $(BIN))' BUILD='$(abspath $(B))' tests/$(SUITE)/run

# ---- Lint -------------------------------------------------------------------------------------

lint: deps-build deps-lint ## install the checkers and run them over all files
	+@$(submake) lint-only

lint-only: lint-tidy ## the same, installing nothing
	@tests/lint/run $(B)/src

# clang-tidy is the slow one: a file is looked at again only after it, or a header of it, changed.
TIDY_CONFIG := tests/lint/clang-tidy.yaml
TIDY        := $(patsubst %.c,$(B)/%.tidy,$(SRCS) $(UNIT_SRCS) $(FUZZ_SRCS))
lint-tidy: $(TIDY)

$(B)/%.tidy: $(B)/%.o $(TIDY_CONFIG)
	$(call quiet,TIDY,$*.c)clang-tidy --quiet --config-file=$(TIDY_CONFIG) \
	    $(if $(filter tests/%,$*),--checks=-bugprone-implicit-widening-of-multiplication-result) \
	    $*.c -- \
	    $(LANGUAGE) $(DEFINES) $(LIB_CFLAGS) $(CPPFLAGS) 2>$@.log || \
	    { grep -v 'warnings generated' $@.log >&2; exit 1; }
	@touch $@

format: ## put the C files into the style that lint asks for
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch])

# ---- Installing and packing, cleaning, help -----------------------------------------------------

include src/package.mk

clean: ## remove everything built
	rm -rf $(BUILD)

help: ## list the targets
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile tests/fuzz/fuzz.mk src/package.mk | expand -t 16
	@echo 'Variables (described at the top of the Makefile, with their defaults):'
	@echo '  CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG SAN COVERAGE STATIC WERROR V WITH_LIBDEFLATE'
	@echo '  WITH_LIBGCRYPT WITH_NETTLE WITH_SECCOMP WITH_CURL PREFIX BINDIR MANDIR DESTDIR BUILD JOBS TESTS'
