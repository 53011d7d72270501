"""The graph that joins an end of every edge to the edge itself: what reads rows of edges reads them one after another.

On a graph that serves once nothing has to be sorted for it either.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from grapevine.ops import Order
from grapevine.topology import Topology

#: Ids of edges are shared by graphs of fewer edges.
_SHARED = 1 << 18


def incidence(topology: Topology, at_dst: bool) -> Topology:
    """One edge from the destination (else the source) of every edge to that edge; sorted as it comes."""

    def build() -> Topology:
        node, count = (
            (topology.dst_index, topology.num_dst) if at_dst else (topology.src_index, topology.num_src)
        )
        edges = topology.num_edges
        ids, ptr = _counted(edges, node.device)
        joined = Topology(node, ids, (count, edges), validate=False)
        if edges < 2**31 - 1:
            joined._core.orders[1] = Order(ptr, None, node.to(torch.int32), edges, count, edges)
            known = topology._core.orders[1 - topology._flip if at_dst else topology._flip]
            if known is not None:  # the way back goes by the nodes, as these edges are sorted already
                by_node = known.perm if known.perm is not None else ids.to(torch.int32)
                joined._core.orders[0] = Order(known.ptr, known.perm, by_node, count, edges, edges)
        return joined

    return topology.derived(("incidence", at_dst), build)


def _counted(edges: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """`0, 1, ...` as ids of edges, and as the ends of rows with one edge each; shared by small graphs."""
    if edges >= _SHARED or device.type != "cpu":
        ids = torch.arange(edges + 1, device=device)
        return ids[:-1], ids.to(torch.int32)
    ids, ptr = _numbers()
    return ids[:edges], ptr[: edges + 1]


@functools.cache
def _numbers() -> tuple[Tensor, Tensor]:
    ids = torch.arange(_SHARED)
    return ids, ids.to(torch.int32)
