"""A graph as matrices: adjacency and incidence."""

from __future__ import annotations

from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.queries import QueryMethods
from grapevine.dgl.sparse import spmatrix
from grapevine.dgl.structure import EType
from grapevine.ops import Order


class MatrixMethods(QueryMethods):
    """`adj`, `adj_external`, `adj_tensors`, `inc`: rows are sources, columns destinations."""

    def adj(
        self,
        etype: str | EType | None = None,
        eweight_name: str | None = None,
        *,
        transpose: bool | None = None,
        ctx: Any = None,
        scipy_fmt: str | None = None,
    ) -> Any:
        """The adjacency matrix as a `dgl.sparse.SparseMatrix`, its entries in the order of edge ids.

        Args:
            etype: the edge type.
            eweight_name: the edge feature that holds the values; None means ones.
            transpose, ctx, scipy_fmt: of older programs; with any of them the result is that of `adj_external`.

        Example:
            >>> from grapevine import dgl
            >>> dgl.graph(([0, 1], [1, 2])).adj().to_dense().tolist()
            [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
        """
        if transpose is not None or ctx is not None or scipy_fmt is not None:
            return self.adj_external(bool(transpose), "cpu" if ctx is None else ctx, scipy_fmt, etype)
        relation = self._relation(etype)
        values = None if eweight_name is None else self._edge_frame(etype)[eweight_name]
        return spmatrix(relation.edge_index, val=values, shape=relation.size)

    def adjacency_matrix(
        self,
        etype: str | EType | None = None,
        *,
        transpose: bool | None = None,
        ctx: Any = None,
        scipy_fmt: str | None = None,
    ) -> Any:
        """Another name of `adj`."""
        return self.adj(etype, transpose=transpose, ctx=ctx, scipy_fmt=scipy_fmt)

    def adj_external(
        self,
        transpose: bool = False,
        ctx: Any = "cpu",
        scipy_fmt: str | None = None,
        etype: str | EType | None = None,
    ) -> Any:
        """The adjacency matrix as a `torch.sparse` COO tensor of ones, or as a scipy matrix.

        Args:
            transpose: False has a row per source, True a row per destination.
            ctx: the device of the tensor.
            scipy_fmt: "coo" or "csr" for a scipy matrix.
            etype: the edge type.

        Example:
            >>> from grapevine import dgl
            >>> dgl.graph(([0, 1], [1, 2])).adj_external(scipy_fmt="csr").toarray().tolist()
            [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
        """
        relation = self._relation(etype)
        if transpose:
            relation = relation.reverse()
        if scipy_fmt is None:
            index = relation.edge_index.to(ctx)
            values = torch.ones(relation.num_edges, device=ctx)
            return torch.sparse_coo_tensor(index, values, relation.size, check_invariants=False)
        ones = torch.ones(relation.num_edges, dtype=self.idtype).numpy()
        if scipy_fmt == "coo":
            ends = (self._as_ids(i).cpu().numpy() for i in (relation.src_index, relation.dst_index))
            return sparse.coo_matrix((ones, tuple(ends)), shape=relation.size)
        if scipy_fmt == "csr":
            indptr, indices, _ = (t.cpu().numpy() for t in self._compressed(relation.by_src))
            return sparse.csr_matrix((ones, indices, indptr), shape=relation.size)
        raise DGLError(f'expected scipy_fmt "coo" or "csr", got {scipy_fmt!r}')

    def adj_tensors(self, fmt: str, etype: str | EType | None = None) -> tuple[Tensor, ...]:
        """The arrays of the adjacency matrix.

        Args:
            fmt: "coo" for (sources, destinations); "csr" for (indptr, destinations, edge ids); "csc" for
                (indptr, sources, edge ids).
            etype: the edge type.

        Example:
            >>> from grapevine import dgl
            >>> [t.tolist() for t in dgl.graph(([1, 0], [0, 1])).adj_tensors("csr")]
            [[0, 1, 2], [1, 0], [1, 0]]
        """
        relation = self._relation(etype)
        if fmt == "coo":
            return self._as_ids(relation.src_index), self._as_ids(relation.dst_index)
        if fmt in ("csr", "csc"):
            return self._compressed(relation.by_src if fmt == "csr" else relation.by_dst)
        raise DGLError(f'expected fmt "coo", "csr" or "csc", got {fmt!r}')

    def _compressed(self, order: Order) -> tuple[Tensor, Tensor, Tensor]:
        assert order.other is not None
        return self._as_ids(order.ptr), self._as_ids(order.other), self._as_ids(order.edges())

    def inc(
        self,
        typestr: str,
        ctx: Any = "cpu",
        etype: str | EType | None = None,
    ) -> Tensor:
        """The incidence matrix, a row per node and a column per edge, as a `torch.sparse` COO tensor.

        Args:
            typestr: "in": 1 where the edge arrives; "out": 1 where it leaves; "both": 1 where it arrives, -1 where it
                leaves, nothing for self-loops.
            ctx: the device of the tensor.
            etype: the edge type.

        Example:
            >>> from grapevine import dgl
            >>> dgl.graph(([0], [1])).inc("both").to_dense().tolist()
            [[-1.0], [1.0]]
        """
        relation = self._relation(etype)
        src, dst = relation.src_index.to(ctx), relation.dst_index.to(ctx)
        edges = torch.arange(relation.num_edges, device=ctx)
        if typestr == "both":
            keep = (src != dst).nonzero().reshape(-1)
            index = torch.stack((torch.cat((src[keep], dst[keep])), edges[keep].repeat(2)))
            values = torch.ones(2 * len(keep), device=ctx)
            values[: len(keep)] = -1
            rows = relation.num_src
        elif typestr in ("in", "out"):
            index = torch.stack((dst if typestr == "in" else src, edges))
            values = torch.ones(relation.num_edges, device=ctx)
            rows = relation.num_dst if typestr == "in" else relation.num_src
        else:
            raise DGLError(f'Invalid incidence matrix type: {typestr}; choose "in", "out" or "both".')
        return torch.sparse_coo_tensor(index, values, (rows, relation.num_edges), check_invariants=False)

    def incidence_matrix(
        self,
        typestr: str,
        ctx: Any = "cpu",
        etype: str | EType | None = None,
    ) -> Tensor:
        """Another name of `inc`."""
        return self.inc(typestr, ctx, etype)
