"""The same graph as torch_geometric's up to the numbers of entities and classes, which go by a hash there."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import grapevine.datasets as ours
from tests.datasets.test_published import lines

theirs = pytest.importorskip("torch_geometric.datasets")
pytest.importorskip("rdflib")
RNG = np.random.default_rng(0)


def write(folder: Path) -> None:
    folder.mkdir(parents=True)
    name = "<http://x.org/{}>".format
    triples = {
        f"{name(f'e{RNG.integers(12)}')} {name(f'r{kind}')} {name(f'e{RNG.integers(12)}')} ."
        for kind, times in enumerate((40, 20, 8))
        for _ in range(times)
    }
    first = f"{name('e0')} {name('r0')}"
    triples |= {f'{first} "a word" .', *(f"{first} {name(f'e{i}')} ." for i in range(12))}
    with gzip.open(folder / "aifb_stripped.nt.gz", "wt") as out:
        out.write(lines(*sorted(triples)))
    for file, chosen in (("completeDataset", range(8)), ("trainingSet", range(5)), ("testSet", range(5, 8))):
        table = [f"http://x.org/e{i}\t{i}\tgroup{i % 3}" for i in chosen]
        (folder / f"{file}.tsv").write_text(lines("person\tid\tlabel_affiliation", *table))


def profile(data: Any, nodes: torch.Tensor) -> torch.Tensor:
    """How many edges of each relation arrive at some nodes."""
    table = torch.zeros(data.num_nodes, int(data.edge_type.max()) + 1, dtype=torch.int64)
    return table.index_put((data.edge_index[1], data.edge_type), torch.tensor(1), accumulate=True)[nodes]


@pytest.mark.filterwarnings("ignore")
def test_same_graph_as_the_peer(tmp_path: Path) -> None:
    write(tmp_path / "ours/aifb/raw")
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    mine = ours.Entities(str(tmp_path / "ours"), "AIFB")
    other = theirs.Entities(str(tmp_path / "theirs"), "AIFB")
    a, b = mine[0], other[0]
    assert (a.num_nodes, a.num_edges, mine.num_relations, mine.num_classes) == (13, b.num_edges, 6, 3)
    assert (
        repr(mine) == repr(other)
        and set(a.keys()) == set(b.keys())
        and mine.num_relations == other.num_relations
    )
    assert torch.equal(a.edge_type.bincount(), b.edge_type.bincount())
    for part in ("train", "test"):
        assert torch.equal(profile(a, a[f"{part}_idx"]), profile(b, b[f"{part}_idx"]))
        y, z = a[f"{part}_y"], b[f"{part}_y"]
        assert torch.equal(y.unsqueeze(0) == y.unsqueeze(1), z.unsqueeze(0) == z.unsqueeze(1))
    key = (a.edge_index[0] * a.num_nodes + a.edge_index[1]) * 6 + a.edge_type
    assert bool((key[1:] >= key[:-1]).all())


@pytest.mark.filterwarnings("ignore")
def test_one_edge_type_for_each_relation(tmp_path: Path) -> None:
    write(tmp_path / "aifb/raw")
    whole = ours.Entities(str(tmp_path), "aifb")[0]
    dataset = ours.Entities(str(tmp_path), "aifb", hetero=True)
    data = dataset[0]
    assert dataset.num_relations == 6 and dataset.num_classes == 3
    for _, relation, _ in data.edge_types:
        mask = whole.edge_type == int(relation)
        assert torch.equal(data["v", relation, "v"].edge_index, whole.edge_index[:, mask])
    assert torch.equal(data.train_y, whole.train_y)
