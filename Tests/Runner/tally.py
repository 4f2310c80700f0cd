"""Adds test reports up. Arguments: NAME:EXIT_STATUS:JUNIT_FILE ("" for a check without a report).

Prints a line for each, the names of what failed, and last "N passed, N failed". A part that failed without naming a
test counts as one failure, and so does one that ran no test. Exit status 1 when anything failed.
"""
import sys
import xml.etree.ElementTree as ElementTree


def read(path):
    """(passed, skipped, names of the failed) of a JUnit report; None when it is absent or cut off."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return None
    failed = [
        f"{case.get('classname')}.{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    return len(cases) - skipped - len(failed), skipped, failed


def main(arguments):
    all_passed, all_failed = 0, 0
    for argument in arguments:
        name, status, path = argument.split(":", 2)
        report = read(path) if path else (0, 0, [])
        passed, skipped, failed = report if report is not None else (0, 0, [])
        if status != "0" and not failed:
            failed = [f"{name} ended with status {status}"]
        elif path and passed + len(failed) == 0:
            failed = [f"{name} ran no test"]
        print(f"{name}: {passed} passed, {len(failed)} failed, {skipped} skipped" if path else f"{name}: " + (
            "failed" if failed else "clean"))
        for test in failed:
            print(f"  failed: {test}")
        all_passed += passed
        all_failed += len(failed)
    print(f"{all_passed} passed, {all_failed} failed")
    return 1 if all_failed or not all_passed else 0


sys.exit(main(sys.argv[1:]))
