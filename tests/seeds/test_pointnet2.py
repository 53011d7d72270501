"""The PointNet++ classifier of tutorials: two levels of set abstraction, a global one, a classifier."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.compat.programs import run

PROGRAM = r"""
import sys

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch_geometric.datasets import GeometricShapes
from torch_geometric.loader import DataLoader
from torch_geometric.nn import MLP, PointConv, PointNetConv, fps, global_max_pool, radius


class SAModule(torch.nn.Module):
    def __init__(self, ratio, r, nn):
        super().__init__()
        self.ratio = ratio
        self.r = r
        self.conv = PointNetConv(nn, add_self_loops=False)

    def forward(self, x, pos, batch):
        idx = fps(pos, batch, ratio=self.ratio)
        row, col = radius(pos, pos[idx], self.r, batch, batch[idx], max_num_neighbors=64)
        edge_index = torch.stack([col, row], dim=0)
        x_dst = None if x is None else x[idx]
        x = self.conv((x, x_dst), (pos, pos[idx]), edge_index)
        pos, batch = pos[idx], batch[idx]
        return x, pos, batch


class GlobalSAModule(torch.nn.Module):
    def __init__(self, nn):
        super().__init__()
        self.nn = nn

    def forward(self, x, pos, batch):
        x = self.nn(torch.cat([x, pos], dim=1))
        x = global_max_pool(x, batch)
        pos = pos.new_zeros((x.size(0), 3))
        batch = torch.arange(x.size(0), device=batch.device)
        return x, pos, batch


class Net(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.sa1_module = SAModule(0.5, 0.4, MLP([3, 32, 32, 64]))
        self.sa2_module = SAModule(0.25, 0.8, MLP([64 + 3, 64, 64, 128]))
        self.sa3_module = GlobalSAModule(MLP([128 + 3, 128, 256]))
        self.mlp = MLP([256, 128, 64, num_classes], dropout=0.5, norm=None)

    def forward(self, data):
        sa0_out = (data.x, data.pos, data.batch)
        sa1_out = self.sa1_module(*sa0_out)
        sa2_out = self.sa2_module(*sa1_out)
        sa3_out = self.sa3_module(*sa2_out)
        x, pos, batch = sa3_out
        return self.mlp(x).log_softmax(dim=-1)


def train(epoch):
    model.train()
    total = 0.0
    for data in train_loader:
        data = data.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), data.y)
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * data.num_graphs
    return total / len(train_loader.dataset)


def test(loader):
    model.eval()
    correct = 0
    for data in loader:
        data = data.to(device)
        with torch.no_grad():
            pred = model(data).max(1)[1]
        correct += pred.eq(data.y).sum().item()
    return correct / len(loader.dataset)


torch.manual_seed(0)
assert PointConv is PointNetConv
path = sys.argv[1]
pre_transform, transform = T.NormalizeScale(), T.SamplePoints(64)
train_dataset = GeometricShapes(path, True, transform, pre_transform)[::5]  # 8 of 40 shapes
test_dataset = GeometricShapes(path, False, transform, pre_transform)[::5]
train_loader = DataLoader(train_dataset, batch_size=8, shuffle=True)
test_loader = DataLoader(test_dataset, batch_size=8)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = Net(40).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(1, 101):
    loss = train(epoch)
    if epoch == 1:
        print(f"first {loss:.4f}")
print(f"last {loss:.4f}")
print(f"accuracy {sum(test(test_loader) for _ in range(5)) / 5:.4f}")
"""


def test_shapes_are_learned(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "pointcloud" / "geometric_shapes_raw.zip", tmp_path)
    printed = run(tmp_path, PROGRAM, tmp_path)
    numbers = dict(line.split() for line in printed.splitlines())
    assert float(numbers["last"]) < 0.5 * float(numbers["first"])  # ln 40 = 3.7 at first
    assert float(numbers["accuracy"]) >= 0.5  # 1/8 by chance
