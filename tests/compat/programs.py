"""Runs the text of a program as `grapevine run` would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path


def run(folder: Path, program: str, *arguments: str | Path, name: str = "program.py") -> str:
    """What the program printed; installed peers are not used."""
    file = folder / name
    file.write_text(textwrap.dedent(program))
    command = [sys.executable, "-m", "grapevine", "run", "--force", str(file), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
