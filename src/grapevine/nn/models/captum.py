"""Models as Captum's attribution methods want them: called with masks or features of a batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.edge_masks import masked

NodeType = str
EdgeType = tuple[str, str, str]
Metadata = tuple[list[NodeType], list[EdgeType]]
_MASK_TYPES = ("edge", "node", "node_and_edge")


def _known(mask_type: Any) -> str:
    name = getattr(mask_type, "value", mask_type)
    if name not in _MASK_TYPES:
        raise GraphValueError(f"expected mask_type among {', '.join(_MASK_TYPES)}, got {mask_type!r}")
    return str(name)


class CaptumModel(Module):
    """Calls a model with what Captum varies: features, masks over edges, or both, each in a batch of one.

    Args:
        model: called as `model(x, edge_index, *args)`.
        mask_type: "node": Captum varies x; "edge": the mask; "node_and_edge": x, then the mask.
        output_idx: the rows of the output to look at; all by default.
        metadata: node types and edge types of a graph with types: Captum varies one tensor for each.

    Forward:
        args: what `to_captum_input` returns: the inputs, then the additional arguments.

    Returns:
        The rows of the model's output.
    """

    def __init__(
        self,
        model: Module,
        mask_type: str,
        output_idx: int | Tensor | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.mask_type = _known(mask_type)
        self.output_idx = output_idx
        self.metadata = metadata

    def forward(self, *args: Any) -> Tensor:
        node_types, edge_types = ([None], [None]) if self.metadata is None else self.metadata
        kinds = [*node_types] * ("node" in self.mask_type) + [*edge_types] * ("edge" in self.mask_type)
        varied, rest = args[: len(kinds)], args[len(kinds) :]
        for value in varied:
            if value.shape[0] != 1:
                raise GraphValueError(
                    f"expected a batch of one, got shape {list(value.shape)}; "
                    "use the attribution method with internal_batch_size=1"
                )
        values = [value.squeeze(0) for value in varied]
        if "node" in self.mask_type:
            x: Any = dict(zip(node_types, values[: len(node_types)], strict=True))
            x = x if self.metadata is not None else values[0]
        else:
            x, rest = rest[0], rest[1:]
        edge_index, more = rest[0], rest[1:]
        masks: Any = None
        if "edge" in self.mask_type:
            found = values[-len(edge_types) :]
            masks = found[0] if self.metadata is None else dict(zip(edge_types, found, strict=True))
        with masked(self.model, masks, edge_index, apply_sigmoid=False):
            out: Tensor = self.model(x, edge_index, *more)
        if self.output_idx is None:
            return out
        one = isinstance(self.output_idx, int) or self.output_idx.dim() == 0
        return out[self.output_idx].unsqueeze(0) if one else out[self.output_idx]


def to_captum_model(
    model: Module,
    mask_type: str = "edge",
    output_idx: int | Tensor | None = None,
    metadata: Metadata | None = None,
) -> CaptumModel:
    """A model that Captum's attribution methods can explain.

    Args:
        model: called as `model(x, edge_index, *args)`, with dictionaries by type where `metadata` is given.
        mask_type: what to attribute the prediction to: "edge", "node", or "node_and_edge".
        output_idx: the rows of the output to explain; all by default.
        metadata: node types and edge types of a graph with types.

    Raises:
        GraphValueError: for another `mask_type`.

    Departures from PyTorch Geometric: masks of a graph with types are not sent through a sigmoid, as those of graphs
    without types are not.

    Example:
        >>> import grapevine as gv
        >>> x, edge_index = torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]])
        >>> model = to_captum_model(gv.nn.GCNConv(4, 2), "edge", output_idx=2)
        >>> inputs, more = to_captum_input(x, edge_index, "edge")
        >>> model(*inputs, *more).shape
        torch.Size([1, 2])
    """
    return CaptumModel(model, mask_type, output_idx, metadata)


def to_captum_input(
    x: Tensor | Mapping[NodeType, Tensor],
    edge_index: Tensor | Mapping[EdgeType, Tensor],
    mask_type: str,
    *args: Any,
) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
    """The arguments of Captum's `attribute` for a `to_captum_model`.

    Args:
        x: features, (N, F), or by node type.
        edge_index: edges, (2, E), or by edge type.
        mask_type: "edge", "node", or "node_and_edge".
        *args: what else the model is called with.

    Returns:
        `inputs`: features (1, N, F) and masks of ones (1, E), as asked for; and `additional_forward_args`.

    Raises:
        GraphValueError: for another `mask_type`.
        GraphTypeError: where only one of `x` and `edge_index` is a dictionary.

    Example:
        >>> inputs, more = to_captum_input(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), "node_and_edge")
        >>> [list(value.shape) for value in inputs], len(more)
        ([[1, 3, 4], [1, 2]], 1)
    """
    mask_type = _known(mask_type)
    if isinstance(x, Mapping) != isinstance(edge_index, Mapping):
        raise GraphTypeError(
            f"expected x and edge_index to be both tensors or both dictionaries by type, got {type(x).__name__} and "
            f"{type(edge_index).__name__}"
        )
    xs = list(x.values()) if isinstance(x, Mapping) else [x]
    edges = list(edge_index.values()) if isinstance(edge_index, Mapping) else [edge_index]
    inputs = [value.unsqueeze(0) for value in xs] if "node" in mask_type else []
    if "edge" in mask_type:
        inputs += [torch.ones(1, e.size(1), device=e.device, requires_grad=True) for e in edges]
    more = (edge_index, *args) if "node" in mask_type else (x, edge_index, *args)
    return tuple(inputs), more


def captum_output_to_dicts(
    captum_attrs: tuple[Tensor, ...], mask_type: str, metadata: Metadata
) -> tuple[dict[NodeType, Tensor] | None, dict[EdgeType, Tensor] | None]:
    """What Captum attributes to a graph with types, by type.

    Args:
        captum_attrs: (1, N, F) for each node type, (1, E) for each edge type, as `mask_type` says.
        mask_type: "edge", "node", or "node_and_edge".
        metadata: node types and edge types.

    Returns:
        (N, F) by node type and (E,) by edge type; None for what was not asked for.

    Raises:
        GraphValueError: where there are more or fewer tensors than types.

    Example:
        >>> captum_output_to_dicts((torch.ones(1, 2, 3),), "node", (["paper"], []))[0]["paper"].shape
        torch.Size([2, 3])
    """
    mask_type = _known(mask_type)
    node_types = metadata[0] if "node" in mask_type else []
    edge_types = metadata[1] if "edge" in mask_type else []
    expected = len(node_types) + len(edge_types)
    if expected != len(captum_attrs):
        raise GraphValueError(f"expected {expected} attributions, one per type, got {len(captum_attrs)}")
    found = [value.squeeze(0) for value in captum_attrs]
    nodes, edges = dict(zip(node_types, found)), dict(zip(edge_types, found[len(node_types) :]))
    return nodes if "node" in mask_type else None, edges if "edge" in mask_type else None
