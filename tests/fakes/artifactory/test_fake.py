# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs the double's own tests: python3 test_fake.py [-k WORD]. Prints lines that tests/count.sh counts."""
import argparse
import sys
import time
import unittest

import test_access
import test_cargo
import test_faults
import test_rows
import test_rules
import test_search
import test_wire
import testing

MODULES = (test_rows, test_search, test_cargo, test_access, test_rules, test_faults, test_wire)


class Lines(unittest.TestResult):
    """cmocka's lines: [       OK ] and, at the end, how many failed."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        print(f"[       OK ] {test.id()} ({time.monotonic() - self.began:.2f} s)", flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"[  SKIPPED ] {test.id()}: {reason}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._tell(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._tell(test, self.errors[-1][1])

    @staticmethod
    def _tell(test, text):
        print(f"[  ERROR   ] {test.id()}\n{text}\n[  FAILED  ] {test.id()}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", dest="words", action="append", help="only tests with this in their name")
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{word}*" for word in parser.parse_args().words or []] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(m) for m in MODULES)
    result = Lines()
    try:
        suite.run(result)
    finally:
        testing.Case.end()
    bad = len(result.failures) + len(result.errors)
    if result.skipped:
        print(f"[  SKIPPED ] {len(result.skipped)} test(s), listed above")
    if bad:
        print(f"[  FAILED  ] {bad} test(s), listed above")
    return 1 if bad or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
