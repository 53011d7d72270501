"""Aggregations by formula, against torch_geometric."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import aggr as pyg

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn import aggr
from tests.nn.peer import assert_same_as_peer, assert_same_start, integers, normal, uniform

N, E, F = 6, 20, 4
UNSORTED = integers(N - 1, E, seed=1)  # the last group is empty
SORTED = UNSORTED.sort().values
NONE = torch.empty(0, dtype=torch.long)

REDUCTIONS = ["Sum", "Mean", "Max", "Min", "Mul", "VariancePreserving"]
CASES = [
    *((name, {}) for name in [*REDUCTIONS, "Var", "Std", "Softmax", "PowerMean"]),
    ("Var", {"semi_grad": True}),
    ("Std", {"semi_grad": True}),
    ("Softmax", {"t": 0.3}),
    ("Softmax", {"semi_grad": True}),
    ("Softmax", {"t": 0.3, "learn": True}),
    ("Softmax", {"learn": True, "channels": F}),
    ("PowerMean", {"p": 3.0}),
    ("PowerMean", {"p": 0.5, "learn": True}),
    ("PowerMean", {"p": 2.0, "learn": True, "channels": F, "clamp_min": 0.2, "clamp_max": 0.9}),
]
ANY_SHAPE = [
    case for case in CASES if "channels" not in case[1]
]  # a learned value per channel needs a matrix


def ids(case: tuple[str, dict[str, object]]) -> str:
    return case[0] + "".join(f"-{key}={value}" for key, value in case[1].items())


def pair(name: str, kwargs: dict[str, object]) -> tuple[torch.nn.Module, torch.nn.Module]:
    return getattr(aggr, f"{name}Aggregation")(**kwargs), getattr(pyg, f"{name}Aggregation")(**kwargs)


@pytest.mark.parametrize("case", CASES, ids=ids)
@pytest.mark.parametrize("index", [UNSORTED, SORTED, NONE], ids=["unsorted", "sorted", "empty"])
def test_index(case: tuple[str, dict[str, object]], index: torch.Tensor) -> None:
    assert_same_as_peer(*pair(*case), uniform(index.numel(), F), index, kwargs={"dim_size": N})


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_dim_size_is_counted(case: tuple[str, dict[str, object]]) -> None:
    out = assert_same_as_peer(*pair(*case), uniform(E, F), UNSORTED)
    assert out.shape == (N - 1, F)


@pytest.mark.parametrize("case", ANY_SHAPE, ids=ids)
@pytest.mark.parametrize("dim", [-3, 0, 1, 2, -1])
def test_dim(case: tuple[str, dict[str, object]], dim: int) -> None:
    size = [3, 2, 2]
    size[dim] = E
    assert_same_as_peer(*pair(*case), uniform(*size), UNSORTED, kwargs={"dim": dim, "dim_size": N})


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_ptr_means_the_sorted_index(case: tuple[str, dict[str, object]]) -> None:
    ptr = torch.tensor([0, 4, 4, 9, E])
    index = torch.arange(4).repeat_interleave(ptr.diff())
    ours, theirs = pair(*case)
    assert_same_as_peer(
        ours, theirs, uniform(E, F), kwargs={"ptr": ptr}, peer_kwargs={"index": index, "dim_size": 4}
    )
    if case[0] != "Mul":  # torch_geometric has no product over `ptr`
        assert_same_as_peer(ours, theirs, uniform(E, F), kwargs={"ptr": ptr}, grad=False)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_without_groups_there_is_one(case: tuple[str, dict[str, object]]) -> None:
    assert_same_as_peer(*pair(*case), uniform(E, F))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_start(case: tuple[str, dict[str, object]]) -> None:
    ours, theirs = pair(*case)
    assert_same_start(lambda: ours, lambda: theirs)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_lazy_messages(name: str) -> None:
    """A lazy edge tensor goes through every aggregation as the tensor that it stands for."""
    edge_index = torch.stack([integers(N, E, seed=2), UNSORTED])
    ours, theirs = pair(name, {})
    x, w = uniform(N, F), uniform(E, 1, seed=3)

    def lazily(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        edges = gv.Edges(edge_index, num_nodes=N)
        return ours(edges.src(x) * edges.edge(w), edges.dst_index, dim_size=N)

    def plainly(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return theirs(x[edge_index[0]] * w, UNSORTED, dim_size=N)

    assert_same_as_peer(lazily, plainly, x, w)


@pytest.mark.parametrize("case", ANY_SHAPE, ids=ids)
def test_lazy_messages_of_longer_formulas(case: tuple[str, dict[str, object]]) -> None:
    edges = gv.Edges(torch.stack([integers(N, E, seed=2), UNSORTED]), num_nodes=N)
    ours, _ = pair(*case)
    x = uniform(N, F).double()
    lazy = ours(edges.src(x), edges.dst_index, dim_size=N)
    plain = ours(x[edges.src_index], edges.dst_index, dim_size=N)
    torch.testing.assert_close(lazy, plain, rtol=1e-10, atol=1e-12)


def test_std_has_no_exploding_gradient() -> None:
    x = torch.ones(3, 1, requires_grad=True)
    out = aggr.StdAggregation()(x, torch.zeros(3, dtype=torch.long))
    out.sum().backward()
    assert out.item() == 0 and x.grad is not None and x.grad.abs().max() == 0


def test_errors() -> None:
    x = normal(E, F)
    with pytest.raises(GraphValueError, match=r"expected dim between -2 and 1, got the invalid dimension 2"):
        aggr.SumAggregation()(x, UNSORTED, dim=2)
    with pytest.raises(GraphValueError, match=r"expected dim_size=2.*got the invalid 'dim_size' 5"):
        aggr.SumAggregation()(x, ptr=torch.tensor([0, 5, E]), dim_size=5)
    with pytest.raises(GraphValueError, match=r"semi_grad=False where 't' is learned"):
        aggr.SoftmaxAggregation(learn=True, semi_grad=True)
    with pytest.raises(GraphValueError, match=r"channels=1 where 't' is not learned, got 3; pass learn=True"):
        aggr.SoftmaxAggregation(channels=3)
    with pytest.raises(GraphValueError, match=r"channels=1 where 'p' is not learned"):
        aggr.PowerMeanAggregation(channels=3)
    with pytest.raises(GraphValueError, match=r"two-dimensional inputs.*got 3 dimensions"):
        aggr.SoftmaxAggregation(learn=True, channels=3)(normal(2, E, 3), UNSORTED)
    with pytest.raises(GraphValueError, match=r"pass 'index' or 'ptr'"):
        aggr.SumAggregation().reduce(x)
    with pytest.raises(GraphValueError, match=r"SumAggregation requires 'index'"):
        aggr.SumAggregation().assert_index_present(None)


def test_index_beyond_dim_size() -> None:
    with pytest.raises((ValueError, IndexError)):
        aggr.SumAggregation()(normal(E, F), UNSORTED, dim_size=2)
