# ruff: noqa: T201, B007  (typed as their readers would)
"""Sampling for data parallel training, by names that tutorials print: every process has its share of the seeds."""

import os

import torch
from torch_geometric.data import Data
from torch_geometric.distributed import DistNeighborSampler
from torch_geometric.loader import DistributedNeighborLoader

torch.manual_seed(0)
edge_index = torch.stack([torch.arange(20), (torch.arange(20) + 1) % 20])  # a ring
train_idx = torch.arange(0, 20, 2)

seen = []
for rank in range(3):
    os.environ["RANK"], os.environ["WORLD_SIZE"] = str(rank), "3"
    sampler = DistNeighborSampler(edge_index, node_idx=train_idx, sizes=[-1, -1], batch_size=2)
    for batch_size, n_id, adjs in sampler:
        seen += n_id[:batch_size].tolist()
        for edges, e_id, size in adjs:
            assert size[0] >= size[1] and int(edges.max()) < size[0]
        assert set(n_id.tolist()) == {(s - k) % 20 for s in n_id[:batch_size].tolist() for k in range(3)}
print("sampler", sorted(seen) == train_idx.tolist())

data = Data(x=torch.arange(20.0).view(-1, 1), edge_index=edge_index)
seen = []
for rank in range(3):
    loader = DistributedNeighborLoader(
        data, num_neighbors=[1], batch_size=4, input_nodes=train_idx, rank=rank, world_size=3
    )
    for batch in loader:
        seen += batch.n_id[: batch.batch_size].tolist()
print("loader", sorted(seen) == train_idx.tolist())
os.environ.pop("RANK"), os.environ.pop("WORLD_SIZE")
try:
    DistNeighborSampler(edge_index, node_idx=train_idx)
except TypeError as error:
    print("taught", "sizes=[10, 10]" in str(error))
