"""The edges of a partition, as samplers read them: all of them, or those of one rank."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.distributed.manifest import Manifest, Part, load_part
from grapevine.distributed.shared import in_large_pages, share
from grapevine.distributed.world import World
from grapevine.errors import GraphValueError
from grapevine.ops import Relation, alias_tables
from grapevine.ops.sample_neighbors import compress
from grapevine.sampler.csc import SampledGraph, sampled_graph, sortable

_FIELDS = ("ptr", "index", "edge", "weight", "alias", "time")
_NARROW = 2**31 - 1  # ids from here on need 64 bits


def joined(parts: Sequence[Part], level: str, kind: Any, name: str) -> Tensor:
    """The rows of an attribute in several parts, one after the other; mapped where it is one part.

    Args:
        parts: consecutive ones.
        level: `"nodes"` or `"edges"`.
        kind: the type.
        name: of the attribute.
    """
    arrays = [(part.nodes if level == "nodes" else part.edges)[kind][name] for part in parts]
    if len(arrays) == 1:
        return tensor(arrays[0])
    return torch.from_numpy(np.concatenate(arrays))


def tensor(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over a mapped array, which is not written to."""
    if array.flags.writeable or not array.size:
        return torch.from_numpy(np.array(array) if not array.size else array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)


def edge_index(manifest: Manifest, parts: Sequence[Part], key: Any) -> Tensor:
    """`(2, e)` the edges into the nodes of some parts.

    Args:
        manifest: of the partition.
        parts: which parts.
        key: the edge type.
    """
    offsets = manifest.node_offsets[None if key is None else key[-1]]
    out = torch.empty(2, sum(part.edges[key]["index"].shape[0] for part in parts), dtype=torch.int64)
    at = 0
    for part in parts:
        source, degree = tensor(part.edges[key]["index"]), torch.from_numpy(np.diff(part.edges[key]["ptr"]))
        here = out[:, at : at + source.numel()]
        here[0] = source
        here[1] = torch.repeat_interleave(torch.arange(*offsets[part.index : part.index + 2]), degree)
        at += source.numel()
    return out


def replicated(
    world: World, manifest: Manifest, time_attr: str | None, weight_attr: str | None, backward: bool
) -> SampledGraph:
    """All edges, in one mapping for the ranks of a host; every rank calls it.

    Args:
        world: the ranks.
        manifest: of the partition.
        time_attr: an attribute with times.
        weight_attr: an attribute with weights.
        backward: follow edges to their destinations.
    """
    names = [name for name in (time_attr, weight_attr) if name is not None]

    def build() -> dict[Any, Tensor]:
        parts = [load_part(manifest, part, verify=False) for part in range(manifest.parts)]
        whole = sampled_graph(_skeleton(manifest, parts, names), time_attr, weight_attr, backward)
        out: dict[Any, Tensor] = {("times", kind): time for kind, time in whole.node_time.items()}
        for key, relation in whole.relations.items():
            pair = None if relation.edge is None else relation.edge._base
            if pair is not None and pair is relation.index._base:  # neighbour and edge side by side
                out["pair", key] = pair
            for field in _FIELDS:
                value = getattr(relation, field)
                if value is not None and not (("pair", key) in out and field in ("index", "edge")):
                    out[field, key] = value
        return out

    held = share(world, build, scattered=True)
    kinds = {kind: i for i, kind in enumerate(manifest.node_types)}
    relations = {}
    for key in manifest.edge_types:
        ends = ends_of(key)[:: -1 if backward else 1]
        values: dict[str, Any] = {field: held.get((field, key)) for field in _FIELDS}
        if ("pair", key) in held:
            values["index"], values["edge"] = held["pair", key].unbind(1)
        relations[key] = Relation(kinds[ends[0]], kinds[ends[1]], **values)
    times = {kind: held["times", kind] for kind in manifest.node_types if ("times", kind) in held}
    return _graph(manifest, relations, times)


