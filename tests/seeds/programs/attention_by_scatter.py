# ruff: noqa: T201, UP008  (typed as their readers would)
"""Attention as written with torch_scatter, and as the first releases wrote message passing: both are GATConv."""

import torch
import torch.nn.functional as F
from torch.nn import Parameter
from torch_geometric.nn import GATConv, MessagePassing
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.utils import add_self_loops, remove_self_loops, softmax
from torch_scatter import scatter, scatter_add, scatter_max, scatter_softmax


def edge_softmax_aggregation(x, edge_index, score, num_nodes):
    row, col = edge_index
    score_max, _ = scatter_max(score, col, dim=0, dim_size=num_nodes)
    weight = torch.exp(score - score_max[col])
    total = scatter_add(weight, col, dim=0, dim_size=num_nodes)
    weight = weight / (total[col] + 1e-16)
    return scatter(weight.unsqueeze(-1) * x[row], col, dim=0, dim_size=num_nodes, reduce="sum")


class OldGATConv(MessagePassing):
    def __init__(self, in_channels, out_channels, heads=1, negative_slope=0.2):
        super(OldGATConv, self).__init__(aggr="add")
        self.heads, self.out_channels, self.negative_slope = heads, out_channels, negative_slope
        self.weight = Parameter(torch.Tensor(in_channels, heads * out_channels))
        self.att = Parameter(torch.Tensor(1, heads, 2 * out_channels))
        self.bias = Parameter(torch.Tensor(heads * out_channels))
        glorot(self.weight)
        glorot(self.att)
        zeros(self.bias)

    def forward(self, x, edge_index, size=None):
        edge_index, _ = remove_self_loops(edge_index)
        edge_index, _ = add_self_loops(edge_index, num_nodes=x.size(0))
        x = torch.matmul(x, self.weight)
        return self.propagate(edge_index, size=size, x=x)

    def message(self, edge_index_i, x_i, x_j, size_i):
        x_j = x_j.view(-1, self.heads, self.out_channels)
        x_i = x_i.view(-1, self.heads, self.out_channels)
        alpha = (torch.cat([x_i, x_j], dim=-1) * self.att).sum(dim=-1)
        alpha = F.leaky_relu(alpha, self.negative_slope)
        alpha = softmax(alpha, edge_index_i, size_i)
        return (x_j * alpha.view(-1, self.heads, 1)).view(-1, self.heads * self.out_channels)

    def update(self, aggr_out):
        return aggr_out + self.bias


torch.manual_seed(0)
x = torch.randn(30, 8)
edge_index = torch.randint(0, 30, (2, 120))
edge_index = remove_self_loops(edge_index)[0]

gat = GATConv(8, 4, heads=2)
old = OldGATConv(8, 4, heads=2)
with torch.no_grad():
    old.weight.copy_(gat.lin.weight.t())
    old.att.copy_(torch.cat([gat.att_dst, gat.att_src], dim=-1))
print("old", float((old(x, edge_index) - gat(x, edge_index)).abs().max()))

one = GATConv(8, 4)
with torch.no_grad():
    loops, _ = add_self_loops(edge_index, num_nodes=30)
    h = one.lin(x)
    score = F.leaky_relu(
        (h * one.att_src.view(-1)).sum(-1)[loops[0]] + (h * one.att_dst.view(-1)).sum(-1)[loops[1]], 0.2
    )
    out = edge_softmax_aggregation(h, loops, score, 30) + one.bias
    alpha = scatter_softmax(score, loops[1])
    print("scatter", float((out - one(x, edge_index)).abs().max()))
    print("softmax", float((alpha - softmax(score, loops[1], num_nodes=30)).abs().max()))
    print("sums", float((scatter_add(alpha, loops[1], dim=0) - 1).abs().max()))
