# ruff: noqa: T201  (typed as their readers would)
"""Pooling layers by the names of the first releases."""

import torch
import torch_geometric.nn as geom_nn
from torch_geometric.nn import GlobalAttention, PointConv, Set2Set, TopKPooling, global_sort_pool
from torch_geometric.nn import global_max_pool as gmp
from torch_geometric.nn import global_mean_pool as gap
from torch_geometric.nn.glob import GlobalAttention as FromGlob

torch.manual_seed(0)
x = torch.randn(7, 3)
batch = torch.tensor([0, 0, 0, 1, 1, 1, 1])
gate = torch.nn.Linear(3, 1)
out = GlobalAttention(gate)(x, batch, size=3)
by_hand = torch.stack([(gate(part).softmax(0) * part).sum(0) for part in (x[:3], x[3:])])
print("attention", float((out[:2] - by_hand).abs().max()), tuple(out.shape), FromGlob is GlobalAttention)
print(
    "sorted",
    global_sort_pool(x, batch, k=2)[0].tolist()
    == x[:3][x[:3, -1].argsort(descending=True)[:2]].flatten().tolist(),
)
print("set2set", tuple(Set2Set(3, processing_steps=3)(x, batch).shape))
print("jumping", torch.cat([gmp(x, batch), gap(x, batch)], dim=1).shape[1] == 6)
edge_index = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 6]])
pooled, edge_index2, _, batch2, _, _ = TopKPooling(3, ratio=0.5)(x, edge_index, None, batch)
print("topk", batch2.tolist())
local_nn = torch.nn.Linear(3 + 2, 4)
conv = PointConv(local_nn, add_self_loops=False)
pos = torch.randn(7, 2)
messages = local_nn(torch.cat([x[edge_index[0]], pos[edge_index[0]] - pos[edge_index[1]]], dim=1))
expected = torch.zeros(7, 4)
expected[edge_index[1]] = messages  # one message for each node
print(
    "points",
    float((conv(x, pos, edge_index) - expected).abs().max()),
    geom_nn.PointConv is geom_nn.PointNetConv,
)
