"""The compiled samplers draw what their references draw, and what they draw is distributed as it should be."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from grapevine import ops
from grapevine.errors import GraphValueError
from grapevine.ops import Relation, SampleRequest, backend, sample_neighbors
from grapevine.ops._core import core

needs_core = pytest.mark.skipif(core is None, reason="the compiled core is not installed")


def relation(
    num_source: int, num_target: int, num_edges: int, seed: int, *, source: int = 0, target: int = 0,
    dtype: torch.dtype = torch.int32, weighted: bool = False, timed: bool = False, packed: bool = True,
) -> tuple[Relation, Tensor]:  # fmt: skip
    """A random relation with some hubs, and its edge_index."""
    g = torch.Generator().manual_seed(seed)
    src = torch.randint(num_source, (num_edges,), generator=g)
    dst = (torch.rand(num_edges, generator=g) ** 2 * num_target).long()
    time = torch.randint(20, (num_edges,), generator=g)
    order = torch.argsort(dst * 100 + time if timed else dst, stable=True)
    ptr = torch.zeros(num_target + 1, dtype=dtype)
    ptr[1:] = torch.bincount(dst, minlength=num_target).cumsum(0)
    table = torch.stack([src[order], order], dim=1).to(dtype)
    index, edge = (
        (table[:, 0], table[:, 1]) if packed else (table[:, 0].contiguous(), table[:, 1].contiguous())
    )
    weight = alias = None
    if weighted:
        weight = torch.rand(num_edges, generator=g)
        weight[torch.rand(num_edges, generator=g) < 0.3] = 0
        alias = ops.alias_tables(ptr, weight)
    times = time[order].contiguous() if timed else None
    return Relation(source, target, ptr, index, edge, weight, alias, times), torch.stack([src, dst])


def both(request: SampleRequest) -> tuple[ops.Sampled, ops.Sampled]:
    found = []
    for name in ("cpu", "reference"):
        with backend(name):
            found.append(sample_neighbors(request))
    return found[0], found[1]


def same(a: ops.Sampled, b: ops.Sampled) -> None:
    assert a.nodes_per_hop == b.nodes_per_hop and a.edges_per_hop == b.edges_per_hop
    for one, other in ((a.node, b.node), (a.batch, b.batch), (a.edge_index, b.edge_index), (a.edge, b.edge)):
        assert (one is None) == (other is None)
        for x, y in zip(one or [], other or []):
            assert torch.equal(x, y)


MODES = {
    "uniform": {},
    "replace": {"replace": True},
    "disjoint": {"disjoint": True},
    "induced": {"induced": True},
    "disjoint induced": {"induced": True, "disjoint": True},
    "hash": {"dense_limit": 0},
    "again": {"again": True},
}


@needs_core
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_the_core_draws_what_the_reference_draws(mode: str, weighted: bool, dtype: torch.dtype) -> None:
    rel, edge_index = relation(60, 60, 900, 1, dtype=dtype, weighted=weighted, packed=dtype is torch.int32)
    seeds = torch.tensor([3, 0, 59, 3, 17])
    for key, fanouts in enumerate([(4, 3), (-1, 2), (40, 0, 1), (2**40,)]):
        if fanouts[0] > 1000 and "replace" in mode:
            continue
        request = SampleRequest([60], [rel], [fanouts], [(0, seeds)], key=key, **MODES[mode])
        ours, reference = both(request)
        same(ours, reference)
        ids = edge_index[:, ours.edge[0]]
        assert torch.equal(ours.node[0][ours.edge_index[0]], ids)
        assert torch.equal(ours.node[0][:5], seeds)


@needs_core
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("replace, induced", [(False, False), (True, False), (False, True)])
def test_the_future_is_never_seen(last: bool, weighted: bool, replace: bool, induced: bool) -> None:
    rel, _ = relation(40, 40, 800, 2, weighted=weighted, timed=True)
    seeds, limit = torch.arange(12), torch.randint(25, (12,))
    for fanouts in [(3, 4), (-1, 5), (50,)]:
        request = SampleRequest(
            [40],
            [rel],
            [fanouts],
            [(0, seeds)],
            limit,
            key=7,
            disjoint=True,
            last=last,
            replace=replace,
            induced=induced,
        )
        ours, reference = both(request)
        same(ours, reference)
        when = torch.empty(800, dtype=torch.int64)
        when[rel.edge.long()] = rel.time
        assert ours.batch is not None
        assert (when[ours.edge[0]] <= limit[ours.batch[0][ours.edge_index[0][1]]]).all()
        assert torch.equal(ours.batch[0][ours.edge_index[0][0]], ours.batch[0][ours.edge_index[0][1]])


@needs_core
def test_last_takes_the_most_recent() -> None:
    ptr, index = torch.tensor([0, 5, 5, 5, 5, 5, 5]).int(), torch.tensor([1, 2, 3, 4, 5]).int()
    rel = Relation(0, 0, ptr, index, time=torch.tensor([1, 2, 3, 4, 5]))
    request = SampleRequest(
        [6], [rel], [(2,)], [(0, torch.tensor([0]))], torch.tensor([4]), disjoint=True, last=True
    )
    for found in both(request):
        assert found.node[0].tolist() == [0, 3, 4]


@needs_core
@pytest.mark.parametrize("mode", ["uniform", "disjoint", "induced", "again"])
def test_several_types(mode: str) -> None:
    parts = [
        relation(30, 50, 300, 3, source=0, target=1),
        relation(50, 30, 200, 4, source=1, target=0, weighted=True),
        relation(50, 50, 400, 5, source=1, target=1),
    ]
    request = SampleRequest(
        [30, 50],
        [rel for rel, _ in parts],
        [(3, 2, 2), (2, -1, 0), (1, 4, 2)],
        [(1, torch.tensor([4, 9, 1])), (0, torch.tensor([2]))],
        key=11,
        **MODES[mode],
    )
    ours, reference = both(request)
    same(ours, reference)
    for (rel, edge_index), local, edge in zip(parts, ours.edge_index, ours.edge):
        assert torch.equal(ours.node[rel.source][local[0]], edge_index[0, edge])
        assert torch.equal(ours.node[rel.target][local[1]], edge_index[1, edge])
    assert [sum(n) for n in ours.nodes_per_hop] == [len(n) for n in ours.node]


@needs_core
@pytest.mark.parametrize("degree, fanout", [(20, 5), (1000, 10), (100_000, 100), (40_000, 64)])
@pytest.mark.parametrize("replace", [False, True])
def test_each_neighbour_is_equally_likely(degree: int, fanout: int, replace: bool) -> None:
    """Chi-square over many draws from one hub, against equal shares (bins of neighbours where there are many)."""
    rel = Relation(0, 0, torch.tensor([0, degree]).int(), torch.arange(degree).int())
    bins = min(degree, 50)
    counts, rounds = torch.zeros(bins), 4000 if fanout <= 10 else 400
    for key in range(rounds):
        found = sample_neighbors(
            SampleRequest([degree], [rel], [(fanout,)], [(0, torch.tensor([0]))], key=key, replace=replace)
        )
        edge = found.edge[0]
        assert edge.numel() == fanout and (replace or edge.unique().numel() == fanout)
        counts += torch.bincount(edge * bins // degree, minlength=bins)
    total = rounds * fanout
    assert int(counts.sum()) == total
    shares = torch.bincount(torch.arange(degree) * bins // degree, minlength=bins) / degree
    expected = total * shares
    # Without replacement inclusions vary less, by the share that is not taken.
    spread = expected * (1 if replace else 1 - fanout / degree)
    statistic = float(((counts - expected) ** 2 / spread).sum())
    assert stats.chi2.sf(statistic, bins - 1) > 1e-3


@needs_core
@pytest.mark.parametrize("fanout", [1, 3])
@pytest.mark.parametrize("replace", [False, True])
def test_weights_are_probabilities(fanout: int, replace: bool) -> None:
    """Pairs of draws against their exact probabilities: one after the other, in proportion to what is left."""
    weight = torch.tensor([1.0, 0.0, 5.0, 2.0, 0.5, 30.0])
    ptr = torch.tensor([0, 6]).int()
    rel = Relation(0, 0, ptr, torch.arange(6).int(), weight=weight, alias=ops.alias_tables(ptr, weight))
    rounds, seen = 20_000, Counter()
    for key in range(rounds):
        request = SampleRequest([6], [rel], [(fanout,)], [(0, torch.tensor([0]))], key=key, replace=replace)
        seen[tuple(sample_neighbors(request).edge[0].tolist())] += 1
    expected = {(): 1.0}
    for _ in range(fanout):
        step = {}
        for chosen, chance in expected.items():
            free = {i: w for i, w in enumerate(weight.tolist()) if w > 0 and (replace or i not in chosen)}
            for i, w in free.items():
                step[(*chosen, i)] = chance * w / sum(free.values())
        expected = step
    assert set(seen) <= set(expected)
    common = [c for c, chance in expected.items() if chance * rounds >= 8]
    rest = rounds - sum(seen[c] for c in common)
    observed = [*(seen[c] for c in common), rest]
    wanted = [*(expected[c] * rounds for c in common)]
    wanted.append(rounds - sum(wanted))
    if wanted[-1] < 1:
        observed, wanted = observed[:-1], [w * sum(observed[:-1]) / sum(wanted[:-1]) for w in wanted[:-1]]
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


@needs_core
def test_alias_tables() -> None:
    """The tables of core and reference describe the same, exact probabilities."""
    ptr = torch.tensor([0, 4, 4, 5, 8, 58])
    weight = torch.cat([torch.tensor([1.0, 2, 3, 4, 0, 0, 0, 7.0]), torch.rand(50)])
    for dtype in (torch.int32, torch.int64):
        tables = []
        for name in ("cpu", "reference"):
            with backend(name):
                tables.append(ops.alias_tables(ptr.to(dtype), weight))
        for table in tables:
            for first, last in pairwise(ptr.tolist()):
                share = torch.zeros(last - first, dtype=torch.float64)
                if weight[first:last].sum() == 0:
                    continue
                for i, entry in enumerate(table[first:last].tolist()):
                    threshold = (entry & 0xFFFFFFFF) / 2**32
                    share[i] += threshold
                    share[(entry >> 32) & 0xFFFFFFFF] += 1 - threshold
                exact = weight[first:last].double()
                torch.testing.assert_close(share / len(share), exact / exact.sum(), rtol=1e-6, atol=1e-9)


@needs_core
@pytest.mark.parametrize("p, q, restart", [(1, 1, 0), (0.25, 4, 0), (2, 0.5, 0.2)])
def test_random_walks(p: float, q: float, restart: float) -> None:
    g = torch.Generator().manual_seed(0)
    adjacency = (torch.rand(20, 20, generator=g) < 0.2) & (torch.arange(20) != 5).unsqueeze(1)
    row, col = adjacency.nonzero().t()
    ptr = torch.zeros(21, dtype=torch.int32)
    ptr[1:] = torch.bincount(row, minlength=20).cumsum(0)
    arguments = (ptr, col.int(), None, torch.arange(20), 12, p, q, restart, 99)
    found = []
    for name in ("cpu", "reference"):
        with backend(name):
            found.append(ops.random_walks(*arguments))
    (nodes, taken), (other_nodes, other_taken) = found
    assert torch.equal(nodes, other_nodes) and torch.equal(taken, other_taken)
    steps = taken >= 0
    assert torch.equal(row[taken[steps]], nodes[:, :-1][steps])
    assert torch.equal(col[taken[steps]], nodes[:, 1:][steps])
    stayed = ~steps & (nodes[:, :-1] == nodes[:, 1:])
    restarted = ~steps & (nodes[:, 1:] == nodes[:, :1])
    assert (steps | stayed | restarted).all() and (nodes[5] == 5).all()


@needs_core
def test_node2vec_steps_have_their_probabilities() -> None:
    """On a path a - b - c with a triangle b - c - d: from b, having come from a, back 1/p, on to c or d 1/q."""
    edge_index = torch.tensor([[0, 1, 1, 1, 2, 2, 3, 3], [1, 0, 2, 3, 1, 3, 1, 2]])
    ptr = torch.zeros(5, dtype=torch.int32)
    ptr[1:] = torch.bincount(edge_index[0], minlength=4).cumsum(0)
    start = torch.zeros(30_000, dtype=torch.int64)
    nodes, _ = ops.random_walks(ptr, edge_index[1].int(), None, start, 3, 0.5, 2.0, 0.0, 1)
    second = torch.bincount(nodes[:, 2], minlength=4)[[0, 2, 3]]
    assert stats.chisquare(second, [30_000 * w / 3 for w in (2.0, 0.5, 0.5)]).pvalue > 1e-3
    third = nodes[nodes[:, 2] == 2, 3]  # at c from b: back to b (1/p), to d, which b knows (1)
    expected = [len(third) * 2 / 3, len(third) / 3]
    assert stats.chisquare(torch.bincount(third, minlength=4)[[1, 3]], expected).pvalue > 1e-3


@needs_core
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 300), (50, 2, 2), (50, 0)])
def test_gather_rows(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    x = (torch.rand(shape) * 5).to(dtype)
    index = torch.randint(50, (200,))
    with backend("cpu"):
        assert torch.equal(ops.gather_rows(x, index), x[index])
    assert torch.equal(ops.gather_rows(x[::2], index // 2), x[::2][index // 2])
    assert ops.gather_rows(x, index[:0]).shape == (0, *shape[1:])


@needs_core
def test_a_forced_backend_says_why_it_refuses() -> None:
    rel = Relation(0, 0, torch.tensor([0, 1]), torch.tensor([0]).int())
    with backend("cpu"), pytest.raises(GraphValueError, match="not one of int32 and int64"):
        sample_neighbors(SampleRequest([1], [rel], [(1,)], [(0, torch.tensor([0]))]))


@needs_core
@pytest.mark.parametrize("shape", [(700, 5), (700,), (700, 600)])
def test_gather_file(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    file = tmp_path / "x.bin"
    file.write_bytes(b"16 bytes of head" + values.tobytes())
    mapped = np.memmap(file, np.float32, "r", offset=16, shape=shape)
    for index in (
        torch.randint(700, (300,)),
        torch.arange(700),
        torch.tensor([699, 0, 699]),
        torch.empty(0).long(),
    ):
        with backend("cpu"):
            found = ops.gather_file(mapped, index)
        assert torch.equal(found, torch.from_numpy(values)[index])
        with backend("reference"):
            assert torch.equal(found, ops.gather_file(mapped, index))
    assert torch.equal(ops.gather_file(mapped[100:], index), torch.from_numpy(values)[100:][index])
    os.truncate(file, file.stat().st_size - 4)
    with pytest.raises(GraphValueError, match=r"x\.bin: expected 700 rows .* write the file again"):
        ops.gather_file(mapped, torch.tensor([3, 699]))
