# ruff: noqa: B007, T201  (typed as their readers would)
"""Graph classification with loaders that once lived in `torch_geometric.data`."""

import sys

import torch
import torch.nn.functional as F
from torch.nn import Linear, ReLU, Sequential
from torch_geometric.data import Batch, Data, DataListLoader, DataLoader, DenseDataLoader
from torch_geometric.datasets import TUDataset
from torch_geometric.nn import GINConv, global_add_pool
from torch_geometric.utils import degree

torch.manual_seed(0)
dataset = TUDataset(sys.argv[1], name="MUTAG").shuffle()
print("graphs", len(dataset), dataset.num_classes)
train_dataset, test_dataset = dataset[19:], dataset[:19]
train_loader = DataLoader(train_dataset, batch_size=64, shuffle=True)
test_loader = DataLoader(test_dataset, batch_size=64)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        nn1 = Sequential(Linear(dataset.num_features, 32), ReLU(), Linear(32, 32))
        nn2 = Sequential(Linear(32, 32), ReLU(), Linear(32, 32))
        self.conv1, self.conv2 = GINConv(nn1), GINConv(nn2)
        self.fc = Linear(32, dataset.num_classes)

    def forward(self, x, edge_index, batch):
        x = F.relu(self.conv1(x, edge_index))
        x = F.relu(self.conv2(x, edge_index))
        return F.log_softmax(self.fc(global_add_pool(x, batch)), dim=-1)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(40):
    loss_all = 0
    for data in train_loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data.x, data.edge_index, data.batch), data.y)
        loss.backward()
        loss_all += loss.item() * data.num_graphs
        optimizer.step()


def test(loader):
    model.eval()
    correct = 0
    for data in loader:
        pred = model(data.x, data.edge_index, data.batch).max(dim=1)[1]
        correct += pred.eq(data.y).sum().item()
    return correct / len(loader.dataset)


print("train", test(DataLoader(train_dataset, batch_size=64)))
print("test", test(test_loader))

# Lists of graphs, and batches by hand.
data_list = next(iter(DataListLoader(train_dataset, batch_size=5)))
batch = Batch.from_data_list(data_list)
print("list", len(data_list), batch.num_graphs, batch.batch.max().item())
again = batch.to_data_list()
print(
    "same",
    all(torch.equal(a.x, b.x) and torch.equal(a.edge_index, b.edge_index) for a, b in zip(data_list, again)),
)
print("edges", sum(d.num_edges for d in data_list) == batch.num_edges)
print("degrees", int(degree(batch.edge_index[0], batch.num_nodes).sum()) == batch.num_edges)

a = Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0, 1], [1, 0]]), face=torch.tensor([[0], [1], [0]]))
b = Data.from_dict(
    {
        "x": torch.zeros(1, 3),
        "edge_index": torch.empty(2, 0, dtype=torch.long),
        "face": torch.tensor([[0]] * 3),
    }
)
batch = next(iter(DataLoader([a, b], batch_size=2, follow_batch=["x"])))
print("face", batch.face.tolist(), batch.x_batch.tolist(), "x" in a, len(a), a["x"].shape[0], a.num_faces)
dense = next(iter(DenseDataLoader([Data(x=torch.ones(4, 2), adj=torch.eye(4))] * 3, batch_size=3)))
print("dense", tuple(dense.x.shape), tuple(dense.adj.shape))
