from __future__ import annotations

import numpy as np
import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphIndexError, GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


def attributes(graph, kind):
    return {
        "missing": (),
        "none": (None,),
        "vector": (graph.weight,),
        "matrix": (graph.attr,),
        "list": ([graph.weight, graph.attr],),
        "no list": ([],),
    }[kind]


KINDS = ["missing", "none", "vector", "matrix", "list", "no list"]


@pytest.mark.parametrize("sort_by_row", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [True, False])
def test_sort_edge_index(graph, same, kind, sort_by_row, given):
    edge_index, weight, attr = graph.edge_index, graph.weight, graph.attr
    if kind not in ("missing", "none", "no list"):  # the peer leaves open in which order duplicates come
        edge_index, (weight, attr) = peer.coalesce(edge_index, [weight, attr])
        perm = torch.randperm(edge_index.size(1))
        edge_index, weight, attr = edge_index[:, perm], weight[perm], attr[perm]
    graph = graph._replace(edge_index=edge_index, weight=weight, attr=attr)
    args = attributes(graph, kind)
    num_nodes = graph.num_nodes if given else None
    same(
        G.sort_edge_index(edge_index, *args, num_nodes=num_nodes, sort_by_row=sort_by_row),
        peer.sort_edge_index(edge_index, *args, num_nodes=num_nodes, sort_by_row=sort_by_row),
    )


def test_equal_edges_keep_their_order(graph):
    row, col = graph.edge_index.numpy()
    for keys, by_row in (((col, row), True), ((row, col), False)):
        _, perm = G.sort_edge_index(graph.edge_index, torch.arange(row.size), sort_by_row=by_row)
        assert perm.tolist() == np.lexsort(keys).tolist()


@pytest.mark.parametrize("sort_by_row", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduce", ["sum", "add", "mean", "min", "max", "mul"])
def test_coalesce(graph, same, kind, reduce, sort_by_row):
    args = attributes(graph, kind)
    same(
        G.coalesce(graph.edge_index, *args, reduce=reduce, sort_by_row=sort_by_row),
        peer.coalesce(graph.edge_index, *args, reduce=reduce, sort_by_row=sort_by_row),
    )


def test_coalesce_of_sorted_edges(graph, same):
    edge_index, weight = G.sort_edge_index(graph.edge_index, graph.weight)
    same(
        G.coalesce(edge_index, weight, is_sorted=True),
        peer.coalesce(edge_index, weight, is_sorted=True),
    )


def test_coalesce_returns_what_is_sorted_and_unique_as_it_is():
    edge_index = torch.tensor([[0, 1], [1, 0]])
    assert G.coalesce(edge_index) is edge_index


def test_coalesce_any_keeps_one_of_the_values():
    edge_index, attr = G.coalesce(torch.tensor([[0, 0, 1], [1, 1, 0]]), torch.tensor([3, 4, 5]), reduce="any")
    assert edge_index.tolist() == [[0, 1], [1, 0]]
    assert attr[0] in (3, 4) and attr[1] == 5


def test_coalesce_of_a_pair(graph):
    row, col = G.coalesce(tuple(graph.edge_index))
    assert torch.equal(torch.stack([row, col]), G.coalesce(graph.edge_index))


def test_coalesce_gradients(graph):
    ours, theirs = graph.weight.clone().requires_grad_(), graph.weight.clone().requires_grad_()
    for reduce in ("sum", "mean", "max", "mul"):
        a = G.coalesce(graph.edge_index, ours, reduce=reduce)[1]
        b = peer.coalesce(graph.edge_index, theirs, reduce=reduce)[1]
        grad = torch.arange(a.numel()) + 1.0
        torch.testing.assert_close(
            *(torch.autograd.grad(out, x, grad.double())[0] for out, x in ((a, ours), (b, theirs))),
            rtol=1e-10,
            atol=0,
        )


def test_ids_whose_square_overflows():
    big = 2**40
    edge_index = torch.tensor([[big, 0, big, 3], [1, big, 1, big - 1]])
    assert G.coalesce(edge_index).tolist() == [[0, 3, big], [big, big - 1, 1]]
    assert G.sort_edge_index(edge_index, torch.arange(4))[1].tolist() == [1, 3, 0, 2]
    with pytest.raises(ValueError, match="overflow"):
        peer.coalesce(edge_index)


def test_int32_ids_do_not_overflow():
    edge_index = torch.tensor([[99_999, 99_999], [99_998, 7]], dtype=torch.int32)
    out = G.sort_edge_index(edge_index)
    assert out.dtype == torch.int32 and out.tolist() == [[99_999, 99_999], [7, 99_998]]


def test_a_negative_id_is_named():
    with pytest.raises(GraphIndexError, match="got -2 in edge_index"):
        G.coalesce(torch.tensor([[0, 1], [1, -2]]))


def test_an_unknown_reduction_names_the_known():
    with pytest.raises(GraphValueError, match=r"'sum', 'add', 'mean'.*got 'median'"):
        G.coalesce(torch.tensor([[0, 0], [1, 1]]), torch.ones(2), reduce="median")


@pytest.mark.parametrize("descending", [True, False])
def test_lexsort(descending):
    generator = torch.Generator().manual_seed(0)
    keys = [torch.randint(4, (50,), generator=generator) for _ in range(3)]
    perm = G.lexsort(keys, descending=descending)
    assert torch.equal(perm, peer.lexsort(keys, descending=descending))
    if not descending:
        assert perm.tolist() == np.lexsort([key.numpy() for key in keys]).tolist()
    with pytest.raises(GraphValueError, match="at least one key"):
        G.lexsort([])


def test_index_sort():
    index = torch.randint(9, (30,), generator=torch.Generator().manual_seed(1))
    values, perm = G.index_sort(index, max_value=9, stable=True)
    assert torch.equal(values, index.sort(stable=True)[0])
    assert torch.equal(perm, index.sort(stable=True)[1])


def test_pointers_and_indices():
    index = torch.tensor([0, 0, 2, 5, 5, 5])
    assert G.index2ptr(index, 8).tolist() == [0, 2, 2, 3, 3, 3, 6, 6, 6]
    assert G.index2ptr(index).tolist() == [0, 2, 2, 3, 3, 3, 6]
    assert G.index2ptr(index[:0]).tolist() == [0]
    assert torch.equal(G.ptr2index(G.index2ptr(index, 8)), index)
    assert torch.equal(G.ptr2index(G.index2ptr(index, 8), output_size=6), index)
