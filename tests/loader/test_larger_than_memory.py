"""Training on a feature file larger than the memory that the process may use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from grapevine.data import Data
from grapevine.loader import NeighborLoader
from grapevine.ops._core import core

SCRIPT = """
import resource, sys
import numpy as np, torch
from grapevine.data import Data
from grapevine.loader import NeighborLoader
from grapevine.nn import SAGEConv

torch.set_num_threads(1)
N, F = 1_000_000, 256  # 1 GB
x = np.memmap(sys.argv[1], np.float32, "w+", shape=(N, F))
x.flush()
data = Data(x=np.memmap(sys.argv[1], np.float32, "r", shape=(N, F)), edge_index=torch.randint(N, (2, 2_000_000)))
del x
conv = SAGEConv(F, 4)
loader = NeighborLoader(data, [5, 5], batch_size=512, shuffle=True)
next(iter(loader))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i, batch in enumerate(loader):
    conv(batch.x, batch.edge_index).sum().backward()
    if i == 30:
        break
print(before // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_batches_hold_the_rows_of_the_file(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((50, 6), dtype=np.float32)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = Data(x=mapped, edge_index=torch.randint(50, (2, 200)), num_nodes=50)
    for batch in NeighborLoader(data, [3, 3], batch_size=10):
        assert torch.equal(batch.x, torch.from_numpy(values)[batch.n_id])


@pytest.mark.skipif(core is None, reason="the compiled core is not installed")
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A file of 1 GB: thirty batches read a third of it, and the process grows by a few batches' worth."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "x.bin")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = (int(mb) for mb in run.stdout.split())
    assert after - before < 200
