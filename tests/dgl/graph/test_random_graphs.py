"""Random multigraphs: every operation gives the peer's graph, edge for edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.dgl.graph.samples import both
from tests.dgl.peer import assert_same

Case = dict[str, Any]


def draw(seed: int) -> Case:
    """Edges of a random graph, some of its nodes and some of its edges."""
    generator = torch.Generator().manual_seed(seed)
    n = int(torch.randint(2, 30, (1,), generator=generator))
    e = n * (1, 4, 8)[seed % 3]
    idtype = (torch.int64, torch.int32)[seed % 2]

    def some(count: int) -> Tensor:
        return torch.randperm(count, generator=generator)[: 1 + count // 3].to(idtype)

    ends = torch.randint(n, (2, e), generator=generator).to(idtype)
    return {"n": n, "e": e, "ends": ends, "nodes": some(n), "edges": some(e), "k": 1 + seed % 3}


def build(lib: Any, case: Case) -> Any:
    g = lib.graph((case["ends"][0], case["ends"][1]), num_nodes=case["n"])
    g.ndata["h"] = torch.arange(2.0 * case["n"]).view(-1, 2)
    g.edata["w"] = torch.arange(float(case["e"])) + 1
    return g


OPERATIONS: dict[str, Callable[[Any, Any, Case], Any]] = {
    "node_subgraph": lambda lib, g, c: lib.node_subgraph(g, c["nodes"]),
    "edge_subgraph": lambda lib, g, c: lib.edge_subgraph(g, c["edges"]),
    "in_subgraph": lambda lib, g, c: lib.in_subgraph(g, c["nodes"], relabel_nodes=True),
    "out_subgraph": lambda lib, g, c: lib.out_subgraph(g, c["nodes"], relabel_nodes=True),
    "khop_in": lambda lib, g, c: lib.khop_in_subgraph(g, c["nodes"][:2], c["k"]),
    "khop_out": lambda lib, g, c: lib.khop_out_subgraph(g, c["nodes"][:2], c["k"]),
    "block of a sample": lambda lib, g, c: lib.to_block(lib.in_subgraph(g, c["nodes"]), c["nodes"]),
    "block": lambda lib, g, c: lib.to_block(g, include_dst_in_src=False),
    "line_graph": lambda lib, g, c: lib.line_graph(g, backtracking=False, shared=True),
    "to_simple": lambda lib, g, c: lib.to_simple(g, writeback_mapping=True, copy_edata=True),
    "to_bidirected": lambda lib, g, c: lib.to_bidirected(g),
    "remove_edges": lambda lib, g, c: lib.remove_edges(g, c["edges"]),
    "remove_nodes": lambda lib, g, c: lib.remove_nodes(g, c["nodes"], store_ids=True),
    "in_edges": lambda lib, g, c: g.in_edges(c["nodes"], "all"),
    "out_edges": lambda lib, g, c: g.out_edges(c["nodes"], "all"),
    "csr": lambda lib, g, c: g.adj_tensors("csr"),
    "csc": lambda lib, g, c: g.adj_tensors("csc"),
    "edge_ids": lambda lib, g, c: g.edge_ids(*g.find_edges(c["edges"])),
    "all edge_ids": lambda lib, g, c: g.edge_ids(*g.find_edges(c["edges"]), return_uv=True),
    "compact": lambda lib, g, c: lib.compact_graphs(
        lib.edge_subgraph(g, c["edges"], relabel_nodes=False), c["nodes"][:1]
    ),
    "members": lambda lib, g, c: lib.remove_nodes(lib.batch([g, g]), c["nodes"]).batch_num_edges(),
    "khop_graph": lambda lib, g, c: lib.khop_graph(g, 2),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_random_graphs(name: str) -> None:
    for seed in range(6):
        case = draw(seed)
        assert_same(*both(lambda lib, c=case: OPERATIONS[name](lib, build(lib, c), c)))


def test_sorted_edges() -> None:
    """Parallel edges come in the order of their ids (the peer leaves it open)."""
    for seed in range(6):
        ours, theirs = both(lambda lib, s=seed: build(lib, draw(s)).edges("all", "srcdst"))
        assert_same(ours[:2], theirs[:2])
        keys = torch.stack(ours).T.tolist()
        assert keys == sorted(keys)
