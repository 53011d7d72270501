"""Frames and their views behave as the peer's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from grapevine.dgl.frame import Frame
from tests.dgl.graph.samples import bipartite, both, square, typed
from tests.dgl.peer import assert_same, assert_same_graph, peer


def test_views_of_one_type() -> None:
    for g in both(square):
        x = g.ndata["h"]
        assert g.ndata["h"] is x
        x[0] = 100.0
        assert float(g.nodes[0].data["h"][0, 0]) == 100.0
        assert list(g.ndata) == ["h"] and "w" in g.edata and len(g.edata) == 1
        assert g.edata.pop("w").shape == (10,) and "w" not in g.edata
        with pytest.raises(KeyError):
            g.ndata["none"]
        g.edata.update({"a": torch.ones(10), "b": torch.zeros(10)})
        assert sorted(g.edata.keys()) == ["a", "b"]
        del g.edata["a"]
        assert g.srcdata["h"] is g.dstdata["h"]


def test_views_of_several_types() -> None:
    ours, theirs = both(typed)
    for g in (ours, theirs):
        g.ndata["z"] = {"user": torch.ones(5), "dev": torch.zeros(2)}
        g.edata["q"] = {("user", "plays", "game"): torch.ones(4)}
    assert_same(ours.ndata["z"], theirs.ndata["z"])
    assert_same(ours.ndata["none"], theirs.ndata["none"])
    assert_same(ours.edata["q"], theirs.edata["q"])
    assert sorted(ours.ndata.keys()) == sorted(theirs.ndata.keys())
    assert_same({k: dict(v) for k, v in ours.ndata.items()}, {k: dict(v) for k, v in theirs.ndata.items()})
    for g in (ours, theirs):
        del g.ndata["h"]
    assert_same_graph(ours, theirs)
    with pytest.raises(DGLError):
        ours.ndata["z"] = torch.ones(5)
    with pytest.raises(DGLError):
        ours.nodes["user"].data["z"] = {"user": torch.ones(5)}
    with pytest.raises(DGLError):
        ours.nodes["user"].data["z"] = [1, 2]


def test_rows() -> None:
    ours, theirs = both(square)
    for g in (ours, theirs):
        g.nodes[[1, 3]].data["h"] = torch.full((2, 2), -1.0)
        g.nodes[[1, 3]].data["new"] = torch.ones(2)
        g.edges[[2, 4]].data["w"] = torch.zeros(2)
        g.edges[[0, 5], [1, 0]].data["u"] = torch.ones(2, 3)
        g.edges[torch.tensor([9])].data["v"] = torch.ones(1, dtype=torch.int64)
    assert_same_graph(ours, theirs)
    assert_same(ours.nodes[[3, 1]].data["h"], theirs.nodes[[3, 1]].data["h"])
    assert_same(ours.edges[4, 5].data["w"], theirs.edges[4, 5].data["w"])
    for g, error in ((ours, DGLError), (theirs, peer.DGLError)):
        with pytest.raises(error, match="Cannot update column"):
            g.nodes[[0]].data["h"] = torch.ones(1, 3)
    x = torch.ones(2, 2, requires_grad=True)
    ours.nodes[[0, 2]].data["h"] = x
    ours.ndata["h"].sum().backward()
    assert_same(x.grad, torch.ones(2, 2))


def test_local_scope() -> None:
    for g in both(square):

        def run(g: Any = g) -> float:
            with g.local_scope():
                g.ndata["h"][0] = 7.0
                g.ndata["h"] = torch.zeros(7, 2)
                g.ndata["y"] = torch.zeros(7)
                with g.local_scope():
                    g.edata.pop("w")
                return float(g.edata["w"].sum())

        assert run() == 55.0
        assert list(g.ndata) == ["h"] and float(g.ndata["h"][0, 0]) == 7.0
        local = g.local_var()
        local.ndata["h"] = torch.zeros(7, 2)
        assert float(g.ndata["h"][0, 0]) == 7.0


def test_local_scope_ends_after_an_error() -> None:
    g = square(dgl)
    with pytest.raises(ZeroDivisionError), g.local_scope():
        g.ndata["y"] = torch.zeros(7)
        _ = 1 // 0
    assert "y" not in g.ndata


@pytest.mark.parametrize("key", ["plays", ("user", "plays", "game"), ("user", slice(None), "game")], ids=str)
def test_relation_slices_share_frames(key: Any) -> None:
    ours, theirs = both(typed)
    for g in (ours, theirs):
        part = g[key]
        part.edata["new"] = torch.ones(4)
        part.dstdata["new"] = torch.ones(3)
        part.srcdata.pop("h")
    assert_same_graph(ours, theirs)
    assert_same_graph(ours[key], theirs[key])


@pytest.mark.parametrize(
    "key",
    [(slice(None), slice(None), "game"), ("user", slice(None), slice(None)), (slice(None),) * 3],
    ids=["into games", "from users", "all"],
)
@pytest.mark.parametrize("idtype", [torch.int64, torch.int32], ids=str)
def test_flattened_slices(key: Any, idtype: torch.dtype) -> None:
    ours, theirs = both(lambda lib: typed(lib, idtype))
    if key[0] == "user":  # the peer needs a feature in common
        for g in (ours, theirs):
            g.edges["follows"].data["w"] = torch.ones(5, 2)
    flat, wanted = ours[key], theirs[key]
    assert_same_graph(flat, wanted, features=False)
    for name in (dgl.NID, dgl.NTYPE):
        for side in ("srcdata", "dstdata"):
            assert getattr(flat, side)[name].tolist() == getattr(wanted, side)[name].tolist()
    for name in wanted.edata:
        assert flat.edata[name].tolist() == wanted.edata[name].tolist()


def test_slices_of_blocks() -> None:
    ours, theirs = both(lambda lib: lib.to_block(typed(lib)))
    assert_same_graph(ours["plays"], theirs["plays"])
    assert ours["follows"].num_dst_nodes() == theirs["follows"].num_dst_nodes()


def test_initialisers() -> None:
    ours, theirs = both(square)
    for g in (ours, theirs):
        g.set_n_initializer(lambda shape, dtype, ctx, ids: torch.full(shape, 3.0, dtype=dtype, device=ctx))
        g.set_e_initializer(
            lambda shape, dtype, ctx, ids: torch.arange(ids.start, ids.stop).to(dtype), field="w"
        )
        g.add_nodes(2)
        g.add_edges([0, 1], [8, 8])
        g.nodes[[0]].data["fresh"] = torch.ones(1)
    assert_same_graph(ours, theirs)


def test_schemes() -> None:
    ours, theirs = both(bipartite)
    assert str(ours.node_attr_schemes("u")) == str(theirs.node_attr_schemes("u"))
    assert str(ours.edge_attr_schemes("e")) == str(theirs.edge_attr_schemes("e"))
    assert_same(ours.get_node_storage("x", "u"), torch.arange(3.0))


def test_columns_are_gathered_when_read() -> None:
    gathered = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function is torch.Tensor.index_select:
                gathered.append(function)
            return super().__torch_function__(function, types, args, kwargs or {})

    frame = Frame({"a": torch.ones(3).as_subclass(Watched), "b": torch.ones(3)})
    part = frame.subframe(torch.tensor([0, 2])).subframe(torch.tensor([1]))
    assert part.num_rows == 1 and not gathered
    assert part.schemes["a"].shape == ()
    assert len(part["a"]) == 1 and len(gathered) == 2
    assert part["a"] is part["a"]
