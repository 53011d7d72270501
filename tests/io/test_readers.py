"""Text tables, .npz graphs, the layouts of Planetoid and TU Dortmund."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from grapevine.data import InMemoryDataset
from grapevine.errors import GraphValueError
from grapevine.io import parse_npz, read_npz, read_tu_data, read_txt_array


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("1, 2,3\n4,5, 6\n")
    assert read_txt_array(path, sep=",", dtype=torch.long).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read_txt_array(path, sep=",", start=1, end=2).tolist() == [2.0, 5.0]
    assert read_txt_array(path, sep=",").dtype == torch.float32
    path.write_text("0.1 -2e3 nan inf\n")
    table = read_txt_array(path, dtype=torch.double)
    assert table[:2].tolist() == [0.1, -2000.0] and table[2].isnan() and table[3].isinf()
    path.write_text("")
    assert read_txt_array(path).numel() == 0
    for text in ("1,2\n3\n", "1,a\n", "1.5\n"):
        path.write_text(text)
        with pytest.raises(GraphValueError, match=r"table.txt: expected a table of numbers"):
            read_txt_array(path, sep=",", dtype=torch.long)


def test_tables_match_peer(tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_geometric.io")
    path = tmp_path / "table.txt"
    values = torch.randn(7, 3, dtype=torch.double)
    path.write_text("".join(",".join(map(repr, row)) + "\n" for row in values.tolist()))
    for kwargs in ({}, {"dtype": torch.double}, {"start": 1}, {"end": 1}):
        assert torch.equal(
            read_txt_array(path, sep=",", **kwargs), peer.read_txt_array(path, sep=",", **kwargs)
        )


@pytest.mark.parametrize("to_undirected", [True, False])
def test_npz_matches_peer(to_undirected: bool, tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_geometric.io")
    rng = np.random.default_rng(0)
    adj = csr_matrix((rng.random((6, 6)) < 0.4).astype(np.float32))
    attr = csr_matrix((rng.integers(0, 3, (6, 4))).astype(np.float32))
    arrays = {"labels": np.arange(6)}
    for name, matrix in (("adj", adj), ("attr", attr)):
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{name}_{part}"] = getattr(matrix, part)
    np.savez(tmp_path / "graph.npz", **arrays)
    mine = read_npz(tmp_path / "graph.npz", to_undirected)
    expected = peer.read_npz(str(tmp_path / "graph.npz"), to_undirected)
    assert set(mine.to_dict()) == set(expected.to_dict())
    for key, value in expected.to_dict().items():
        assert torch.equal(mine[key], value)

    arrays["attr_indices"] = arrays["attr_indices"] + 100
    with pytest.raises(ValueError, match="indices"):
        parse_npz(arrays)


def tu(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"SMALL_{name}.txt").write_text(text)


# Four graphs: an edge both ways, stored twice, with a loop; a lone node; a path one way; a lone node.
SMALL = {
    "A": "1, 2\n2, 1\n1, 1\n1, 2\n4, 5\n5, 6\n",
    "graph_indicator": "1\n1\n2\n3\n3\n3\n4\n",
    "graph_labels": "-1\n7\n-1\n3\n",
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"node_labels": "3\n5\n3\n4\n4\n5\n3\n"},
        {"node_labels": "3, 0\n5, 1\n3, 0\n4, 1\n4, 1\n5, 0\n3, 0\n", "edge_labels": "2\n1\n1\n1\n3\n1\n"},
        {"node_attributes": "1.5\n2\n3\n4\n5\n6\n7\n", "edge_attributes": "1,2\n3,4\n5,6\n7,8\n9,10\n0,1\n"},
        {"graph_attributes": "0.5\n1\n2\n3\n"},
        {"graph_labels": "1\n2\n3\n2\n1\n2\n3\n"},  # one for each node
    ],
    ids=lambda more: "+".join(more),
)
def test_tu_matches_peer(more: dict[str, str], tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_geometric.io")
    peer_data = pytest.importorskip("torch_geometric.data")
    tu(tmp_path, **{**SMALL, **more})
    data, slices, sizes = read_tu_data(tmp_path, "SMALL")
    mine = InMemoryDataset()
    mine.data, mine.slices = data, slices

    expected, peer_slices, peer_sizes = peer.read_tu_data(str(tmp_path), "SMALL")
    # The peer's slices end with the last graph that has edges, before the fourth.
    peer_slices["edge_index"] = torch.cat([peer_slices["edge_index"], peer_slices["edge_index"][-1:]])
    if "edge_attr" in peer_slices:
        peer_slices["edge_attr"] = peer_slices["edge_index"]
    theirs = peer_data.InMemoryDataset()
    theirs.data, theirs.slices = expected, peer_slices
    assert sizes == peer_sizes
    assert len(mine) == 4
    for i in range(4):
        a, b = mine.get(i).to_dict(), theirs.get(i).to_dict()
        assert set(a) == set(b)
        for key, value in b.items():
            assert torch.equal(a[key], value) if isinstance(value, torch.Tensor) else a[key] == value


def test_tu_wants_the_nodes_graph_by_graph(tmp_path: Path) -> None:
    tu(tmp_path, **{**SMALL, "graph_indicator": "1\n2\n1\n3\n3\n3\n4\n"})
    with pytest.raises(GraphValueError, match="graph by graph, got line 3 of an earlier graph"):
        read_tu_data(tmp_path, "SMALL")
