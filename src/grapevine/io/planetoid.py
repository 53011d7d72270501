"""The citation networks as Yang et al. (2016) published them."""

from __future__ import annotations

import os
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from grapevine.data import Data
from grapevine.io.text import read_txt_array
from grapevine.io.unpickle import read_pickle
from grapevine.utils import coalesce, index_to_mask, remove_self_loops

NUM_VAL = 500


def read_planetoid_data(folder: str | os.PathLike[str], prefix: str) -> Data:
    """Reads the eight files ``ind.<prefix>.{x,tx,allx,y,ty,ally,graph,test.index}``.

    The labelled training nodes come first, validation takes the next 500, and the test nodes are the last
    rows in the order of ``test.index``. Test nodes that are missing (the isolated ones of CiteSeer) get
    features of zeros and class 0, and belong to no split. Self-loops and duplicate edges are dropped.

    Args:
        folder: where the files lie.
        prefix: ``cora``, ``citeseer`` or ``pubmed``, in any case.

    Returns:
        Data with ``x`` (N, F) float32, ``edge_index`` (2, E), sorted by target, ``y`` (N,) int64, and the
        masks of the public split, ``train_mask``, ``val_mask`` and ``test_mask`` (N,).

    Source: Yang, Cohen, Salakhutdinov, "Revisiting Semi-Supervised Learning with Graph Embeddings",
    arXiv:1603.08861.
    """
    path = Path(folder)
    stem = f"ind.{prefix.lower()}"
    tx, allx, y_train, ty, ally = (
        _dense(path / f"{stem}.{name}") for name in ("tx", "allx", "y", "ty", "ally")
    )
    graph: dict[int, list[int]] = read_pickle(path / f"{stem}.graph")
    test_index = read_txt_array(path / f"{stem}.test.index", dtype=torch.long)

    # Row i of tx belongs to node test_index[i]; ids missing between the first and the last are isolated.
    num_nodes = max(int(test_index.max()) + 1, len(graph))
    x = torch.zeros(num_nodes, allx.size(1))
    x[: allx.size(0)] = allx
    x[test_index] = tx
    classes = torch.zeros(num_nodes, ally.size(1))
    classes[: ally.size(0)] = ally
    classes[test_index] = ty

    num_train = y_train.size(0)
    return Data(
        x=x,
        edge_index=_edge_index(graph, num_nodes),
        y=classes.argmax(dim=1),
        train_mask=index_to_mask(torch.arange(num_train), size=num_nodes),
        val_mask=index_to_mask(torch.arange(num_train, num_train + NUM_VAL), size=num_nodes),
        test_mask=index_to_mask(test_index, size=num_nodes),
    )


def _dense(path: Path) -> Tensor:
    value = read_pickle(path)
    return torch.from_numpy(np.asarray(value.toarray() if issparse(value) else value, dtype=np.float32))


def _edge_index(graph: dict[int, list[int]], num_nodes: int) -> Tensor:
    source = torch.tensor(list(chain.from_iterable(repeat(node, len(to)) for node, to in graph.items())))
    target = torch.tensor(list(chain.from_iterable(graph.values())))
    edge_index, _ = remove_self_loops(torch.stack([source, target]))
    return coalesce(edge_index, num_nodes=num_nodes, sort_by_row=False)
