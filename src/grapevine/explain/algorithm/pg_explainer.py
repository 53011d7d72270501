"""PGExplainer: a network that tells important edges from the embeddings of both ends."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module, ReLU, Sequential

from grapevine.errors import GraphValueError
from grapevine.explain.algorithm.base import ExplainerAlgorithm, by_type, explanation_of, untyped
from grapevine.explain.config import ExplanationType, ModelTaskLevel
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.nn.conv import HANConv, HeteroConv, HGTConv
from grapevine.nn.dense import Linear
from grapevine.nn.edge_masks import masked
from grapevine.nn.inits import reset
from grapevine.utils import get_embeddings, get_embeddings_hetero


class PGExplainer(ExplainerAlgorithm):
    r"""Learns, from many predictions, to tell important edges by the embeddings :math:`\mathbf{z}` of both ends.

    .. math::
        w_{ji} = \operatorname{MLP}(\mathbf{z}_j \, \Vert \, \mathbf{z}_i \, \Vert \, \mathbf{z}_v), \qquad
        \hat{e}_{ji} = \sigma\big((\log \epsilon - \log (1 - \epsilon) + w_{ji}) / \tau\big)

    with :math:`\mathbf{z}_v` of the node that is explained (left out for graphs), noise :math:`\epsilon`, and a
    temperature :math:`\tau` that falls from epoch to epoch. Train it first:

        for epoch in range(30):
            for index in nodes:
                explainer.algorithm.train(epoch, model, x, edge_index, target=target, index=index)

    Args:
        epochs: how many there will be.
        lr: step size of Adam.
        **kwargs: weights in place of those in `coeffs`: `edge_size`, `edge_ent`, `temp` (first and last), `bias`.

    Departures from the paper: on graphs with types the embedding of the explained node is taken from the type of an
    edge's source.

    Example:
        >>> PGExplainer(epochs=30).coeffs["temp"]
        [5.0, 2.0]

    Source: "Parameterized Explainer for Graph Neural Network" (arXiv:2011.04573).
    """

    coeffs: dict[str, Any] = {"edge_size": 0.05, "edge_ent": 1.0, "temp": [5.0, 2.0], "bias": 0.01}

    #: Layers for graphs with types whose outputs serve as embeddings.
    SUPPORTED_HETERO_MODELS: ClassVar[list[type[Module]]] = [HGTConv, HANConv, HeteroConv]

    def __init__(self, epochs: int, lr: float = 0.003, **kwargs: Any) -> None:
        super().__init__()
        self.epochs = epochs
        self.lr = lr
        self.coeffs = {**type(self).coeffs, **kwargs}
        self.mlp = Sequential(Linear(-1, 64), ReLU(), Linear(64, 1))
        self.optimizer = torch.optim.Adam(self.mlp.parameters(), lr=lr)
        self._curr_epoch = -1

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.mlp)

    def train(  # type: ignore[override]
        self,
        epoch: int,
        model: Module,
        x: Any,
        edge_index: Any,
        *,
        target: Tensor,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> float:
        """Takes one step of training.

        Args:
            epoch: number of the epoch, from 0.
            model: the model to explain.
            x: features, (N, F), or by node type.
            edge_index: edges, (2, E), or by edge type.
            target: what the model should predict.
            index: the one node to explain, of a model that predicts something of nodes.
            **kwargs: what else the model is called with.

        Returns:
            The loss.

        Raises:
            GraphValueError: for a model of nodes without a single `index`.
        """
        self._check(index)
        self.optimizer.zero_grad()
        temperature = self._get_temperature(epoch)
        logits = self._logits(model, x, edge_index, index, kwargs)
        masks = {kind: self._concrete_sample(values, temperature) for kind, values in logits.items()}
        with masked(model, untyped(masks), edge_index):
            y_hat, y = model(x, edge_index, **kwargs), target
        if index is not None:
            y_hat, y = y_hat[index], y[index]
        loss = self._prediction_loss(y_hat, y)
        for kind, hard in self._hard_masks(model, x, edge_index, index).items():
            loss = loss + self._size_and_entropy(masks[kind] if hard is None else masks[kind][hard])
        loss.backward()
        self.optimizer.step()
        self._curr_epoch = epoch
        return float(loss.detach())

    def forward(
        self,
        model: Module,
        x: Any,
        edge_index: Any,
        *,
        target: Tensor,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation | HeteroExplanation:
        """Tells the important edges; see `ExplainerAlgorithm.forward`."""
        if self._curr_epoch < self.epochs - 1:
            raise GraphValueError(
                f"expected a PGExplainer trained for {self.epochs} epochs, got {self._curr_epoch + 1}; call "
                "explainer.algorithm.train(epoch, model, x, edge_index, target=..., index=...) for each epoch first"
            )
        self._check(index)
        hard = self._hard_masks(model, x, edge_index, index)
        logits = self._logits(model, x, edge_index, index, kwargs)
        masks = {kind: self._post_process_mask(values, hard[kind]) for kind, values in logits.items()}
        return explanation_of({}, masks)

    def reasons(self) -> list[str]:
        """Why the algorithm cannot serve the configurations that it is connected to."""
        found, config = [], self.explainer_config
        if config.explanation_type is not ExplanationType.phenomenon:
            found.append(f"explanation_type must be 'phenomenon', got {config.explanation_type.value!r}")
        if self.model_config.task_level is ModelTaskLevel.edge:
            found.append("task_level must be 'node' or 'graph', got 'edge'")
        if config.node_mask_type is not None:
            found.append(f"node_mask_type must be None, got {config.node_mask_type.value!r}")
        return found

    def _check(self, index: int | Tensor | None) -> None:
        several = isinstance(index, Tensor) and index.numel() > 1
        if self.model_config.task_level is ModelTaskLevel.node and (index is None or several):
            raise GraphValueError(
                f"expected the index of one node to explain, got {index}; explain one node after the other"
            )

    def _logits(
        self, model: Module, x: Any, edge_index: Any, index: int | Tensor | None, kwargs: dict[str, Any]
    ) -> dict[Any, Tensor]:
        """The network's output for each edge, (E,), by edge type."""
        if isinstance(x, dict):
            found = get_embeddings_hetero(model, self.SUPPORTED_HETERO_MODELS, x, edge_index, **kwargs)
            if not found:
                names = ", ".join(layer.__name__ for layer in self.SUPPORTED_HETERO_MODELS)
                raise GraphValueError(f"expected a model with layers among {names}, got none of them")
            z: dict[Any, Tensor] = {kind: embeddings[-1] for kind, embeddings in found.items()}
        else:
            z = {None: get_embeddings(model, x, edge_index, **kwargs)[-1]}
        out = {}
        for kind, (src, dst) in by_type(edge_index).items():
            z_src, z_dst = (z[None], z[None]) if kind is None else (z[kind[0]], z[kind[-1]])
            parts = [z_src[src], z_dst[dst]]
            if self.model_config.task_level is ModelTaskLevel.node:
                parts.append(z_src[index].view(1, -1).expand(src.numel(), -1))
            out[kind] = self.mlp(torch.cat(parts, dim=-1)).view(-1)
        return out

    def _hard_masks(
        self, model: Module, x: Any, edge_index: Any, index: int | Tensor | None
    ) -> dict[Any, Tensor | None]:
        """Which edges can take part in the prediction, by edge type; None for all."""
        edges, xs = by_type(edge_index), by_type(x)
        if self.model_config.task_level is not ModelTaskLevel.node:
            return dict.fromkeys(edges)
        found = {}
        for kind, pairs in edges.items():
            ends = [None] if kind is None else [kind[0], kind[-1]]
            found[kind] = self._get_hard_masks(model, index, pairs, max(xs[end].size(0) for end in ends))[1]
        return found

    def _get_temperature(self, epoch: int) -> float:
        first, last = self.coeffs["temp"]
        return float(first * (last / first) ** (epoch / self.epochs))

    def _concrete_sample(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        bias = self.coeffs["bias"]
        eps = (1 - 2 * bias) * torch.rand_like(logits) + bias
        return (eps.log() - (1 - eps).log() + logits) / temperature

    def _size_and_entropy(self, mask: Tensor) -> Tensor:
        m = mask.sigmoid()
        p = 0.99 * m + 0.005
        entropy = -p * p.log() - (1 - p) * (1 - p).log()
        loss: Tensor = m.sum() * self.coeffs["edge_size"] + entropy.mean() * self.coeffs["edge_ent"]
        return loss
