# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# A part of the Makefile: the fuzz harnesses, with a driver of our own in every build, and with
# libFuzzer as its driver in one that clang makes. `make fuzz` takes
#
#     TIME=60             seconds a harness
#     HARNESS='map cat'   only these (default: all)
#     JOBS=2              how many at once (default: as many as there are cores)

FUZZ_MAINS := driver judge libfuzzer
FUZZ_SRCS  := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_OBJS  := $(patsubst %.c,$(B)/%.o,$(filter-out $(FUZZ_MAINS:%=tests/fuzz/%.c),$(FUZZ_SRCS)))
FUZZ_BINS  := $(B)/fuzz/driver $(B)/fuzz/judge
LIBFUZZER  := $(BUILD)/libfuzzer/address-undefined/fuzz/libfuzzer

# Memory is counted by functions that the linker puts in the place of the C library's.
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_OBJS) $(LIB_OBJS) $(B)/link.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(CC) $(ALL_LDFLAGS) $(if $(filter libfuzzer,$*),-fsanitize=fuzzer) \
	    $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc free) \
	    -o $@ $< $(FUZZ_OBJS) $(LIB_OBJS) $(LIB_LDLIBS)

.SECONDARY: $(FUZZ_SRCS:%.c=$(B)/%.o)
-include $(wildcard $(B)/tests/fuzz/*.d)

.PHONY: fuzz fuzz-build
fuzz: deps-build deps-fuzz ## fuzz with clang's libFuzzer: TIME=60 seconds a harness, HARNESS='map cat'
	+@$(submake) fuzz-build
	@FUZZER='$(LIBFUZZER)' DRIVER='$(firstword $(FUZZ_BINS))' FOUND='$(BUILD)/fuzz' tests/fuzz/run

fuzz-build: $(FUZZ_BINS)
	+@$(submake) CC=clang SAN=address,undefined BUILD='$(BUILD)/libfuzzer' \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' '$(LIBFUZZER)'
