"""Runs a module's functions named test_* and prints one JSON line for each, for the Node test that started it."""

import json
import sys
import traceback


def run(tests: dict) -> None:
    for name, test in tests.items():
        if not name.startswith("test_"):
            continue
        try:
            test()
            line = {"name": name, "ok": True}
        except Exception:  # every kind of failure is a result to report
            line = {"name": name, "ok": False, "error": traceback.format_exc()}
        print(json.dumps(line), flush=True)
    sys.exit(0)
