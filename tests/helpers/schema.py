# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Checks JSON that the program printed against the schemas in man/schema:
#
#     python3 schema.py SCHEMAS FOLDER
#
# FOLDER has, for each run, the file N with its output and the file N.run: the exit status and the arguments, one a
# line. A run that failed may end within a value; all that comes before is checked. Without FOLDER it is only tried
# whether the module jsonschema is there. Exit status 1: something does not fit; 3: there is no such module.

import itertools
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(3)

BYTES_MAX, VALUES_MAX, SHOWN = 4 << 20, 3000, 5


def validators(folder):
    found = {}
    for path in pathlib.Path(folder).glob("*.json"):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        found[path.stem] = jsonschema.Draft202012Validator(schema)
    return found


def command_of(arguments, commands):
    """The first word before "--" may name the command; the default is info. None: what it prints is no JSON."""
    words = [word for word in itertools.takewhile("--".__ne__, arguments) if not word.startswith("-")]
    if words[:1] == ["help"] or not {"-h", "--help", "-V", "--version"}.isdisjoint(arguments):
        return None
    return words[0] if words and words[0] in commands else "info"


def values(text, may_be_cut):
    """Each value of a text, as (text, value). Raises ValueError for what is no JSON."""
    decoder, at, count = json.JSONDecoder(), 0, 0
    while count < VALUES_MAX:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at == len(text):
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            if may_be_cut:
                return
            raise
        yield text[at:end], value
        at, count = end, count + 1


def complaint(validator, value):
    """What is wrong with a value; of several alternatives, with the one that it fits best."""
    error = next(validator.iter_errors(value), None)
    if error is None:
        return None
    while error.context:
        branches = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        wrong_kind = lambda errors: any(e.validator == "type" and not e.path for e in errors)
        error = min(branches.values(), key=lambda errors: (wrong_kind(errors), len(errors)))[0]
    return f"at {error.json_path}: {error.message[-300:]}"


def check_run(path, checks, seen):
    status, *arguments = path.with_suffix(".run").read_text(errors="replace").splitlines()
    command = command_of(arguments, checks)
    if command is None:
        return None
    data = path.read_bytes()
    may_be_cut = status != "0" or len(data) > BYTES_MAX
    try:
        for text, value in values(data[:BYTES_MAX].decode(errors="replace"), may_be_cut):
            if (command, text) in seen:
                continue
            seen.add((command, text))
            wrong = complaint(checks[command], value)
            if wrong:
                return f"{' '.join(arguments)}: {wrong}\n    {text[:300]}"
    except ValueError as error:
        return f"{' '.join(arguments)}: not JSON: {error}"
    return None


def main():
    checks = validators(sys.argv[1])
    seen = set()
    runs = sorted(pathlib.Path(sys.argv[2]).glob("*.run")) if len(sys.argv) > 2 else []
    wrong = [found for run in runs if (found := check_run(run.with_suffix(""), checks, seen))]
    for text in wrong[:SHOWN]:
        print(f"not what the schema says: {text}", file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} of {len(runs)} runs with --json do not fit man/schema")


main()
