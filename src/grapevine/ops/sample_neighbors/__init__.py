"""`sample_neighbors(request) -> Sampled`: all hops of one batch, homogeneous or heterogeneous, in one call.

From every node of the frontier the op picks up to k of its edges, numbers the neighbours in the order in which they
are found (seeds first), and goes on from there. Draws depend on `(key, hop, relation, node)`, in disjoint batches also
on the seed's place: never on threads, nor on what else is in the batch.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.sample_neighbors import cpu, reference
from grapevine.ops.sample_neighbors.compress import compress
from grapevine.ops.sample_neighbors.contract import Relation, Sampled, SampleRequest

sample_neighbors = Op(
    "sample_neighbors", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)

__all__ = ["Relation", "SampleRequest", "Sampled", "compress", "sample_neighbors"]
