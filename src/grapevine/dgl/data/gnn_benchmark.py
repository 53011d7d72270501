"""Papers, co-authors and products bought together: the graphs of Shchur et al."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import Contents, OneGraphDataset, Record, floats, integers
from grapevine.dgl.data.utils import deprecate_class
from grapevine.dgl.rewire import reorder_graph, to_bidirected

__all__ = [
    "AmazonCoBuy",
    "AmazonCoBuyComputerDataset",
    "AmazonCoBuyPhotoDataset",
    "Coauthor",
    "CoauthorCSDataset",
    "CoauthorPhysicsDataset",
    "CoraFull",
    "CoraFullDataset",
]


def _matrix(arrays: dict[str, Any], name: str) -> Any:
    if name in arrays:
        return arrays[name]
    parts = tuple(arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    matrix = csr_matrix(parts, shape=arrays[f"{name}_shape"])
    matrix.check_format(full_check=True)  # an index out of range would write out of bounds
    return matrix


def _dense(matrix: Any) -> np.ndarray[Any, Any]:
    return np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix)


def _read(data: OneGraphDataset) -> Contents:
    with np.load(os.path.join(data.raw_path, f"{data.name}.npz"), allow_pickle=False) as packed:
        arrays = dict(packed)
    edges = _matrix(arrays, "adj").tocoo()
    g = to_bidirected(graph((edges.row, edges.col), num_nodes=edges.shape[0]))
    features = "attr_matrix" if "attr_matrix" in arrays else "attr"
    g.ndata["feat"] = floats(_dense(_matrix(arrays, features)))
    g.ndata["label"] = integers(_dense(_matrix(arrays, "labels")))
    return Contents([reorder_graph(g, "rcmk", "dst", store_ids=False)])


class _GNNBenchmark(OneGraphDataset):
    """Every edge goes in both directions; the nodes are numbered for locality, as in DGL.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Shchur et al., Pitfalls of Graph Neural Network Evaluation, arXiv:1811.05868.
    """

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)


def _record(name: str, num_classes: int) -> Record:
    return Record(name, f"dataset/{name}.zip", _read, "dgl_graph_v1.bin", num_classes)


class CoraFullDataset(_GNNBenchmark):
    """All of Cora: 19,793 papers, 126,842 edges, 8,710 words, 70 classes."""

    record = _record("cora_full", 70)


class CoauthorCSDataset(_GNNBenchmark):
    """Authors in computer science: 18,333 nodes, 163,788 edges, 6,805 words, 15 classes."""

    record = _record("coauthor_cs", 15)


class CoauthorPhysicsDataset(_GNNBenchmark):
    """Authors in physics: 34,493 nodes, 495,924 edges, 8,415 words, 5 classes."""

    record = _record("coauthor_physics", 5)


class AmazonCoBuyComputerDataset(_GNNBenchmark):
    """Computers bought together: 13,752 nodes, 491,722 edges, 767 words, 10 classes."""

    record = _record("amazon_co_buy_computer", 10)


class AmazonCoBuyPhotoDataset(_GNNBenchmark):
    """Cameras bought together: 7,650 nodes, 238,163 edges, 745 words, 8 classes."""

    record = _record("amazon_co_buy_photo", 8)


class CoraFull(CoraFullDataset):
    """`CoraFullDataset` under its old name, with a warning."""

    def __init__(self, **kwargs: Any) -> None:
        deprecate_class("CoraFull", "CoraFullDataset")
        super().__init__(**kwargs)


def _by_name(old: str, name: str, classes: dict[str, type[_GNNBenchmark]]) -> _GNNBenchmark:
    if name not in classes:
        raise DGLError(f"expected one of {', '.join(map(repr, classes))}, got {name!r}")
    deprecate_class(old, classes[name].__name__)
    return classes[name]()


def AmazonCoBuy(name: str) -> _GNNBenchmark:
    """`AmazonCoBuyComputerDataset` ("computers") or `AmazonCoBuyPhotoDataset` ("photo"), with a warning."""
    known = {"computers": AmazonCoBuyComputerDataset, "photo": AmazonCoBuyPhotoDataset}
    return _by_name("AmazonCoBuy", name, known)


def Coauthor(name: str) -> _GNNBenchmark:
    """`CoauthorCSDataset` ("cs") or `CoauthorPhysicsDataset` ("physics"), with a warning."""
    return _by_name("Coauthor", name, {"cs": CoauthorCSDataset, "physics": CoauthorPhysicsDataset})
