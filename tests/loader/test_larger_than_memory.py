"""Training on a feature file larger than the memory that the process may use."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.io import load_graph, save_graph
from grapevine.loader import NeighborLoader
from grapevine.loader.memory import RowMemory
from grapevine.ops import gather_file
from grapevine.ops._core import core
from grapevine.ops.gather_file import row_cache
from grapevine.ops.gather_rows.cpu import fresh
from tests.loader.test_neighbor_loader import heterogeneous, same
from tests.test_examples import FOLDER, example

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)
needs_core = pytest.mark.skipif(core is None, reason="the compiled core is not installed")


def test_batches_hold_the_rows_of_the_file(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((50, 6), dtype=np.float32)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = Data(x=mapped, edge_index=torch.randint(50, (2, 200)), num_nodes=50)
    for batch in NeighborLoader(data, [3, 3], batch_size=10):
        assert torch.equal(batch.x, torch.from_numpy(values)[batch.n_id])


@needs_core
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """1 GB of features, written, checked and trained on; the process stays well below that."""
    script, record = FOLDER / "larger_than_memory.py", tmp_path / "numbers.json"
    example("larger_than_memory").write(tmp_path / "graph", gigabytes=1)
    command = [sys.executable, script, "--folder", tmp_path / "graph", "--json", record]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    limits = ["--batches", "20", "--batch-size", "256"]
    subprocess.run([*map(str, command), *limits], check=True, capture_output=True, env=environment)
    numbers = json.loads(record.read_text())
    assert numbers["feature file, MB"] > 990 and numbers["batches"] == 20
    assert numbers["peak resident memory, MB"] < numbers["peak before training, MB"] + 400 < 1000
    assert numbers["accuracy"] > 0.8


def test_the_example_at_small_size(tmp_path: Path) -> None:
    talk = example("larger_than_memory")
    talk.write(tmp_path, 0.01)
    arguments = ["--folder", str(tmp_path), "--batches", "6", "--batch-size", "256"]
    numbers = talk.main(arguments)
    assert numbers["nodes"] == 4882 and numbers["batches"] == 6 and numbers["accuracy"] > 0.5


def test_the_recorded_run_stayed_below_2_gb() -> None:
    numbers = json.loads((FOLDER / "larger_than_memory.json").read_text())
    assert numbers["feature file, MB"] > 9_990 and numbers["peak resident memory, MB"] < 2_000


@needs_core
def test_memory_is_used_again_once_nothing_refers_to_it() -> None:
    memory, x = RowMemory(), torch.randn(5000, 100)
    index = torch.randint(5000, (4000,))
    first = memory.rows(x, index)
    place, part = first.data_ptr(), first[10:20].t()
    del first
    second = memory.rows(x, index.flip(0))
    assert second.data_ptr() != place and torch.equal(part, x[index][10:20].t())
    del part
    third = memory.rows(x, index[:3000])
    assert third.data_ptr() == place and torch.equal(third, x[index[:3000]])
    assert torch.equal(second, x[index.flip(0)])
    for dtype in (torch.bfloat16, torch.bool, torch.complex64, torch.int64):
        typed = (x * 3).to(dtype)
        assert torch.equal(memory.rows(typed, index), typed[index])
    third.requires_grad_(), third.detach().add_(1)
    assert memory.empty((3,), torch.float32).untyped_storage().nbytes() == 12  # small: from the allocator
    again = pickle.loads(pickle.dumps(memory))
    assert torch.equal(again.rows(x, index), x[index])


def test_threads_share_memory_without_mixing_batches() -> None:
    data = Data(x=torch.randn(3000, 200), edge_index=torch.randint(3000, (2, 30_000)))
    loader = NeighborLoader(data, [10, 10], batch_size=100, prefetch_threads=3, shuffle=True)
    kept = None
    for number, batch in enumerate(loader):
        assert torch.equal(batch.x, data.x[batch.n_id])
        if number == 5:
            kept = batch
    assert torch.equal(kept.x, data.x[kept.n_id])


@needs_core
@pytest.mark.parametrize("kept", [0, 4, 100, 500, 10_000])
def test_rows_that_are_asked_for_most_are_kept(tmp_path: Path, kept: int) -> None:
    values = np.random.default_rng(0).random((5000, 7), dtype=np.float32)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    cache = row_cache(mapped, kept * 28)
    assert (cache is None) == (kept == 0)
    g = torch.Generator().manual_seed(0)
    for number in range(60):
        hot = torch.randint(100, (300,), generator=g) * 50
        cold = torch.randint(5000, (300,), generator=g)
        index = torch.cat([hot, cold])
        found = gather_file(mapped, index, fresh, cache)
        assert torch.equal(found, torch.from_numpy(values)[index])
        if cache is not None and number == 29:
            hits, misses = cache.hits, cache.misses
    if cache is not None:
        assert cache.bytes <= kept * 28 and cache.hits + cache.misses == 36_000
        share = (cache.hits - hits) / 18_000
        assert kept < 500 or share > 0.5  # the hot half, at least
        assert kept < 10_000 or (share > 0.7 and cache.misses - misses < misses)


@needs_core
def test_one_budget_for_all_files(tmp_path: Path) -> None:
    """The first file may take it all; what is left goes to the others, in every process anew."""
    memory = RowMemory(cache_bytes=400 * 40)
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).random((300, 5)))
    arrays = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "abc"]
    index = torch.randint(300, (1000,))
    for _ in range(3):
        for array in arrays:
            assert torch.equal(memory.file_rows(array, index), torch.from_numpy(np.array(array))[index])
    assert [c.bytes if c else 0 for c in memory._caches.values()] == [300 * 40, 100 * 40, 0]


def test_loaders_read_from_several_files(tmp_path: Path) -> None:
    """Features of two node types and of edges; threads, workers and a cache that is too small give the same."""
    data = heterogeneous()
    save_graph(data, tmp_path / "g")
    read = load_graph(tmp_path / "g", in_memory=0)
    expected = None
    for options in ({}, {"prefetch_threads": 2, "cache_bytes": 200}, {"num_workers": 2}, {"cache_bytes": 0}):
        torch.manual_seed(0)
        batches = list(NeighborLoader(read, [3, 3], "paper", batch_size=8, shuffle=True, **options))
        expected = expected or batches
        for a, b in zip(expected, batches, strict=True):
            same(a, b)
    with pytest.raises(GraphValueError, match="cache_bytes >= 0"):
        NeighborLoader(read, [3], "paper", cache_bytes=-1)
