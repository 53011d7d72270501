"""GraphMask: for each layer, a network that tells which messages can be replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn import LayerNorm, Linear, Module, ModuleList, Parameter

from grapevine import engine
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.explain.algorithm.base import ExplainerAlgorithm, node_mask_shape, of_edges
from grapevine.explain.config import MaskType, ModelTaskLevel
from grapevine.explain.explanation import Explanation
from grapevine.nn.edge_masks import explained_layers, masked
from grapevine.nn.message_passing import MessagePassing

#: The hard-concrete distribution: temperature, and how far it is stretched beyond 0 and 1.
_BETA, _GAMMA, _ZETA, _BIAS = 1 / 3, -0.2, 1.2, 2.0


class GraphMaskExplainer(ExplainerAlgorithm):
    r"""Learns, layer by layer from the last, which messages a baseline can take the place of.

    .. math::
        \tilde{\mathbf{m}}_{ji} = z_{ji} \, \mathbf{m}_{ji} + (1 - z_{ji}) \, \mathbf{b}, \qquad
        z_{ji} \sim \operatorname{HardConcrete}(g(\mathbf{h}_j, \mathbf{h}_i, \mathbf{m}_{ji}))

    with a network :math:`g` and a baseline :math:`\mathbf{b}` for each layer, which solve

    .. math::
        \max_{\lambda \geq 0} \min_{g, \mathbf{b}} \; s \sum_{\text{layers}} \mathbb{E} [z \neq 0] + \lambda
        \operatorname{relu}(\ell(\tilde{y}) - \ell(y) - \beta)

    where :math:`\ell` is the loss of the prediction with and without replaced messages.

    Args:
        num_layers: how often the model passes messages.
        epochs: steps of Adam for each layer.
        lr: their size.
        penalty_scaling: s, from 0 to 10.
        lambda_optimizer_lr: step size for the multiplier.
        init_lambda: the multiplier at first (before a softplus), from 0 to 1.
        allowance: beta, by how much the prediction may get worse, from 0 to 1.
        allow_multiple_explanations: accepted for compatibility.
        log: whether to show progress on a terminal.
        **kwargs: weights in place of those in `default_coeffs`, of the mask of features.

    Explain several predictions at once (`index` of many nodes, or None) where you can: of a single one a baseline alone
    may be enough to restore the value.

    Departures from the paper: gates are learned for the predictions at hand. From PyTorch Geometric: messages are
    replaced as they are, not normalised first, so that the model stays the same; the multiplier is kept from step to
    step; loops that layers add themselves are not replaced; the mask of an edge is the mean of its gates without noise,
    from 0 to 1.

    Example:
        >>> GraphMaskExplainer(num_layers=2, epochs=5, log=False).coeffs["node_feat_size"]
        1.0

    Source: "Interpreting Graph Neural Networks for NLP With Differentiable Edge Masking" (arXiv:2010.00577).
    """

    default_coeffs = {
        "node_feat_size": 1.0,
        "node_feat_reduction": "mean",
        "node_feat_ent": 0.1,
        "EPS": 1e-15,
    }

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
        self.coeffs = {**self.default_coeffs, **kwargs}

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
        """Learns the gates for this prediction; see `ExplainerAlgorithm.forward`."""
        if not isinstance(x, Tensor) or not isinstance(edge_index, Tensor):
            raise GraphTypeError(
                f"expected x and edge_index of a graph without types, got {type(x).__name__} and "
                f"{type(edge_index).__name__}; do this instead: GNNExplainer or PGExplainer"
            )

        def loss_of(prediction: Tensor) -> Tensor:
            if index is None:
                return self._prediction_loss(prediction, target)
            return self._prediction_loss(prediction[index], target[index])

        messages = _Messages(model, edge_index)
        with torch.no_grad(), messages.heard() as heard:
            allowed = loss_of(model(x, edge_index, **kwargs)) + self.allowance
        if len(heard) != self.num_layers:
            raise GraphValueError(
                f"expected a model that passes messages {self.num_layers} times, got {len(heard)}; do this instead: "
                f"GraphMaskExplainer(num_layers={len(heard)})"
            )
        gates = [_Gate(inputs).to(x.device, x.dtype) for inputs in heard]
        node_mask = self._node_mask(x)
        multiplier = Parameter(x.new_tensor(float(self.init_lambda)))
        ascent = torch.optim.RMSprop([multiplier], lr=self.lambda_optimizer_lr, centered=True, maximize=True)
        for first in reversed(range(self.num_layers)):
            learned = [p for gate in gates[first:] for p in gate.parameters()]
            learned += [] if node_mask is None else [node_mask]
            optimizer = torch.optim.Adam(learned, lr=self.lr)
            for _ in self._steps(f"layer {first}"):
                drawn = [gate.draw(inputs) for gate, inputs in zip(gates[first:], heard[first:])]
                new = [(z, gate.baseline) for (z, _), gate in zip(drawn, gates[first:])]
                with messages.replaced([*[None] * first, *new]):
                    h = x if node_mask is None else x * node_mask.sigmoid()
                    worse = F.relu(loss_of(model(h, edge_index, **kwargs)) - allowed)
                loss = F.softplus(multiplier) * worse
                loss = loss + self.penalty_scaling * sum(penalty for _, penalty in drawn)
                if node_mask is not None:
                    loss = loss + self._size_and_entropy(node_mask)
                # Not `backward`: the model's parameters shall get no gradients.
                *gradients, uphill = torch.autograd.grad(loss, [*learned, multiplier], allow_unused=True)
                for parameter, gradient in zip(learned, gradients):
                    parameter.grad = gradient
                multiplier.grad = uphill
                optimizer.step()
                ascent.step()
                multiplier.data.clamp_(-2, 30)

        nodes = edges = None
        if self.model_config.task_level is ModelTaskLevel.node:
            nodes, edges = self._get_hard_masks(model, index, edge_index, x.size(0))
        with torch.no_grad():
            kept = torch.stack([gate.expected(inputs) for gate, inputs in zip(gates, heard)]).mean(0)
        return Explanation(
            node_mask=self._post_process_mask(node_mask, nodes),
            edge_mask=self._post_process_mask(kept, edges, apply_sigmoid=False),
        )

    def reasons(self) -> list[str]:
        """Why the algorithm cannot serve the configurations that it is connected to."""
        kind = self.explainer_config.edge_mask_type
        return [] if kind is MaskType.object else [f"edge_mask_type must be 'object', got {kind}"]

    def _steps(self, what: str) -> Iterator[int]:
        console = Console(stderr=True)
        quiet = not (self.log and console.is_terminal)
        yield from track(range(self.epochs), what, console=console, transient=True, disable=quiet)

    def _node_mask(self, x: Tensor) -> Parameter | None:
        kind = self.explainer_config.node_mask_type
        return None if kind is None else Parameter(0.1 * torch.randn(node_mask_shape(kind, x)).to(x))

    def _size_and_entropy(self, mask: Tensor) -> Tensor:
        m, eps = mask.sigmoid(), self.coeffs["EPS"]
        size: Tensor = getattr(torch, self.coeffs["node_feat_reduction"])(m)
        entropy = -m * torch.log(m + eps) - (1 - m) * torch.log(1 - m + eps)
        return self.coeffs["node_feat_size"] * size + self.coeffs["node_feat_ent"] * entropy.mean()


class _Gate(Module):
    """What tells whether a layer's messages matter, from both ends and the message; and what replaces those."""

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()
        message = inputs[-1]
        hidden = max(16, message[0].numel())
        parts = [Linear(part[0].numel(), hidden, bias=False) for part in inputs]
        for part in parts:
            torch.nn.init.xavier_uniform_(part.weight)
        self.parts = ModuleList(parts)
        self.norms = ModuleList(LayerNorm(hidden) for _ in inputs)
        self.bias = Parameter(torch.zeros(hidden))
        self.out = Linear(hidden, 1)
        bound = 1 / math.sqrt(hidden)
        self.baseline = Parameter(torch.empty(message.shape[1:]).uniform_(-bound, bound))

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """How much each message matters, (E,)."""
        hidden = sum(norm(lin(part.flatten(1))) for lin, norm, part in zip(self.parts, self.norms, inputs))
        return self.out(((hidden + self.bias) / len(inputs)).relu()).squeeze(1) + _BIAS

    def draw(self, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Gates, 0 or 1 with gradients of values between them, (E,), and how probable a gate above 0 is on average."""
        logits = self(inputs)
        noise = torch.empty_like(logits).uniform_(1e-6, 1 - 1e-6).logit()
        soft = _stretched((noise + logits) / _BETA)
        gates = soft + ((soft > 0.5).to(soft.dtype) - soft).detach()
        return gates, (logits - _BETA * math.log(-_GAMMA / _ZETA)).sigmoid().mean()

    def expected(self, inputs: list[Tensor]) -> Tensor:
        """Gates without noise, from 0 to 1, (E,)."""
        return _stretched(self(inputs))


def _stretched(logits: Tensor) -> Tensor:
    return (logits.sigmoid() * (_ZETA - _GAMMA) + _GAMMA).clamp(0, 1)


class _Messages:
    """The messages of a model in the order in which it sends them: listened to, or replaced."""

    def __init__(self, model: Module, edge_index: Tensor) -> None:
        self.model = model
        self.edge_index = edge_index
        self.keep = edge_index[0] != edge_index[1]

    @contextmanager
    def _hooked(self, hook: Callable[[MessagePassing, Any, Any], Any]) -> Iterator[None]:
        handles = [layer.register_message_forward_hook(hook) for layer in explained_layers(self.model)]
        ones = torch.ones(self.edge_index.size(1), device=self.edge_index.device)
        try:
            with masked(
                self.model, ones, self.edge_index, apply_sigmoid=False
            ):  # so that edges stay in order
                yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def heard(self) -> Iterator[list[list[Tensor]]]:
        """Collects for each layer what both ends of each edge are and the message, (E, ...) each."""
        found: list[list[Tensor]] = []
        ends: list[Any] = []

        def enter(layer: Module, inputs: tuple[Any, ...]) -> None:
            ends.append(inputs[0] if inputs else None)

        def listen(layer: MessagePassing, inputs: Any, out: Any) -> None:
            x = ends[-1] if ends else None
            both = x if isinstance(x, tuple) else (x, x)
            parts = [values[row] for values, row in zip(both, self.edge_index) if isinstance(values, Tensor)]
            found.append([*parts, of_edges(engine.materialise(out), self.edge_index)])

        handles = [layer.register_forward_pre_hook(enter) for layer in explained_layers(self.model)]
        try:
            with self._hooked(listen):
                yield found
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def replaced(self, gates: list[tuple[Tensor, Tensor] | None]) -> Iterator[None]:
        """Replaces messages by baselines where gates (E,) are 0, layer by layer; None leaves a layer alone."""
        waiting = iter(gates)

        def replace(layer: MessagePassing, inputs: Any, out: Any) -> Any:
            if (gate := next(waiting)) is None:
                return None
            z, baseline = gate
            if z.size(0) != out.size(0):  # the layer has put loops of its own at the end
                z = torch.cat([z[self.keep], z.new_ones(out.size(0) - int(self.keep.sum()))])
            z = z.view(-1, *[1] * (out.dim() - 1))
            return z * out + (1 - z) * baseline

        with self._hooked(replace):
            yield
