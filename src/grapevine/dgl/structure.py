"""What a graph is made of: its types, its relations, and the frames of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.dgl.base import DGLError
from grapevine.dgl.frame import Frame
from grapevine.edges import Edges

EType = tuple[str, str, str]
FORMATS = ("coo", "csr", "csc")


class Schema:
    """The types of nodes and edges, and which relation joins which. Never changed once made.

    Args:
        ntypes: names; the position is the type's id.
        canonical_etypes: `(source type, edge type, destination type)`; the position is the type's id.
        ends: the ids of both node types of every relation.
        num_src: for two-sided schemas (blocks, bipartite slices): how many of `ntypes`, from the front, are
            source types.
    """

    def __init__(
        self,
        ntypes: Sequence[str],
        canonical_etypes: Sequence[EType],
        ends: Sequence[tuple[int, int]],
        num_src: int | None = None,
    ) -> None:
        self.ntypes = list(ntypes)
        self.canonical_etypes = list(canonical_etypes)
        self.etypes = [etype for _, etype, _ in canonical_etypes]
        self.ends = list(ends)
        ids = range(len(self.ntypes))
        if num_src is None:
            receives = {dst for _, dst in ends}
            one_sided = len(self.ntypes) == 1 or receives & {src for src, _ in ends}
            sides = (ids, ids) if one_sided else ([i for i in ids if i not in receives], sorted(receives))
            self.is_unibipartite = not one_sided
        else:
            sides = (ids[:num_src], ids[num_src:])
            self.is_unibipartite = True
        self.src_ids = {self.ntypes[i]: i for i in sides[0]}
        self.dst_ids = {self.ntypes[i]: i for i in sides[1]}
        self.etype_ids = {etype: i for i, etype in enumerate(self.canonical_etypes)}
        self.canonical: dict[str, EType | None] = {}  # None: the name is ambiguous
        for etype in self.canonical_etypes:
            self.canonical[etype[1]] = None if etype[1] in self.canonical else etype

    @classmethod
    def of(cls, ntypes: Sequence[str], canonical_etypes: Sequence[EType]) -> Schema:
        """One set of node types, each of which may send and receive."""
        ids = {name: i for i, name in enumerate(ntypes)}
        return cls(ntypes, canonical_etypes, [(ids[s], ids[d]) for s, _, d in canonical_etypes])

    @classmethod
    def two_sided(
        cls, srctypes: Sequence[str], dsttypes: Sequence[str], canonical_etypes: Sequence[EType]
    ) -> Schema:
        """Source types and destination types apart, even where they share a name."""
        src = {name: i for i, name in enumerate(srctypes)}
        dst = {name: i + len(srctypes) for i, name in enumerate(dsttypes)}
        ends = [(src[s], dst[d]) for s, _, d in canonical_etypes]
        return cls([*srctypes, *dsttypes], canonical_etypes, ends, len(srctypes))


HOMOGENEOUS = Schema.of(["_N"], [("_N", "_E", "_N")])


class GraphStructure:
    """The state of a graph and the lookups that all of its methods share.

    Structure and features are apart: derived graphs share what they do not change. `_relations` are `Edges` in the
    order of edge ids; `_node_frames` and `_edge_frames` hold the features by type id.
    """

    is_block: ClassVar[bool] = False

    _schema: Schema
    _counts: list[int]
    _relations: list[Edges]
    _idtype: torch.dtype
    _device: torch.device
    _node_frames: list[Frame]
    _edge_frames: list[Frame]
    _batch_num_nodes: dict[str, Tensor] | None
    _batch_num_edges: dict[EType, Tensor] | None
    _formats: tuple[str, ...]
    _pinned: bool

    @classmethod
    def _build(
        cls,
        schema: Schema,
        counts: Sequence[int],
        relations: Sequence[Edges],
        idtype: torch.dtype,
        device: torch.device,
        node_frames: Sequence[Frame] | None = None,
        edge_frames: Sequence[Frame] | None = None,
    ) -> Self:
        graph = cls.__new__(cls)
        graph._set(schema, counts, relations, idtype, device, node_frames, edge_frames)
        return graph

    def _set(
        self,
        schema: Schema,
        counts: Sequence[int],
        relations: Sequence[Edges],
        idtype: torch.dtype,
        device: torch.device,
        node_frames: Sequence[Frame] | None = None,
        edge_frames: Sequence[Frame] | None = None,
    ) -> None:
        self._schema = schema
        self._counts = list(counts)
        self._relations = list(relations)
        self._idtype = idtype
        self._device = device
        self._node_frames = [Frame(num_rows=n) for n in counts] if node_frames is None else list(node_frames)
        self._edge_frames = (
            [Frame(num_rows=r.num_edges) for r in relations] if edge_frames is None else list(edge_frames)
        )
        self._batch_num_nodes = None
        self._batch_num_edges = None
        self._formats = FORMATS
        self._pinned = False

    def _shallow(self) -> Self:
        """Another graph with the same structure, frames and batch information."""
        graph = type(self).__new__(type(self))
        graph.__dict__.update(self.__dict__)
        return graph

    # -- types -> ids --------------------------------------------------------------------------------

    def to_canonical_etype(self, etype: str | EType | None) -> EType:
        """The full triple of an edge type.

        Args:
            etype: a name, a triple (returned as it is), or None where there is one edge type.

        Raises:
            DGLError: for a name that does not exist, or that several relations share.
        """
        schema = self._schema
        if etype is None:
            if len(schema.etypes) != 1:
                raise DGLError("Edge type name must be specified if there are more than one edge types.")
            return schema.canonical_etypes[0]
        if isinstance(etype, tuple):
            return etype
        found = schema.canonical.get(etype)
        if found is None:
            if etype in schema.canonical:
                raise DGLError(
                    f'Edge type "{etype}" is ambiguous. Please use canonical edge type in the form of '
                    "(srctype, etype, dsttype)"
                )
            raise DGLError(f'Edge type "{etype}" does not exist; choose one of {schema.etypes}.')
        return found

    def get_etype_id(self, etype: str | EType | None) -> int:
        """The id of an edge type.

        Args:
            etype: a name, a triple, or None where there is one edge type.
        """
        found = self._schema.etype_ids.get(self.to_canonical_etype(etype))
        if found is None:
            raise DGLError(
                f'Edge type "{etype}" does not exist; choose one of {self._schema.canonical_etypes}.'
            )
        return found

    def get_ntype_id(self, ntype: str | None) -> int:
        """The id of a node type; for bipartite graphs, `SRC/name` and `DST/name` say which side.

        Args:
            ntype: a name, or None where there is one node type.
        """
        schema = self._schema
        if ntype is None:
            if schema.is_unibipartite or len(schema.ntypes) != 1:
                raise DGLError("Node type name must be specified if there are more than one node types.")
            return 0
        if schema.is_unibipartite and ntype[:4] in ("SRC/", "DST/"):
            side = schema.src_ids if ntype[:4] == "SRC/" else schema.dst_ids
            return self._side_id(side, ntype[4:], ntype[:3])
        found = schema.src_ids.get(ntype, schema.dst_ids.get(ntype))
        if found is None:
            raise DGLError(f'Node type "{ntype}" does not exist; choose one of {schema.ntypes}.')
        return found

    def get_ntype_id_from_src(self, ntype: str | None) -> int:
        """The id of a source node type."""
        return self._side_id(self._schema.src_ids, ntype, "SRC")

    def get_ntype_id_from_dst(self, ntype: str | None) -> int:
        """The id of a destination node type."""
        return self._side_id(self._schema.dst_ids, ntype, "DST")

    @staticmethod
    def _side_id(side: Mapping[str, int], ntype: str | None, name: str) -> int:
        if ntype is None:
            if len(side) != 1:
                raise DGLError(
                    f"{name} node type name must be specified if there are more than one {name} node types."
                )
            return next(iter(side.values()))
        if ntype not in side:
            raise DGLError(f'{name} node type "{ntype}" does not exist; choose one of {list(side)}.')
        return side[ntype]

    # -- what the other parts of the dialect read ----------------------------------------------------

    def _relation(self, etype: str | EType | None = None) -> Edges:
        """The edges of one type, in the order of edge ids; ids are the node types' own."""
        if etype is None and len(self._relations) == 1:
            return self._relations[0]
        return self._relations[self.get_etype_id(etype)]

    def _node_frame(self, ntype: str | None = None) -> Frame:
        return self._node_frames[self.get_ntype_id(ntype)]

    def _src_frame(self, ntype: str | None = None) -> Frame:
        return self._node_frames[self.get_ntype_id_from_src(ntype)]

    def _dst_frame(self, ntype: str | None = None) -> Frame:
        return self._node_frames[self.get_ntype_id_from_dst(ntype)]

    def _edge_frame(self, etype: str | EType | None = None) -> Frame:
        return self._edge_frames[self.get_etype_id(etype)]

    def _as_ids(self, ids: Tensor) -> Tensor:
        """Ids as callers see them: in the graph's id type."""
        return ids.to(self._idtype)

    def _ids(self, ids: Any, name: str) -> Tensor:
        """An argument that holds ids, as a 1-D tensor of the graph's id type on its device.

        Raises:
            DGLError: for a tensor of another dtype or device, for floats, and for more than one dimension.
        """
        if isinstance(ids, Tensor):
            if ids.dtype != self._idtype:
                raise DGLError(
                    f'Expect argument "{name}" to have data type {self._idtype}. But got {ids.dtype}.'
                )
            if ids.device != self._device:
                raise DGLError(
                    f'Expect argument "{name}" to have device {self._device}. But got {ids.device}.'
                )
        else:
            ids = torch.as_tensor(ids)
            if ids.numel() and ids.dtype not in (torch.int32, torch.int64):
                raise DGLError(
                    f'Expect argument "{name}" to have data type int32 or int64, but got {ids.dtype}.'
                )
            ids = ids.to(self._device, self._idtype)
        if ids.dim() > 1:
            raise DGLError(f'Expect a 1-D tensor for argument "{name}". But got {ids}.')
        return ids.reshape(-1)


def resolve(device: Any) -> torch.device:
    """A device with its number, as tensors report it."""
    found = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    if found.type == "cuda" and found.index is None:
        found = torch.device("cuda", torch.cuda.current_device())
    return found
