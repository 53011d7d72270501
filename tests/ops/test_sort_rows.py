"""The counting sort against torch's stable sort, and `Order` on top of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops import sort_rows
from grapevine.ops.sort_rows import cpu, reference
from tests.ops.graphs import GRAPHS, compiled, wide


def drawn(count: int, rows: int, seed: int = 0) -> Tensor:
    return torch.randint(rows, (count,), generator=torch.Generator().manual_seed(seed))


INDICES = {
    "empty": (torch.empty(0, dtype=torch.long), 0),
    "rows without edges": (torch.empty(0, dtype=torch.long), 5),
    "one": (torch.tensor([3]), 5),
    "sorted": (torch.tensor([0, 0, 2, 5]), 7),
    "all alike": (torch.full((6,), 4), 5),
    "falling": (torch.arange(9, -1, -1), 10),
    "last two swapped": (torch.tensor([0, 1, 2, 4, 3]), 5),
    "random": (drawn(50, 7), 9),
    "every other": (drawn(60, 8)[::2], 8),
    "more rows than edges": (drawn(20, 1000), 1000),
    "long": (drawn(70_001, 300), 301),
    "long, sorted but for one": (torch.cat([torch.arange(70_000), torch.tensor([35_000])]), 70_000),
}


@pytest.mark.parametrize(
    "run", [pytest.param(cpu.run, marks=compiled), reference.run], ids=["cpu", "reference"]
)
@pytest.mark.parametrize("name", INDICES)
def test_against_torch_sort(name: str, run) -> None:
    index, rows = INDICES[name]
    want = index.sort(stable=True)
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            ptr, perm = run(index, rows)
        finally:
            torch.set_num_threads(before)
        assert ptr.dtype is torch.int32 and ptr.shape == (rows + 1,)
        assert torch.equal(ptr.diff().long(), torch.bincount(index, minlength=rows)) and int(ptr[0]) == 0
        if bool((index.diff() >= 0).all()):
            assert perm is None
        else:
            assert perm.dtype is torch.int32 and torch.equal(perm.long(), want.indices)


@compiled
def test_reasons() -> None:
    index = torch.tensor([1, 0])
    assert sort_rows.eligible(index, 2) == ["cpu", "reference"]
    assert sort_rows.why(index.int(), 2)["cpu"] == ["index dtype torch.int32, not int64"]
    assert sort_rows.why(index.to("meta"), 2)["cpu"] == ["the index is on meta"]
    assert sort_rows.why(index, 2**31)["cpu"] == ["2^31 or more edges or rows"]


@pytest.mark.parametrize("name", GRAPHS)
def test_orders(name: str) -> None:
    """Positions, edges and both ends tell the same story, for either width of index."""
    graph = GRAPHS[name]
    for order, row, other in (
        (graph.by_dst, graph.dst_index, graph.src_index),
        (graph.by_src, graph.src_index, graph.dst_index),
    ):
        for form in (order, wide(order)):
            edges = form.edges()
            assert form.num_edges == edges.shape[0] == graph.num_edges
            assert torch.equal(form.rows(), row[edges]) and torch.equal(form.rows(), row.sort().values)
            assert torch.equal(form.index_of("other").long(), other[edges])
            assert torch.equal(form.index_of("edge"), edges) and torch.equal(
                form.index_of("row"), form.rows()
            )
