"""Graphs of points: what the SE(3)-Transformer accepts, and RFdiffusion's ways to build one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphTypeError, GraphValueError


class PointGraph:
    """Edges with the vectors along them; answers the questions that models ask a DGL graph.

    Args:
        edges: from source to destination.
        rel_pos: x_dst - x_src, (E, 3).
        batch_num_nodes: how many nodes each of several graphs has; None for one graph.

    Raises:
        GraphValueError: where the sizes do not fit.

    Example:
        >>> import torch, grapevine as gv
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> graph = PointGraph.of(gv.Edges(torch.tensor([[0], [1]]), num_nodes=2), x)
        >>> graph.edata["rel_pos"].tolist(), graph.num_nodes()
        ([[1.0, 0.0, 0.0]], 2)
    """

    def __init__(self, edges: Edges, rel_pos: Tensor, batch_num_nodes: Tensor | None = None) -> None:
        if rel_pos.shape != (edges.num_edges, 3):
            raise GraphValueError(
                f"expected rel_pos of shape {[edges.num_edges, 3]}, one vector per edge; got {list(rel_pos.shape)}"
            )
        if batch_num_nodes is not None and int(batch_num_nodes.sum()) != edges.num_dst:
            raise GraphValueError(
                f"expected batch_num_nodes to sum to {edges.num_dst} nodes, got {int(batch_num_nodes.sum())}"
            )
        self.relation = edges
        self.edata = {"rel_pos": rel_pos}
        self.ndata: dict[str, Tensor] = {}
        self._batch_num_nodes = batch_num_nodes

    @classmethod
    def of(cls, edges: Edges, pos: Tensor, batch_num_nodes: Tensor | None = None) -> PointGraph:
        """From positions (N, 3); gradients flow to them."""
        rel_pos = pos.index_select(0, edges.dst_index) - pos.index_select(0, edges.src_index)
        return cls(edges, rel_pos, batch_num_nodes)

    @property
    def device(self) -> torch.device:
        """Where the indices are."""
        return self.relation.device

    def edges(self) -> tuple[Tensor, Tensor]:
        """Source and destination of every edge, (E,) each."""
        return self.relation.src_index, self.relation.dst_index

    def num_nodes(self) -> int:
        """N."""
        return self.relation.num_dst

    def num_edges(self) -> int:
        """E."""
        return self.relation.num_edges

    def batch_num_nodes(self) -> Tensor:
        """The number of nodes of each graph."""
        if self._batch_num_nodes is None:
            return torch.tensor([self.num_nodes()], device=self.device)
        return self._batch_num_nodes

    def to(self, device: torch.device | str) -> PointGraph:
        """The same graph on another device."""
        sizes = None if self._batch_num_nodes is None else self._batch_num_nodes.to(device)
        return PointGraph(self.relation.to(device), self.edata["rel_pos"].to(device), sizes)

    def __repr__(self) -> str:
        return f"PointGraph({self.num_nodes()} nodes, {self.num_edges()} edges)"


def edges_of(graph: Any) -> Edges:
    """The edges of an `Edges`, a `PointGraph`, or anything with DGL's `.edges()` and `.num_nodes()`.

    Raises:
        GraphTypeError: for anything else.
    """
    if isinstance(graph, Edges):
        return graph
    if isinstance(graph, PointGraph):
        return graph.relation
    if not (hasattr(graph, "edges") and hasattr(graph, "num_nodes")):
        raise GraphTypeError(
            f"expected a graph: gv.Edges, PointGraph, or an object with .edges() and .num_nodes(); got "
            f"{type(graph).__name__}"
        )
    src, dst = graph.edges()
    return Edges((src, dst), num_nodes=int(graph.num_nodes()))


def with_vectors(graph: Any, rel_pos: Tensor | None) -> PointGraph:
    """Any accepted graph as a `PointGraph`.

    Raises:
        GraphValueError: for a graph that brings no vectors while none are given.
    """
    if isinstance(graph, PointGraph) and rel_pos is None:
        return graph
    edata = getattr(graph, "edata", {})
    if rel_pos is None:
        if "rel_pos" not in edata:
            raise GraphValueError(
                "expected the vectors x_dst - x_src along the edges; pass rel_pos=, or set graph.edata['rel_pos']"
            )
        rel_pos = edata["rel_pos"]
    sizes = graph.batch_num_nodes() if hasattr(graph, "batch_num_nodes") else None
    return PointGraph(edges_of(graph), rel_pos, sizes)


def make_full_graph(xyz: Tensor, pair: Tensor, idx: Tensor) -> tuple[PointGraph, Tensor]:
    """RFdiffusion's complete graph: an edge i -> j wherever the residue numbers differ.

    Args:
        xyz: one position per residue, (B, L, 3).
        pair: features of pairs, (B, L, L, C).
        idx: residue numbers, (B, L). Residues of equal numbers are not joined.

    Returns:
        The graph of B L nodes with `edata["rel_pos"]`, edges in the order of (b, i, j), and the features pair[b,
        i, j] as (E, C, 1).

    Departures from the reference: gradients flow to `xyz`; detach it for the reference's behaviour.

    Example:
        >>> import torch
        >>> idx = torch.arange(4).unsqueeze(0)
        >>> graph, feats = make_full_graph(torch.randn(1, 4, 3), torch.randn(1, 4, 4, 8), idx)
        >>> graph, feats.shape
        (PointGraph(4 nodes, 12 edges), torch.Size([12, 8, 1]))

    Source: RFdiffusion (doi:10.1038/s41586-023-06415-8).
    """
    _check_residues(xyz, pair, idx)
    return _joined(xyz, pair, idx[:, :, None] != idx[:, None, :])


def make_topk_graph(
    xyz: Tensor,
    pair: Tensor,
    idx: Tensor,
    top_k: int = 64,
    kmin: int = 32,
    eps: float = 1e-6,
    *,
    self_loops: bool = True,
    far: float = 999.9,
) -> tuple[PointGraph, Tensor]:
    """RFdiffusion's neighbour graph: i sends to its `top_k` nearest residues, and to those fewer than `kmin`
    numbers away.

    Args:
        xyz: one position per residue, (B, L, 3).
        pair: features of pairs, (B, L, L, C).
        idx: residue numbers, (B, L); they break ties between distances.
        top_k: neighbours in space.
        kmin: residues closer than this along the chain are neighbours too.
        eps: how much a step along the chain adds to a distance.
        self_loops: as RFdiffusion does, min(top_k, L) neighbours are taken, so that chains of L <= top_k residues get
            self-loops. False takes at most L - 1 (RoseTTAFold2, All-Atom).
        far: added to the distance of a residue to itself; All-Atom uses 9999.9.

    Returns:
        The graph and its edge features, as of `make_full_graph`.

    Departures from the reference: gradients flow to `xyz`; detach it for the reference's behaviour.

    Example:
        >>> import torch
        >>> idx = torch.arange(9).unsqueeze(0)
        >>> graph, _ = make_topk_graph(torch.randn(1, 9, 3), torch.randn(1, 9, 9, 8), idx, top_k=3, kmin=1)
        >>> graph
        PointGraph(9 nodes, 27 edges)

    Source: RFdiffusion (doi:10.1038/s41586-023-06415-8).
    """
    _check_residues(xyz, pair, idx)
    length = xyz.shape[1]
    with torch.no_grad():
        diagonal = torch.eye(length, device=xyz.device).unsqueeze(0) * far
        apart = (idx[:, None, :] - idx[:, :, None]).abs().float()
        distance = torch.cdist(xyz, xyz) + diagonal + (apart + diagonal) * eps
        count = min(top_k, length if self_loops else length - 1)
        near = distance.topk(count, largest=False).indices
        joined = torch.zeros_like(distance, dtype=torch.bool).scatter_(2, near, True)
        along = (apart + diagonal) < kmin
    return _joined(xyz, pair, joined | along)


def _check_residues(xyz: Tensor, pair: Tensor, idx: Tensor) -> None:
    if xyz.dim() != 3 or xyz.shape[2] != 3:
        raise GraphValueError(
            f"expected one position per residue, (B, L, 3), got {list(xyz.shape)}; do this instead: xyz[:, :, 1] "
            f"for the "
            "C-alpha atoms of (B, L, atoms, 3)"
        )
    batch, length = xyz.shape[:2]
    if tuple(idx.shape) != (batch, length) or tuple(pair.shape[:3]) != (batch, length, length):
        raise GraphValueError(
            f"expected idx {[batch, length]} and pair {[batch, length, length, 'C']}, got {list(idx.shape)}, "
            f"{list(pair.shape)}"
        )


def _joined(xyz: Tensor, pair: Tensor, joined: Tensor) -> tuple[PointGraph, Tensor]:
    batch, length = xyz.shape[:2]
    b, i, j = torch.nonzero(joined, as_tuple=True)
    edges = Edges((b * length + i, b * length + j), num_nodes=batch * length)
    sizes = torch.full((batch,), length, device=xyz.device)
    return PointGraph.of(edges, xyz.flatten(0, 1), sizes), pair[b, i, j].unsqueeze(-1)
