"""How far the nodes that a model's outputs depend on lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError
from grapevine.graph.subgraph import k_hop_subgraph

if TYPE_CHECKING:
    from grapevine.data import Data


def _influence_per_hop(model: Module, data: Data, node: int, max_hops: int, device: torch.device) -> Tensor:
    """The influence on one node, summed over the nodes at each distance: `(max_hops + 1,)`."""
    if data.x is None or data.edge_index is None:
        raise GraphValueError("expected data with x and edge_index, got none; set data.x and data.edge_index")
    nodes, edge_index, place, _ = k_hop_subgraph(node, max_hops, data.edge_index, True, data.num_nodes)
    x = data.x[nodes].to(device).requires_grad_()
    out = model(x, edge_index.to(device))[int(place)]
    influence = torch.zeros(nodes.numel(), device=device)
    for channel in out.reshape(-1):
        (grad,) = torch.autograd.grad(channel, x, retain_graph=True)
        influence += grad.abs().flatten(1).sum(dim=1)

    distance = torch.full_like(nodes, max_hops)
    for hops in reversed(range(max_hops)):
        near, *_ = k_hop_subgraph(int(place), hops, edge_index, num_nodes=nodes.numel())
        distance[near] = hops
    return torch.zeros(max_hops + 1, device=device).index_add_(0, distance.to(device), influence)


def total_influence(
    model: Module,
    data: Data,
    max_hops: int,
    num_samples: int | None = None,
    normalize: bool = True,
    average: bool = True,
    device: torch.device | str = "cpu",
    vectorize: bool = True,
) -> tuple[Tensor, float]:
    r"""How much the features at each distance influence a model's outputs.

    .. math::
        I_h(v) = \sum_{u: d(u, v) = h} \sum_{i, j} \left| \frac{\partial y_{v i}}{\partial x_{u j}} \right|, \qquad
        R = \operatorname{mean}_v \frac{\sum_h h\, I_h(v)}{\sum_h I_h(v)}

    Args:
        model: called as `model(x, edge_index)`.
        data: the graph, with `x` (N, F) and `edge_index`.
        max_hops: the largest distance H.
        num_samples: how many random nodes v to look at; all by default.
        normalize: divide the mean by that of distance 0.
        average: the mean over the nodes v, else the influences of each.
        device: where to compute.
        vectorize: not needed: outputs are differentiated one by one.

    Returns:
        The influences (H + 1,), or (S, H + 1) of the S nodes, and the breadth R of the receptive field.

    Raises:
        GraphValueError: if `data` lacks features or edges.

    Source: Towards Quantifying Long-Range Interactions in Graph Machine Learning (arXiv:2503.09008).
    """
    device = torch.device(device)
    model = model.to(device)
    nodes = torch.randperm(data.num_nodes or 0)[:num_samples].tolist()
    influence = torch.stack([_influence_per_hop(model, data, node, max_hops, device).cpu() for node in nodes])
    hops = torch.arange(max_hops + 1, dtype=influence.dtype)
    breadth = float((influence / influence.sum(dim=1, keepdim=True) @ hops).mean())
    if average:
        influence = influence.mean(dim=0)
        influence = influence / influence[0] if normalize else influence
    return influence, breadth
