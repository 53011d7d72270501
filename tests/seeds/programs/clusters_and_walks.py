# ruff: noqa: T201  (typed as their readers would)
"""Samplers of large graphs that once lived in `torch_geometric.data`."""

import sys

import torch
from torch_geometric.data import ClusterData, ClusterLoader, GraphSAINTRandomWalkSampler, RandomNodeSampler
from torch_geometric.datasets import Planetoid
from torch_geometric.utils import degree

torch.manual_seed(0)
data = Planetoid(sys.argv[1], "Cora")[0]
data.id = torch.arange(data.num_nodes)

row, col = data.edge_index
data.edge_weight = 1.0 / degree(col, data.num_nodes)[col]
loader = GraphSAINTRandomWalkSampler(data, batch_size=300, walk_length=2, num_steps=3, sample_coverage=2)
for batch in loader:
    assert batch.node_norm.numel() == batch.num_nodes and batch.edge_norm.numel() == batch.num_edges
print("saint", len(loader), bool(torch.isfinite(batch.node_norm).all()))

seen = torch.cat([batch.id for batch in RandomNodeSampler(data, num_parts=7, shuffle=True)])
print("random", torch.equal(seen.sort().values, data.id))

try:
    import pymetis  # noqa: F401
except ImportError:
    print("clusters skipped")
else:
    cluster_data = ClusterData(data, num_parts=20, recursive=False)
    parts = list(ClusterLoader(cluster_data, batch_size=5, shuffle=True, num_workers=0))
    seen = torch.cat([part.id for part in parts])
    print("clusters", len(parts), torch.equal(seen.sort().values, data.id))
