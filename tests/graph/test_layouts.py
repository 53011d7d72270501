"""What comes in transposed, strided or as int32 gives the same as what comes in plain."""

from __future__ import annotations

import pytest
import torch

from grapevine import graph as G

CALLS = {
    "coalesce": lambda e: G.coalesce(e, torch.arange(e.size(1)).double()),
    "sort_edge_index": G.sort_edge_index,
    "to_undirected": G.to_undirected,
    "is_undirected": G.is_undirected,
    "remove_self_loops": G.remove_self_loops,
    "segregate_self_loops": G.segregate_self_loops,
    "add_self_loops": lambda e: G.add_self_loops(e, torch.arange(e.size(1)).double(), "mean", 12),
    "add_remaining_self_loops": lambda e: G.add_remaining_self_loops(
        e, torch.arange(e.size(1)).double(), 2.0, 12
    ),
    "get_self_loop_attr": lambda e: G.get_self_loop_attr(e, num_nodes=12),
    "contains_isolated_nodes": lambda e: G.contains_isolated_nodes(e, 12),
    "remove_isolated_nodes": lambda e: G.remove_isolated_nodes(e, num_nodes=12),
    "subgraph": lambda e: G.subgraph([3, 1, 0], e, relabel_nodes=True, num_nodes=12),
    "bipartite_subgraph": lambda e: G.bipartite_subgraph(([3, 1], [0, 2]), e, None, True, (12, 12)),
    "k_hop_subgraph": lambda e: G.k_hop_subgraph([2, 3], 2, e, relabel_nodes=True, num_nodes=12),
    "csr": lambda e: G.to_torch_csr_tensor(e, size=12).to_dense(),
    "coalesced csc": lambda e: G.to_torch_csc_tensor(
        G.coalesce(e, sort_by_row=False), None, 12, True
    ).to_dense(),
    "to_dense_adj": lambda e: G.to_dense_adj(e, max_num_nodes=12),
    "get_laplacian": lambda e: G.get_laplacian(e, normalization="sym", num_nodes=12),
    "normalized_cut": lambda e: G.normalized_cut(e, torch.ones(e.size(1)), 12),
    "negative_sampling": lambda e: G.negative_sampling(e, 12),
    "undirected negatives": lambda e: G.negative_sampling(e, 12, force_undirected=True),
    "bipartite negatives": lambda e: G.negative_sampling(e, (12, 15)),
    "batched negatives": lambda e: G.batched_negative_sampling(e % 6, torch.arange(12) // 6),
    "structured negatives": lambda e: G.structured_negative_sampling(e, 13),
    "dropout_edge": lambda e: G.dropout_edge(e, force_undirected=True),
    "dropout_node": lambda e: G.dropout_node(e, relabel_nodes=True),
    "dropout_path": lambda e: G.dropout_path(e, p=0.5),
    "homophily": lambda e: G.homophily(e, torch.arange(12) % 3, method="edge_insensitive"),
    "assortativity": G.assortativity,
    "connected_components": lambda e: G.connected_components(e, 12),
    "get_ppr": lambda e: G.get_ppr(e, eps=1e-3),
    "unbatch_edge_index": lambda e: G.unbatch_edge_index(e % 6, torch.arange(12) // 6),
    "map_index": lambda e: G.map_index(e[0], torch.arange(12).to(e.dtype)),
    "map_index by search": lambda e: G.map_index(e[0] * 10**7, torch.arange(12).to(e.dtype) * 10**7),
}


def equal(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, torch.Tensor):
        return torch.equal(a.long() if a.dtype == torch.int32 else a, b)
    return a == b


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("form", ["transposed", "strided", "int32"])
def test_forms(name, form):
    plain = torch.randint(12, (2, 40))
    edge_index = {
        "transposed": plain.t().contiguous().t(),
        "strided": plain.repeat_interleave(2, dim=1)[:, ::2],
        "int32": plain.int(),
    }[form]
    outs = []
    for value in (edge_index, plain):
        torch.manual_seed(2)
        outs.append(CALLS[name](value))
    assert equal(*outs)
