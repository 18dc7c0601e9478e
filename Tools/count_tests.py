#!/usr/bin/env python3
"""Counts tests from a test runner's output, for Tools/test.

    Tools/count_tests.py swift|python EXIT_STATUS LOG

Prints "PASSED FAILED CLOSING LINE". Fails when the log has no closing line, unless the runner
itself failed (it crashed): then that is one failure.
"""

import re
import sys

SWIFT_CLOSING = re.compile(r"Test run with (\d+) tests?\b.*\b(passed|failed) after .*")
SWIFT_FAILED = re.compile(r"^\W*Test (?!run with|case )(.+?) failed after [\d.]+ seconds", re.M)
XCTEST_CLOSING = re.compile(r"Executed (\d+) tests?, with .*?(\d+) failures?")
PYTHON_CLOSING = re.compile(r"^Ran (\d+) tests? in .*$", re.M)
PYTHON_OUTCOME = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.M)
PYTHON_FAILURES = ("failures", "errors", "unexpected successes")
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def swift(text):
    """Tests, failures and closing line of `swift test`; None without a closing line.

    A parametrised test counts once. XCTest's own summary is added when it ran anything.
    """
    closing = list(SWIFT_CLOSING.finditer(text))
    if not closing:
        return None
    total = sum(int(match.group(1)) for match in closing)
    failures = len(SWIFT_FAILED.findall(text))
    older = [(int(a), int(b)) for a, b in XCTEST_CLOSING.findall(text)]
    if older:
        # Nested suites each print a summary; the outermost has the most.
        ran, wrong = max(older)
        total, failures = total + ran, failures + wrong
    return total, failures, closing[-1].group(0)


def python(text):
    """Tests, failures and closing line of `unittest`; skipped tests are neither."""
    closing = PYTHON_CLOSING.search(text)
    if not closing:
        return None
    total = int(closing.group(1))
    outcome = PYTHON_OUTCOME.search(text, closing.end())
    named = dict(re.findall(r"([a-z][a-z ]*)=(\d+)", outcome.group(1) or "")) if outcome else {}
    failures = sum(int(named.get(name, 0)) for name in PYTHON_FAILURES)
    return total - int(named.get("skipped", 0)), failures, closing.group(0)


def counts(kind, status, text):
    """(passed, failed, closing line); None if the runner succeeded and does not say what it ran."""
    found = {"swift": swift, "python": python}[kind](ESCAPES.sub("", text))
    if found is None:
        return None if status == 0 else (0, 1, "no closing line: the runner crashed")
    total, failures, line = found
    failures = min(failures, total)
    if status != 0 and failures == 0:
        return total, 1, line
    return total - failures, failures, line


def main():
    kind, status, path = sys.argv[1:]
    with open(path, encoding="utf-8", errors="replace") as file:
        found = counts(kind, int(status), file.read())
    if found is None:
        return 1
    print(*found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
