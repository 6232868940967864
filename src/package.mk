# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# A part of the Makefile: installing and packing.

install: all ## install program and man page below $(DESTDIR)$(PREFIX)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5'
	install -m 755 $(BIN) '$(DESTDIR)$(BINDIR)/qcow2-info'
	install -m 644 $(filter %.1,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 $(filter %.5,$(MAN_PAGES)) '$(DESTDIR)$(MANDIR)/man5'

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/qcow2-info'
	rm -f $(foreach page,$(MAN_PAGES:man/%=%),'$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(page)')

TARBALL = $(BUILD)/qcow2-info-$(VERSION).tar
dist: ## pack the source as $(BUILD)/qcow2-info-VERSION.tar.gz, the same bytes every time
	@mkdir -p $(BUILD)
	@LC_ALL=C tar -cf $(TARBALL) --sort=name --mtime=@1767225600 --owner=0 --group=0 \
	    --numeric-owner --mode=u+rw,go+r,go-w --format=ustar \
	    --transform='flags=r;s,^,qcow2-info-$(VERSION)/,' $(DIST)
	@gzip -9nf $(TARBALL)
	@echo '$(TARBALL).gz'
