"""GraphMask: which messages of each layer can be replaced by a constant?"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import LayerNorm, Linear, Module, ModuleList, Parameter

from grapevine import engine
from grapevine.errors import GraphValueError
from grapevine.explain.algorithm.base import ExplainerAlgorithm, node_mask_shape, of_edges
from grapevine.explain.config import MaskType, ModelTaskLevel
from grapevine.explain.explanation import Explanation
from grapevine.nn.edge_masks import explained_layers
from grapevine.nn.message_passing import MessagePassing

_LOGGER = logging.getLogger("grapevine.explain")


class Gate(Module):
    r"""Decides, from both ends and the message of an edge, whether the message passes or a learned baseline does.

    .. math::
        z = \operatorname{HardConcrete} \left( \mathbf{w}^{\top} \phi \left( \tfrac{1}{3} \big(
        \operatorname{LN}(\mathbf{W}_1 \mathbf{h}_j) + \operatorname{LN}(\mathbf{W}_2 \mathbf{m}_{ji}) +
        \operatorname{LN}(\mathbf{W}_3 \mathbf{h}_i) \big) \right) \right), \qquad
        \tilde{\mathbf{m}}_{ji} = z \, \mathbf{m}_{ji} + (1 - z) \, \mathbf{b}

    Args:
        sizes: features of the source, of the message, and of the target.
    """

    def __init__(self, sizes: tuple[int, int, int]) -> None:
        super().__init__()
        width = sizes[1]
        self.transforms = ModuleList(Linear(size, width, bias=False) for size in sizes)
        self.norms = ModuleList(LayerNorm(width) for _ in sizes)
        self.bias = Parameter(torch.zeros(width))
        self.output = Linear(width, 1)
        self.baseline = Parameter(torch.empty(width).uniform_(-1, 1) / math.sqrt(width))
        limit = math.sqrt(6.0 / (sum(sizes) + width))
        for transform in self.transforms:
            torch.nn.init.uniform_(transform.weight, -limit, limit)  # type: ignore[arg-type]

    def forward(self, parts: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Logits, (E,), from the three kinds of features, (E, ...)."""
        total = self.bias
        for part, transform, norm in zip(parts, self.transforms, self.norms):
            total = total + norm(transform(part))
        logits: Tensor = self.output((total / len(parts)).relu()).squeeze(-1)
        return logits


def hard_concrete(logits: Tensor, training: bool = True) -> tuple[Tensor, Tensor]:
    r"""Nearly binary random numbers that have a gradient, and how probably they are not zero.

    .. math::
        z = \operatorname{clip} \left( 1.4 \, \sigma \big( 3 (\log \tfrac{u}{1 - u} + w + 2) \big) - 0.2 \right)

    rounded to 0 or 1, with the gradient of what was rounded; without noise and the factor 3 outside training.

    Args:
        logits: w, of any shape.
        training: with noise u.

    Returns:
        z, and the mean probability that it is not 0 (0 outside training).

    Example:
        >>> hard_concrete(torch.tensor([-4.0, -2.5, 3.0]), training=False)[0]
        tensor([0., 0., 1.])
    """
    beta, low, high = 1 / 3, -0.2, 1.2
    logits = logits + 2.0
    if training:
        u = torch.empty_like(logits).uniform_(1e-6, 1.0 - 1e-6)
        s = ((u.log() - (1 - u).log() + logits) / beta).sigmoid()
        penalty = (logits - beta * math.log(-low / high)).sigmoid().mean()
    else:
        s, penalty = logits.sigmoid(), logits.new_zeros(())
    soft = (s * (high - low) + low).clamp(0, 1)
    hard = (soft > 0.5).to(soft.dtype)
    return soft + (hard - soft).detach(), penalty


