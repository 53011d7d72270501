"""The general graph network block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.nn.inits import reset


class MetaLayer(torch.nn.Module):
    """Updates first the edges, then the nodes, then the graph, each with a model of its own.

    Args:
        edge_model: called with the features of sources and destinations (E, F) each, of the edges (E, D), of the graphs
            (B, U), and the graph of each edge (E,); returns new features of the edges. None: they stay.
        node_model: called with x, edge_index, edge_attr, u and batch; returns new features of the nodes. None: they
            stay.
        global_model: called likewise; returns new features of the graphs. None: they stay.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        edge_attr: features of the edges, (E, D).
        u: features of the graphs, (B, U).
        batch: graph of each node, int64 (N,) in [0, B).

    Returns:
        `(x, edge_attr, u)`, the new ones.

    Example:
        >>> layer = MetaLayer(edge_model=lambda src, dst, edge_attr, u, batch: dst - src)
        >>> _, edge_attr, _ = layer(torch.tensor([[1.0], [4.0]]), torch.tensor([[0], [1]]))
        >>> edge_attr.tolist()
        [[3.0]]

    Source: "Relational inductive biases, deep learning, and graph networks" (arXiv:1806.01261).
    """

    def __init__(self, edge_model: Any = None, node_model: Any = None, global_model: Any = None) -> None:
        super().__init__()
        self.edge_model = edge_model
        self.node_model = node_model
        self.global_model = global_model
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, of models that can."""
        for model in (self.node_model, self.edge_model, self.global_model):
            if hasattr(model, "reset_parameters"):
                reset(model)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        u: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        source, target = edge_index[0], edge_index[1]
        if self.edge_model is not None:
            edge_attr = self.edge_model(
                x[source], x[target], edge_attr, u, None if batch is None else batch[source]
            )
        if self.node_model is not None:
            x = self.node_model(x, edge_index, edge_attr, u, batch)
        if self.global_model is not None:
            u = self.global_model(x, edge_index, edge_attr, u, batch)
        return x, edge_attr, u

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n"
            f"  edge_model={self.edge_model},\n"
            f"  node_model={self.node_model},\n"
            f"  global_model={self.global_model}\n"
            ")"
        )
