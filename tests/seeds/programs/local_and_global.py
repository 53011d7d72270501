# ruff: noqa: T201  (typed as their readers would)
"""A graph transformer whose two parts are layers: one along the edges, one among all nodes."""

import torch
from torch.nn import Linear, ReLU, Sequential
from torch_geometric.nn import GINEConv, GPSConv, TransformerConv

torch.manual_seed(0)
dim = 8
nn = Sequential(Linear(dim, dim), ReLU(), Linear(dim, dim))
conv = GPSConv(dim, GINEConv(nn), TransformerConv(dim, dim // 2, heads=2))
conv.eval()
x = torch.randn(7, dim)
edge_index = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [1, 2, 0, 4, 5, 6, 3]])
edge_attr = torch.randn(7, dim)
batch = torch.tensor([0, 0, 0, 1, 1, 1, 1])
out = conv(x, edge_index, batch, edge_attr=edge_attr)

# By hand: attention within each graph, with dense matrices.
layer = conv.attn
parts = []
for graph in (x[:3], x[3:]):
    q, k, v = (
        lin(graph).view(-1, 2, 4).transpose(0, 1) for lin in (layer.lin_query, layer.lin_key, layer.lin_value)
    )
    attended = ((q @ k.transpose(1, 2)) / 4**0.5).softmax(-1) @ v
    parts.append(attended.transpose(0, 1).reshape(-1, dim) + layer.lin_skip(graph))
attended = conv.norm2(torch.cat(parts) + x)
local = conv.norm1(conv.conv(x, edge_index, edge_attr=edge_attr) + x)
hidden = local + attended
print("difference", float((out - conv.norm3(hidden + conv.mlp(hidden))).abs().max()))
alone = conv(x[:3], edge_index[:, :3], edge_attr=edge_attr[:3])
print("alone", float((alone - out[:3]).abs().max()))
conv.reset_parameters()
print("trains", bool(torch.isfinite(conv.train()(x, edge_index, batch, edge_attr=edge_attr)).all()))
