"""What an explainer found: a graph with masks over its nodes, features and edges."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data import Data, HeteroData
from grapevine.data.base import BaseData, report
from grapevine.data.roles import Role
from grapevine.errors import GraphValueError
from grapevine.explain import visualization
from grapevine.explain.config import ThresholdConfig, ThresholdType


class ExplanationMixin(BaseData):
    """What explanations of all graphs can do."""

    __roles__ = {"edge_mask": Role("edge")}

    #: The part of the graph whose masks a function accepts.
    _kept: Callable[[Callable[[Tensor], Tensor]], Self]

    @property
    def available_explanations(self) -> list[str]:
        """The names of the masks that there are."""
        return [key for key in self.keys() if key.endswith("_mask")]

    def validate_masks(self, raise_on_error: bool = True) -> bool:
        """Checks the shapes of the masks.

        Args:
            raise_on_error: whether to raise instead of warning.

        Returns:
            Whether all is well.

        Raises:
            GraphValueError: if something is wrong and `raise_on_error`.
        """
        return report(list(self._mask_problems()), raise_on_error)

    def _mask_problems(self) -> Iterator[str]:
        for store in self.node_stores:
            if "node_mask" not in store:
                continue
            shape, x = tuple(store.node_mask.shape), store.get("x")
            if len(shape) != 2:
                yield f"expected a 'node_mask' of two dimensions, got shape {list(shape)}"
                continue
            if shape[0] not in (1, store.num_nodes):
                yield f"expected a 'node_mask' of 1 or {store.num_nodes} rows (nodes), got {shape[0]}"
            if x is not None and shape[1] not in (1, x.size(-1)):
                yield f"expected a 'node_mask' of 1 or {x.size(-1)} columns (features), got {shape[1]}"
        for edges in self.edge_stores:
            mask, pairs = edges.get("edge_mask"), edges.get("edge_index")
            if mask is not None and (mask.dim() != 1 or (pairs is not None and len(mask) != pairs.size(1))):
                yield f"expected an 'edge_mask' of shape [{edges.num_edges}], one per edge, got {list(mask.shape)}"

    def threshold(self, *args: Any, **kwargs: Any) -> Self:
        """A copy with only the important part of each mask.

        Args:
            *args: a `ThresholdConfig`, or its arguments; None for everything.
            **kwargs: likewise.

        Example:
            >>> Explanation(edge_mask=torch.tensor([0.1, 0.9, 0.6])).threshold("topk_hard", 1).edge_mask
            tensor([0., 1., 0.])
        """
        config = ThresholdConfig.cast(*args, **kwargs)
        if config is None:
            return self
        out = copy.copy(self)
        for key, stores in (("node_mask", out.node_stores), ("edge_mask", out.edge_stores)):
            for store in stores:
                if store.get(key) is not None:
                    store[key] = _cut(store[key], config)
        return out

    def get_explanation_subgraph(self) -> Self:
        """The nodes and edges to which some importance is attributed: those with a mask above zero."""
        return self._kept(lambda mask: mask > 0)

    def get_complement_subgraph(self) -> Self:
        """The nodes and edges to which no importance at all is attributed: those with a mask of zero."""
        return self._kept(lambda mask: mask == 0)


def _cut(mask: Tensor, config: ThresholdConfig) -> Tensor:
    if config.type is ThresholdType.hard:
        return (mask > config.value).float()
    values, places = mask.flatten().topk(min(int(config.value), mask.numel()))
    kept = values if config.type is ThresholdType.topk else torch.ones_like(values)
    return torch.zeros_like(mask).flatten().scatter(0, places, kept).view_as(mask)


class Explanation(ExplanationMixin, Data):
    """The explanation of a graph: the graph with its masks.

    Args:
        node_mask: importance of nodes and their features, (N, 1), (1, F) or (N, F).
        edge_mask: importance of edges, (E,).
        **kwargs: further attributes, such as `x` and `edge_index`.

    Example:
        >>> edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> mask = torch.tensor([0.9, 0.0, 0.2])
        >>> explanation = Explanation(edge_index=edge_index, edge_mask=mask, num_nodes=3)
        >>> explanation.available_explanations, explanation.get_explanation_subgraph().num_edges
        (['edge_mask'], 2)
    """

    def validate(self, raise_on_error: bool = True) -> bool:
        """Checks the graph, and the shapes of its masks; see `validate_masks`."""
        status = super().validate(raise_on_error)
        return self.validate_masks(raise_on_error) and status

    def _kept(self, keeps: Callable[[Tensor], Tensor]) -> Self:
        out, node_mask, edge_mask = self, self.get("node_mask"), self.get("edge_mask")
        if edge_mask is not None:
            out = out.edge_subgraph(keeps(edge_mask))
        if _of_nodes(node_mask, self.num_nodes):
            out = out.subgraph(keeps(node_mask.sum(dim=-1)))
        return copy.copy(self) if out is self else out

    def inputs(self) -> tuple[Any, Any, dict[str, Any]]:
        """What the model was called with: `x`, `edge_index`, and further arguments by name."""
        return self.x, self.edge_index, {name: self[name] for name in self._model_args}

    def masks(self) -> tuple[Any, Any]:
        """The masks over nodes and over edges; None where there is none."""
        return self.get("node_mask"), self.get("edge_mask")

    def visualize_feature_importance(
        self, path: str | None = None, feat_labels: Sequence[str] | None = None, top_k: int | None = None
    ) -> None:
        """Draws a bar for each feature: its importance, summed over all nodes.

        Args:
            path: the file to write; by default a window opens.
            feat_labels: names of the F features.
            top_k: draw only that many, the most important ones.

        Raises:
            GraphValueError: if there is no mask over features.
        """
        mask = self.get("node_mask")
        if mask is None:
            raise GraphValueError(f"expected a 'node_mask', got only {self.available_explanations}")
        _needs_features(mask)
        names = range(mask.size(1)) if feat_labels is None else feat_labels
        visualization.draw_scores(mask.sum(dim=0), [str(name) for name in names], path, top_k)

    def visualize_graph(
        self, path: str | None = None, backend: str | None = None, node_labels: Sequence[str] | None = None
    ) -> None:
        """Draws the graph, each edge as dark as it is important.

        Args:
            path: the file to write; by default a window opens.
            backend: "networkx" or "graphviz"; by default the latter where it is installed.
            node_labels: names of the N nodes.

        Raises:
            GraphValueError: if there is no mask over edges.
        """
        mask = self.get("edge_mask")
        if mask is None:
            raise GraphValueError(f"expected an 'edge_mask', got only {self.available_explanations}")
        visualization.visualize_graph(self["edge_index"], mask, path, backend, node_labels)


class HeteroExplanation(ExplanationMixin, HeteroData):
    """The explanation of a graph with types: masks `node_mask` by node type, `edge_mask` by edge type.

    Example:
        >>> explanation = HeteroExplanation()
        >>> explanation["paper"].node_mask = torch.tensor([[0.5], [0.0]])
        >>> explanation["paper"].x = torch.ones(2, 3)
        >>> explanation.get_explanation_subgraph()["paper"].num_nodes
        1
    """

    def validate(self, raise_on_error: bool = True) -> bool:
        """Checks the graph, and the shapes of its masks; see `validate_masks`."""
        status = super().validate(raise_on_error)
        return self.validate_masks(raise_on_error) and status

    def _kept(self, keeps: Callable[[Tensor], Tensor]) -> Self:
        edges = {kind: keeps(mask) for kind, mask in self.collect("edge_mask", True).items()}
        masks = self.collect("node_mask", True).items()
        nodes = {
            kind: keeps(mask.sum(dim=-1)) for kind, mask in masks if _of_nodes(mask, self[kind].num_nodes)
        }
        return self.edge_subgraph(edges).subgraph(nodes)

    def inputs(self) -> tuple[Any, Any, dict[str, Any]]:
        """What the model was called with: `x` and `edge_index` by type, and further arguments by name."""
        more = {
            name: self[name] if name in self._global_store else getattr(self, name)
            for name in self._model_args
        }
        return self.collect("x"), self.collect("edge_index"), more

    def masks(self) -> tuple[Any, Any]:
        """The masks over nodes and over edges, by type; None where there are none."""
        return self.collect("node_mask", True) or None, self.collect("edge_mask", True) or None

    def visualize_feature_importance(
        self,
        path: str | None = None,
        feat_labels: Mapping[str, Sequence[str]] | None = None,
        top_k: int | None = None,
    ) -> None:
        """Draws a bar for each feature of each node type: its importance, summed over all nodes.

        Args:
            path: the file to write; by default a window opens.
            feat_labels: names of the features by node type.
            top_k: draw only that many, the most important ones.

        Raises:
            GraphValueError: if there is no mask over features.
        """
        masks = self.collect("node_mask")
        scores, names = [], []
        for kind, mask in masks.items():
            _needs_features(mask)
            scores.append(mask.sum(dim=0))
            names += [f"{kind}#{x}" for x in (feat_labels[kind] if feat_labels else range(mask.size(1)))]
        visualization.draw_scores(torch.cat(scores), names, path, top_k)

    def visualize_graph(
        self,
        path: str | None = None,
        node_labels: Mapping[str, Sequence[str]] | None = None,
        node_size_range: tuple[float, float] = (50, 500),
        node_opacity_range: tuple[float, float] = (0.2, 1.0),
        edge_width_range: tuple[float, float] = (0.1, 2.0),
        edge_opacity_range: tuple[float, float] = (0.2, 1.0),
    ) -> None:
        """Draws the important part of the graph: a colour per node type, size, width and opacity by importance.

        Args:
            path: the file to write; by default a window opens.
            node_labels: names of the nodes by node type.
            node_size_range: sizes of the least and the most important node.
            node_opacity_range: likewise.
            edge_width_range: likewise, of edges.
            edge_opacity_range: likewise.

        Raises:
            GraphValueError: for names of an unknown node type, or too few or many.
        """
        for kind, names in (node_labels or {}).items():
            if kind not in self.node_types:
                raise GraphValueError(f"expected node_labels of {self.node_types}, got some of {kind!r}")
            if len(names) != self[kind].num_nodes:
                raise GraphValueError(
                    f"expected {self[kind].num_nodes} node_labels of {kind!r}, got {len(names)}"
                )
        masks = self.collect("edge_mask", True)
        nodes = {
            kind: mask.mean(dim=-1).clamp(0, 1)
            for kind, mask in self.collect("node_mask", True).items()
            if _of_nodes(mask, self[kind].num_nodes)
        }
        edges = self.collect("edge_index")
        visualization.visualize_hetero_graph(
            edges,
            {kind: masks.get(kind, torch.ones(index.size(1))) for kind, index in edges.items()},
            path,
            None,
            node_labels,
            nodes,
            node_size_range,
            node_opacity_range,
            edge_width_range,
            edge_opacity_range,
        )


def _of_nodes(mask: Tensor | None, num_nodes: int | None) -> bool:
    """Whether a mask says something of each node: one over features alone (1, F) does not."""
    return mask is not None and mask.size(0) == num_nodes


def _needs_features(mask: Tensor) -> None:
    if mask.dim() != 2 or mask.size(1) <= 1:
        raise GraphValueError(
            f"expected a 'node_mask' over features, got shape {list(mask.shape)}, one number per node; "
            "explain with node_mask_type='attributes' or 'common_attributes'"
        )
