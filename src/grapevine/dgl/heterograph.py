"""`DGLGraph`: nodes and edges of one or more types, with features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.convert_data import any_edges, edge_list, relation
from grapevine.dgl.derived import DerivedMethods
from grapevine.dgl.filters import FilterMethods
from grapevine.dgl.frame import Frame
from grapevine.dgl.matrices import MatrixMethods
from grapevine.dgl.mutation import MutationMethods
from grapevine.dgl.placement import PlacementMethods
from grapevine.dgl.sampled import SamplingMethods
from grapevine.dgl.shared import SharedMethods
from grapevine.dgl.slices import SliceMethods, combine_frames, combine_names
from grapevine.dgl.structure import Schema
from grapevine.edges import Edges

__all__ = ["DGLBlock", "DGLGraph", "combine_frames", "combine_names"]


class DGLGraph(
    SliceMethods,
    PlacementMethods,
    MutationMethods,
    MatrixMethods,
    DerivedMethods,
    FilterMethods,
    SamplingMethods,
    SharedMethods,
):
    """A graph with features, directed, with several types of nodes and edges if need be.

    Make one with `dgl.graph` or `dgl.heterograph`; the constructor is for old programs.

    Args:
        gidx: what `dgl.graph` takes, a square scipy matrix, or a networkx graph.
        ntypes: the name of the node type, in a list.
        etypes: the name of the edge type, in a list.
        node_frames: features of the nodes, in a list.
        edge_frames: features of the edges, in a list.
        **deprecate_kwargs: ignored with a warning.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph((torch.tensor([0, 1]), torch.tensor([1, 2])))
        >>> g.ndata["h"] = torch.ones(3, 4)
        >>> g
        Graph(num_nodes=3, num_edges=2,
              ndata_schemes={'h': Scheme(shape=(4,), dtype=torch.float32)}
              edata_schemes={})
    """

    def __init__(
        self,
        gidx: Any = (),
        ntypes: Sequence[str] = ("_N",),
        etypes: Sequence[str] = ("_E",),
        node_frames: Sequence[Frame] | None = None,
        edge_frames: Sequence[Frame] | None = None,
        **deprecate_kwargs: Any,
    ) -> None:
        if isinstance(gidx, DGLGraph):
            raise DGLError("The input is already a DGLGraph. No need to create it again.")
        dgl_warning("Recommend creating graphs by `dgl.graph(data)` instead of `dgl.DGLGraph(data)`.")
        if deprecate_kwargs:
            dgl_warning(
                f"Keyword arguments {list(deprecate_kwargs)} are deprecated, and can be safely removed in all cases."
            )
        data, least = any_edges(gidx)
        src, dst, idtype, tops = edge_list(data, None)
        count = max(*tops, least)
        schema = Schema.of(ntypes, [(ntypes[0], etypes[0], ntypes[0])])
        edges = relation(src, dst, (count, count))
        self._set(schema, [count], [edges], idtype, src.device, node_frames, edge_frames)

    def __repr__(self) -> str:
        if self.is_homogeneous:
            return (
                f"Graph(num_nodes={self.num_nodes()}, num_edges={self.num_edges()},\n"
                f"      ndata_schemes={self.node_attr_schemes()}\n"
                f"      edata_schemes={self.edge_attr_schemes()})"
            )
        return (
            f"Graph(num_nodes={dict(zip(self.ntypes, self._counts))},\n"
            f"      num_edges={self._edge_counts()},\n"
            f"      metagraph={self.metagraph().edges(keys=True)})"
        )

    def _block(
        self,
        schema: Schema,
        counts: Sequence[int],
        relations: Sequence[Edges],
        node_frames: Sequence[Frame],
        edge_frames: Sequence[Frame],
    ) -> DGLBlock:
        """A block with this graph's type of ids, where this graph is."""
        return DGLBlock._build(schema, counts, relations, self.idtype, self.device, node_frames, edge_frames)

    def _edge_counts(self) -> dict[Any, int]:
        return {etype: r.num_edges for etype, r in zip(self.canonical_etypes, self._relations)}


class DGLBlock(DGLGraph):
    """A graph from one set of nodes to another, as a layer of message passing on a sample uses it.

    Source and destination types may share names; they have features of their own. See `dgl.create_block` and
    `dgl.to_block`.
    """

    is_block = True

    def __repr__(self) -> str:
        if len(self.srctypes) == len(self.dsttypes) == len(self.etypes) == 1:
            return (
                f"Block(num_src_nodes={self.num_src_nodes()}, num_dst_nodes={self.num_dst_nodes()}, "
                f"num_edges={self.num_edges()})"
            )
        return (
            f"Block(num_src_nodes={ {t: self.num_src_nodes(t) for t in self.srctypes} },\n"
            f"      num_dst_nodes={ {t: self.num_dst_nodes(t) for t in self.dsttypes} },\n"
            f"      num_edges={self._edge_counts()},\n"
            f"      metagraph={self.metagraph().edges(keys=True)})"
        )
