"""What goes into `sample_neighbors`, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """The edges of one type as compressed rows: row `v` lists the neighbours that `v` samples from.

    Args:
        source: node type (its number) of the neighbours.
        target: node type of the rows.
        ptr: `(R + 1,)`, non-decreasing, from 0 to E; int32, or int64 as `index` and `edge` then are too.
        index: `(E,)` neighbour at each position.
        edge: `(E,)` edge id at each position; None: the position itself. `index` and `edge` may be the two
            columns of one `(E, 2)` tensor: reading both then costs one cache miss.
        weight: `(E,)` float32, not negative: neighbours are drawn in proportion; edges of weight 0 never are.
        alias: `(E,)` int64, `alias_tables(ptr, weight)`; None without weights.
        time: `(E,)` int64, ascending within each row.
    """

    source: int
    target: int
    ptr: Tensor
    index: Tensor
    edge: Tensor | None = None
    weight: Tensor | None = None
    alias: Tensor | None = None
    time: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SampleRequest:
    """One batch to sample.

    Args:
        num_nodes: the number of nodes of each type.
        relations: the edges of each type.
        fanouts: for each relation, how many edges a node gets per hop: -1 all, 0 none.
        seeds: pairs of node type and `(S,)` int64 ids, in range.
        seed_time: `(sum of S,)` int64: only edges of that time or earlier are followed from a seed; needs `disjoint`.
        key: 64 bits that the draws depend on.
        replace: draw with replacement.
        disjoint: every seed grows a subgraph of its own.
        induced: return all edges among the nodes found.
        last: take the most recent edges instead of drawing.
        again: every hop expands all nodes found so far (DGL); else those that the hop before found (PyG).
        dense_limit: with more nodes of a type than this, a hash table numbers them.
    """

    num_nodes: Sequence[int]
    relations: Sequence[Relation]
    fanouts: Sequence[Sequence[int]]
    seeds: Sequence[tuple[int, Tensor]]
    seed_time: Tensor | None = None
    key: int = 0
    replace: bool = False
    disjoint: bool = False
    induced: bool = False
    last: bool = False
    again: bool = False
    dense_limit: int = 1 << 25


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A sampled batch; local numbers count within a node type.

    Args:
        node: for each node type, `(n,)` ids in the order of discovery.
        batch: for each node type, `(n,)` the place of the seed that found the node; None unless disjoint.
        edge_index: for each relation, `(2, e)` local numbers of neighbours, above those of the nodes that drew them.
        edge: for each relation, `(e,)` edge ids.
        nodes_per_hop: for each node type, how many were new: seeds, hop 1, hop 2, ...
        edges_per_hop: for each relation, how many were drawn in each hop; the total where induced.
    """

    node: list[Tensor]
    batch: list[Tensor] | None
    edge_index: list[Tensor]
    edge: list[Tensor]
    nodes_per_hop: list[list[int]]
    edges_per_hop: list[list[int]]
