"""Graphs and features for the tests of message passing, in both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine import dgl
from tests.dgl.peer import assert_same, peer

LIBRARIES = (dgl, peer)


def edges_of(kind: str) -> tuple[list[int], list[int], int, int]:
    """Sources, destinations and the number of nodes on both sides."""
    if kind == "plain":  # node 3 and 5 receive nothing; there are a double edge and a self-loop
        return [0, 1, 3, 1, 2, 2, 0, 3], [1, 2, 2, 0, 0, 4, 1, 4], 6, 6
    if kind == "edgeless":
        return [], [], 3, 3
    return [0, 1, 1, 4, 3], [2, 0, 2, 2, 0], 5, 3  # a block whose node 1 receives nothing


def graphs(kind: str, idtype: torch.dtype = torch.int64) -> tuple[Any, Any]:
    """The same graph in both libraries."""
    src, dst, num_src, num_dst = edges_of(kind)
    ends = torch.tensor(src, dtype=idtype), torch.tensor(dst, dtype=idtype)
    if kind == "block":
        made = [lib.create_block(ends, num_src, num_dst) for lib in LIBRARIES]
    else:
        made = [lib.graph(ends, num_nodes=num_src) for lib in LIBRARIES]
    return made[0], made[1]


def rows(target: str, graph: Any) -> int:
    """How many rows a feature of sources (u), destinations (v) or edges (e) has."""
    return {"u": graph.num_src_nodes, "v": graph.num_dst_nodes, "e": graph.num_edges}[target]()


def feature(target: str, tail: tuple[int, ...], graph: Any, seed: int, low: float = 0.5) -> Tensor:
    """Values without ties, away from zero so that they can be divided by."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(rows(target, graph), *tail, generator=generator, dtype=torch.float64) + low
    return x * torch.where(torch.rand(x.shape, generator=generator) < 0.5, -1.0, 1.0)


def frame(target: str, graph: Any) -> Any:
    """The features of sources, destinations or edges."""
    return {"u": graph.srcdata, "v": graph.dstdata, "e": graph.edata}[target]


def same_results(
    run: Callable[..., Any], features: list[Tensor], pair: Any, second: bool = False, first: bool = True
) -> None:
    """The same values, gradients and second derivatives from `run(library, graph, *features)` in both libraries."""
    outs = []
    for library, graph in zip(LIBRARIES, pair):
        given = [f.clone().requires_grad_(first) for f in features]
        value = run(library, graph, *given)
        tensors = list(value) if isinstance(value, (list, tuple)) else [value]
        loss = sum(
            (t * torch.arange(1.0, t.numel() + 1, dtype=t.dtype).view(t.shape).cos()).sum() for t in tensors
        )
        grads: list[Any] = [None] * len(given)
        if isinstance(loss, Tensor) and loss.requires_grad:
            grads = list(torch.autograd.grad(loss, given, allow_unused=True, create_graph=second))
            if second:
                again = sum((g**2).sum() for g in grads if g is not None)
                grads += torch.autograd.grad(again, given, allow_unused=True)
        zeros = [torch.zeros_like(f) for f in given] * 2
        outs.append((tensors, [z if g is None else g for g, z in zip(grads, zeros)]))
    assert_same(outs[0], outs[1])
