"""Training on features that do not fit into memory: GraphSAGE on a made-up graph whose features lie in a file.

    python examples/larger_than_memory.py --folder FOLDER --gigabytes 10

Writes a graph of random edges into FOLDER (unless one is there), with features of the wanted size; checks it against
its checksums; trains on sampled neighbourhoods, whose features are read from the file in the loader's threads; and
tells how much memory the process took at most. A node's features are noise around the mean of its class, which most of
its neighbours share. `examples/larger_than_memory.json` holds the numbers of the last recorded run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.io import load_graph, save_graph
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE

CLASSES, WIDTH, DEGREE = 8, 512, 8


def write(folder: Path, gigabytes: float) -> None:
    """The graph: features first, block by block, then the rest beside them."""
    rng = np.random.default_rng(0)
    num_nodes = int(gigabytes * 1e9 / (4 * WIDTH))
    y = rng.integers(CLASSES, size=num_nodes)
    means = 0.15 * rng.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    noise = rng.standard_normal((20_000, WIDTH), dtype=np.float32)
    block = np.empty((8_000, WIDTH), dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "x.bin").open("wb") as file:
        for start in range(0, num_nodes, len(block)):
            labels = y[start : start + len(block)]
            rows, shift = block[: len(labels)], int(rng.integers(len(noise) - len(labels)))
            np.take(means, labels, axis=0, out=rows, mode="clip")
            rows += noise[shift : shift + len(labels)]
            rows.tofile(file)
    by_class = np.argsort(y, kind="stable")
    first = np.searchsorted(y[by_class], np.arange(CLASSES + 1))
    target = rng.integers(num_nodes, size=DEGREE * num_nodes)
    low, high = first[y[target]], first[y[target] + 1]
    source = by_class[low + (rng.random(len(target)) * (high - low)).astype(np.int64)]
    other = rng.random(len(target)) < 0.3
    source[other] = rng.integers(num_nodes, size=int(other.sum()))
    x = np.memmap(folder / "x.bin", np.float32, "r", shape=(num_nodes, WIDTH))
    edge_index = torch.from_numpy(np.stack([source, target]))
    save_graph(Data(x=x, edge_index=edge_index, y=torch.from_numpy(y)), folder)


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def train(folder: Path, batches: int, batch_size: int) -> dict[str, float]:
    """Reads the graph, trains, and returns what it took; the accuracy is that on the last quarter of the batches."""
    start = time.perf_counter()
    data = load_graph(folder, in_memory=1 << 26)
    checked, before = time.perf_counter() - start, peak()
    torch.manual_seed(0)
    model = GraphSAGE(data.num_features, 64, 2, CLASSES)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = NeighborLoader(data, [10, 5], batch_size=batch_size, shuffle=True)
    hits, seen, rows, start = 0, 0, 0, time.perf_counter()
    for number, batch in enumerate(loader):
        out, y = model(batch.x, batch.edge_index)[: batch.batch_size], batch.y[: batch.batch_size]
        if number >= batches * 3 // 4:  # before the model sees their labels
            hits, seen = hits + int((out.argmax(1) == y).sum()), seen + len(y)
        optimizer.zero_grad()
        F.cross_entropy(out, y).backward()
        optimizer.step()
        rows += batch.num_nodes
        if number + 1 == batches:
            break
    seconds = time.perf_counter() - start
    return {
        "feature file, MB": data.num_nodes * WIDTH * 4 / 1e6,
        "nodes": data.num_nodes,
        "edges": data.num_edges,
        "check, s": checked,
        "batches": number + 1,
        "ms per batch": seconds / (number + 1) * 1e3,
        "rows read": rows,
        "accuracy": hits / max(seen, 1),
        "peak before training, MB": before,
        "peak resident memory, MB": peak(),
    }


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Writes, trains, prints and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    parser.add_argument("--write-only", action="store_true")
    options = parser.parse_args(arguments)
    if not (options.folder / "manifest.json").exists():
        if options.write_only:
            write(options.folder, options.gigabytes)
            return {}
        # In a process of its own, whose memory does not count.
        command = [sys.executable, __file__, "--folder", options.folder, "--gigabytes", options.gigabytes]
        subprocess.run([*map(str, command), "--write-only"], check=True)
    numbers = train(options.folder, options.batches, options.batch_size)
    for name, value in numbers.items():
        print(f"{name:26} {value:,.3f}" if isinstance(value, float) else f"{name:26} {value:,}")
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
