"""Files that DGL wrote are read, and DGL reads ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, assert_same_graph, peer


def graphs(lib: Any) -> list[Any]:
    g = lib.graph(([2, 0, 1, 0], [1, 3, 3, 1]), num_nodes=5)
    g.ndata["h"] = torch.arange(10.0).view(5, 2)
    g.ndata["deep"] = torch.arange(30.0, dtype=torch.float64).view(5, 3, 2)
    g.edata["w"] = torch.tensor([1, 2, 3, 4], dtype=torch.int8)
    empty = lib.graph(([], []), num_nodes=3)
    return [g, empty, lib.graph(([], []), num_nodes=0)]


def hetero(lib: Any, idtype: torch.dtype) -> Any:
    edges = {
        ("u", "plays", "g"): ([1, 0], [0, 2]),
        ("u", "likes", "u"): ([0, 2], [1, 0]),
        ("g", "x", "u"): ([], []),
    }
    g = lib.heterograph(edges, {"u": 4, "g": 3}, idtype=idtype)
    g.nodes["u"].data["h"] = torch.ones(4, 1, dtype=torch.bfloat16)
    g.edges["plays"].data["w"] = torch.tensor([0.5, 1.5])
    return g


@pytest.mark.parametrize("formats", [None, "coo", "csr", ["csc"], ["coo", "csc", "csr"]])
def test_files_go_both_ways(tmp_path: Path, formats: Any) -> None:
    labels = {"y": torch.tensor([1, 2, 3]), "z": torch.rand(3, 2)}
    theirs, ours = str(tmp_path / "theirs.bin"), str(tmp_path / "sub" / "ours.bin")
    peer.save_graphs(theirs, graphs(peer), labels, formats)
    dgl.save_graphs(ours, graphs(dgl), labels, formats)
    for file in (theirs, ours):
        found, found_labels = dgl.load_graphs(file)
        expected, expected_labels = peer.load_graphs(file)
        assert_same(found, expected)
        assert_same(found_labels, expected_labels)
        assert_same(dgl.load_graphs(file, [2, 0])[0], peer.load_graphs(file, [2, 0])[0])
        assert_same(dgl.data.load_labels(file), labels)
    for mine, original in zip(dgl.load_graphs(theirs)[0], graphs(peer)):
        assert_same_graph(mine, original)


@pytest.mark.parametrize("idtype", [torch.int32, torch.int64])
def test_heterographs_go_both_ways(tmp_path: Path, idtype: torch.dtype) -> None:
    theirs, ours = str(tmp_path / "theirs.bin"), str(tmp_path / "ours.bin")
    peer.save_graphs(theirs, hetero(peer, idtype))
    dgl.save_graphs(ours, hetero(dgl, idtype))
    assert_same_graph(dgl.load_graphs(theirs)[0][0], hetero(peer, idtype))
    assert_same_graph(hetero(dgl, idtype), peer.load_graphs(ours)[0][0])


def test_masks_become_bytes_as_in_dgl(tmp_path: Path) -> None:
    g = dgl.graph(([0], [1]))
    g.ndata["m"] = torch.tensor([True, False])
    dgl.save_graphs(tmp_path / "m.bin", g)
    assert_same(dgl.load_graphs(tmp_path / "m.bin")[0][0].ndata["m"], torch.tensor([1, 0], dtype=torch.uint8))


def test_tensors_go_both_ways(tmp_path: Path) -> None:
    for i, tensors in enumerate(({"b": torch.rand(2, 3), "a": torch.arange(4)}, {})):
        theirs, ours = str(tmp_path / f"theirs{i}"), str(tmp_path / f"ours{i}")
        peer.data.save_tensors(theirs, tensors)
        dgl.data.save_tensors(ours, tensors)
        assert_same(dgl.data.load_tensors(theirs), tensors)
        assert_same(peer.data.load_tensors(ours), tensors)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "g.bin"
    dgl.save_graphs(file, graphs(dgl))
    whole = file.read_bytes()
    with pytest.raises(dgl.DGLError, match="does not exist"):
        dgl.load_graphs(tmp_path / "none.bin")
    for cut in (100, 4200, len(whole) // 2 + 2048):
        file.write_bytes(whole[:cut])
        with pytest.raises(dgl.DGLError, match="expected"):
            dgl.load_graphs(file)
    file.write_bytes(b"x" * 5000)
    with pytest.raises(dgl.DGLError, match="expected a file of graphs"):
        dgl.load_graphs(file)
    with pytest.raises(dgl.DGLError, match="existing directory"):
        dgl.save_graphs(tmp_path, graphs(dgl))
    with pytest.raises(dgl.DGLError, match="Must be a DGLGraph"):
        dgl.save_graphs(file, [dgl.create_block(([0], [0]))])


def test_a_single_number_of_any_stride(tmp_path: Path) -> None:
    g = dgl.graph(([0], [1]))
    g.edata["w"] = torch.arange(3).view(1, 3).t()[:1].squeeze(1)[:1].as_strided((1,), (3,))
    dgl.save_graphs(str(tmp_path / "g.bin"), g)
    assert_same_graph(dgl.load_graphs(str(tmp_path / "g.bin"))[0][0], g)
