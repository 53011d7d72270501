"""Reductions by index against loops over the entries."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.compat import torch_scatter
from grapevine.errors import GraphValueError

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": Tensor.sum,
    "add": Tensor.sum,
    "mul": Tensor.prod,
    "mean": Tensor.mean,
    "min": Tensor.min,
    "max": Tensor.max,
}


def slowly(src: Tensor, index: Tensor, dim: int, size: int, reduce: str) -> Tensor:
    """Entry by entry, with an index of the values' shape."""
    src, index = src.movedim(dim, -1), index.movedim(dim, -1)
    out = torch.full((*src.shape[:-1], size), float(reduce == "mul"), dtype=src.dtype)
    for place in torch.cartesian_prod(*(torch.arange(n) for n in out.shape)).view(-1, out.dim()).tolist():
        chosen = src[tuple(place[:-1])][index[tuple(place[:-1])] == place[-1]]
        if chosen.numel():
            out[tuple(place)] = REDUCTIONS[reduce](chosen)
    return out.movedim(-1, dim)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scatter(reduce: str, dim: int) -> None:
    src = torch.randn(4, 5, 3, dtype=torch.float64)
    along = torch.randint(3, (src.shape[dim],))
    shape = [1, 1, 1]
    shape[dim] = -1
    expected = slowly(src, along.view(shape).expand_as(src), dim, 4, reduce)
    torch.testing.assert_close(torch_scatter.scatter(src, along, dim, None, 4, reduce), expected)
    every = torch.randint(3, src.shape)
    expected = slowly(src, every, dim, 4, reduce)
    torch.testing.assert_close(torch_scatter.scatter(src, every, dim, None, 4, reduce), expected)


def test_an_index_of_fewer_axes_runs_along_the_last_one_by_default() -> None:
    src = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert torch_scatter.scatter_add(src, torch.tensor([0, 0, 1])).tolist() == [[3.0, 3.0], [9.0, 6.0]]
    rows = torch.tensor([[1], [0]])
    assert torch_scatter.scatter_mean(src, rows, dim=0).tolist() == [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]
    whole = torch.tensor([[1, -1, 5], [2, -2, 6]])
    assert torch_scatter.scatter_mean(whole, torch.zeros(2, dtype=torch.long), dim=0).tolist() == [[1, -2, 5]]


def test_out_is_added_to_in_place() -> None:
    out = torch.ones(3)
    result = torch_scatter.scatter_add(torch.ones(4), torch.tensor([0, 0, 2, 0]), 0, out)
    assert result is out and out.tolist() == [4.0, 1.0, 2.0]
    with pytest.raises(GraphValueError, match="out=None"):
        torch_scatter.scatter_max(torch.ones(1), torch.tensor([0]), 0, out)


@pytest.mark.parametrize(("name", "sign"), [("scatter_max", 1.0), ("scatter_min", -1.0)])
def test_extremes_tell_their_place_and_send_the_gradient_there(name: str, sign: float) -> None:
    x = (sign * torch.tensor([[1.0, 7.0], [3.0, 7.0], [3.0, 2.0], [0.0, 1.0]])).requires_grad_()
    value, place = getattr(torch_scatter, name)(x, torch.tensor([0, 0, 0, 2]), 0)
    assert value.tolist() == [[3.0 * sign, 7.0 * sign], [0.0, 0.0], [0.0, sign]]
    assert place.tolist() == [[1, 0], [4, 4], [3, 3]]
    value.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("spread", [False, True])
