"""Running a program as `python program.py` would."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from grapevine.errors import GraphValueError


def check_program(script: str | Path) -> None:
    """Refuses what is no Python file.

    Raises:
        GraphValueError: if there is no such file, or if it is a notebook.
    """
    if not os.path.isfile(script):
        raise GraphValueError(f"expected a Python file, got {str(script)!r}, which is none")
    if Path(script).suffix == ".ipynb":
        raise GraphValueError(
            f"expected a Python file, got the notebook {str(script)!r}; "
            f"do this instead: jupyter nbconvert --to script {script}"
        )


def run(script: str | Path, arguments: Sequence[str] = ()) -> None:
    """Runs a Python file as the main program of this process; `install` decides what its imports find.

    Args:
        script: the file.
        arguments: what the program sees as `sys.argv[1:]`.

    Raises:
        GraphValueError: if there is no such file, or if it is a notebook.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "hello.py"
        >>> _ = file.write_text("import sys; print('hello', *sys.argv[1:])")
        >>> run(file, ["you"])
        hello you
    """
    check_program(script)
    before = sys.argv[:], sys.path[:]
    sys.argv[:] = [str(script), *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv[:], sys.path[:] = before
