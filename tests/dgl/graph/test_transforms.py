"""Transforms of the structure: edges in the peer's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import bipartite, both, square, typed
from tests.dgl.peer import assert_same, assert_same_graph, peer

# The peer's own conversion from scipy.
pytestmark = pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")

TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "add_self_loop": lambda lib, g: lib.add_self_loop(g),
    "add_self_loop fill": lambda lib, g: g.add_self_loop(fill_data=3),
    "add_self_loop names": lambda lib, g: lib.add_self_loop(g, ["w"], fill_data=0.5),
    "add_self_loop sum": lambda lib, g: lib.add_self_loop(g, fill_data="sum"),
    "add_self_loop mean": lambda lib, g: lib.add_self_loop(g, fill_data="mean"),
    "add_self_loop max": lambda lib, g: lib.add_self_loop(g, fill_data="max"),
    "remove_self_loop": lambda lib, g: g.remove_self_loop(),
    "reverse": lambda lib, g: lib.reverse(g),
    "reverse all": lambda lib, g: g.reverse(copy_ndata=False, copy_edata=True),
    "add_reverse_edges": lambda lib, g: lib.add_reverse_edges(g),
    "add_reverse_edges all": lambda lib, g: lib.add_reverse_edges(g, copy_edata=True, exclude_self=False),
    "to_bidirected": lambda lib, g: lib.to_bidirected(g),
    "to_bidirected nodes": lambda lib, g: lib.to_bidirected(g, copy_ndata=True),
    "to_simple": lambda lib, g: lib.to_simple(g),
    "to_simple map": lambda lib, g: lib.to_simple(g, return_counts="n", writeback_mapping=True),
    "to_simple first": lambda lib, g: g.to_simple(return_counts=None, copy_edata=True),
    "to_simple sum": lambda lib, g: g.to_simple(copy_edata=True, aggregator="sum"),
    "to_simple mean": lambda lib, g: g.to_simple(copy_edata=True, aggregator="mean"),
    "line_graph": lambda lib, g: lib.line_graph(g),
    "line_graph shared": lambda lib, g: g.line_graph(backtracking=False, shared=True),
    "khop_graph": lambda lib, g: lib.khop_graph(g, 2),
    "khop_graph 1": lambda lib, g: lib.khop_graph(g, 1, copy_ndata=False),
    "khop_adj": lambda lib, g: lib.khop_adj(g, 3),
    "norm_by_dst": lambda lib, g: lib.norm_by_dst(g),
    "reorder src": lambda lib, g: g.reorder_graph().edges()[0],
    "reorder dst": lambda lib, g: lib.reorder_graph(g, edge_permute_algo="dst").edges()[1],
    "reorder rcmk": lambda lib, g: lib.reorder_graph(g, "rcmk").ndata["_ID"],
    "reorder custom": lambda lib, g: lib.reorder_graph(
        g,
        "custom",
        "custom",
        permute_config={"nodes_perm": [6, 5, 4, 0, 1, 2, 3], "edges_perm": list(range(9, -1, -1))},
    ),
    "sort_csr_by_tag": lambda lib, g: lib.sort_csr_by_tag(g, torch.tensor([1, 0, 2, 0, 1, 0, 0])).srcdata[
        "_TAG_OFFSET"
    ],
    "sort_csc_by_tag": lambda lib, g: lib.sort_csc_by_tag(g, torch.arange(10) % 3, tag_type="edge").dstdata[
        "_TAG_OFFSET"
    ],
    "shortest_dist": lambda lib, g: lib.shortest_dist(g.to_simple()),
    "shortest_dist paths": lambda lib, g: lib.shortest_dist(g.to_simple(), return_paths=True),
    "shortest_dist root": lambda lib, g: lib.shortest_dist(g.to_simple(), root=2, return_paths=True),
    "random_walk_pe": lambda lib, g: lib.random_walk_pe(g, 3),
    "double_radius": lambda lib, g: lib.double_radius_node_labeling(g.to_simple(), 0, 4),
    "node_homophily": lambda lib, g: lib.node_homophily(g, torch.tensor([0, 1, 0, 1, 1, 0, 0])),
    "edge_homophily": lambda lib, g: lib.edge_homophily(g, torch.tensor([0, 1, 0, 1, 1, 0, 0])),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("idtype", [torch.int64, torch.int32], ids=str)
def test_transforms(name: str, idtype: torch.dtype) -> None:
    ours, theirs = both(lambda lib: TRANSFORMS[name](lib, square(lib, idtype)))
    if isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6)
    else:
        assert_same(ours, theirs)


TYPED: dict[str, Callable[[Any, Any], Any]] = {
    "add_self_loop": lambda lib, g: lib.add_self_loop(g, etype="follows"),
    "remove_self_loop": lambda lib, g: lib.remove_self_loop(g, etype="follows"),
    "reverse": lambda lib, g: lib.reverse(g, copy_edata=True),
    "add_reverse_edges": lambda lib, g: lib.add_reverse_edges(g, ignore_bipartite=True, copy_edata=True),
    "to_simple": lambda lib, g: lib.to_simple(g, writeback_mapping=True, copy_edata=True),
    "metapath": lambda lib, g: lib.metapath_reachable_graph(g, ["follows", "plays"]),
    "metapath within": lambda lib, g: lib.metapath_reachable_graph(g, ["follows", "follows"]),
    "norm_by_dst": lambda lib, g: lib.norm_by_dst(g, etype="plays"),
    "to_homogeneous": lambda lib, g: lib.to_homogeneous(g),
    "to_homogeneous counts": lambda lib, g: lib.to_homogeneous(g, store_type=False, return_count=True),
    "add reverse class": lambda lib, g: lib.AddReverse(copy_edata=True)(g),
    "add self loop class": lambda lib, g: lib.AddSelfLoop(new_etypes=True)(g),
    "remove self loop class": lambda lib, g: lib.RemoveSelfLoop()(g),
    "metapaths class": lambda lib, g: lib.AddMetaPaths(
        {"friends' games": [("user", "follows", "user"), ("user", "plays", "game")]}
    )(g),
    "metapaths only": lambda lib, g: lib.AddMetaPaths(
        {"friends' games": [("user", "follows", "user"), ("user", "plays", "game")]}, keep_orig_edges=False
    )(g),
    "gcn norm class": lambda lib, g: lib.GCNNorm()(g),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_transforms(name: str) -> None:
    assert_same(*both(lambda lib: TYPED[name](lib, typed(lib))))


CLASSES: dict[str, Callable[[Any, Any], Any]] = {
    "AddSelfLoop": lambda lib, g: lib.AddSelfLoop()(g),
    "AddSelfLoop twice": lambda lib, g: lib.AddSelfLoop(allow_duplicate=True, fill_data="mean")(g),
    "AddReverse": lambda lib, g: lib.AddReverse()(g),
    "AddReverse own": lambda lib, g: lib.AddReverse(copy_edata=True, sym_new_etype=True)(g),
    "ToSimple": lambda lib, g: lib.ToSimple()(g),
    "ToSimple sum": lambda lib, g: lib.ToSimple("n", "sum")(g),
    "LineGraph": lambda lib, g: lib.LineGraph(False)(g),
    "KHopGraph": lambda lib, g: lib.KHopGraph(2)(g),
    "ToLevi": lambda lib, g: lib.ToLevi()(g).edges(etype="n2e"),
    "GCNNorm": lambda lib, g: lib.GCNNorm("n")(g),
    "GCNNorm weights": lambda lib, g: lib.GCNNorm("w")(g),
    "RowFeatNormalizer": lambda lib, g: lib.RowFeatNormalizer(True, ["h"])(g),
    "RandomWalkPE": lambda lib, g: lib.RandomWalkPE(2, "pe")(g),
    "RandomWalkPE weights": lambda lib, g: lib.RandomWalkPE(2, eweight_name="w")(
        g.to_simple(copy_edata=True)
    ),
    "FeatMask all": lambda lib, g: lib.FeatMask(1.0, ["h"])(g),
    "FeatMask none": lambda lib, g: lib.FeatMask(0, ["h"], ["w"])(g),
    "DropNode none": lambda lib, g: lib.DropNode(0)(g),
    "DropEdge none": lambda lib, g: lib.DropEdge(0)(g),
    "DropEdge all": lambda lib, g: lib.DropEdge(1.0)(g),
    "AddEdge none": lambda lib, g: lib.AddEdge(0.0)(g),
    "Compose": lambda lib, g: lib.Compose([lib.AddSelfLoop(), lib.ToSimple()])(g),
    "PPR": lambda lib, g: lib.PPR(avg_degree=2)(g),
    "PPR eps": lambda lib, g: lib.PPR(alpha=0.3, eweight_name="v", eps=0.05)(g),
    "HeatKernel": lambda lib, g: lib.HeatKernel(t=1.5, eweight_name="v", eps=0.01)(g),
    "GDC": lambda lib, g: lib.GDC([0.4, 0.3, 0.2], eweight_name="v", eps=0.01)(g),
    "GDC degree": lambda lib, g: lib.GDC([0.4, 0.3, 0.2], eweight_name="v", avg_degree=20)(g),
    "SIGN raw": lambda lib, g: lib.SIGNDiffusion(2, "h")(g),
    "SIGN raw weights": lambda lib, g: lib.SIGNDiffusion(2, "h", "o", "w")(g),
    "SIGN rw": lambda lib, g: lib.SIGNDiffusion(2, "h", diffuse_op="rw")(g),
    "SIGN gcn": lambda lib, g: lib.SIGNDiffusion(2, "h", diffuse_op="gcn")(g),
    "SIGN ppr": lambda lib, g: lib.SIGNDiffusion(2, "h", eweight_name="w", diffuse_op="ppr")(g),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    assert_same(*both(lambda lib: CLASSES[name](lib, square(lib))))


def test_random_classes() -> None:
    g = square(dgl)
    assert dgl.AddEdge(0.5)(g).num_edges() == 15
    assert dgl.DropEdge(0.5)(g).num_edges() < 10 and g.num_edges() == 10
    assert dgl.DropNode(0.5)(g).num_nodes() < 7
    shuffled = dgl.NodeShuffle()(g).ndata["h"]
    assert sorted(shuffled.tolist()) == g.ndata["h"].tolist() and shuffled.tolist() != g.ndata["h"].tolist()
    assert repr(dgl.DropEdge()) == repr(peer.DropEdge())
    assert repr(dgl.Compose([dgl.AddEdge()])) == repr(peer.Compose([peer.AddEdge()]))
    with pytest.raises(TypeError):
        dgl.BaseTransform()


def test_encodings_up_to_signs() -> None:
    ours, theirs = both(lambda lib: lib.from_networkx(nx.random_regular_graph(3, 10, seed=0)))
    (mine, values), (other, want) = (
        dgl.lap_pe(ours, 4, return_eigval=True),
        peer.lap_pe(theirs, 4, return_eigval=True),
    )
    assert_same(values, want)
    laplacian = torch.eye(10) - ours.adj_external().to_dense() / 3
    for vector, value in zip(mine.T, values):
        torch.testing.assert_close(laplacian @ vector, value * vector, atol=1e-5, rtol=1e-5)
    assert mine.shape == other.shape
    mine, values = dgl.lap_pe(ours, 12, padding=True, return_eigval=True)
    assert mine.shape == (10, 12) and int(values.isnan().sum()) == 3
    with pytest.raises(DGLError):
        dgl.lap_pe(ours, 10)
    for padding, k in ((False, 4), (True, 12)):
        assert_same(
            dgl.svd_pe(ours, k, padding, random_flip=False),
            peer.svd_pe(theirs, k, padding, random_flip=False),
        )
    assert_same(dgl.svd_pe(ours, 4).abs(), peer.svd_pe(theirs, 4).abs())
    assert dgl.LapPE(2, eigval_name="v")(ours).ndata["v"].shape == (10, 2)
    assert dgl.SVDPE(2)(ours).ndata["svd_pe"].shape == (10, 4)
    for name in ("laplacian_pe", "LaplacianPE"):
        with pytest.warns(UserWarning, match="lap_pe|LapPE"):
            getattr(dgl, name)(*((ours, 2) if name == "laplacian_pe" else (2,)))


def test_largest_eigenvalues() -> None:
    ours, theirs = both(
        lambda lib: lib.laplacian_lambda_max(
            lib.batch([lib.from_networkx(nx.path_graph(6)), lib.from_networkx(nx.cycle_graph(7))])
        )
    )
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("sided", [False, True], ids=["square", "bipartite"])
def test_products_and_sums(sided: bool) -> None:
    def build(lib: Any) -> Any:
        first = bipartite(lib) if sided else square(lib)
        first = lib.to_simple(first, copy_edata=True)
        if sided:
            second = lib.heterograph({("v", "f", "t"): ([0, 4, 1, 0], [1, 0, 1, 2])})
            second.edata["w"] = torch.arange(4.0) + 1
        else:
            second = lib.to_simple(square(lib), copy_edata=True, aggregator="sum")
        product = lib.adj_product_graph(first, second, "w", etype="p")
        total = lib.adj_sum_graph([first, first, lib.to_simple(first, copy_edata=True)], "w")
        return product, total

    for mine, other in zip(*both(build)):
        assert mine.canonical_etypes == other.canonical_etypes
        assert mine.num_nodes() == other.num_nodes()
        assert_same(_entries(mine), _entries(other))


def _entries(g: Any) -> dict[tuple[int, int], float]:
    return {(u, v): w for u, v, w in zip(*(x.tolist() for x in (*g.edges(), g.edata["w"])))}


def test_gradients_of_products() -> None:
    g = dgl.graph(([0, 1, 1], [1, 2, 0]))
    w = torch.tensor([2.0, 3.0, 5.0], requires_grad=True)
    g.edata["w"] = w
    dgl.adj_product_graph(g, g, "w").edata["w"].sum().backward()
    assert w.grad is not None
    dense = torch.zeros(3, 3).index_put((torch.tensor([0, 1, 1]), torch.tensor([1, 2, 0])), w.detach())
    dense.requires_grad_()
    (dense @ dense)[dense @ dense != 0].sum().backward()
    assert dense.grad is not None
    assert_same(w.grad, dense.grad[[0, 1, 1], [1, 2, 0]])


@pytest.mark.parametrize("idtype", [torch.int64, torch.int32], ids=str)
def test_there_and_back(idtype: torch.dtype) -> None:
    def build(lib: Any) -> Any:
        g = typed(lib, idtype, isolated=False)
        for ntype in g.ntypes:
            g.nodes[ntype].data["x"] = torch.arange(float(g.num_nodes(ntype)))
        for i, etype in enumerate(g.canonical_etypes):
            g.edges[etype].data["y"] = torch.full((g.num_edges(etype), 2), float(i))
        whole = lib.to_homogeneous(g, ndata=["x"], edata=["y"])
        back = lib.to_heterogeneous(whole, g.ntypes, g.etypes)
        meta = lib.to_heterogeneous(whole, g.ntypes, g.etypes, metagraph=g.metagraph())
        return whole, back, meta

    ours, theirs = both(build)
    assert_same_graph(ours[0], theirs[0])
    for mine, other in zip(ours[1:], theirs[1:]):
        assert_same_graph(mine, other, features=False)
        for ntype in mine.ntypes:
            for key in ("x", dgl.NID):
                assert mine.nodes[ntype].data[key].tolist() == other.nodes[ntype].data[key].tolist()
        for etype in mine.canonical_etypes:
            for key in ("y", dgl.EID):
                assert mine.edges[etype].data[key].tolist() == other.edges[etype].data[key].tolist()


def test_refused() -> None:
    g, many, block = square(dgl), typed(dgl), dgl.to_block(square(dgl))
    for call in (
        lambda: dgl.add_self_loop(many, etype="plays"),
        lambda: dgl.remove_self_loop(many, etype="plays"),
        lambda: dgl.add_self_loop(g, fill_data="median"),
        lambda: dgl.add_reverse_edges(many),
        lambda: dgl.line_graph(many),
        lambda: dgl.khop_graph(many, 2),
        lambda: dgl.reverse(block),
        lambda: dgl.to_simple(block),
        lambda: dgl.to_simple(g, copy_edata=True, aggregator="max"),
        lambda: dgl.reorder_graph(g, "x"),
        lambda: dgl.reorder_graph(g, edge_permute_algo="x"),
        lambda: dgl.reorder_graph(g, "custom"),
        lambda: dgl.to_heterogeneous(many, [], []),
        lambda: dgl.to_homogeneous(many, ndata=["h"]),
        lambda: dgl.to_block(block),
        lambda: dgl.compact_graphs(block),
        lambda: dgl.SIGNDiffusion(1, diffuse_op="x"),
        lambda: dgl.sort_csr_by_tag(g, torch.arange(3), tag_type="edge"),
    ):
        with pytest.raises(DGLError):
            call()
    with pytest.warns(UserWarning, match="renamed"):
        dgl.reverse(g, share_ndata=False)
    with pytest.warns(UserWarning, match="renamed"):
        dgl.to_simple_graph(g)


def test_sorted_orders_are_the_graphs_own() -> None:
    g = square(dgl)
    tags = torch.tensor([1, 0, 2, 0, 1, 0, 0])
    tagged = dgl.sort_csr_by_tag(g, tags)
    assert_same(tagged.edges(), g.edges())
    indptr, indices, _ = tagged.adj_tensors("csr")
    for low, high in zip(indptr.tolist(), indptr.tolist()[1:]):
        row = tags[indices[low:high]]
        assert row.tolist() == sorted(row.tolist())
    assert_same(g.adj_tensors("csr"), square(dgl).adj_tensors("csr"))


def test_reordered_edges_keep_their_features() -> None:
    g = square(dgl)
    for algorithm in ("src", "dst"):
        moved = dgl.reorder_graph(
            g, "custom", algorithm, permute_config={"nodes_perm": [6, 5, 4, 0, 1, 2, 3]}
        )
        names, old = moved.ndata[dgl.NID], moved.edata[dgl.EID]
        assert_same(names[torch.stack(moved.edges())], torch.stack(g.find_edges(old)))
        assert_same(moved.edata["w"], g.edata["w"][old])


def test_old_module_name() -> None:
    assert dgl.transform.remove_self_loop is dgl.remove_self_loop is dgl.transforms.remove_self_loop
