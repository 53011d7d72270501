# ruff: noqa: RUF007, T201  (typed as their readers would)
"""What the examples print, and how they seed."""

import torch
from torch_geometric import seed_everything
from torch_geometric.logging import init_wandb, log
from torch_geometric.nn import DeepGraphInfomax, GCNConv, Node2Vec

seed_everything(12)
first = torch.rand(1)
seed_everything(12)
print("seeded", bool(first == torch.rand(1)))
init_wandb(name="GCN-Cora", lr=0.01)
log(Epoch=7, Loss=0.123456, Train=1, Note="best")


def corruption(x, edge_index):
    return x[torch.randperm(x.size(0))], edge_index


edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
model = DeepGraphInfomax(
    hidden_channels=8,
    encoder=GCNConv(5, 8),
    summary=lambda z, *args, **kwargs: torch.sigmoid(z.mean(dim=0)),
    corruption=corruption,
)
pos_z, neg_z, summary = model(torch.eye(4, 5), edge_index)
print("infomax", tuple(pos_z.shape), tuple(summary.shape), bool(model.loss(pos_z, neg_z, summary) > 0))
walks = Node2Vec(edge_index, embedding_dim=4, walk_length=5, context_size=3, walks_per_node=2, sparse=True)
pos_rw, neg_rw = next(iter(walks.loader(batch_size=4, shuffle=False)))
steps = {(int(a), int(b)) for walk in pos_rw for a, b in zip(walk[:-1], walk[1:])}
print("walks", steps <= {(0, 1), (1, 2), (2, 3), (3, 0)})
