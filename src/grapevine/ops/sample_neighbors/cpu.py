"""The sampler of the compiled core."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.sample_neighbors.contract import Relation, Sampled, SampleRequest


def reasons(request: SampleRequest) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    return found + [reason for relation in request.relations for reason in relation_reasons(relation)]


def relation_reasons(relation: Relation) -> list[str]:
    """Why the core cannot read these rows."""
    found = []
    dtypes = {t.dtype for t in (relation.ptr, relation.index, relation.edge) if t is not None}
    if len(dtypes) != 1 or not dtypes <= {torch.int32, torch.int64}:
        found.append(f"ptr, index and edge have dtypes {dtypes}, not one of int32 and int64")
    if relation.ptr.device.type != "cpu":
        found.append(f"the graph is on {relation.ptr.device}, the core reads main memory")
    return found


def numbers(relation: Relation, fanouts: tuple[int, ...]) -> list[int]:
    """The rows as the core takes them: kinds, addresses, numbers of edges per hop."""
    step = relation.index.stride(0) if relation.index.numel() > 1 else 1
    assert relation.edge is None or relation.edge.numel() < 2 or relation.edge.stride(0) == step
    pointers = (relation.ptr, relation.index, relation.edge)
    extras = (relation.weight, relation.alias, relation.time)
    return [
        relation.source,
        relation.target,
        int(relation.ptr.dtype is torch.int64),
        *map(_core.address, pointers),
        step,
        *map(_core.address, extras),
        *fanouts,
    ]


def run(request: SampleRequest) -> Sampled:
    assert _core.core is not None
    seeds = [(kind, ids.contiguous()) for kind, ids in request.seeds]
    times = None if request.seed_time is None else request.seed_time.contiguous()
    found = _core.core.sample_neighbors(
        list(request.num_nodes),
        [numbers(r, tuple(f)) for r, f in zip(request.relations, request.fanouts)],
        [[kind, ids.numel(), ids.data_ptr()] for kind, ids in seeds],
        _core.address(times), request.key & (2**64 - 1), request.replace, request.disjoint, request.induced,
        request.last, request.again, request.dense_limit,
    )  # fmt: skip
    return written(found, found.nodes_per_hop, found.edges_per_hop, request.disjoint)


def written(
    found: Any, nodes_per_hop: list[list[int]], edges_per_hop: list[list[int]], disjoint: bool
) -> Sampled:
    """What the core found, in tensors."""
    node = [torch.empty(sum(counts), dtype=torch.int64) for counts in nodes_per_hop]
    batch = [torch.empty_like(ids) for ids in node] if disjoint else None
    edge_index = [torch.empty(2, sum(counts), dtype=torch.int64) for counts in edges_per_hop]
    edge = [torch.empty(sum(counts), dtype=torch.int64) for counts in edges_per_hop]
    found.write(
        _addresses(node),
        _addresses(batch or []),
        _addresses(edge_index),
        [index.data_ptr() + 8 * index.shape[1] for index in edge_index],
        _addresses(edge),
    )
    return Sampled(node, batch, edge_index, edge, nodes_per_hop, edges_per_hop)


def _addresses(tensors: list[Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]
