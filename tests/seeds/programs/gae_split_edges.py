# ruff: noqa: B007, T201  (typed as their readers would)
"""A graph autoencoder with the split helper of old."""

import sys

import torch
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GAE, VGAE, GCNConv
from torch_geometric.utils import train_test_split_edges

torch.manual_seed(0)
dataset = Planetoid(sys.argv[1], "Cora")
data = dataset[0]
num_edges = data.edge_index.size(1)
data.train_mask = data.val_mask = data.test_mask = data.y = None
data = train_test_split_edges(data)
print("train", data.train_pos_edge_index.size(1), "of", num_edges)
print("val", data.val_pos_edge_index.size(1), data.val_neg_edge_index.size(1))
print("test", data.test_pos_edge_index.size(1), data.test_neg_edge_index.size(1))


class GCNEncoder(torch.nn.Module):
    def __init__(self, in_channels, out_channels, variational):
        super().__init__()
        self.variational = variational
        self.conv1 = GCNConv(in_channels, 2 * out_channels, cached=True)
        self.conv2 = GCNConv(2 * out_channels, out_channels, cached=True)
        if variational:
            self.conv_logstd = GCNConv(2 * out_channels, out_channels, cached=True)

    def forward(self, x, edge_index):
        x = self.conv1(x, edge_index).relu()
        if self.variational:
            return self.conv2(x, edge_index), self.conv_logstd(x, edge_index)
        return self.conv2(x, edge_index)


for name, cls in (("gae", GAE), ("vgae", VGAE)):
    model = cls(GCNEncoder(dataset.num_features, 16, cls is VGAE))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(40):
        model.train()
        optimizer.zero_grad()
        z = model.encode(data.x, data.train_pos_edge_index)
        loss = model.recon_loss(z, data.train_pos_edge_index)
        if cls is VGAE:
            loss = loss + (1 / data.num_nodes) * model.kl_loss()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        z = model.encode(data.x, data.train_pos_edge_index)
    auc, ap = model.test(z, data.test_pos_edge_index, data.test_neg_edge_index)
    print(name, auc, ap)
