"""LABOR: neighbours drawn so that nodes of a batch share them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.sampling.neighbor import _by_etype, _frontier, _weights, by_relation

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["sample_labors"]

#: Rounds of importance sampling where it runs until nothing changes.
_MOST_ROUNDS = 20


def sample_labors(
    g: DGLGraph,
    nodes: Any,
    fanout: Any,
    edge_dir: str = "in",
    prob: Any = None,
    importance_sampling: int = 0,
    random_seed: Any = None,
    seed2_contribution: float = 0,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    exclude_edges: Any = None,
    output_device: Any = None,
) -> tuple[DGLGraph, list[Tensor]]:
    """Draws about k in-edges of every given node, the same neighbours for all of them where it can.

    Every neighbour t has one random number r_t, whoever asks; the edge e from t to s is kept if r_t <= p_e:

        p_e = min(1, c_s w_e pi_t),    c_s such that  sum over e of w_e^2 / p_e = (sum over e of w_e)^2 / k

    so that an average over the kept edges varies as much as one over k draws. Without importance sampling pi_t = 1 (and
    p_e = k / degree without weights); each round of it sets pi_t to pi_t max over s of c_s: fewer different nodes.

    Args:
        g: the graph.
        nodes: ids, or a dict of ids by node type.
        fanout: k, or a dict of k by edge type that names all of them; -1 takes all edges.
        edge_dir: `"in"` or `"out"`.
        prob: the edge feature w with the weights, or a list of tensors by edge type.
        importance_sampling: how many rounds; -1 for as many as change something.
        random_seed: of the random numbers, an integer or a tensor of one or two; None draws one.
        seed2_contribution: from 0 to 1, how much of the numbers comes from the second seed: with a little more in every
            call, the neighbours change slowly.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        exclude_edges: edge ids, or a dict of them by edge type, that are never drawn.
        output_device: where the result goes.

    Returns:
        a graph with all nodes and the drawn edges only, and by edge type the weights 1 / p_e of its edges, 1 on average
        for every node: empty where all edges of a node are alike.

    Raises:
        DGLError: for unknown directions, features or types.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2, 3], [4, 4, 5, 5]))
        >>> frontier, weights = sample_labors(g, [4, 5], -1)
        >>> frontier.num_edges(), weights[0].numel()
        (4, 0)

    Source: Balin, Catalyurek, Layer-Neighbor Sampling, arXiv:2210.13339.
    """
    if edge_dir not in ("in", "out"):
        raise DGLError(f"edge_dir can only be 'in' or 'out', got {edge_dir!r}")
    seeds = torch.randint(2**62, (1,)) if random_seed is None else torch.as_tensor(random_seed).view(-1)
    chances = _Chances(seeds.tolist(), float(seed2_contribution))
    choices = []
    fanouts = by_relation(g, fanout, "Fan-out", int)
    given = zip(g._relations, fanouts, _weights(g, prob), _by_etype(g, exclude_edges))
    for relation, k, weight, excluded in given:
        ends = relation.src_index if edge_dir == "in" else relation.dst_index
        choices.append(_Labor(k, ends, weight, excluded, importance_sampling, chances))
    frontier = _frontier(g, nodes, edge_dir, choices, copy_ndata, copy_edata, output_device)
    return frontier, [choice.importance.to(frontier.device) for choice in choices]


class _Chances:
    """One number between 0 and 1 for every node, the same in every call with the same seeds."""

    def __init__(self, seeds: list[int], share: float) -> None:
        self.seeds = seeds
        self.share = share

    def __call__(self, ids: Tensor) -> Tensor:
        first = _hashed(ids, self.seeds[0])
        if len(self.seeds) < 2 or self.share == 0:
            return first
        # Normal numbers may be added, and stay normal.
        turn = self.share * math.pi / 2
        parts = (torch.special.ndtri(x) for x in (first, _hashed(ids, self.seeds[1])))
        mixed = sum(x * by for x, by in zip(parts, (math.cos(turn), math.sin(turn))))
        return torch.special.ndtr(torch.as_tensor(mixed))


def _hashed(ids: Tensor, seed: int) -> Tensor:
    """splitmix64 of the ids, as numbers between 0 and 1."""
    x = ids * -7046029254386353131 + (seed % 2**62) * 2 + 1
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        x = (x ^ ((x >> shift) & (2 ** (64 - shift) - 1))) * factor
    x = x ^ ((x >> 31) & (2**33 - 1))
    return ((x >> 11) & (2**53 - 1)).double() / 2**53


class _Labor:
    def __init__(
        self,
        k: int,
        ends: Tensor,
        weight: Tensor | None,
        exclude: Tensor | None,
        rounds: int,
        chances: _Chances,
    ) -> None:
        self.k = k
        self.ends = ends
        self.weight = weight
        self.exclude = exclude
        self.rounds = _MOST_ROUNDS if rounds < 0 else rounds
        self.chances = chances
        self.importance = torch.empty(0)

    def __call__(self, rows: Tensor, edges: Tensor, num_rows: int) -> Tensor:
        if self.exclude is not None:
            kept = ~torch.isin(edges, self.exclude)
            rows, edges = rows[kept], edges[kept]
        weight = torch.ones(len(edges), dtype=torch.float64, device=edges.device)
        if self.weight is not None:
            weight = self.weight.view(-1).index_select(0, edges).double()
            rows, edges, weight = rows[weight > 0], edges[weight > 0], weight[weight > 0]
        if self.k < 0:
            return edges
        nodes, place = self.ends.index_select(0, edges).unique(return_inverse=True)
        p = self._probabilities(rows, place, weight, num_rows, len(nodes))
        drawn = self.chances(nodes)[place] <= p
        if self.weight is not None or self.rounds:
            self.importance = _normalised(1 / p[drawn], rows[drawn], num_rows).float()
        return edges[drawn]

    def _probabilities(
        self, rows: Tensor, place: Tensor, weight: Tensor, num_rows: int, num_nodes: int
    ) -> Tensor:
        pi = weight.new_ones(num_nodes)
        total = weight.new_zeros(num_rows).index_add(0, rows, weight)
        few = torch.bincount(rows, minlength=num_rows) <= self.k
        target = (total**2 / max(self.k, 1)).masked_fill(few, math.inf)  # their p is 1
        for left in range(self.rounds, -1, -1):
            c = _scale(weight * pi[place], weight**2, target, rows, num_rows)
            if left:
                most = pi.new_zeros(num_nodes).scatter_reduce(0, place, c[rows], "amax")
                new = pi * most / most.max().clamp(min=1e-300)
                if torch.allclose(new / new.max(), pi / pi.max(), rtol=1e-4):
                    break
                pi = new
        p = (c[rows] * weight * pi[place]).clamp(max=1)
        return torch.zeros_like(p) if self.k == 0 else p.masked_fill(few[rows], 1.0)


def _scale(chance: Tensor, square: Tensor, target: Tensor, rows: Tensor, num_rows: int) -> Tensor:
    """For every row the c with `sum of square / min(1, c chance) = target`: a step for each edge that is certain."""
    certain = torch.zeros_like(chance, dtype=torch.bool)
    all_ = chance.new_zeros(num_rows).scatter_reduce(
        0, rows, 1 / chance, "amax"
    )  # of rows that keep every edge
    while True:
        open_ = square.new_zeros(num_rows).index_add(0, rows, (square / chance).masked_fill(certain, 0))
        done = square.new_zeros(num_rows).index_add(0, rows, square.masked_fill(~certain, 0))
        room = (target - done).clamp(min=1e-300)
        c = torch.where(target.isinf(), all_, open_ / room)
        now = certain | ((c[rows] * chance >= 1) & ~target[rows].isinf())
        if torch.equal(now, certain):
            return c
        certain = now


def _normalised(weight: Tensor, rows: Tensor, num_rows: int) -> Tensor:
    """Scaled so that the weights of a row are 1 on average."""
    total = weight.new_zeros(num_rows).index_add(0, rows, weight)
    count = torch.bincount(rows, minlength=num_rows)
    return weight * (count / total.clamp(min=1e-300))[rows]
