"""Random splits of edges."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.data import HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.transforms.base import BaseTransform, select_rows
from grapevine.utils import negative_sampling

EdgeType = tuple[str, str, str]


class RandomLinkSplit(BaseTransform):
    """Splits edges at random into a training, a validation and a test graph, to learn which edges exist.

    Each graph holds edges to pass messages on, ``edge_index``, and edges to predict, ``edge_label_index``
    with ``edge_label`` (1 for an edge, 0 for a sampled pair that is none). Messages pass on the training
    edges, in the test graph on the validation edges too; so no graph sees what it has to predict, unless for
    training, where `disjoint_train_ratio` says how much of it to keep apart.

    Args:
        num_val: validation edges, as a number or as a fraction (float).
        num_test: test edges, likewise.
        is_undirected: whether both directions of an edge belong together; ``edge_label_index`` then holds one
            of them. Has no effect on edge types between different node types, or with another reverse type.
        key: name of the labels. Where the graph has them, they are classes 0, 1, ... of edges, and become 1,
            2, ... so that 0 means "no edge".
        split_labels: whether to store ``pos_edge_label`` and ``neg_edge_label`` apart.
        add_negative_train_samples: whether the training graph holds sampled pairs; leave it out if they are
            to be sampled anew in each step.
        neg_sampling_ratio: number of sampled pairs for each edge to predict.
        disjoint_train_ratio: training edges that are only predicted, as a number or as a fraction (float); 0
            lets the training graph pass messages on the edges that it predicts.
        edge_types: the edge types to split (heterogeneous graphs): one, or a list.
        rev_edge_types: the reverse of each, which is split alike, or None.

    Returns:
        Training, validation and test graph.

    Raises:
        GraphValueError: if no training edge is left, or `edge_types` is missing or does not fit
        `rev_edge_types`.
        GraphTypeError: if existing labels are not integers and pairs are sampled.

    Example:
        >>> from grapevine.datasets import KarateClub
        >>> train, val, test = RandomLinkSplit(is_undirected=True)(KarateClub()[0])
        >>> train.edge_index.shape[1], test.edge_index.shape[1], test.edge_label.shape[0]
        (112, 126, 30)
    """

    def __init__(
        self,
        num_val: int | float = 0.1,
        num_test: int | float = 0.2,
        is_undirected: bool = False,
        key: str = "edge_label",
        split_labels: bool = False,
        add_negative_train_samples: bool = True,
        neg_sampling_ratio: float = 1.0,
        disjoint_train_ratio: int | float = 0.0,
        edge_types: EdgeType | list[EdgeType] | None = None,
        rev_edge_types: EdgeType | list[EdgeType | None] | None = None,
    ) -> None:
        if isinstance(edge_types, list):
            if rev_edge_types is None:
                rev_edge_types = [None] * len(edge_types)
            if not isinstance(rev_edge_types, list) or len(rev_edge_types) != len(edge_types):
                raise GraphValueError(
                    f"expected one reverse type (or None) for each of {edge_types}, got {rev_edge_types}"
                )
        self.num_val = num_val
        self.num_test = num_test
        self.is_undirected = is_undirected
        self.key = key
        self.split_labels = split_labels
        self.add_negative_train_samples = add_negative_train_samples
        self.neg_sampling_ratio = neg_sampling_ratio
        self.disjoint_train_ratio = disjoint_train_ratio
        self.edge_types = edge_types
        self.rev_edge_types = rev_edge_types

    def forward(self, data: Any) -> tuple[Any, Any, Any]:
        graphs = (copy.copy(data), copy.copy(data), copy.copy(data))
        work: list[tuple[Any, list[Any], EdgeType | None]]
        if not isinstance(data, HeteroData):
            work = [(data._store, [graph._store for graph in graphs], None)]
        else:
            work = [(data[t], [graph[t] for graph in graphs], reverse) for t, reverse in self._types(data)]
        orders = [self._order(store, self._one_way(store, reverse)) for store, _, reverse in work]
        for (store, outs, reverse), order in zip(work, orders):
            self._split(store, outs, reverse, order)
        return graphs

    def _types(self, data: HeteroData) -> list[tuple[EdgeType, EdgeType | None]]:
        if self.edge_types is None:
            raise GraphValueError(
                "expected the edge types to split of a HeteroData, got None; "
                f"do this instead: RandomLinkSplit(edge_types={data.edge_types[:1]})"
            )
        if isinstance(self.edge_types, list):
            return list(zip(self.edge_types, self.rev_edge_types))  # type: ignore[arg-type]
        return [(self.edge_types, self.rev_edge_types)]  # type: ignore[list-item]

    def _one_way(self, store: Any, reverse: EdgeType | None) -> bool:
        """Whether both directions of an edge are split as one."""
        own = reverse is None or store._parent()[reverse]._key == store._key
        return self.is_undirected and own and not store.is_bipartite()

    def _order(self, store: Any, one_way: bool) -> Tensor:
        row, col = store.edge_index
        edges = (row <= col).nonzero().view(-1) if one_way else torch.arange(row.numel(), device=row.device)
        return edges[torch.randperm(edges.numel(), device=edges.device)]

    def _split(self, store: Any, outs: Sequence[Any], reverse: EdgeType | None, edges: Tensor) -> None:
        num_val = _count(self.num_val, edges.numel())
        num_test = _count(self.num_test, edges.numel())
        num_train = edges.numel() - num_val - num_test
        num_disjoint = _count(self.disjoint_train_ratio, num_train)
        if num_train - num_disjoint <= 0:
            raise GraphValueError(
                f"Insufficient number of edges for training: of {edges.numel()}, {num_val} are to validate, "
                f"{num_test} to test and {num_disjoint} only to predict; do this instead: lower num_val, "
                "num_test or disjoint_train_ratio"
            )
        train, val, test = edges.split([num_train, num_val, num_test])
        predicted = (train[:num_disjoint] if num_disjoint > 0 else train, val, test)
        passing = (train[num_disjoint:], train, edges[: num_train + num_val])

        num_negative = [int(part.numel() * self.neg_sampling_ratio) for part in predicted]
        if not self.add_negative_train_samples:
            num_negative[0] = 0
        negative = _sample(store, num_negative)

        for out, index in zip(outs, passing):
            _keep(out, index, self._one_way(store, reverse), reverse)
        for out, index, pairs in zip(outs, predicted, negative):
            self._label(store, index, pairs, out)

    def _label(self, store: Any, index: Tensor, negative: Tensor, out: Any) -> None:
        positive = store.edge_index[:, index]
        if self.key in store:
            label = store[self.key][index]
            if negative.numel() > 0:
                if label.dtype != torch.long:
                    raise GraphTypeError(
                        f"expected int64 classes in {self.key!r}, got {label.dtype}; do this instead: "
                        "convert it by `.long()`, or set neg_sampling_ratio=0.0 to sample no pairs"
                    )
                label = label + 1
            out[self.key] = None
        else:
            label = torch.ones(index.numel(), device=index.device)
        no_edge = label.new_zeros((negative.size(1), *label.shape[1:]))

        if self.split_labels:
            out[f"pos_{self.key}"], out[f"pos_{self.key}_index"] = label, positive
            if negative.numel() > 0:
                out[f"neg_{self.key}"], out[f"neg_{self.key}_index"] = no_edge, negative
        else:
            out[self.key] = torch.cat([label, no_edge])
            out[f"{self.key}_index"] = torch.cat([positive, negative], dim=-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_val={self.num_val}, num_test={self.num_test})"


def _count(wanted: int | float, total: int) -> int:
    return int(wanted * total) if isinstance(wanted, float) else wanted


def _sample(store: Any, counts: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs that are no edges, for the training, the validation and the test graph."""
    wanted = sum(counts)
    if wanted == 0:
        empty = store.edge_index[:, :0]
        return empty, empty, empty
    size = store.size() if store.is_bipartite() else store.size(0)
    pairs = negative_sampling(store.edge_index, size, num_neg_samples=wanted, method="sparse")
    found = pairs.size(1)
    if found < wanted:
        warnings.warn(
            f"There are not enough negative edges to satisfy the provided sampling ratio. The ratio will be "
            f"adjusted to {found / wanted:.2f}.",
            stacklevel=5,
        )
        counts = [int(count / wanted * found) for count in counts[:2]]
        counts.append(found - sum(counts))
    val, test, train = pairs.split([counts[1], counts[2], found - counts[1] - counts[2]], dim=1)
    return train, val, test


def _keep(store: Any, index: Tensor, both_ways: bool, reverse: EdgeType | None) -> None:
    """Restricts an edge type (and its reverse) to some edges; `both_ways` appends the reverse of each."""
    rows = torch.cat([index, index]) if both_ways else index
    select_rows(store, [key for key in store.edge_attrs() if key != "edge_index"], rows)
    kept = store.edge_index[:, index]
    store.edge_index = torch.cat([kept, kept.flip(0)], dim=-1) if both_ways else kept

    if reverse is not None:
        other = store._parent()[reverse]
        for key in list(other):
            other[key] = store.edge_index.flip(0) if key == "edge_index" else store.get(key)
