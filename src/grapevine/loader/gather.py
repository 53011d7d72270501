"""Joins samples with features: what a batch holds."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine import graph
from grapevine.data import Data, HeteroData
from grapevine.data.nested import select
from grapevine.loader.memory import RowMemory
from grapevine.ops import gather_file, gather_rows
from grapevine.sampler import HeteroSamplerOutput, SamplerOutput
from grapevine.sampler.remote import Remote


def rows(value: Any, index: Tensor, dim: Any = 0, memory: RowMemory | None = None) -> Any:
    """Rows of a tensor, an array or a list, in the memory of a loader if one is given."""
    if isinstance(value, Tensor) and value.layout is torch.strided and isinstance(dim, int):
        if dim != 0:
            return value.index_select(dim, index.to(value.device))
        return gather_rows(value, index) if memory is None else memory.rows(value, index)
    if isinstance(value, np.memmap) and dim == 0:  # features larger than memory
        return gather_file(value, index) if memory is None else memory.file_rows(value, index)
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.take(value, index.numpy(), axis=dim if isinstance(dim, int) else 0))
    return select(value, index.to(value.device) if isinstance(value, Tensor) else index, dim)


def join(row: Tensor, col: Tensor) -> Tensor:
    """`(2, e)` of its two rows, without a copy where they are the rows of one tensor already."""
    base = row._base
    whole = base is not None and base is col._base and base.shape == (2, row.numel())
    if (
        base is not None
        and whole
        and (row.data_ptr(), col.data_ptr()) == (base.data_ptr(), base[1].data_ptr())
    ):
        return base
    return torch.stack([row, col])


def _nodes(store: Any, out: Any, node: Tensor, memory: RowMemory | None) -> None:
    for key, level in store._levels().items():
        if key == "num_nodes":
            out.num_nodes = node.numel()
        elif level == "node" and key not in ("edge_index", "adj_t", "adj"):
            out[key] = rows(store[key], node, store._cat_dim(key), memory)


def _edges(
    store: Any, out: Any, row: Tensor, col: Tensor, edge: Tensor | None, size: tuple[int, int],
    memory: RowMemory | None,
) -> None:  # fmt: skip
    for key, level in store._levels().items():
        if key == "edge_index":
            out.edge_index = join(row, col).to(store[key].device)
        elif key == "adj_t":
            value: Tensor | None = graph.to_edge_index(store[key])[1]
            value = None if edge is None or value is None else value[edge.to(value.device)]
            index = torch.stack([col, row]).to(store[key].device)
            csr = store[key].layout is torch.sparse_csr
            build = graph.to_torch_csr_tensor if csr else graph.to_torch_coo_tensor
            out.adj_t = build(index, value, (size[1], size[0]))
        elif level == "edge":
            out[key] = None if edge is None else rows(store[key], edge, store._cat_dim(key), memory)


def filter_data(data: Data, sample: SamplerOutput, memory: RowMemory | None = None) -> Data:
    """The part of a graph that a sample names, with the ids of its nodes (`n_id`) and edges (`e_id`)."""
    out = copy.copy(data)
    store = data._store
    _nodes(store, out._store, sample.node, memory)
    count = sample.node.numel()
    _edges(store, out._store, sample.row, sample.col, sample.edge, (count, count), memory)
    annotate(out, sample)
    return out


def filter_hetero_data(
    data: HeteroData, sample: HeteroSamplerOutput, memory: RowMemory | None = None
) -> HeteroData:
    """The same for a heterogeneous graph."""
    out = copy.copy(data)
    none = torch.empty(0, dtype=torch.int64)
    for kind, store in data.node_items():
        node = sample.node.get(kind, none)
        _nodes(store, out[kind], node, memory)
    for key, links in data.edge_items():
        edge = (sample.edge or {}).get(key)
        size = (sample.node.get(key[0], none).numel(), sample.node.get(key[-1], none).numel())
        _edges(links, out[key], sample.row.get(key, none), sample.col.get(key, none), edge, size, memory)
    annotate(out, sample)
    return out


def filter_remote(data: Remote, sample: Any, custom_cls: Any = None) -> Data | HeteroData:
    """The same for a graph that is kept elsewhere: all features of the nodes and edges that a sample names.

    Args:
        data: features and edges.
        sample: what to read.
        custom_cls: the class of the batch; `Data` or `HeteroData` by default.
    """
    features, edges = data
    hetero = isinstance(sample, HeteroSamplerOutput)
    out: Any = (custom_cls or (HeteroData if hetero else Data))()
    node: Any = sample.node if hetero else {None: sample.node}
    edge: Any = (sample.edge or {}) if hetero else {}
    for kind, ids in node.items():
        (out if kind is None else out[kind]).num_nodes = ids.numel()
    for attr in edges.get_all_edge_attrs():
        key = attr.edge_type
        if key is None:
            out.edge_index = join(sample.row, sample.col)
        elif key in sample.row:
            out[key].edge_index = join(sample.row[key], sample.col[key])
    wanted = []
    for described in features.get_all_tensor_attrs():
        ids = node.get(described.group_name, edge.get(described.group_name))
        if ids is not None:
            wanted.append(dataclasses.replace(described, index=ids))
    for described, values in zip(wanted, features.multi_get_tensor(wanted, convert_type=True)):
        (out if described.group_name is None else out[described.group_name])[described.attr_name] = values
    annotate(out, sample)
    return out


def annotate(out: Any, sample: Any) -> None:
    """Adds where nodes and edges come from: ids, hops, seeds."""
    if isinstance(sample, SamplerOutput):
        _identify(out._store, sample.node, "n_id")
        _identify(out._store, sample.edge, "e_id")
        out.batch = sample.batch
        out.num_sampled_nodes = sample.num_sampled_nodes
        out.num_sampled_edges = sample.num_sampled_edges
        if sample.orig_row is not None and sample.orig_col is not None:
            out._orig_edge_index = torch.stack([sample.orig_row, sample.orig_col])
        return
    none = torch.empty(0, dtype=torch.int64)
    for kind in out.node_types:
        _identify(out[kind], sample.node.get(kind, none), "n_id")
    for key in out.edge_types:
        _identify(out[key], (sample.edge or {}).get(key), "e_id")
    for name in ("batch", "num_sampled_nodes", "num_sampled_edges"):
        values: Mapping[Any, Any] | None = getattr(sample, name)
        out.set_value_dict(name, values or {})
    for key, row in (sample.orig_row or {}).items():
        out[key]._orig_edge_index = torch.stack([row, sample.orig_col[key]])


def _identify(store: Any, ids: Tensor | None, name: str) -> None:
    if ids is not None and name not in store:
        store[name] = ids
