"""`pick_edges` and `number_edges`: the sampler taken apart, hop by hop, finds what it finds as a whole."""

from __future__ import annotations

import pytest
import torch

from grapevine.ops import Relation, SampleRequest, backend, number_edges, pick_edges, sample_neighbors
from grapevine.ops._draw import PHI, mix
from grapevine.ops.sample_neighbors import compress


def relation(weighted: bool, timed: bool) -> Relation:
    g = torch.Generator().manual_seed(0)
    src, dst = torch.randint(30, (2, 200), generator=g)
    time = torch.randint(20, (200,), generator=g) if timed else None
    return compress(src, dst, (30, 30), (0, 0), time, torch.rand(200, generator=g) if weighted else None)


def by_parts(request: SampleRequest) -> object:
    """The request, one hop and one owner after the other: rows below 11 belong to one owner, the others to another."""
    (rows,) = request.relations
    numbering = number_edges(
        request.num_nodes, [(0, 0)], request.seeds, request.disjoint, request.dense_limit
    )
    cut = int(rows.ptr[11])
    shares = []
    for first, last, begin, end in ((0, 11, 0, cut), (11, 30, cut, rows.index.numel())):
        cells = {
            name: None if (value := getattr(rows, name)) is None else value[begin:end]
            for name in ("index", "edge", "weight", "alias", "time")
        }
        shares.append((first, begin, Relation(0, 0, rows.ptr[first : last + 1] - begin, **cells)))
    begin, end = 0, numbering.count(0)
    nodes_per_hop, edges_per_hop = [[end]], [[]]
    hops = [*enumerate(request.fanouts[0])] + ([(2, -1)] if request.induced else [])
    for hop, k in hops:
        last = request.induced and hop == 2
        begin = 0 if last or request.again else begin
        dtype = torch.int64 if hop % 2 else torch.int32
        found = []
        bounds = [0, 11, 30]
        ids, slots, counts = numbering.by_owner(0, begin, end, bounds, dtype)
        assert ids.dtype is dtype and len(counts) == 2
        for r, (first, position, share) in enumerate(shares):
            places = ids.split(counts)[r].to(torch.int64)
            slot = None if slots is None else slots.split(counts)[r].to(torch.int64)
            time = None if slot is None or request.seed_time is None else request.seed_time[slot]
            key = mix(request.key + PHI * (hop + 1))
            base = 0 if rows.edge is not None else position
            found.append(
                pick_edges(
                    share,
                    places,
                    k,
                    key,
                    first,
                    slot,
                    time,
                    request.replace,
                    request.last,
                    base,
                    dtype,
                )
            )
        taken = numbering.take(0, begin, bounds, list(zip(counts, found)), last)
        if last:
            edges_per_hop = [[taken]]
            break
        edges_per_hop[0].append(taken)
        nodes_per_hop[0].append(numbering.count(0) - end)
        begin, end = end, numbering.count(0)
    return numbering.sampled(nodes_per_hop, edges_per_hop)


@pytest.mark.parametrize("name", ["cpu", "reference"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"replace": True}, {"disjoint": True}, {"again": True}, {"induced": True},
        {"induced": True, "disjoint": True},
        {"weighted": True}, {"weighted": True, "replace": True}, {"timed": True}, {"timed": True, "last": True},
        {"dense_limit": 0},
    ],
    ids=lambda options: "-".join(options) or "plain",
)  # fmt: skip
def test_hop_by_hop_is_the_whole(options: dict, name: str) -> None:
    if name == "cpu":
        pytest.importorskip("grapevine._core")
    weighted, timed = options.pop("weighted", False), options.pop("timed", False)
    seeds = torch.tensor([3, 17, 29, 3, 0])
    times = torch.tensor([5, 19, 10, 3, 12]) if timed else None
    options = {"disjoint": timed, **options}
    request = SampleRequest(
        [30], [relation(weighted, timed)], [[4, 3]], [(0, seeds)], times, key=99, **options
    )
    with backend(name):
        whole, parts = sample_neighbors(request), by_parts(request)
    for one, other in zip(
        whole.node + whole.edge_index + whole.edge, parts.node + parts.edge_index + parts.edge
    ):
        assert torch.equal(one, other)
    assert (whole.batch is None) == (parts.batch is None)
    assert whole.batch is None or torch.equal(whole.batch[0], parts.batch[0])
    assert (whole.nodes_per_hop, whole.edges_per_hop) == (parts.nodes_per_hop, parts.edges_per_hop)
