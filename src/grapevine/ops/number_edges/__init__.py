"""`number_edges(num_nodes, ends, seeds, disjoint, dense_limit) -> Numbering`: a sample whose edges are drawn elsewhere.

Args: `num_nodes` of each type; `ends`, for each relation the types of its neighbours and of the nodes that draw them;
`seeds`, pairs of type and `(S,)` int64 ids; `disjoint`, every seed grows a subgraph of its own; `dense_limit`, with
more nodes of a type than this, a hash table numbers them.
Returns: a `Numbering`. Edges that it takes are numbered as `sample_neighbors` numbers those that it draws.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.number_edges import cpu, reference
from grapevine.ops.number_edges.contract import Numbering

number_edges = Op(
    "number_edges", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)

__all__ = ["Numbering", "number_edges"]
