"""Aggregations that sort, against torch_geometric and torch."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import aggr as pyg

from grapevine.errors import GraphValueError
from grapevine.nn import aggr
from tests.nn.peer import assert_same_as_peer, integers, normal

N, E, F = 6, 23, 3
INDEX = integers(N - 1, E, seed=1)


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint"])
@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.75, 1.0, [0.25, 0.5, 0.9]], ids=str)
def test_quantile(q: float | list[float], interpolation: str) -> None:
    kwargs = {"q": q, "interpolation": interpolation, "fill_value": -1.0}
    ours, theirs = aggr.QuantileAggregation(**kwargs), pyg.QuantileAggregation(**kwargs)
    assert_same_as_peer(ours, theirs, normal(E, F), INDEX, kwargs={"dim_size": N})
    assert_same_as_peer(ours, theirs, normal(E, F), INDEX)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_each_group_by_itself(interpolation: str) -> None:
    """As torch.quantile; torch_geometric's "nearest" rounds a tie by where its group happens to lie."""
    x, q = normal(E, F), torch.tensor([0.0, 0.25, 0.5, 0.7])
    out = aggr.QuantileAggregation(q.tolist(), interpolation)(x, INDEX)
    for group in range(N - 1):
        expected = torch.quantile(x[group == INDEX], q, dim=0, interpolation=interpolation)
        torch.testing.assert_close(out[group].view(-1, F), expected)


@pytest.mark.parametrize("dim", [-3, -2, -1, 0, 1, 2])
@pytest.mark.parametrize("q", [0.3, [0.3, 0.5]], ids=str)
def test_dim(q: float | list[float], dim: int) -> None:
    size = [2, 3, 4]
    size[dim] = E
    ours, theirs = aggr.QuantileAggregation(q), pyg.QuantileAggregation(q)
    assert_same_as_peer(ours, theirs, normal(*size), INDEX, kwargs={"dim": dim, "dim_size": N})


def test_one_dimension() -> None:
    x = normal(E)
    out = aggr.QuantileAggregation([0.2, 0.6])(x, INDEX, dim=0)
    for group in range(N - 1):
        expected = torch.quantile(x[group == INDEX], torch.tensor([0.2, 0.6]))
        torch.testing.assert_close(out[group], expected)


@pytest.mark.parametrize("dim_size", [None, N])
def test_median(dim_size: int | None) -> None:
    ours, theirs = aggr.MedianAggregation(fill_value=7.0), pyg.MedianAggregation(fill_value=7.0)
    assert_same_as_peer(ours, theirs, normal(E, F), INDEX, kwargs={"dim_size": dim_size})
    assert repr(ours) == repr(theirs)
    x = normal(E, F)
    for group, median in enumerate(ours(x, INDEX)):
        torch.testing.assert_close(median, x[group == INDEX].median(dim=0).values, rtol=0, atol=0)


@pytest.mark.parametrize("q", [0.5, [0.2, 0.5]], ids=str)
def test_no_element(q: float | list[float]) -> None:
    out = aggr.QuantileAggregation(q, fill_value=2.0)(
        torch.empty(0, F), torch.empty(0, dtype=torch.long), dim_size=4
    )
    assert out.eq(2.0).all() and out.shape == (4, F if q == 0.5 else 2 * F)


def test_ptr() -> None:
    x, ptr = normal(E, F), torch.tensor([0, 5, 5, E])
    index = torch.tensor([0] * 5 + [2] * (E - 5))
    out = aggr.QuantileAggregation(0.4)(x, ptr=ptr)
    torch.testing.assert_close(out, aggr.QuantileAggregation(0.4)(x, index, dim_size=3))


def test_place_is_exact_in_large_inputs() -> None:
    """Far down a long input, float32 cannot hold the place of a value, but within the group it can."""
    index = torch.arange(2**14).repeat_interleave(17)
    x = torch.arange(17.0).repeat(2**14).unsqueeze(-1)
    out = aggr.QuantileAggregation(0.33)(x, index)
    torch.testing.assert_close(out[-1], torch.tensor([16 * 0.33]))


def test_quantile_errors() -> None:
    with pytest.raises(GraphValueError, match=r"in the range \[0, 1\], got q=2"):
        aggr.QuantileAggregation(2)
    with pytest.raises(GraphValueError, match=r"at least one quantile"):
        aggr.QuantileAggregation([])
    with pytest.raises(GraphValueError, match=r"expected an interpolation among linear.*got 'cubic'"):
        aggr.QuantileAggregation(0.5, interpolation="cubic")


@pytest.mark.parametrize("k", [1, 3, 9])
@pytest.mark.parametrize("dim_size", [None, N])
def test_sort(k: int, dim_size: int | None) -> None:
    ours, theirs = aggr.SortAggregation(k), pyg.SortAggregation(k)
    assert_same_as_peer(ours, theirs, normal(E, F), INDEX.sort().values, kwargs={"dim_size": dim_size})
    assert repr(ours) == repr(theirs)


def test_sort_of_no_element() -> None:
    out = aggr.SortAggregation(2)(torch.empty(0, F), torch.empty(0, dtype=torch.long), dim_size=4)
    assert out.eq(0).all() and out.shape == (4, 2 * F)


def test_sort_needs_sorted_rows() -> None:
    with pytest.raises(GraphValueError, match=r"not sorted.*data\.sort\(sort_by_row=False\).*index\.sort"):
        aggr.SortAggregation(2)(normal(E, F), INDEX)
    with pytest.raises(GraphValueError, match=r"two-dimensional inputs"):
        aggr.SortAggregation(2)(normal(2, E, F), INDEX.sort().values)