class GraphMaskExplainer(ExplainerAlgorithm):
    r"""Learns, layer by layer from the last, which messages can be replaced by a constant while the output stays.

    .. math::
        \max_{\lambda} \min_{\pi, b} \; \lambda \max(0, \ell - \beta) + \gamma \sum_{l, (j, i)} P(z_{ji}^{(l)} \ne 0)

    with :math:`\ell` the loss of the prediction, and a :class:`Gate` for each layer. The mask of an edge is the share
    of layers in which its message is needed.

    Args:
        num_layers: how many layers the model has that send messages.
        epochs: steps for each.
        lr: step size of the gates.
        penalty_scaling: the weight of messages, between 0 and 10.
        lambda_optimizer_lr: step size of the multiplier.
        init_lambda: the multiplier at first, between 0 and 1.
        allowance: the loss that is allowed, between 0 and 1.
        allow_multiple_explanations: ignored: each explanation starts anew.
        log: tell the logger `grapevine.explain` the loss now and then.
        **kwargs: weights of the mask over nodes in place of those in `coeffs`.

    Departures from the paper: features of nodes are masked too, where `node_mask_type` asks for it.
    Departures from PyTorch Geometric: gates are built for the messages that the layers send, whatever their
    size, and trained; the messages themselves, and so the model's prediction, stay as they are; a node mask only where
    one is asked for; the multiplier keeps its value from step to step.

    Example:
        >>> import grapevine as gv
        >>> from grapevine.explain import Explainer
        >>> config = {"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"}
        >>> algorithm = GraphMaskExplainer(num_layers=1, epochs=2, log=False)
        >>> explainer = Explainer(gv.nn.GCNConv(3, 2), algorithm, "model", config, edge_mask_type="object")
        >>> explainer(torch.randn(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]])).edge_mask.shape
        torch.Size([3])

    Source: "Interpreting Graph Neural Networks for NLP With Differentiable Edge Masking" (arXiv:2010.00577).
    """

    coeffs: dict[str, Any] = {
        "node_feat_size": 1.0,
        "node_feat_reduction": "mean",
        "node_feat_ent": 0.1,
        "EPS": 1e-15,
    }
    _EVERY: ClassVar[int] = 50

    def __init__(
        self,
        num_layers: int,
        epochs: int = 100,
        lr: float = 0.01,
        penalty_scaling: float = 5,
        lambda_optimizer_lr: float = 1e-2,
        init_lambda: float = 0.55,
        allowance: float = 0.03,
        allow_multiple_explanations: bool = False,
        log: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        for name, value, most in (
            ("penalty_scaling", penalty_scaling, 10),
            ("init_lambda", init_lambda, 1),
            ("allowance", allowance, 1),
        ):
            if not 0 <= value <= most:
                raise GraphValueError(f"expected {name} between 0 and {most}, got {value}")
        self.num_layers = num_layers
        self.epochs = epochs
        self.lr = lr
        self.penalty_scaling = penalty_scaling
        self.lambda_optimizer_lr = lambda_optimizer_lr
        self.init_lambda = init_lambda
        self.allowance = allowance
        self.allow_multiple_explanations = allow_multiple_explanations
        self.log = log
        self.coeffs = {**type(self).coeffs, **kwargs}

    def forward(
        self,
        model: Module,
        x: Tensor,
        edge_index: Tensor,
        *,
        target: Tensor,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation:
        """Trains gates for this prediction; see `ExplainerAlgorithm.forward`."""
        layers = list(explained_layers(model))
        if len(layers) != self.num_layers:
            raise GraphValueError(
                f"expected num_layers={len(layers)}, as many as the model has, got {self.num_layers}"
            )
        with torch.no_grad():
            seen = _Watch(layers)
            with seen.watching():
                model(x, edge_index, **kwargs)
        gates = ModuleList(Gate(tuple(part.size(-1) for part in parts)).to(x) for parts in seen.parts)  # type: ignore[arg-type]
        node_mask = self._start(x)
        multiplier = torch.tensor(self.init_lambda, dtype=x.dtype, device=x.device, requires_grad=True)
        weights = [*gates.parameters(), *([] if node_mask is None else [node_mask])]
        optimizer = torch.optim.Adam(weights, lr=self.lr)
        ascent = torch.optim.RMSprop([multiplier], lr=self.lambda_optimizer_lr, centered=True)

        for first in reversed(range(self.num_layers)):
            for epoch in range(self.epochs):
                optimizer.zero_grad()
                ascent.zero_grad()
                passes = [hard_concrete(gate(parts)) for gate, parts in zip(gates, seen.parts)]
                scales = [z if number >= first else None for number, (z, _) in enumerate(passes)]
                h = x if node_mask is None else x * node_mask.sigmoid()
                with seen.replacing(scales, [gate.baseline for gate in gates]):  # type: ignore[misc]
                    y_hat, y = model(h, edge_index, **kwargs), target
                if index is not None:
                    y_hat, y = y_hat[index], y[index]
                excess = (self._prediction_loss(y_hat, y) - self.allowance).relu()
                needed = torch.stack([penalty for _, penalty in passes[first:]]).sum()
                loss = needed * self.penalty_scaling + F.softplus(multiplier) * excess
                if node_mask is not None:
                    loss = loss + self._node_loss(node_mask)
                loss.backward()
                optimizer.step()
                assert multiplier.grad is not None
                multiplier.grad.neg_()
                ascent.step()
                with torch.no_grad():
                    multiplier.clamp_(-2, 30)
                if self.log and (epoch + 1) % self._EVERY == 0:
                    _LOGGER.info("layer %d, epoch %d: loss %.4f", first, epoch + 1, float(loss.detach()))

        with torch.no_grad():
            decided = [
                hard_concrete(gate(parts), training=False)[0] for gate, parts in zip(gates, seen.parts)
            ]
            edge_mask = torch.stack([of_edges(z, edge_index) for z in decided]).mean(dim=0)
        hard_nodes = hard_edges = None
        if self.model_config.task_level is ModelTaskLevel.node:
            hard_nodes, hard_edges = self._get_hard_masks(model, index, edge_index, x.size(0))
        with_edges = self.explainer_config.edge_mask_type is not None
        return Explanation(
            node_mask=self._post_process_mask(node_mask, hard_nodes),
            edge_mask=self._post_process_mask(edge_mask, hard_edges, apply_sigmoid=False)
            if with_edges
            else None,
        )

    def _start(self, x: Tensor) -> Tensor | None:
        kind: MaskType | None = self.explainer_config.node_mask_type
        if kind is None:
            return None
        start = torch.randn(node_mask_shape(kind, x), dtype=x.dtype, device=x.device) * 0.1
        return start.requires_grad_()

    def _node_loss(self, mask: Tensor) -> Tensor:
        m, eps = mask.sigmoid(), self.coeffs["EPS"]
        size = getattr(torch, self.coeffs["node_feat_reduction"])(m)
        entropy = -m * torch.log(m + eps) - (1 - m) * torch.log(1 - m + eps)
        return self.coeffs["node_feat_size"] * size + self.coeffs["node_feat_ent"] * entropy.mean()


class _Watch:
    """Listens to what layers send, and puts baselines in the place of some messages."""

    def __init__(self, layers: list[MessagePassing]) -> None:
        self.layers = layers
        self.parts: list[tuple[Tensor, Tensor, Tensor]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keeps source, message and target of each edge, inside the block."""

        def keep(layer: MessagePassing, out: Tensor, x_j: Tensor, x_i: Tensor) -> Tensor:
            rows = (engine.materialise(value).detach().flatten(1) for value in (x_j, out, x_i))
            source, message, target = rows
            self.parts.append((source, message, target))
            return out

        with self._explained([keep] * len(self.layers)):
            yield

    @contextmanager
    def replacing(self, scales: list[Tensor | None], baselines: list[Tensor]) -> Iterator[None]:
        """Mixes the messages with baselines, by scales (E,), inside the block; None leaves a layer alone."""

        def mix(
            scale: Tensor | None, baseline: Tensor, layer: MessagePassing, out: Tensor, **_: Any
        ) -> Tensor:
            if scale is None:
                return out
            shape = out.shape[1:]
            z = scale.view(-1, *[1] * len(shape))
            return out * z + (1 - z) * baseline.view(1, *shape)

        with self._explained([partial(mix, z, b) for z, b in zip(scales, baselines)]):
            yield

    @contextmanager
    def _explained(self, functions: list[Any]) -> Iterator[None]:
        for layer, function in zip(self.layers, functions):
            layer.explain = True
            layer.__dict__["explain_message"] = _Bound(layer, function)
        try:
            yield
        finally:
            for layer in self.layers:
                layer.explain = None
                del layer.__dict__["explain_message"]


class _Bound:
    """A function in the place of a layer's `explain_message`."""

    def __init__(self, layer: MessagePassing, function: Any) -> None:
        self.layer, self.function = layer, function

    def __call__(self, inputs: Tensor, x_j: Tensor, x_i: Tensor) -> Tensor:
        found: Tensor = self.function(self.layer, inputs, x_j=x_j, x_i=x_i)
        return found
