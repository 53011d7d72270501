"""What the peer cannot tell: caches, plans, weights of sparse adjacencies, refusals."""

from __future__ import annotations

import pytest
import torch
from tests.nn.peer import SQUARE, assert_close, assert_same_as_peer, normal

import grapevine as gv
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.nn import conv
from grapevine.utils import to_torch_coo_tensor, to_torch_csc_tensor, to_torch_csr_tensor

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = SQUARE[0]
TYPES = torch.arange(30) % 4


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (conv.GATConv(6, 4, heads=2), ()),
        (conv.GATConv(6, 4, edge_dim=3), (GRAPH.edge_features(3),)),
        (conv.GATv2Conv(6, 4), ()),
        (conv.TransformerConv(6, 4), ()),
        (conv.RGCNConv(6, 4, 4), (TYPES,)),
        (conv.RGATConv(6, 4, 4), (TYPES,)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else "",
)
def test_the_second_call_does_not_sort_again(layer, inputs, monkeypatch) -> None:
    from grapevine import topology

    sorts = []
    original = topology.sort_rows
    monkeypatch.setattr(topology, "sort_rows", lambda *args: sorts.append(args) or original(*args))
    edge_index = GRAPH.edge_index.clone()
    x = GRAPH.features(6).requires_grad_()
    first = layer(x, edge_index, *inputs)
    first.sum().backward()
    assert sorts
    sorts.clear()
    second = layer(x, edge_index, *inputs)
    second.sum().backward()
    assert not sorts
    assert torch.equal(first, second)
    edge_index[0, 0] = (edge_index[0, 0] + 1) % 8  # a changed graph is another graph
    assert not torch.equal(layer(x, edge_index, *inputs), first)


def test_changed_types_are_other_types() -> None:
    layer, x, types = conv.RGCNConv(6, 4, 4), GRAPH.features(6), TYPES.clone()
    first = layer(x, GRAPH.edge_index, types)
    types[:5] = 3
    expected = layer(x, GRAPH.edge_index, types.clone())
    assert torch.equal(layer(x, GRAPH.edge_index, types), expected)
    assert not torch.equal(expected, first)


@pytest.mark.parametrize("layer", [conv.GATConv(6, 4, heads=2), conv.GATv2Conv(6, 4, heads=2)], ids=repr)
def test_attention_stores_no_message(layer) -> None:
    """Scores of size (E, H) may be stored, nothing of size (E, H, F')."""
    plan = gv.plan(layer, GRAPH.features(6), GRAPH.edge_index)
    loops = int((GRAPH.edge_index[0] == GRAPH.edge_index[1]).sum())
    num_edges = GRAPH.edge_index.shape[1] - loops + GRAPH.num_src
    stored = [step for step in plan.steps if step.shape[:1] == (num_edges,) and step.shape[1:] != (2,)]
    assert not stored, str(plan)


@pytest.mark.parametrize("make", [to_torch_coo_tensor, to_torch_csr_tensor, to_torch_csc_tensor])
@pytest.mark.parametrize("add_self_loops", [True, False])
def test_weights_of_a_sparse_adjacency(make, add_self_loops: bool) -> None:
    index = GRAPH.edge_index.unique(dim=1)
    layer = conv.GATConv(6, 4, heads=2, add_self_loops=add_self_loops)
    x = GRAPH.features(6)
    out, (pairs, alpha) = layer(x, index, return_attention_weights=True)
    dense = torch.zeros(8, 8, 2).index_put((pairs[1], pairs[0]), alpha)
    actual, (adj, values) = layer(x, make(index.flip(0), size=(8, 8)), return_attention_weights=True)
    assert_close(actual, out)
    assert adj.layout is make(index).layout
    assert_close(adj.to_dense() if make is to_torch_coo_tensor else _dense(adj), dense)
    stored = adj.values() if adj.layout is not torch.sparse_coo else adj.coalesce().values()
    assert torch.equal(stored, values)
    assert_close(alpha.sum(0), values.sum(0))


def _dense(adj: torch.Tensor) -> torch.Tensor:
    from grapevine.utils import to_edge_index

    pairs, values = to_edge_index(adj)
    return torch.zeros(*adj.shape).index_put((pairs[0], pairs[1]), values)


