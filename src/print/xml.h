// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Text in XML.

#ifndef PRINT_XML_H
#define PRINT_XML_H

#include "print/writer.h"

// Prints a string that comes from outside, escaped as in text.h and then for XML: between two tags
// or in an attribute. When it has more than `columns` characters, the beginning is left out.
void xml_safe(struct writer *writer, const char *string, size_t columns);

#endif
