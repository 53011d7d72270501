"""Your own graph: two tables in, one file out, a model trained.

Writes `nodes.csv` and `edges.csv` of two villages that gossip mostly among themselves, reads them, saves the graph,
and trains on it. The command line does the same: `grapevine train --data FOLDER`.

    python examples/own_graph.py
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from grapevine.io import load_graph, read_csv, save_graph
from grapevine.training import recipe, train


def write_tables(folder: Path, people: int = 100) -> None:
    """Two villages: how often somebody fishes says a little of where they live, how often their friends do, more."""
    rng = random.Random(0)
    villages = ["north" if i % 2 else "south" for i in range(people)]
    lines = ["id,fishing,label"]
    lines += [f"p{i},{rng.gauss(1.0 if i % 2 else 0.0, 1.0):.3f},{villages[i]}" for i in range(people)]
    (folder / "nodes.csv").write_text("\n".join(lines) + "\n")
    pairs = [
        (i, j) for i in range(people) for j in range(i) if rng.random() < (0.2 if (i - j) % 2 == 0 else 0.02)
    ]
    (folder / "edges.csv").write_text("source,target\n" + "".join(f"p{i},p{j}\n" for i, j in pairs))


def main(epochs: int = 100) -> float:
    """Returns the accuracy on the test nodes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder)
        save_graph(read_csv(folder), folder / "villages.safetensors")
        data = load_graph(folder / "villages.safetensors")
    data.x = (data.x - data.x.mean(0)) / data.x.std(0)
    print(data)
    result = train(data, recipe("gcn", epochs=epochs, input_dropout=0.0))[0]
    print(f"test accuracy {result.accuracy['test']:.0%} after {result.best_epoch} epochs")
    return result.accuracy["test"]


if __name__ == "__main__":
    main()
