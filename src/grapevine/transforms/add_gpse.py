"""Encodings that a network has learned to make."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, count_nodes
from grapevine.transforms.structure import VirtualNode

_RANDOM: dict[str, Callable[..., Tensor]] = {
    "NormalSE": torch.randn,
    "UniformSE": torch.rand,
    "BernoulliSE": lambda *size: (torch.rand(*size) < 0.5).float(),
}


class AddGPSE(BaseTransform):
    """Adds the encodings that a GPSE model makes of random features, as ``pestat_GPSE``; torch's generator draws them.

    Args:
        model: such as `GPSE.from_pretrained("molpcba")`; gives encodings (N, D) and anything else for a graph.
        use_vn: join a virtual node with all others before, as in its training.
        rand_type: what the features are: ``"NormalSE"``, ``"UniformSE"`` or ``"BernoulliSE"``, 0 or 1.

    Raises:
        GraphValueError: for another `rand_type`.

    Departures from PyTorch Geometric: `rand_type` counts; the model stays where it is.

    Example:
        >>> class Sum(torch.nn.Linear):
        ...     def forward(self, graph):
        ...         return super().forward(graph.x), graph.y
        >>> graph = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
        >>> AddGPSE(Sum(4, 2))(graph).pestat_GPSE.shape
        torch.Size([3, 2])

    Source: "Graph Positional and Structural Encoder" (arXiv:2307.07107).
    """

    def __init__(self, model: torch.nn.Module, use_vn: bool = True, rand_type: str = "NormalSE") -> None:
        if rand_type not in _RANDOM:
            raise GraphValueError(f"expected rand_type to be one of {tuple(_RANDOM)}, got {rand_type!r}")
        self.model = model
        self.use_vn = use_vn
        self.rand_type = rand_type

    def forward(self, data: Data) -> Data:
        weight = next(self.model.parameters())
        whole: Any = copy.copy(data)
        whole.num_nodes = count_nodes(data, self)
        whole = VirtualNode()(whole) if self.use_vn else whole
        x = _RANDOM[self.rand_type](whole.num_nodes, weight.shape[1]).to(weight)
        if self.use_vn:
            x[-1] = 0
        whole.x = x
        with torch.no_grad():
            found: Tensor = self.model(whole.to(weight.device))[0]
        found = found.cpu()
        data["pestat_GPSE"] = found[:-1] if self.use_vn else found
        return data
