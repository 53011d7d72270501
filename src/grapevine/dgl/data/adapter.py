"""Any dataset as one for predicting nodes, links or graphs, with splits."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.data.utils import (
    add_nodepred_split,
    generate_mask_tensor,
    idx2mask,
    load_graphs,
    save_graphs,
)
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["AsGraphPredDataset", "AsLinkPredDataset", "AsNodePredDataset"]

_MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}
Pairs = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


class _Adapter(DGLDataset):
    """What the three have in common: a graph file and a JSON file with what was asked for."""

    _asked: tuple[str, ...] = ("split_ratio",)
    _found: tuple[str, ...] = ()

    def __init__(self, dataset: Any, suffix: str, key: tuple[Any, ...], **kwargs: Any) -> None:
        self.dataset = dataset
        super().__init__(f"{dataset.name}-as-{suffix}", hash_key=(*key, dataset.name, suffix), **kwargs)

    def _path(self, kind: str, suffix: str) -> str:
        return os.path.join(self.save_path, f"{kind}_{self.hash}.{suffix}")

    def _save_info(self) -> None:
        os.makedirs(self.save_path, exist_ok=True)
        info = {name: getattr(self, name) for name in (*self._asked, *self._found)}
        with open(self._path("info", "json"), "w") as file:
            json.dump(info, file)

    def _load_info(self) -> None:
        with open(self._path("info", "json")) as file:
            info = json.load(file)
        for name in self._asked:
            given = getattr(self, name)
            if info[name] != (list(given) if isinstance(given, tuple) else given):
                raise DGLError(
                    f"Provided {name} {given} is different from that of the cached file, {info[name]}. "
                    "Re-process the dataset with force_reload=True."
                )
        for name in self._found:
            setattr(self, name, info[name])


class AsNodePredDataset(_Adapter):
    """A dataset of one graph whose nodes have a `label`, for predicting it.

    Args:
        dataset: has `name` and `dataset[0]`, a graph; one of OGB gives `(graph, labels)` and has `get_idx_split`.
        split_ratio: fractions of training, validation and test; None takes the split that there is.
        target_ntype: the node type.
        **kwargs: as of `DGLDataset`.

    Attributes:
        train_idx: ids of the nodes for training; likewise `val_idx` and `test_idx`.
        num_classes: the dataset's, or the number of different labels.

    Raises:
        DGLError: if labels or masks are missing.

    Example:
        >>> import tempfile
        >>> from grapevine import dgl
        >>> data = AsNodePredDataset(
        ...     dgl.data.KarateClubDataset(), (0.5, 0.2, 0.3), save_dir=tempfile.mkdtemp()
        ... )
        >>> len(data.train_idx), data.num_classes
        (17, 2)
    """

    _asked = ("split_ratio", "target_ntype")
    _found = ("num_classes",)
    num_classes: int | None

    def __init__(
        self,
        dataset: Any,
        split_ratio: Sequence[float] | None = None,
        target_ntype: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.split_ratio = split_ratio
        self.target_ntype = target_ntype
        super().__init__(dataset, "nodepred", (split_ratio, target_ntype), **kwargs)

    @property
    def _data(self) -> Any:
        return self.g.nodes[self.g.ntypes[0] if self.target_ntype is None else self.target_ntype].data

    def process(self) -> None:
        found = self.dataset[0]
        of_ogb = hasattr(self.dataset, "get_idx_split")
        self.g: DGLGraph = (found[0] if of_ogb else found).clone()
        if of_ogb:
            self.g.ndata["label"] = found[1].view(-1)
        if "label" not in self._data:
            raise DGLError("Missing node labels. Make sure labels are stored under name 'label'.")
        if self.split_ratio is not None:
            add_nodepred_split(self, self.split_ratio, self.target_ntype)
        elif of_ogb:
            for part, ids in self.dataset.get_idx_split().items():
                mask = idx2mask(ids, self.g.num_nodes())
                self.g.ndata[_MASKS[part]] = generate_mask_tensor(mask)
        missing = [name for name in _MASKS.values() if name not in self._data]
        if missing:
            raise DGLError(f"{missing[0]} is not provided, please specify split_ratio to generate the masks")
        self._split()
        self.num_classes = getattr(self.dataset, "num_classes", None)
        if self.num_classes is None:
            self.num_classes = len(self._data["label"].unique())

    def _split(self) -> None:
        self.train_idx, self.val_idx, self.test_idx = (
            self._data[name].nonzero().view(-1) for name in _MASKS.values()
        )

    def has_cache(self) -> bool:
        return os.path.isfile(self._path("graph", "bin"))

    def save(self) -> None:
        save_graphs(self._path("graph", "bin"), [self.g])
        self._save_info()

    def load(self) -> None:
        self._load_info()
        self.g = load_graphs(self._path("graph", "bin"))[0][0]
        self._split()

    def __getitem__(self, idx: int) -> DGLGraph:
        return self.g

    def __len__(self) -> int:
        return 1


def _not_joined(g: DGLGraph, count: int) -> np.ndarray[Any, Any]:
    """Up to `count` different pairs of nodes that no edge joins, drawn with numpy's global generator, in order."""
    n = g.num_nodes()
    # So many draws that, but for three standard deviations, enough of them are new: a root of a quadratic.
    joined = g.num_edges() / n**2
    free = 1 - joined
    b, c = free * (2 * count + 9 * joined), count**2
    draws = int((b + (b * b - 4 * free**2 * c) ** 0.5) / (2 * free**2))
    pairs = np.unique(np.random.randint(0, n, size=(2, draws)), axis=1)  # noqa: NPY002
    known = g.has_edges_between(pairs[0], pairs[1]).numpy()
    return pairs[:, ~known & (pairs[0] != pairs[1])][:, :count]


