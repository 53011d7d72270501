# ruff: noqa: B007, T201  (typed as their readers would)
"""The explainer before `Explainer`."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch_geometric.datasets import BAShapes
from torch_geometric.nn import GCN, GNNExplainer

torch.manual_seed(0)
data = BAShapes()[0]
model = GCN(data.num_node_features, 20, num_layers=3, out_channels=4, dropout=0.0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(data.x, data.edge_index), data.y).backward()
    optimizer.step()
model.eval()

explainer = GNNExplainer(model, epochs=60, return_type="raw", log=False)
node_idx = 450
node_feat_mask, edge_mask = explainer.explain_node(node_idx, data.x, data.edge_index)
print("shapes", tuple(node_feat_mask.shape) == (10,), tuple(edge_mask.shape) == (data.num_edges,))
inside = data.edge_label.bool() & (data.edge_index >= 450).all(0) & (data.edge_index < 455).all(0)
reach = edge_mask > 0
print("reach", int(reach.sum()) < data.num_edges, bool((edge_mask[inside] > 0).any()))
print("house", float(edge_mask[inside & reach].mean()), "others", float(edge_mask[reach & ~inside].mean()))
ax, graph = explainer.visualize_subgraph(node_idx, data.edge_index, edge_mask, y=data.y)
print("drawn", node_idx in graph, graph.number_of_edges())
plt.close()
