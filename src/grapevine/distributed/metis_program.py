"""Runs METIS on the graph in a folder. A program of its own, since METIS ends its process where it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pymetis


def main(folder: str, parts: str) -> None:
    """Reads `ptr.npy` and `index.npy`, writes `part.npy`."""
    ptr, index = (np.load(Path(folder) / f"{name}.npy") for name in ("ptr", "index"))
    _, part = pymetis.part_graph(int(parts), pymetis.CSRAdjacency(ptr, index))
    np.save(Path(folder) / "part.npy", np.asarray(part, dtype=np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