class AsLinkPredDataset(_Adapter):
    """A dataset of one graph, for predicting its edges.

    Args:
        dataset: has `name` and `dataset[0]`, a graph; one of OGB has `get_edge_split`.
        split_ratio: fractions of training, validation and test edges; None takes OGB's split.
        neg_ratio: pairs without an edge per edge, in validation and test.
        **kwargs: as of `DGLDataset`.

    Attributes:
        train_graph: the graph with the training edges.
        val_edges: `((u, v), (u', v'))`, edges and pairs that are none; likewise `test_edges`.

    Raises:
        DGLError: if there is no split.

    Example:
        >>> import tempfile
        >>> from grapevine import dgl
        >>> club = dgl.data.KarateClubDataset()
        >>> data = AsLinkPredDataset(club, (0.8, 0.1, 0.1), neg_ratio=2, save_dir=tempfile.mkdtemp())
        >>> data.train_graph.num_edges(), len(data.val_edges[0][0]), len(data.val_edges[1][0])
        (124, 15, 30)
    """

    _asked = ("split_ratio", "neg_ratio")

    def __init__(
        self,
        dataset: Any,
        split_ratio: Sequence[float] | None = None,
        neg_ratio: int = 3,
        **kwargs: Any,
    ) -> None:
        self.g: DGLGraph = dataset[0]
        self.num_nodes = self.g.num_nodes()
        self.split_ratio = split_ratio
        self.neg_ratio = neg_ratio
        self._edges: dict[str, Pairs] = {}
        super().__init__(dataset, "linkpred", (neg_ratio, split_ratio), **kwargs)

    def process(self) -> None:
        if self.split_ratio is None:
            if not hasattr(self.dataset, "get_edge_split"):
                raise DGLError(
                    "dataset doesn't have get_edge_split method, please specify split_ratio and neg_ratio to "
                    "generate the split"
                )
            self._train_graph = self.g
            split = self.dataset.get_edge_split()
            self._edges = {"val": _of_ogb(split["valid"]), "test": _of_ogb(split["test"])}
            return
        src, dst = self.g.edges()
        count = self.g.num_edges()
        train, held, test = (int(count * ratio) for ratio in self.split_ratio)
        order = torch.from_numpy(np.random.permutation(count))  # noqa: NPY002
        sets = {"val": order[train : train + held], "test": order[train + held :]}
        free = torch.from_numpy(_not_joined(self.g, self.neg_ratio * (held + test)))
        end = self.neg_ratio * held
        negative = {"val": free[:, :end], "test": free[:, end:]}
        for part, ids in sets.items():
            wrong = negative[part]
            self._edges[part] = ((src[ids], dst[ids]), (wrong[0], wrong[1]))
        kept = order[:train]
        self._train_graph = graph((src[kept], dst[kept]), num_nodes=self.num_nodes)
        self._train_graph.ndata.update(self.g.ndata)

    def has_cache(self) -> bool:
        return os.path.isfile(self._path("graph", "bin"))

    def save(self) -> None:
        tensors = {
            f"{part}_{sign}_{end}": self._edges[part][i][j]
            for part in ("val", "test")
            for i, sign in enumerate(("pos", "neg"))
            for j, end in enumerate(("src", "dst"))
        }
        save_graphs(self._path("graph", "bin"), [self._train_graph], tensors)
        self._save_info()

    def load(self) -> None:
        self._load_info()
        graphs, found = load_graphs(self._path("graph", "bin"))
        self.g = self._train_graph = graphs[0]
        for part in ("val", "test"):
            positive, negative = (
                (found[f"{part}_{sign}_src"], found[f"{part}_{sign}_dst"]) for sign in ("pos", "neg")
            )
            self._edges[part] = (positive, negative)

    @property
    def feat_size(self) -> int:
        """The width of the node feature `feat`."""
        return self._train_graph.ndata["feat"].shape[-1]

    @property
    def train_graph(self) -> DGLGraph:
        """The graph with the training edges."""
        return self._train_graph

    @property
    def val_edges(self) -> Pairs:
        """Edges, and pairs that are none, for validation."""
        return self._edges["val"]

    @property
    def test_edges(self) -> Pairs:
        """Those for the test."""
        return self._edges["test"]

    def __getitem__(self, idx: int) -> DGLGraph:
        return self.g

    def __len__(self) -> int:
        return 1


