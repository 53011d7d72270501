"""The specification."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops._fold import fold_rows
from grapevine.ops.order import Order


def run(order: Order, e: Tensor) -> Tensor:
    rows = order.rows()
    edge_rows = torch.empty_like(rows).index_copy_(0, order.edges(), rows)
    top = fold_rows(edge_rows, order.num_rows, e, "max", empty=0)
    weights = (e - top.index_select(0, edge_rows)).exp()
    total = e.new_zeros(order.num_rows, e.shape[1]).index_add_(0, edge_rows, weights) + 1e-16
    return weights / total.index_select(0, edge_rows)


def run_backward(order: Order, p: Tensor, grad: Tensor) -> Tensor:
    rows = order.rows()
    edge_rows = torch.empty_like(rows).index_copy_(0, order.edges(), rows)
    mixed = p.new_zeros(order.num_rows, p.shape[1]).index_add_(0, edge_rows, p * grad)
    return p * (grad - mixed.index_select(0, edge_rows))
