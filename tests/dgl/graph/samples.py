"""Graphs to compare on, built alike by both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grapevine import dgl
from tests.dgl.peer import peer

Pair = tuple[Any, Any]


def both(build: Callable[[Any], Any]) -> Pair:
    """What `build(dgl)` gives with our dialect and with the peer."""
    return build(dgl), build(peer)


def square(lib: Any, idtype: torch.dtype = torch.int64) -> Any:
    """Self-loops, parallel edges, an isolated node, unsorted edges."""
    src = torch.tensor([2, 0, 0, 1, 1, 0, 5, 4, 2, 5], dtype=idtype)
    dst = torch.tensor([1, 2, 1, 1, 0, 2, 4, 5, 5, 0], dtype=idtype)
    g = lib.graph((src, dst), num_nodes=7)
    g.ndata["h"] = torch.arange(14.0).view(7, 2)
    g.edata["w"] = torch.arange(10.0) + 1
    return g


def empty(lib: Any, idtype: torch.dtype = torch.int64) -> Any:
    """Nodes without edges."""
    none = torch.empty(0, dtype=idtype)
    return lib.graph((none, none), num_nodes=3)


def typed(lib: Any, idtype: torch.dtype = torch.int64, isolated: bool = True) -> Any:
    """Three relations, one within a type, and a type without edges (where the peer's relabelling crashes)."""

    def ids(*values: int) -> torch.Tensor:
        return torch.tensor(values, dtype=idtype)

    counts = {"user": 5, "game": 3, "dev": 2, **({"bot": 2} if isolated else {})}
    g = lib.heterograph(
        {
            ("user", "follows", "user"): (ids(0, 1, 1, 3, 0), ids(1, 2, 1, 0, 1)),
            ("user", "plays", "game"): (ids(3, 0, 1, 3), ids(0, 0, 2, 1)),
            ("dev", "makes", "game"): (ids(1, 0, 0), ids(2, 1, 1)),
        },
        num_nodes_dict=counts,
    )
    g.nodes["user"].data["h"] = torch.arange(5.0)
    g.nodes["game"].data["h"] = torch.arange(3.0) + 10
    g.edges["plays"].data["w"] = torch.arange(8.0).view(4, 2)
    return g


def bipartite(lib: Any, idtype: torch.dtype = torch.int64) -> Any:
    """One relation between two types."""
    src = torch.tensor([0, 2, 2, 1], dtype=idtype)
    dst = torch.tensor([4, 0, 0, 1], dtype=idtype)
    g = lib.heterograph({("u", "e", "v"): (src, dst)}, num_nodes_dict={"u": 3, "v": 5})
    g.srcdata["x"] = torch.arange(3.0)
    g.edata["w"] = torch.arange(4.0)
    return g


GRAPHS = (square, empty, typed, bipartite)
