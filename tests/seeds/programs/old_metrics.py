# ruff: noqa: T201  (typed as their readers would)
"""`torch_geometric.utils.metric` and the reductions by name."""

import json

import torch
from torch_geometric.utils import accuracy, f1_score, mean_iou, precision, recall, scatter_
from torch_geometric.utils.metric import false_negative, false_positive, true_negative, true_positive

torch.manual_seed(0)
target, pred = torch.randint(4, (200,)), torch.randint(4, (200,))
pred[:100] = target[:100]
print("inputs", json.dumps([target.tolist(), pred.tolist()]))
print("accuracy", accuracy(pred, target))
print("precision", json.dumps(precision(pred, target, num_classes=4).tolist()))
print("recall", json.dumps(recall(pred, target, num_classes=4).tolist()))
print("f1", json.dumps(f1_score(pred, target, num_classes=4).tolist()))
print("iou", float(mean_iou(pred, target, num_classes=4)))
counts = [
    f(pred, target, num_classes=4) for f in (true_positive, false_positive, true_negative, false_negative)
]
print("counts", json.dumps(sum(counts).tolist()))
index, src = torch.tensor([0, 1, 0, 2]), torch.tensor([1.0, -2.0, 3.0, 4.0])
for name in ("add", "mean", "max", "min"):
    print(name, json.dumps(scatter_(name, src, index, dim_size=4).tolist()))
