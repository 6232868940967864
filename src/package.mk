# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# A part of the Makefile: installing and packing.

# Where each shell looks for completions: folder:name of our script there, in the order of the scripts.
DATADIR     := $(PREFIX)/share
COMPLETIONS := bash-completion/completions/qcow2-info:bash zsh/site-functions/_qcow2-info:zsh \
               fish/vendor_completions.d/qcow2-info.fish:fish

# The program has the scripts in it.
$(B)/src/commands/completion.o: $(wildcard src/commands/completion.*)

.PHONY: install-completions
install-completions:
	$(foreach c,$(COMPLETIONS),install -D -m 644 \
	    'src/commands/completion.$(lastword $(subst :, ,$(c)))' \
	    '$(DESTDIR)$(DATADIR)/$(firstword $(subst :, ,$(c)))' &&) true

install: all install-completions ## install program, man pages, completions below $(DESTDIR)$(PREFIX)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5'
	install -m 755 $(BIN) '$(DESTDIR)$(BINDIR)/qcow2-info'
	install -m 644 $(filter %.1,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 $(filter %.5,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man5'

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/qcow2-info'
	rm -f $(foreach c,$(COMPLETIONS),'$(DESTDIR)$(DATADIR)/$(firstword $(subst :, ,$(c)))')
	rm -f $(foreach page,$(MAN_PAGES:man/%=%),'$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(page)')

TARBALL = $(BUILD)/qcow2-info-$(VERSION).tar
dist: ## pack the source as $(BUILD)/qcow2-info-VERSION.tar.gz, the same bytes every time
	@mkdir -p $(BUILD)
	@LC_ALL=C tar -cf $(TARBALL) --sort=name --mtime=@1767225600 --owner=0 --group=0 \
	    --numeric-owner --mode=u+rw,go+r,go-w --format=ustar \
	    --transform='flags=r;s,^,qcow2-info-$(VERSION)/,' $(DIST)
	@gzip -9nf $(TARBALL)
	@echo '$(TARBALL).gz'
