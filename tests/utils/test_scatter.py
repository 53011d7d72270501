"""Reductions by index, beside the peer: values, gradients, and what the peer leaves open."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine import utils
from grapevine.errors import GraphKeyError, GraphValueError

peer = pytest.importorskip("torch_geometric.utils")

REDUCE = ["sum", "add", "mean", "mul", "min", "max"]
INDEX = torch.tensor([2, 0, 2, 5, 0, 2, 2, 5, 0])
MODES = pytest.mark.parametrize(
    "mode", [gv.recorded, gv.materialised, lambda: gv.recorded(1 << 15)], ids=["lazy", "plain", "default"]
)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def rows(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.randn(*shape, dtype=torch.float64) + 0.1).to(dtype)


def assert_agree(ours: Tensor, theirs: Tensor, *inputs: Tensor) -> None:
    """Same shape, dtype and values; same gradient of a random direction."""
    tolerance = TOLERANCE.get(ours.dtype, 0.0)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    assert ours.requires_grad == theirs.requires_grad
    if theirs.requires_grad:
        grad = torch.randn_like(theirs)
        for a, b in zip(
            torch.autograd.grad(ours, inputs, grad), torch.autograd.grad(theirs, inputs, grad), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@MODES
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("reduce", REDUCE)
def test_scatter(reduce: str, dtype: torch.dtype, mode) -> None:
    with mode():
        for shape, dim in (
            ((9,), 0),
            ((9, 4), 0),
            ((9, 4), -2),
            ((3, 9), 1),
            ((3, 9, 2), -2),
            ((2, 3, 9), -1),
        ):
            src = rows(*shape, dtype=dtype).requires_grad_()
            for dim_size in (None, 6, 8):
                args = (src, INDEX, dim, dim_size, reduce)
                assert_agree(utils.scatter(*args), peer.scatter(*args), src)


@MODES
@pytest.mark.parametrize("reduce", REDUCE)
def test_scatter_of_nothing(reduce: str, mode) -> None:
    with mode():
        nothing = torch.empty(0, dtype=torch.int64)
        for dim_size in (None, 0, 3):
            for shape in ((0,), (0, 4), (0, 0)):
                src = torch.empty(shape)
                ours, theirs = (u.scatter(src, nothing, 0, dim_size, reduce) for u in (utils, peer))
                assert torch.equal(ours, theirs) and ours.dtype is theirs.dtype
        no_features = torch.empty(9, 0)
        assert utils.scatter(no_features, INDEX, reduce=reduce).shape == (6, 0)


@MODES
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8], ids=str)
@pytest.mark.parametrize("reduce", ["sum", "mul", "min", "max"])
def test_scatter_of_integers(reduce: str, dtype: torch.dtype, mode) -> None:
    with mode():
        src = torch.randint(1, 4, (9, 2), dtype=dtype)
        ours, theirs = (u.scatter(src, INDEX, reduce=reduce) for u in (utils, peer))
        assert torch.equal(ours, theirs) and ours.dtype is theirs.dtype


@MODES
def test_means_of_integers_are_fractions(mode) -> None:
    with mode():
        src = torch.randint(-9, 9, (9, 2))
        ours, theirs = (u.scatter(src, INDEX, dim_size=8, reduce="mean") for u in (utils, peer))
        assert torch.equal(ours, theirs) and ours.dtype is theirs.dtype is torch.float32
        assert utils.scatter(src > 99, INDEX, dim_size=8, reduce="mean").dtype is torch.float32


def test_degree_of_an_edge_index_says_which_row_to_take() -> None:
    with pytest.raises(ValueError, match=r"got shape \[2, 5\]; .* degree\(edge_index\[1\]\)"):
        utils.degree(torch.zeros(2, 5, dtype=torch.long))


def test_scatter_any_keeps_one_of_the_entries() -> None:
    src = rows(9, 3)
    index = INDEX.clone()
    out = utils.scatter(src, index, reduce="any", dim_size=7)
    for n in range(7):
        mine = src[index == n]
        assert bool((mine == out[n]).all(1).any()) if len(mine) else not out[n].any()


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_ties_share_the_gradient(reduce: str) -> None:
    src = torch.tensor([3.0, 1.0, 3.0, 3.0, 1.0], dtype=torch.float64, requires_grad=True)
    out = utils.scatter(src, torch.tensor([0, 0, 0, 1, 1]), reduce=reduce)
    (grad,) = torch.autograd.grad(out, src, torch.tensor([6.0, 10.0], dtype=torch.float64))
    assert grad.tolist() == ([3.0, 0, 3.0, 10.0, 0] if reduce == "max" else [0, 6.0, 0, 0, 10.0])


@pytest.mark.parametrize("reduce", ["sum", "mean", "mul", "max", "min"])
def test_second_derivatives(reduce: str) -> None:
    src = rows(9, 2).requires_grad_()

    def function(src: Tensor) -> Tensor:
        return utils.scatter(src, INDEX, dim_size=6, reduce=reduce)

    assert torch.autograd.gradcheck(function, src)
    assert torch.autograd.gradgradcheck(function, src)


def test_scatter_of_a_lazy_message() -> None:
    """A message that was recorded is reduced like a real one, by its own ends and by any other index."""
    ends = torch.tensor([[0, 1, 2, 2, 0], [1, 2, 0, 1, 1]])
    edges = gv.Edges(ends, num_nodes=4)
    x = rows(4, 3).requires_grad_()
    for index in (edges.dst_index, edges.src_index, torch.tensor([1, 1, 0, 1, 0])):
        for reduce in ("sum", "mean", "max", "min", "mul"):
            ours = utils.scatter(edges.src(x).sigmoid() * edges.dst(x), index, dim_size=4, reduce=reduce)
            theirs = peer.scatter(x[ends[0]].sigmoid() * x[ends[1]], index, dim_size=4, reduce=reduce)
            assert_agree(ours, theirs, x)
        ours = utils.softmax((edges.src(x) * edges.dst(x)).sum(-1), index, num_nodes=4)
        assert_agree(ours.clone(), peer.softmax((x[ends[0]] * x[ends[1]]).sum(-1), index, num_nodes=4), x)


@MODES
@pytest.mark.parametrize("length", [3, 50])
def test_every_entry_needs_a_group(length: int, mode) -> None:
    x, index = rows(40, 2), torch.zeros(length, dtype=torch.long)
    message = rf"the group of each of the 40 entries along dim 0 .* got an index of {length}"
    with mode():
        for reduce in ("sum", "mean", "max", "mul"):
            with pytest.raises(GraphValueError, match=message):
                utils.scatter(x, index, reduce=reduce)
        with pytest.raises(GraphValueError, match=message):
            utils.softmax(x, index)


def test_what_scatter_refuses() -> None:
    with pytest.raises(GraphValueError, match=r"expected a one-dimensional index, got 2 dimensions"):
        utils.scatter(rows(2, 2), torch.zeros(2, 2, dtype=torch.long))
    for dim in (2, -3):
        with pytest.raises(GraphValueError, match=rf"expected dim between -2 and 1, got {dim}"):
            utils.scatter(rows(2, 2), torch.zeros(2, dtype=torch.long), dim=dim)
    with pytest.raises(
        GraphKeyError, match=r"unknown reduction 'median'; choose one of add, amax, amin, any"
    ):
        utils.scatter(rows(2, 2), torch.zeros(2, dtype=torch.long), reduce="median")
    with pytest.raises(IndexError):
        utils.scatter(rows(2, 2), torch.tensor([0, 3]), dim_size=2)


PTR = torch.tensor([0, 3, 3, 4, 9, 9])


@MODES
@pytest.mark.parametrize("reduce", ["sum", "mean", "min", "max"])
def test_segment(reduce: str, mode) -> None:
    with mode():
        for shape in ((9,), (9, 4), (9, 2, 3)):
            src = rows(*shape).requires_grad_()
            ours, theirs = (u.segment(src, PTR, reduce) for u in (utils, peer))
            keep = torch.tensor([0, 2, 3])  # the peer's gradient of an empty segment is nan
            assert_agree(ours[keep], theirs[keep], src)
            assert torch.equal(ours[[1, 4]], torch.zeros_like(ours[[1, 4]]))


@MODES
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_softmax(dtype: torch.dtype, mode) -> None:
    with mode():
        for shape, dim in (((9,), 0), ((9, 4), 0), ((3, 9), 1), ((3, 9, 2), -2), ((2, 9), -1)):
            src = (5 * rows(*shape, dtype=dtype)).requires_grad_()
            for size in (None, 6, 8):
                args = (src, INDEX, None, size, dim)
                assert_agree(utils.softmax(*args), peer.softmax(*args), src)
            ours = utils.softmax(src, None, PTR, None, dim)
            groups = torch.tensor([0, 0, 0, 2, 3, 3, 3, 3, 3])
            assert_agree(ours, peer.softmax(src, groups, None, 5, dim), src)
            if dim == 0:  # the peer needs torch-scatter for the others
                assert_agree(utils.softmax(src, None, PTR), peer.softmax(src, None, PTR), src)
        empty = torch.empty(0, 2)
        assert utils.softmax(empty, torch.empty(0, dtype=torch.long)).shape == (0, 2)


def test_softmax_needs_groups() -> None:
    with pytest.raises(GraphValueError, match="expected index or ptr, got neither"):
        utils.softmax(rows(3))


@pytest.mark.parametrize("dtype", [None, torch.int64, torch.int32, torch.float64, torch.uint8])
def test_degree(dtype: torch.dtype | None) -> None:
    for index in (INDEX, torch.empty(0, dtype=torch.long)):
        for num_nodes in (None, 6, 9):
            ours, theirs = (u.degree(index, num_nodes, dtype) for u in (utils, peer))
            assert torch.equal(ours, theirs) and ours.dtype is theirs.dtype


def test_degree_in_half_precision_counts_beyond_its_digits() -> None:
    """Ones added one by one in bfloat16 would stop at 256."""
    index = torch.zeros(1000, dtype=torch.long)
    for dtype in (torch.bfloat16, torch.float16):
        assert utils.degree(index, 1, dtype).item() == 1000


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.int32], ids=str)
def test_cumsum(dtype: torch.dtype) -> None:
    functions = pytest.importorskip("torch_geometric.utils.functions")
    for x in (
        torch.randint(5, (3, 4)).to(dtype),
        torch.empty(0, 2, dtype=dtype),
        torch.empty(0, dtype=dtype),
    ):
        for dim in range(x.dim()):
            ours, theirs = utils.cumsum(x, dim), functions.cumsum(x, dim)
            assert torch.equal(ours, theirs) and ours.dtype is theirs.dtype
            assert torch.equal(utils.cumsum(x, dim - x.dim()), ours)  # the peer counts from the front only
