# ruff: noqa: B007, T201, UP008  (typed as their readers would)
"""GraphSAGE on sampled adjacency lists, and inference layer by layer, as for Reddit."""

import sys

import torch
import torch.nn.functional as F
from torch_geometric.data import NeighborSampler
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import SAGEConv

torch.manual_seed(0)
dataset = Planetoid(sys.argv[1], "Cora")
data = dataset[0]
train_loader = NeighborSampler(
    data.edge_index, node_idx=data.train_mask, sizes=[10, 10], batch_size=35, shuffle=True, num_workers=0
)
subgraph_loader = NeighborSampler(
    data.edge_index, node_idx=None, sizes=[-1], batch_size=1024, shuffle=False, num_workers=0
)


class SAGE(torch.nn.Module):
    def __init__(self, in_channels, hidden_channels, out_channels):
        super(SAGE, self).__init__()
        self.num_layers = 2
        self.convs = torch.nn.ModuleList()
        self.convs.append(SAGEConv(in_channels, hidden_channels))
        self.convs.append(SAGEConv(hidden_channels, out_channels))

    def forward(self, x, adjs):
        for i, (edge_index, _, size) in enumerate(adjs):
            x_target = x[: size[1]]  # target nodes are always placed first
            x = self.convs[i]((x, x_target), edge_index)
            if i != self.num_layers - 1:
                x = F.relu(x)
                x = F.dropout(x, p=0.5, training=self.training)
        return x.log_softmax(dim=-1)

    def inference(self, x_all):
        for i in range(self.num_layers):
            xs = []
            for batch_size, n_id, adj in subgraph_loader:
                edge_index, _, size = adj
                x = x_all[n_id]
                x_target = x[: size[1]]
                x = self.convs[i]((x, x_target), edge_index)
                if i != self.num_layers - 1:
                    x = F.relu(x)
                xs.append(x)
            x_all = torch.cat(xs, dim=0)
        return x_all


model = SAGE(dataset.num_features, 32, dataset.num_classes)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(20):
    model.train()
    for batch_size, n_id, adjs in train_loader:
        adjs = [adj.to("cpu") for adj in adjs]
        optimizer.zero_grad()
        out = model(data.x[n_id], adjs)
        loss = F.nll_loss(out, data.y[n_id[:batch_size]])
        loss.backward()
        optimizer.step()

with torch.no_grad():
    model.eval()
    out = model.inference(data.x)
    x = F.relu(model.convs[0](data.x, data.edge_index))
    whole = model.convs[1](x, data.edge_index)
print("difference", float((out - whole).abs().max()))
print("test", float((out.argmax(1) == data.y)[data.test_mask].float().mean()))