def test_attention_sums_to_one() -> None:
    for layer in (conv.GATConv(6, 4, heads=3), conv.GATv2Conv(6, 4, heads=3)):
        _, (pairs, alpha) = layer(GRAPH.features(6), GRAPH.edge_index, return_attention_weights=True)
        assert_close(torch.zeros(8, 3).index_add(0, pairs[1], alpha), torch.ones(8, 3))


def test_receivers_of_an_attention_that_a_subclass_reads() -> None:
    """Receivers are mapped to their scores alone, unless a message asks for them."""

    class Both(conv.GATConv):
        def message(self, x_i, x_j, alpha):  # type: ignore[no-untyped-def]
            return super().message(x_j, alpha) + 0 * x_i

    torch.manual_seed(0)
    plain = conv.GATConv((4, 3), 5, heads=2, add_self_loops=False).double()
    both = Both((4, 3), 5, heads=2, add_self_loops=False).double()
    both.load_state_dict(plain.state_dict())
    x = torch.randn(6, 4, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    index = torch.stack([torch.randint(6, (20,)), torch.randint(5, (20,))])
    torch.testing.assert_close(plain(x, index), both(x, index))


def test_gat_refuses() -> None:
    with pytest.raises(GraphValueError, match=r"expected node features of shape \[N, F\]"):
        conv.GATConv(6, 4)(torch.ones(2, 8, 6), GRAPH.edge_index)
    with pytest.raises(GraphValueError, match=r"expected node features of shape \[N, F\]"):
        conv.GATv2Conv(6, 4)(torch.ones(2, 8, 6), GRAPH.edge_index)
    with pytest.raises(GraphValueError, match="expected fill_value to be"):
        conv.GATConv(6, 4, edge_dim=3, fill_value=None)(
            GRAPH.features(6), GRAPH.edge_index, GRAPH.edge_features(3)
        )


@pytest.mark.parametrize("layer", [conv.GATConv, conv.GATv2Conv, conv.TransformerConv])
def test_attention_refuses_features_of_other_edges(layer: type) -> None:
    x, edge_index = GRAPH.features(6), GRAPH.edge_index
    for rows in (edge_index.shape[1] - 1, edge_index.shape[1] + 1):
        with pytest.raises(GraphValueError, match=rf"per edge, {edge_index.shape[1]} rows; got shape"):
            layer(6, 4, edge_dim=3)(x, edge_index, torch.zeros(rows, 3))


def test_rgcn_refuses() -> None:
    x, layer = GRAPH.features(6), conv.RGCNConv(6, 4, 4)
    with pytest.raises(GraphTypeError, match="expected edge_type"):
        layer(x, GRAPH.edge_index)
    with pytest.raises(GraphIndexError, match="edge 7: relation 4 does not exist among 4"):
        layer(x, GRAPH.edge_index, TYPES.clone().index_fill(0, torch.tensor([7]), 4))
    with pytest.raises(GraphValueError, match="a relation for each of 30 edges"):
        layer(x, GRAPH.edge_index, TYPES[:3])
    with pytest.raises(GraphValueError, match="num_bases or num_blocks, got both"):
        conv.RGCNConv(6, 4, 4, num_bases=2, num_blocks=2)
    with pytest.raises(GraphValueError, match="multiples of num_blocks=4"):
        conv.RGCNConv(6, 4, 4, num_blocks=4)
    with pytest.raises(GraphValueError, match="got numbers of nodes"):
        conv.RGCNConv(8, 4, 4, num_blocks=2)(None, GRAPH.edge_index, TYPES)
    with pytest.raises(GraphValueError, match="use RGCNConv"):
        conv.FastRGCNConv(6, 4, 4, aggr="max")(x, GRAPH.edge_index, TYPES)


def test_rgcn_reads_types_from_a_sparse_adjacency() -> None:
    index = GRAPH.edge_index.unique(dim=1)
    types = torch.arange(index.shape[1]) % 4
    layer, x = conv.RGCNConv(6, 4, 4), GRAPH.features(6)
    adj_t = to_torch_csr_tensor(index.flip(0), types, size=(8, 8))
    assert_close(layer(x, adj_t), layer(x, index, types))


def test_fast_rgcn_reads_the_given_numbers() -> None:
    x = torch.tensor([5, 11, 2, 0, 7, 7, 3, 1])
    fast, slow = conv.FastRGCNConv(12, 4, 4), conv.RGCNConv(12, 4, 4)
    slow.load_state_dict(fast.state_dict())
    assert torch.equal(fast(x, GRAPH.edge_index, TYPES), slow(x, GRAPH.edge_index, TYPES))


def test_rgat_refuses() -> None:
    for options, message in [
        ({"attention_mechanism": "global"}, "expected attention_mechanism among"),
        ({"attention_mode": "dot"}, "expected attention_mode among"),
        ({"dim": 2}, "expected dim=1"),
        ({"dropout": 0.5, "mod": "scaled"}, "expected mod=None with dropout"),
        ({"num_bases": 2, "num_blocks": 2}, "got both"),
        ({"num_blocks": 5}, "multiples of num_blocks=5"),
    ]:
        with pytest.raises(GraphValueError, match=message):
            conv.RGATConv(6, 4, 4, **options)
    with pytest.raises(GraphValueError, match="edge_dim="):
        conv.RGATConv(6, 4, 4)(GRAPH.features(6), GRAPH.edge_index, TYPES, GRAPH.edge_features(3))


def test_pna_histogram_and_refusals() -> None:
    from torch_geometric.data import Data

    graphs = [Data(edge_index=g.edge_index, num_nodes=g.num_src) for g in SQUARE]
    expected = pyg.PNAConv.get_degree_histogram(graphs)
    assert torch.equal(conv.PNAConv.get_degree_histogram(graphs), expected)
    with pytest.raises(GraphValueError, match="multiples of towers=3"):
        conv.PNAConv(6, 4, ["mean"], ["identity"], torch.tensor([1, 2]), towers=3)


def test_ppf_with_loops() -> None:
    """At a self-loop the angles have no derivative, so that values alone are compared."""
    ours, theirs = (nn.PPFConv(torch.nn.Linear(10, 4)) for nn in (conv, pyg))
    inputs = GRAPH.features(6), GRAPH.features(3, seed=9), GRAPH.features(3, seed=10), GRAPH.edge_index
    assert_same_as_peer(ours, theirs, *inputs, grad=False)


def test_supergat_loss() -> None:
    ours, theirs = (nn.SuperGATConv(6, 4, heads=2, edge_sample_ratio=1.0) for nn in (conv, pyg))
    theirs.load_state_dict(ours.state_dict())
    negative = GRAPH.edge_index.flip(0)[:, ::2]
    for layer in (ours, theirs):
        layer.train()(GRAPH.features(6), GRAPH.edge_index, negative)
    assert_close(ours.get_attention_loss(), theirs.get_attention_loss())
    ours(GRAPH.features(6), GRAPH.edge_index, batch=torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))
    ours(GRAPH.features(6), GRAPH.edge_index).sum().backward()
    assert float(ours.eval().get_attention_loss()) == 0
    for options in ({"attention_type": "GO"}, {"neg_sample_ratio": 0.0}, {"edge_sample_ratio": 1.5}):
        with pytest.raises(GraphValueError, match="expected"):
            conv.SuperGATConv(6, 4, **options)


def test_eg_counts_trailing_nodes() -> None:
    """Beyond the peer: a node with a number above those in `edge_index` gets its self-loop too."""
    layer = conv.EGConv(6, 8, ["mean"], num_heads=2)
    x, edge_index = normal(4, 6), torch.tensor([[0, 1], [1, 2]])
    expected = layer(x, torch.cat([edge_index, torch.tensor([[3], [3]])], dim=1))
    assert_close(layer(x, edge_index), expected)
    with pytest.raises(GraphValueError, match="multiple of num_heads=3"):
        conv.EGConv(6, 8, num_heads=3)
    with pytest.raises(GraphValueError, match="expected aggregators among"):
        conv.EGConv(6, 8, ["median"])


def test_hypergraph_refuses() -> None:
    with pytest.raises(GraphValueError, match="'node' or 'edge'"):
        conv.HypergraphConv(6, 4, attention_mode="both")
    with pytest.raises(GraphTypeError, match="expected hyperedge_attr"):
        conv.HypergraphConv(6, 4, use_attention=True)(GRAPH.features(6), GRAPH.edge_index)