def own_rows(
    manifest: Manifest, parts: Sequence[Part], times: Mapping[Any, Tensor], time_attr: str | None,
    weight_attr: str | None,
) -> SampledGraph:  # fmt: skip
    """The edges into the nodes of some parts; rows count from the first of these nodes, neighbours are global.

    Args:
        manifest: of the partition.
        parts: consecutive ones, those of this rank.
        times: the times of all nodes by type, where nodes have times.
        time_attr: an attribute with times.
        weight_attr: an attribute with weights.
    """
    on_edges = [key for key in manifest.edge_types if time_attr in manifest.edge_attrs[key]]
    if time_attr is not None and bool(times) == bool(on_edges):
        raise GraphValueError(
            f"expected time_attr={time_attr!r} on nodes or on edges, got {'both' if on_edges else 'neither'}; "
            f"partition the graph with one time per node or per edge"
        )
    node_time = {kind: sortable(time.view(-1)) for kind, time in times.items()}
    kinds = {kind: i for i, kind in enumerate(manifest.node_types)}
    relations = {}
    for key in manifest.edge_types:
        source, target = ends_of(key)
        size = manifest.node_offsets[source][-1], sum(p.edges[key]["ptr"].shape[0] - 1 for p in parts)
        index, ptr = joined(parts, "edges", key, "index"), [torch.zeros(1, dtype=torch.int64)]
        for part in parts:
            ptr.append(tensor(part.edges[key]["ptr"])[1:] + ptr[-1][-1])
        rows, weight, time = torch.cat(ptr), None, node_time.get(source)
        if weight_attr is not None:
            weight = _weight(manifest, parts, key, weight_attr)
        if key in on_edges:
            assert time_attr is not None
            time = sortable(joined(parts, "edges", key, time_attr).view(-1))
        elif time is not None:
            time = time[index]
        sides = (kinds[source], kinds[target])
        if time is not None:
            rank = torch.repeat_interleave(torch.arange(size[1]), rows.diff())
            found = compress(index, rank, size, sides, time, weight)
            edge = None if found.edge is None else found.edge.contiguous()
            relations[key] = replace(found, index=found.index.contiguous(), edge=edge)
        else:
            dtype = torch.int32 if max(size[0], index.numel()) < _NARROW else torch.int64
            rows, index = rows.to(dtype), index.to(dtype)
            in_large_pages([rows, index])
            alias = None if weight is None else alias_tables(rows, weight)
            relations[key] = Relation(*sides, rows, index, None, weight, alias)
    return _graph(manifest, relations, node_time)


def ends_of(key: Any) -> tuple[Any, Any]:
    """The node types at the two ends of an edge type."""
    return (None, None) if key is None else (key[0], key[-1])


def _graph(manifest: Manifest, relations: dict[Any, Relation], times: dict[Any, Tensor]) -> SampledGraph:
    counts = {kind: int(manifest.node_offsets[kind][-1]) for kind in manifest.node_types}
    return SampledGraph(list(manifest.node_types), list(manifest.edge_types), counts, relations, times)


def _weight(manifest: Manifest, parts: Sequence[Part], key: Any, name: str) -> Tensor:
    if name not in manifest.edge_attrs[key]:
        raise GraphValueError(
            f"expected weight_attr={name!r} on edges{'' if key is None else f' of type {key}'}, got no such attribute; "
            f"they have {list(manifest.edge_attrs[key])}"
        )
    weight = joined(parts, "edges", key, name).to(torch.float32).view(-1)
    if weight.numel() and not (float(weight.min()) >= 0 and bool(torch.isfinite(weight).all())):
        raise GraphValueError(
            f"expected weights >= 0 and finite in {name!r}, got a minimum of {float(weight.min())}; take exp() of "
            "scores, or clamp them"
        )
    return weight


def _skeleton(manifest: Manifest, parts: Sequence[Part], names: Sequence[str]) -> Data | HeteroData:
    """Edges, numbers of nodes and some attributes."""
    out: Any = HeteroData() if manifest.hetero else Data()
    for kind in manifest.node_types:
        store = out if kind is None else out[kind]
        store.num_nodes = manifest.node_offsets[kind][-1]
        for name in set(names) & set(manifest.node_attrs[kind]):
            store[name] = joined(parts, "nodes", kind, name)
    for key in manifest.edge_types:
        store = out if key is None else out[key]
        store.edge_index = edge_index(manifest, parts, key)
        for name in set(names) & set(manifest.edge_attrs[key]):
            store[name] = joined(parts, "edges", key, name)
    return out
