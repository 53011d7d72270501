"""Runs programs one after the other in one process, and tells what each of them printed, as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
import traceback


def main() -> None:
    """`driver.py FOLDER program.py ...`: every program is given the folder as its argument."""
    folder, *programs = sys.argv[1:]
    found = {}
    for program in programs:
        sys.argv = [program, folder]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                runpy.run_path(program, run_name="__main__")
        except BaseException:  # of a program, told by its test
            found[program] = {"failed": traceback.format_exc()}
        else:
            found[program] = {"printed": printed.getvalue()}
    json.dump(found, sys.stdout)


main()
