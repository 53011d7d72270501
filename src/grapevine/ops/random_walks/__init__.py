"""`random_walks(ptr, index, edge, start, length, p, q, restart, key) -> (nodes, edges)`: walks along compressed rows.

Args: `ptr` (N + 1,), `index` (E,) and `edge` (E,) or None, all int32 or all int64, each row sorted where p or q differ
from 1; `start` (W,) int64. A step goes to a neighbour u of v in proportion to 1/p if u is where the walk came from, 1
if that place has an edge to u, 1/q otherwise (node2vec); with probability `restart` it returns to the start instead.

Returns `(W, length + 1)` nodes and `(W, length)` edge ids, int64; -1 where no edge was taken: at a node without
edges, where the walk stays, and on a restart.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.random_walks import cpu, reference

random_walks = Op(
    "random_walks", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