def _of_ogb(part: Mapping[str, Any]) -> Pairs:
    """A part of a split of OGB's: lists of edges, or of sources with several wrong destinations each."""
    if "edge" in part:
        right, wrong = part["edge"], part["edge_neg"]
        return (right[:, 0], right[:, 1]), (wrong[:, 0], wrong[:, 1])
    src, dst, other = (torch.as_tensor(part[k]) for k in ("source_node", "target_node", "target_node_neg"))
    return (src, dst), (src.repeat_interleave(other.shape[-1]), other.reshape(-1))


class AsGraphPredDataset(_Adapter):
    """A dataset of graphs with targets, with a split.

    Args:
        dataset: has `name`, a length, and items `(graph, target)`; one of OGB has `get_idx_split`, others `train_mask`,
            `val_mask` and `test_mask`.
        split_ratio: fractions of training, validation and test; None takes the split that there is.
        **kwargs: as of `DGLDataset`.

    Attributes:
        train_idx: the items for training; likewise `val_idx` and `test_idx`.
        num_classes: the dataset's, or None.
        num_tasks: the dataset's, or 1.

    Raises:
        DGLError: if there is no split.

    Example:
        >>> import tempfile
        >>> from grapevine import dgl
        >>> shapes = dgl.data.MiniGCDataset(10, 8, 9, save_graph=False)
        >>> data = AsGraphPredDataset(shapes, (0.6, 0.2, 0.2), save_dir=tempfile.mkdtemp())
        >>> len(data.train_idx), data.num_classes
        (6, 8)
    """

    _found = ("num_tasks", "num_classes")
    num_classes: int | None
    num_tasks: int

    def __init__(self, dataset: Any, split_ratio: Sequence[float] | None = None, **kwargs: Any) -> None:
        self.split_ratio = split_ratio
        super().__init__(dataset, "graphpred", (split_ratio,), **kwargs)

    def process(self) -> None:
        self._sets = self._split()
        self.num_classes = getattr(self.dataset, "num_classes", None)
        self.num_tasks = getattr(self.dataset, "num_tasks", 1)

    def _split(self) -> list[Tensor]:
        if self.split_ratio is not None:
            count = len(self.dataset)
            train, held = (int(count * ratio) for ratio in self.split_ratio[:2])
            order = torch.from_numpy(np.random.permutation(count))  # noqa: NPY002
            return [order[:train], order[train : train + held], order[train + held :]]
        if hasattr(self.dataset, "get_idx_split"):
            split = self.dataset.get_idx_split()
            return [torch.as_tensor(split[part]) for part in _MASKS]
        if not all(hasattr(self.dataset, mask) for mask in _MASKS.values()):
            raise DGLError(
                "The input dataset does not have default train/val/test split. Please specify split_ratio to "
                "generate the split."
            )
        return [getattr(self.dataset, mask).nonzero().view(-1) for mask in _MASKS.values()]

    @property
    def train_idx(self) -> Tensor:
        """The items for training."""
        return self._sets[0]

    @property
    def val_idx(self) -> Tensor:
        """Those for validation."""
        return self._sets[1]

    @property
    def test_idx(self) -> Tensor:
        """Those for the test."""
        return self._sets[2]

    def has_cache(self) -> bool:
        return os.path.isfile(self._path("info", "json"))

    def save(self) -> None:
        self._save_info()
        names = ("train_idx", "val_idx", "test_idx")
        arrays: dict[str, Any] = {name: ids.numpy() for name, ids in zip(names, self._sets)}
        np.savez(self._path("split", "npz"), **arrays)

    def load(self) -> None:
        self._load_info()
        with np.load(self._path("split", "npz")) as arrays:
            self._sets = [torch.from_numpy(arrays[f"{part}_idx"]) for part in ("train", "val", "test")]

    def __getitem__(self, idx: Any) -> Any:
        return self.dataset[idx]

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def node_feat_size(self) -> int | None:
        """The width of the node feature `feat`; None without it."""
        g = self[0][0]
        return g.ndata["feat"].shape[-1] if "feat" in g.ndata else None

    @property
    def edge_feat_size(self) -> int | None:
        """The width of the edge feature `feat`; None without it."""
        g = self[0][0]
        return g.edata["feat"].shape[-1] if "feat" in g.edata else None
