"""`Edges`: what it accepts, what it refuses and with which words, and its verbs on the examples of the tutorials."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.errors import GrapevineError, GraphIndexError, GraphKeyError, GraphTypeError, GraphValueError

MODES = pytest.mark.parametrize(
    "mode", [gv.recorded, gv.materialised, None], ids=["lazy", "materialised", "default"]
)
X = [[6.0, 4.0], [0.0, 1.0], [5.0, 3.0], [1.0, 2.0]]
#: The undirected edges 0-1, 0-2, 1-2, 2-3.
INDEX = [[0, 1, 0, 2, 1, 2, 2, 3], [1, 0, 2, 0, 2, 1, 3, 2]]


@pytest.fixture(autouse=True)
def _mode(request: pytest.FixtureRequest) -> Iterator[None]:
    chosen = request.node.callspec.params.get("mode") if hasattr(request.node, "callspec") else None
    if chosen is None:
        yield
        return
    with chosen():
        yield


def graph() -> gv.Edges:
    return gv.Edges(torch.tensor(INDEX), num_nodes=4)


# -- the verbs -----------------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_round_with_max(mode: Any, dtype: torch.dtype) -> None:
    edges, x = graph(), torch.tensor(X, dtype=dtype)
    out = x + 0.5 * edges.max(0.5 * edges.dst(x) + 2 * edges.src(x))
    assert out.tolist() == [[12.5, 8.0], [6.0, 5.25], [12.25, 7.75], [6.25, 5.5]]


@MODES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ten_rounds_with_sum(mode: Any, dtype: torch.dtype) -> None:
    edges, x = graph(), torch.tensor(X, dtype=dtype)
    for _ in range(10):
        x = x + 0.5 * edges.sum(0.5 * edges.dst(x) + 2 * edges.src(x))
    want = [
        [1839130.875, 1406359.0],
        [1839130.875, 1406359.0],
        [2298917.0, 1758024.625],
        [919569.5, 703268.6875],
    ]
    torch.testing.assert_close(x, torch.tensor(want, dtype=dtype), rtol=1e-6, atol=0.0)


@MODES
def test_verbs(mode: Any) -> None:
    edges = gv.Edges(torch.tensor([[0, 1, 1], [2, 2, 0]]), size=(2, 3))
    x, y, e = (
        torch.tensor([[1.0], [3.0]]),
        torch.tensor([[10.0], [20.0], [30.0]]),
        torch.tensor([[1.0], [2.0], [4.0]]),
    )
    assert gv.materialise(edges.src(x)).tolist() == [[1.0], [3.0], [3.0]]
    assert gv.materialise(edges.dst(y)).tolist() == [[30.0], [30.0], [10.0]]
    assert gv.materialise(edges.edge(e)).tolist() == [[1.0], [2.0], [4.0]]
    m = edges.src(x) * edges.edge(e) - 5
    assert edges.sum(m).tolist() == [[7.0], [0.0], [-3.0]]
    assert edges.mean(m).tolist() == [[7.0], [0.0], [-1.5]]
    assert edges.max(m).tolist() == [[7.0], [0.0], [1.0]]
    assert edges.min(m).tolist() == [[7.0], [0.0], [-4.0]]
    assert edges.reduce(m, "mul").tolist() == [[7.0], [1.0], [-4.0]]
    for one, other in (("add", "sum"), ("prod", "mul")):
        assert torch.equal(edges.reduce(m, one), edges.reduce(m, other))
    weights = gv.materialise(edges.softmax(edges.edge(e)))
    torch.testing.assert_close(weights, torch.tensor([[0.26894142], [0.73105858], [1.0]]))
    assert edges.reverse().sum(edges.reverse().src(y)).tolist() == [[30.0], [40.0]]


@MODES
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.complex64])
def test_other_dtypes(mode: Any, dtype: torch.dtype) -> None:
    edges = graph()
    x = torch.tensor(X).to(dtype)
    out = edges.sum(edges.src(x)) if dtype is not torch.bool else edges.max(edges.src(x).to(torch.uint8))
    plain = x[edges.src_index].to(torch.uint8 if dtype is torch.bool else dtype)
    how = "amax" if dtype is torch.bool else "sum"
    if dtype.is_complex:
        want = torch.zeros(4, 2, dtype=dtype).index_add(0, edges.dst_index, plain)
    else:
        want = torch.zeros_like(plain[:4]).scatter_reduce(
            0, edges.dst_index[:, None].expand_as(plain), plain, how
        )
    assert torch.equal(out, want)


@MODES
@pytest.mark.parametrize("size", [(0, 0), (3, 0), (0, 3), (3, 3)])
@pytest.mark.parametrize("tail", [(), (2,), (0,), (2, 0), (2, 3)])
def test_no_edges_no_nodes_no_features(mode: Any, size: tuple[int, int], tail: tuple[int, ...]) -> None:
    edges = gv.Edges(torch.empty(2, 0, dtype=torch.long), size=size)
    x, y = torch.randn(size[0], *tail, requires_grad=True), torch.randn(size[1], *tail, requires_grad=True)
    for how in ("sum", "mean", "max", "min"):
        out = edges.reduce(edges.src(x) * 2 + edges.dst(y), how)
        assert out.shape == (size[1], *tail) and not out.any()
        grads = torch.autograd.grad(out.sum(), (x, y), allow_unused=True)
        assert all(g is None or (g.shape == t.shape and not g.any()) for g, t in zip(grads, (x, y)))
    assert edges.softmax(edges.src(x)).shape == (0, *tail)


# -- what is accepted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.uint8])
def test_ids_of_any_integer_type(dtype: torch.dtype) -> None:
    edges = gv.Edges(torch.tensor(INDEX, dtype=dtype), num_nodes=4)
    assert edges.src_index.dtype is torch.int64 and edges.edge_index.tolist() == INDEX


def test_number_of_nodes() -> None:
    index = torch.tensor([[0, 1], [4, 2]])
    assert gv.Edges(index).size == (5, 5)
    assert gv.Edges(index, num_nodes=7).size == (7, 7)
    assert gv.Edges(index, size=(2, 5)).size == (2, 5)
    assert gv.Edges(index, size=(None, 6)).size == (2, 6)
    assert gv.Edges((index[0], index[1])).size == (5, 5)
    assert gv.Edges([index[0], index[1]], size=(3, None)).size == (3, 5)
    assert gv.Edges(torch.empty(2, 0, dtype=torch.long)).size == (0, 0)


def sparse(layout: str) -> Tensor:
    """(N_dst, N_src) = (3, 2), entries (0, 1), (2, 0), (2, 1)."""
    dense = torch.tensor([[0.0, 5.0], [0.0, 0.0], [7.0, 8.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # compressed layouts are in beta
        return {"coo": dense.to_sparse_coo, "csr": dense.to_sparse_csr, "csc": dense.to_sparse_csc}[layout]()


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
def test_sparse_tensors_are_transposed_adjacencies(layout: str) -> None:
    adjacency = sparse(layout)
    edges = gv.Edges.of(adjacency)
    assert edges.size == (2, 3)
    assert sorted(edges.edge_index.t().tolist()) == [[0, 2], [1, 0], [1, 2]]
    assert gv.Edges.of(adjacency) is edges and gv.Edges.of(adjacency, (2, None)) is not None
    x = torch.tensor([[1.0], [10.0]])
    pattern = (adjacency.to_dense() != 0).float()
    torch.testing.assert_close(edges.sum(edges.src(x)), pattern @ x)
    with pytest.raises(
        GraphValueError,
        match="2 source and 3 destination nodes, the size of these edges; got 4 and None rows",
    ):
        gv.Edges.of(adjacency, (4, None))


def test_repeated_entries_are_one_edge() -> None:
    """As in `to_edge_index`, whose values are sums then."""
    adjacency = torch.sparse_coo_tensor(
        torch.tensor([[0, 0], [1, 1]]), torch.ones(2), (2, 2), check_invariants=True
    )
    assert gv.Edges.of(adjacency).edge_index.tolist() == [[1], [0]]


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
def test_edges_come_in_the_order_of_the_values(layout: str) -> None:
    adjacency = sparse(layout)
    edges = gv.Edges.of(adjacency)
    dense = adjacency.to_dense()
    assert dense[edges.dst_index, edges.src_index].tolist() == adjacency.values().tolist()


# -- what it is ----------------------------------------------------------------------------------------------


def test_copies() -> None:
    edges = gv.Edges(torch.tensor([[0, 1, 1], [2, 2, 0]]), size=(2, 3))
    edges.by_dst
    for again in (pickle.loads(pickle.dumps(edges)), copy.deepcopy(edges), copy.copy(edges)):
        assert (
            type(again) is gv.Edges
            and again.size == (2, 3)
            and torch.equal(again.edge_index, edges.edge_index)
        )
        assert torch.equal(again.by_dst.ptr, edges.by_dst.ptr)
    back = pickle.loads(pickle.dumps(edges.reverse()))
    assert back.size == (3, 2) and torch.equal(back.edge_index, edges.edge_index.flip(0))


def test_to() -> None:
    edges = gv.Edges(torch.tensor([[0, 1, 1], [2, 2, 0]]), size=(2, 3))
    assert edges.to("cpu") is edges and edges.to(torch.device("cpu")) is edges
    assert repr(edges) == "Edges(2 -> 3 nodes, 3 edges, cpu)"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu() -> None:
    edges, x = graph().to("cuda"), torch.tensor(X, device="cuda")
    assert (x + 0.5 * edges.max(0.5 * edges.dst(x) + 2 * edges.src(x))).tolist()[0] == [12.5, 8.0]


def test_reverse_is_an_edges() -> None:
    assert type(graph().reverse()) is gv.Edges and graph().reverse().edge_index.tolist() == INDEX[::-1]


def test_numpy_reads_it() -> None:
    np.testing.assert_array_equal(graph().edge_index.numpy(), INDEX)


# -- errors: each says what was expected, what came, and what to do ------------------------------------------

x4 = torch.tensor(X)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        # an index out of range: the edge, the value, N
        (
            lambda: gv.Edges(torch.tensor([[0, 1], [1, 9]]), num_nodes=4),
            GraphIndexError,
            (
                "edge 1: destination id 9 does not exist among 4 destination nodes; "
                "ids run from 0 to 3; pass num_nodes=10 or more, or features with as many rows"
            ),
        ),
        (
            lambda: gv.Edges(torch.tensor([[0, 4], [1, 0]]), size=(4, 2)),
            GraphIndexError,
            (
                "edge 1: source id 4 does not exist among 4 source nodes; "
                "ids run from 0 to 3; pass num_nodes=5 or more, or features with as many rows"
            ),
        ),
        (
            lambda: gv.Edges(torch.tensor([[0, 1], [1, -1]])),
            GraphIndexError,
            "edge 1: destination id -1 is negative; node ids count from 0",
        ),
        # a float index
        (
            lambda: gv.Edges(torch.tensor([[0.0], [1.0]])),
            GraphTypeError,
            "expected integer node ids, got a source index of dtype torch.float32; do this instead: edge_index.long()",
        ),
        # [E, 2] instead of [2, E]
        (
            lambda: gv.Edges(torch.tensor([[0, 1], [1, 2], [2, 0]])),
            GraphValueError,
            "expected edge_index of shape [2, E], got [3, 2]; do this instead: edge_index.t().contiguous()",
        ),
        (
            lambda: gv.Edges(torch.tensor([0, 1])),
            GraphValueError,
            "expected edge_index of shape [2, E], got [2]",
        ),
        (
            lambda: gv.Edges(torch.zeros(3, 4, dtype=torch.long)),
            GraphValueError,
            "expected edge_index of shape [2, E], got [3, 4]",
        ),
        (
            lambda: gv.Edges(torch.eye(4)),
            GraphValueError,
            (
                "expected edge_index of shape [2, E], got [4, 4]; of a dense adjacency matrix do this instead: "
                "adj.nonzero().t()"
            ),
        ),
        (
            lambda: gv.Edges(torch.zeros(4, 8)),
            GraphValueError,
            (
                "expected edge_index of shape [2, E], got [4, 8] of dtype torch.float32; "
                "layers take the features of the nodes first, then edge_index"
            ),
        ),
        (
            lambda: gv.Edges([[0, 1], [1, 2]]),
            GraphTypeError,
            "expected edge_index as a tensor of shape [2, E], got list; do this instead: torch.tensor([[...], [...]])",
        ),
        (
            lambda: gv.Edges(np.zeros((2, 3))),
            GraphTypeError,
            (
                "expected edge_index as a tensor of shape [2, E], got ndarray; "
                "do this instead: torch.tensor([[...], [...]])"
            ),
        ),
        (
            lambda: gv.Edges(torch.tensor([[0], [1]]), num_nodes=4, size=(4, 4)),
            GraphValueError,
            "expected num_nodes or size, got both; use size=(N_src, N_dst) for bipartite graphs",
        ),
        # features on another device
        (
            lambda: graph().src(torch.empty(4, 2, device="meta")),
            GraphValueError,
            (
                "expected features on the edges' device cpu, got meta; "
                "do this instead: x.to('cpu'), or move both once with data.to(device)"
            ),
        ),
        (
            lambda: graph().edge(torch.empty(8, 2, device="meta")),
            GraphValueError,
            (
                "expected features on the edges' device cpu, got meta; "
                "do this instead: x.to('cpu'), or move both once with data.to(device)"
            ),
        ),
        # a wrong number of rows
        (
            lambda: graph().src(torch.ones(5, 2)),
            GraphValueError,
            (
                "expected one row per source node, 4 rows; got shape [5, 2]; "
                "pass num_nodes (or size) that fits the features"
            ),
        ),
        (
            lambda: graph().dst(torch.ones(3)),
            GraphValueError,
            (
                "expected one row per destination node, 4 rows; "
                "got shape [3]; pass num_nodes (or size) that fits the features"
            ),
        ),
        (
            lambda: graph().edge(torch.ones(4, 2)),
            GraphValueError,
            "expected one row per edge, 8 rows; got shape [4, 2]",
        ),
        (
            lambda: graph().sum(torch.ones(4, 2)),
            GraphValueError,
            "expected one message per edge, 8 rows; got shape [4, 2]",
        ),
        (
            lambda: graph().softmax(torch.ones(())),
            GraphValueError,
            "expected one score per edge, 8 rows; got shape []",
        ),
        # an unknown aggregation
        (
            lambda: graph().reduce(torch.ones(8), "median"),
            GraphKeyError,
            "unknown reduction 'median'; choose one of sum, mean, max, min, mul",
        ),
    ],
)
def test_errors(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == text
    assert isinstance(caught.value, GrapevineError)