def test_composed_ones(spread: bool) -> None:
    x, index = torch.randn(6, 2, dtype=torch.float64), torch.tensor([0, 1, 0, 0, 1, 3])
    given = index.view(-1, 1).expand_as(x) if spread else index
    soft = torch_scatter.scatter_softmax(x, given, 0)
    log_soft = torch_scatter.scatter_log_softmax(x, given, 0)
    log_sum = torch_scatter.scatter_logsumexp(x, given, 0)
    std = torch_scatter.scatter_std(x, given, 0)
    for group in (0, 1, 3):
        rows = x[index == group]
        torch.testing.assert_close(soft[index == group], rows.softmax(0))
        torch.testing.assert_close(log_soft[index == group], rows.log_softmax(0), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(log_sum[group], rows.logsumexp(0))
        if len(rows) > 1:
            torch.testing.assert_close(std[group], rows.std(0), rtol=1e-6, atol=0.0)


def test_consecutive_groups() -> None:
    x = torch.randn(5, 2)
    ptr, index = torch.tensor([0, 2, 2, 4, 5]), torch.tensor([0, 0, 2, 2, 3])
    parts = [x[:2], x[:0], x[2:4], x[4:]]
    torch.testing.assert_close(torch_scatter.segment_csr(x, ptr), torch.stack([p.sum(0) for p in parts]))
    torch.testing.assert_close(torch_scatter.segment_coo(x, index), torch_scatter.segment_sum_csr(x, ptr))
    for reduce in ("mean", "min", "max"):
        a = torch_scatter.segment_csr(x, ptr, reduce=reduce)
        torch.testing.assert_close(a, torch_scatter.scatter(x, index, 0, None, 4, reduce))
    value, place = torch_scatter.segment_max_csr(x, ptr)
    assert torch.equal(value, torch_scatter.segment_max_coo(x, index)[0])
    assert place[1].tolist() == [5, 5] and torch.equal(value[0], x[:2].max(0).values)
    assert torch.equal(torch_scatter.gather_csr(x[:4], ptr), x[:4][index])
    assert torch.equal(torch_scatter.gather_coo(x[:4], index), x[:4][index])


def test_consecutive_groups_along_a_later_axis_and_with_entries_outside() -> None:
    x = torch.arange(8.0).view(2, 4)
    ptr = torch.tensor([[1, 2, 4]])
    assert torch_scatter.segment_csr(x, ptr).tolist() == [[1.0, 5.0], [5.0, 13.0]]
    each = torch.tensor([[0, 1, 3], [2, 2, 4]])
    assert torch_scatter.segment_csr(x, each).tolist() == [[0.0, 3.0], [0.0, 13.0]]
    spread = torch_scatter.gather_csr(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0, 1, 3]]))
    assert spread.tolist() == [[1.0, 2.0, 2.0], [3.0, 4.0, 4.0]]


def test_nothing_to_reduce() -> None:
    none, index = torch.empty(0, 3), torch.empty(0, dtype=torch.int64)
    assert torch_scatter.scatter(none, index, 0, None, 2).tolist() == [[0.0] * 3] * 2
    assert torch_scatter.scatter_max(none, index, 0, None, 2)[1].tolist() == [[0] * 3] * 2
    assert torch_scatter.scatter_softmax(none, index, 0).shape == (0, 3)


def edge_softmax_aggregation(x: Tensor, edge_index: Tensor, e: Tensor) -> Tensor:
    """As ported programs write attention."""
    src, dst = edge_index
    exponentials = torch.exp(e)
    total = torch_scatter.scatter_add(exponentials, dst, dim=0, dim_size=x.size(0))
    attention = exponentials / total[dst]
    return torch_scatter.scatter_add(attention.unsqueeze(-1) * x[src], dst, dim=0, dim_size=x.size(0))


def test_attention_by_hand_is_the_softmax_of_edges() -> None:
    edge_index = torch.randint(6, (2, 20))
    x = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    e = torch.randn(20, dtype=torch.float64, requires_grad=True)
    edges = gv.Edges(edge_index, num_nodes=7)
    ours = edge_softmax_aggregation(x, edge_index, e)
    theirs = edges.sum(edges.softmax(edges.edge(e)).unsqueeze(-1) * edges.src(x))
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad(ours, (x, e), weights), torch.autograd.grad(theirs, (x, e), weights)
    ):
        torch.testing.assert_close(one, other)
