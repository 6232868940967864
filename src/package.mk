# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# A part of the Makefile: installing, packing, and the program that needs no shared library.

# Where each shell looks for completions: folder:name of our script there, in the order of the scripts.
DATADIR     := $(PREFIX)/share
COMPLETIONS := bash-completion/completions/qcow2-info:bash zsh/site-functions/_qcow2-info:zsh \
               fish/vendor_completions.d/qcow2-info.fish:fish

# The program has the scripts in it.
$(B)/src/commands/completion.o: $(wildcard src/commands/completion.*)

.PHONY: install-completions install-schemas
install-schemas:
	install -d '$(DESTDIR)$(DATADIR)/qcow2-info/schema'
	install -m 644 man/schema/*.json '$(DESTDIR)$(DATADIR)/qcow2-info/schema'

install-completions:
	$(foreach c,$(COMPLETIONS),install -D -m 644 \
	    'src/commands/completion.$(lastword $(subst :, ,$(c)))' \
	    '$(DESTDIR)$(DATADIR)/$(firstword $(subst :, ,$(c)))' &&) true

install: all install-completions install-schemas ## install program, manual, completions below $(DESTDIR)$(PREFIX)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5'
	install -m 755 $(BIN) '$(DESTDIR)$(BINDIR)/qcow2-info'
	install -m 644 $(filter %.1,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 $(filter %.5,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man5'

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/qcow2-info'
	rm -f $(foreach c,$(COMPLETIONS),'$(DESTDIR)$(DATADIR)/$(firstword $(subst :, ,$(c)))')
	rm -rf '$(DESTDIR)$(DATADIR)/qcow2-info'
	rm -f $(foreach page,$(MAN_PAGES:man/%=%),'$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(page)')

# tar with the same bytes every time: $(call pack,ARCHIVE.tar,WHAT,START OF NAMES:INSTEAD)
pack = LC_ALL=C tar -cf $(1) --sort=name --mtime=@1767225600 --owner=0 --group=0 \
    --numeric-owner --mode=u+rw,go+r,go-w --format=ustar --transform='flags=r;s:^$(3):' $(2) && gzip -9nf $(1)

TARBALL = $(BUILD)/qcow2-info-$(VERSION).tar
dist: ## pack the source as $(BUILD)/qcow2-info-VERSION.tar.gz, the same bytes every time
	@mkdir -p $(BUILD)
	@$(call pack,$(TARBALL),$(DIST),:qcow2-info-$(VERSION)/)
	@echo '$(TARBALL).gz'

# libcurl is loaded while the program runs, which takes shared libraries.
STATIC_BUILD = $(submake) STATIC=1 SAN= COVERAGE= WITH_CURL=0
.PHONY: static release
static: ## build a program that needs no shared library: $(BUILD)/static/qcow2-info
	+@$(STATIC_BUILD) all

# The folder is made anew, so that nothing of an older version is packed.
RELEASE = $(BUILD)/release
ARCH    = $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
BINARY  = qcow2-info-$(VERSION)-linux-$(ARCH)
release: dist ## pack source and static program with SHA256SUMS in $(BUILD)/release, the same bytes every time
	@rm -rf '$(RELEASE)'
	+@$(STATIC_BUILD) install DESTDIR='$(abspath $(RELEASE))/$(BINARY)' PREFIX= >/dev/null
	@strip '$(RELEASE)/$(BINARY)/bin/qcow2-info'
	@install -m 644 LICENSE README.md '$(RELEASE)/$(BINARY)'
	@$(call pack,$(RELEASE)/$(BINARY).tar,-C '$(RELEASE)/$(BINARY)' .,.:$(BINARY))
	@rm -r '$(RELEASE)/$(BINARY)'
	@cp '$(TARBALL).gz' '$(RELEASE)'
	@cd '$(RELEASE)' && sha256sum *.tar.gz >SHA256SUMS
	@echo '$(RELEASE)'
