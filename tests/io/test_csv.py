"""Tables in, graph out; mistakes are named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grapevine.errors import GraphValueError
from grapevine.io import read_csv

NODES = """id,height,label,age,split
ann,1.7,red,31,train
bob,1.8,blue,45,val
"c, d",1.6,,20,
eve,1.5,red,60,test
"""
EDGES = """source,target,weight
ann,bob,2
bob,ann,4
"c, d",eve,1

"""


def folder(tmp_path: Path, nodes: str = NODES, edges: str = EDGES) -> Path:
    (tmp_path / "nodes.csv").write_text(nodes)
    (tmp_path / "edges.csv").write_text(edges)
    return tmp_path


def test_all_columns(tmp_path: Path) -> None:
    data = read_csv(folder(tmp_path))
    torch.testing.assert_close(data.x, torch.tensor([[1.7, 31], [1.8, 45], [1.6, 20], [1.5, 60]]))
    assert data.class_names == ["blue", "red"] and data.y.tolist() == [1, 0, -1, 1]
    assert data.node_names == ["ann", "bob", "c, d", "eve"]
    assert [data[m].tolist().index(True) for m in ("train_mask", "val_mask", "test_mask")] == [0, 1, 3]
    assert data.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert data.edge_weight.tolist() == [3, 3, 1, 1]  # listed both ways: their mean


def test_directed_keeps_the_lines(tmp_path: Path) -> None:
    data = read_csv(folder(tmp_path), directed=True)
    assert data.edge_index.tolist() == [[0, 1, 2], [1, 0, 3]] and data.edge_weight.tolist() == [2, 4, 1]


def test_numbered_nodes_without_features(tmp_path: Path) -> None:
    data = read_csv(folder(tmp_path, "label\n10\n9\n9\n", "src,dst\n0,2\n"))
    assert (
        torch.equal(data.x, torch.eye(3)) and data.y.tolist() == [1, 0, 0] and data.class_names == ["9", "10"]
    )
    assert data.edge_index.tolist() == [[0, 2], [2, 0]]
    assert not {"edge_weight", "train_mask", "node_names"} & set(data.keys())


def test_no_edges(tmp_path: Path) -> None:
    assert read_csv(folder(tmp_path, edges="source,target\n")).edge_index.shape == (2, 0)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ("a,b\n1,2\n", EDGES, r"nodes.csv, line 1: expected a column 'label'"),
        (
            NODES + "fay,tall,red,3,\n",
            EDGES,
            r"nodes.csv, line 6: expected a number in column 'height', got 'tall'",
        ),
        (NODES + "fay,nan,red,3,\n", EDGES, r"line 6: expected a number in column 'height', got 'nan'"),
        (NODES + "fay,1\n", EDGES, r"nodes.csv, line 6: expected 5 columns as in the header, got 2"),
        (NODES + "ann,1,red,3,\n", EDGES, r"line 6: expected every id once, got 'ann'"),
        (NODES + "fay,1,red,3,dev\n", EDGES, r"line 6: expected a split of .* got 'dev'"),
        ("label\n", EDGES, r"nodes.csv, line 2: expected one line per node"),
        ("", EDGES, r"nodes.csv, line 1: expected a header line, got an empty file"),
        (NODES, "a,b\n1,2\n", r"edges.csv, line 1: expected the columns 'source' and 'target'"),
        (
            NODES,
            "source,target\nann,bob\nann,zoe\n",
            r"edges.csv, line 3: expected an id that nodes.csv lists, got 'zoe'",
        ),
        (
            NODES,
            "source,target,weight\nann,bob,x\n",
            r"edges.csv, line 2: expected a number in column 'weight'",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, nodes: str, edges: str, message: str) -> None:
    with pytest.raises(GraphValueError, match=message):
        read_csv(folder(tmp_path, nodes, edges))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match=r"expected a file .*nodes\.csv"):
        read_csv(tmp_path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "nodes.csv").write_bytes(b"label\n\xff\n")
    with pytest.raises(GraphValueError, match="expected comma-separated UTF-8 text"):
        read_csv(tmp_path)
