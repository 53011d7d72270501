"""Graphs with motifs, against torch_geometric's, networkx and what the paper says of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine import datasets
from grapevine.datasets import graph_generator, motif_generator
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.explain import Explanation

peer = pytest.importorskip("torch_geometric.datasets")
peer_graphs = pytest.importorskip("torch_geometric.datasets.graph_generator")
peer_motifs = pytest.importorskip("torch_geometric.datasets.motif_generator")


def edges(data: Any) -> set[tuple[int, int]]:
    return set(map(tuple, data.edge_index.t().tolist()))


@pytest.mark.parametrize("name, args", [("house", ()), ("grid", ()), ("cycle", (6,)), ("CycleMotif", (3,))])
def test_motifs(name: str, args: Any) -> None:
    ours = motif_generator.MotifGenerator.resolve(name, *args)
    theirs = peer_motifs.MotifGenerator.resolve(name, *args)
    assert edges(ours()) == edges(theirs())
    assert ours().edge_index.shape == theirs().edge_index.shape
    assert ours().num_nodes == theirs().num_nodes
    assert "y" not in theirs() or torch.equal(ours().y, theirs().y)
    assert repr(ours) == repr(theirs)


def test_custom_motifs() -> None:
    nx = pytest.importorskip("networkx")
    wheel = motif_generator.CustomMotif(nx.wheel_graph(5))()
    assert edges(wheel) == edges(peer_motifs.CustomMotif(nx.wheel_graph(5))())
    with pytest.raises(GraphTypeError, match="got str"):
        motif_generator.CustomMotif("wheel")


@pytest.mark.parametrize(
    "name, args",
    [("ba", (20, 3)), ("er", (20, 0.3)), ("grid", (3, 4)), ("tree", (2, 3)), ("tree", (2, 2, True))],
)
def test_graphs(name: str, args: Any) -> None:
    ours = graph_generator.GraphGenerator.resolve(name, *args)
    theirs = peer_graphs.GraphGenerator.resolve(name, *args)
    assert repr(ours) == repr(theirs)
    a, b = ours(), theirs()
    assert a.num_nodes == b.num_nodes
    if name in ("grid", "tree"):
        assert edges(a) == edges(b)
        extra = "pos" if name == "grid" else "depth"
        assert torch.equal(a[extra], b[extra])


@pytest.mark.parametrize("depth, branch", [(0, 2), (3, 1), (3, 2), (2, 3)])
def test_trees(depth: int, branch: int) -> None:
    nx = pytest.importorskip("networkx")
    data = graph_generator.TreeGraph(depth, branch)()
    expected = nx.balanced_tree(branch, depth, create_using=nx.DiGraph)
    assert edges(data) == set(expected.edges)
    assert data.depth.tolist() == list(nx.shortest_path_length(expected, 0).values())


def test_explainer_dataset() -> None:
    dataset = datasets.ExplainerDataset("ba", "house", 4, 3, {"num_nodes": 30, "num_edges": 2})
    theirs = peer.ExplainerDataset("ba", "house", 4, 3, {"num_nodes": 30, "num_edges": 2})
    assert repr(dataset) == repr(theirs)
    assert len(dataset) == 3
    for data, other in zip(dataset, theirs, strict=True):
        assert isinstance(data, Explanation)
        assert data.num_nodes == 50
        assert torch.equal(data.y, other.y)
        assert torch.equal(data.node_mask, other.node_mask)
        assert data.is_undirected()
        # Motifs, and a bridge of two edges after each.
        house = torch.cat([torch.ones(12), torch.zeros(2)]).repeat(4)
        for found in (data, other):
            assert torch.equal(found.edge_mask[-56:], house)
            assert not found.edge_mask[:-56].any()
        both_in = data.node_mask[data.edge_index].all(dim=0)
        assert torch.equal(both_in, data.edge_mask.bool())
        bridges = data.edge_index[:, -2:]
        assert data.node_mask[bridges].sum(dim=0).tolist() == [1.0, 1.0]


def test_motifs_without_labels() -> None:
    def labels(library: Any) -> Tensor:
        made: Tensor = library.ExplainerDataset(
            "er", "cycle", 2, 1, {"num_nodes": 5, "edge_prob": 0.5}, {"num_nodes": 3}
        )[0].y
        return made

    assert torch.equal(labels(datasets), labels(peer))
    with pytest.raises(GraphValueError, match="at least one"):
        datasets.ExplainerDataset("er", "house", 0)
