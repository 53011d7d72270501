"""`Topology`: validation, orders, caches; against numpy's stable sort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.ops import Order
from grapevine.topology import Topology, grouping, remember_grouping


def assert_order(order: Order, rows: np.ndarray, other: np.ndarray, num_rows: int, num_other: int) -> None:
    """The compressed rows that numpy's stable sort gives."""
    perm = np.argsort(rows, kind="stable")
    assert order.ptr.dtype is torch.int32
    np.testing.assert_array_equal(order.ptr, np.searchsorted(rows[perm], np.arange(num_rows + 1)))
    np.testing.assert_array_equal(order.edges(), perm)
    np.testing.assert_array_equal(order.other, other[perm])
    np.testing.assert_array_equal(order.rows(), rows[perm])
    assert (order.num_rows, order.num_other, order.num_edges) == (num_rows, num_other, len(rows))
    if (np.diff(rows) >= 0).all():
        assert order.perm is None, "sorted already: the identity is not stored"


@settings(max_examples=60)
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=20),
    st.sampled_from([torch.int64, torch.int32, torch.uint8]),
    st.booleans(),
)
def test_orders(
    num_src: int, num_dst: int, pairs: list[tuple[int, int]], dtype: torch.dtype, presorted: bool
) -> None:
    pairs = [(s % num_src, d % num_dst) for s, d in pairs]
    if presorted:
        pairs.sort(key=lambda pair: pair[1])
    index = torch.tensor(pairs, dtype=dtype).view(-1, 2)
    graph = Topology(index[:, 0], index[:, 1], (num_src, num_dst))
    src, dst = graph.src_index.numpy(), graph.dst_index.numpy()
    assert graph.src_index.dtype is graph.dst_index.dtype is torch.int64
    assert_order(graph.by_dst, dst, src, num_dst, num_src)
    assert_order(graph.by_src, src, dst, num_src, num_dst)
    np.testing.assert_array_equal(graph.in_degrees(), np.bincount(dst, minlength=num_dst))
    np.testing.assert_array_equal(graph.out_degrees(torch.float32), np.bincount(src, minlength=num_src))
    assert graph.out_degrees(torch.float32).dtype is torch.float32


def pair() -> tuple[Tensor, Tensor]:
    return torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 1, 3])


def test_reverse_shares_everything() -> None:
    src, dst = pair()
    graph = Topology(src, dst, (3, 4))
    back = graph.reverse()
    assert type(back) is Topology and (back.num_src, back.num_dst, back.size) == (4, 3, (4, 3))
    assert back.src_index is graph.dst_index and back.dst_index is graph.src_index
    assert back.by_src is graph.by_dst and back.by_dst is graph.by_src
    assert torch.equal(back.in_degrees(), graph.out_degrees())
    assert graph.same_as(back.reverse()) and not graph.same_as(back)
    assert not graph.same_as(Topology(src, dst, (3, 4)))
    assert torch.equal(back.edge_index, torch.stack([dst, src]))


def test_empty_graphs() -> None:
    none = torch.empty(0, dtype=torch.long)
    for size in ((0, 0), (3, 0), (0, 2), (3, 2)):
        graph = Topology(none, none, size)
        assert graph.num_edges == 0 and graph.edge_index.shape == (2, 0)
        assert graph.by_dst.ptr.tolist() == [0] * (size[1] + 1)
        assert graph.in_degrees().tolist() == [0] * size[1] and graph.out_degrees().tolist() == [0] * size[0]


def test_the_graph_is_not_moved_by_later_changes_of_its_dtype() -> None:
    src, dst = (i.to(torch.int32) for i in pair())
    graph = Topology(src, dst, (3, 4))
    src[0] = 2
    assert graph.src_index.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("src", "dst", "error", "text"),
    [
        (
            [0],
            torch.tensor([0]),
            GraphTypeError,
            r"source index as a tensor, got list; do this instead: torch.as_tensor",
        ),
        (
            torch.tensor([0]),
            torch.tensor([0.0]),
            GraphTypeError,
            r"destination index of dtype torch.float32; do .*\.long\(\)",
        ),
        (torch.tensor([True]), torch.tensor([0]), GraphTypeError, r"source index of dtype torch.bool"),
        (
            torch.tensor([[0]]),
            torch.tensor([0]),
            GraphValueError,
            r"source index of shape \[E\], got \[1, 1\]",
        ),
        (torch.tensor([0, 1]), torch.tensor([0]), GraphValueError, r"got 2 sources and 1 destinations"),
        (
            torch.tensor([0]),
            torch.empty(1, dtype=torch.long, device="meta"),
            GraphValueError,
            r"sources on cpu, destinations on meta",
        ),
        (
            torch.tensor([0, 5, 7]),
            torch.tensor([0, 0, 0]),
            GraphIndexError,
            (
                r"^edge 1: source id 5 does not exist among 3 source nodes; "
                r"ids run from 0 to 2; pass num_nodes=8"
            ),
        ),
        (
            torch.tensor([0, 0]),
            torch.tensor([1, 4]),
            GraphIndexError,
            r"^edge 1: destination id 4 does not exist among 4 destination nodes",
        ),
        (
            torch.tensor([0, 0]),
            torch.tensor([1, -3]),
            GraphIndexError,
            r"^edge 1: destination id -3 is negative; node ids count from 0",
        ),
    ],
)
def test_wrong_ends(src: Tensor, dst: Tensor, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Topology(src, dst, (3, 4))


def test_grouping() -> None:
    index = torch.tensor([2, 0, 2])
    group = grouping(index, 4)
    assert (group.num_src, group.num_dst, group.num_edges) == (3, 4, 3)
    assert group.src_index.tolist() == [0, 1, 2] and group.dst_index.tolist() == [2, 0, 2]
    assert grouping(index, 4)._core is group._core and grouping(index, 5).num_dst == 5
    with pytest.raises(GraphIndexError, match="edge 0: group id 2 does not exist among 2 group nodes"):
        grouping(index, 2)
    src, dst = pair()
    graph = Topology(src, dst, (3, 4))
    assert grouping(remember_grouping(graph), 4).same_as(graph)
    assert grouping(remember_grouping(graph.reverse()), 3).same_as(graph.reverse())


def test_sorted_is_by_destination() -> None:
    src, dst = torch.tensor([2, 0, 1]), torch.tensor([0, 0, 1])
    assert Topology(src, dst, (3, 3)).sorted and not Topology(src, dst.flip(0), (3, 3)).sorted
