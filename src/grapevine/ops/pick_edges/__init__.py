"""`pick_edges(relation, rows, k, key, first_row, slot, time, replace, last, first_edge, dtype)`.

Up to k edges of each row, drawn as `sample_neighbors` draws them in one hop, but neither numbered nor followed: what
the owner of some rows of a graph answers to whoever samples.

Args: `relation`, the rows that are here, neighbours by their ids in the whole graph; `rows` (n,) int64; `k`, -1 for
all; `key` of the hop and the relation, 64 bits; `first_row`, the id of row 0 in the whole graph; `slot` (n,) int64,
the seed that each row belongs to, or None; `time` (n,) int64, only edges as old are drawn, or None; `replace`; `last`,
the most recent instead of a uniform choice; `first_edge`, the id of the edge at position 0; `dtype` of the block,
int32 or int64.
Returns: a block `(n + 2 e,)`: how many edges each row got, then their neighbours, row after row, then their ids.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.pick_edges import cpu, reference

pick_edges = Op(
    "pick_edges", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
