"""Collections of graphs in the text layout of the TU Dortmund benchmark."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.io.text import read_txt_array
from grapevine.utils import coalesce, cumsum, one_hot, remove_self_loops


def read_tu_data(
    folder: str | os.PathLike[str], prefix: str
) -> tuple[Data, dict[str, Tensor], dict[str, int]]:
    """Reads the files ``<prefix>_{A,graph_indicator,node_labels,...}.txt`` of one collection.

    Self-loops are dropped, duplicate edges merged (their attributes summed). Labels of nodes and edges become
    one-hot vectors behind the continuous attributes; graph labels are renumbered from 0.

    Args:
        folder: where the files lie.
        prefix: the collection's name, for example ``MUTAG``.

    Returns:
        All graphs in one Data, the slices that cut it into graphs, and how many columns of ``x`` and
        ``edge_attr`` are attributes and labels: ``num_{node,edge}_{attributes,labels}``.

    Raises:
        GraphValueError: if the nodes of a graph do not stand together.

    Source: Morris et al., "TUDataset: A collection of benchmark datasets for learning with graphs",
    arXiv:2007.08663.
    """
    path = Path(folder)

    def read(name: str, dtype: torch.dtype | None = None) -> Tensor | None:
        file = path / f"{prefix}_{name}.txt"
        return read_txt_array(file, sep=",", dtype=dtype) if file.exists() else None

    def required(name: str) -> Tensor:
        return read_txt_array(path / f"{prefix}_{name}.txt", sep=",", dtype=torch.long)

    edge_index = required("A").view(-1, 2).t() - 1
    batch = required("graph_indicator").view(-1) - 1
    back = (batch.diff() < 0).nonzero().view(-1)
    if back.numel() > 0:
        raise GraphValueError(
            f"{prefix}_graph_indicator.txt: expected the nodes graph by graph, got line {int(back[0]) + 2} of "
            "an earlier graph; do this instead: sort the nodes by graph"
        )

    node_attributes = _columns(read("node_attributes"), batch.numel())
    node_labels = _one_hot(read("node_labels", torch.long), batch.numel())
    edge_attributes = _columns(read("edge_attributes"), edge_index.size(1))
    edge_labels = _one_hot(read("edge_labels", torch.long), edge_index.size(1))
    sizes = {
        "num_node_attributes": node_attributes.size(1),
        "num_node_labels": node_labels.size(1),
        "num_edge_attributes": edge_attributes.size(1),
        "num_edge_labels": edge_labels.size(1),
    }

    x = _join(node_attributes, node_labels)
    edge_attr = _join(edge_attributes, edge_labels)
    edge_index, edge_attr = remove_self_loops(edge_index, edge_attr)
    edge_index, edge_attr = coalesce(edge_index, edge_attr, batch.numel())

    y = read("graph_attributes")
    if y is None and (labels := read("graph_labels", torch.long)) is not None:
        y = labels.view(-1).unique(sorted=True, return_inverse=True)[1]

    data, slices = _cut(x, edge_index, edge_attr, y, batch)
    return data, slices, sizes


def _columns(table: Tensor | None, rows: int) -> Tensor:
    return torch.empty(rows, 0) if table is None else table.view(rows, -1)


def _one_hot(table: Tensor | None, rows: int) -> Tensor:
    if table is None:
        return torch.empty(rows, 0)
    labels = table.view(rows, -1)
    labels = labels - labels.min(dim=0).values
    return torch.cat([one_hot(column) for column in labels.unbind(dim=1)], dim=1)


def _join(attributes: Tensor, labels: Tensor) -> Tensor | None:
    joined = torch.cat([attributes, labels], dim=1)
    return joined if joined.size(1) > 0 else None


def _cut(
    x: Tensor | None, edge_index: Tensor, edge_attr: Tensor | None, y: Tensor | None, batch: Tensor
) -> tuple[Data, dict[str, Tensor]]:
    counts = torch.bincount(batch)
    node_slice = cumsum(counts)
    graph = batch[edge_index[0]]
    edge_slice = cumsum(torch.bincount(graph, minlength=counts.numel()))
    # Each graph counts its nodes from 0.
    data = Data(x=x, edge_index=edge_index - node_slice[graph], edge_attr=edge_attr, y=y)

    slices = {"edge_index": edge_slice}
    if x is not None:
        slices["x"] = node_slice
    else:
        data.num_nodes = batch.numel()
        data._num_nodes = counts.tolist()
    if edge_attr is not None:
        slices["edge_attr"] = edge_slice
    if y is not None:
        per_node = y.size(0) == batch.numel()
        slices["y"] = node_slice if per_node else torch.arange(counts.numel() + 1)
    return data, slices
