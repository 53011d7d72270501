"""`Edges`: a graph that messages can be written on."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from grapevine import engine
from grapevine.engine import Side
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from grapevine.topology import TensorMemo, Topology

_known = TensorMemo()
_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc)


class Edges(Topology):
    """Who sends to whom, and the verbs to write a message with.

        out_i = reduce over edges (j -> i) of message(x_i, x_j, e_ij)

    Args:
        edge_index: `(2, E)` integers, sources above destinations; or the pair `(src, dst)` of `(E,)` tensors.
        num_nodes: N, for a graph over one set of nodes.
        size: `(N_src, N_dst)`, for a bipartite graph. Without either, N is the largest id plus one.

    Raises:
        GraphIndexError: an id is negative or too large; names the edge, the value and N.
        GraphTypeError, GraphValueError: wrong dtype, shape or device, with the line that would be right.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1, 2], [1, 2, 1]]), num_nodes=3)
        >>> x = torch.tensor([[1.0], [2.0], [3.0]])
        >>> edges.sum(0.5 * edges.dst(x) + 2 * edges.src(x)).tolist()
        [[0.0], [10.0], [5.5]]
    """

    __slots__ = ()

    def __init__(
        self,
        edge_index: Tensor | tuple[Tensor, Tensor] | list[Tensor],
        num_nodes: int | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> None:
        src, dst = _ends(edge_index)
        if num_nodes is not None and size is not None:
            raise GraphValueError(
                "expected num_nodes or size, got both; use size=(N_src, N_dst) for bipartite graphs"
            )
        wanted = size if size is not None else (num_nodes, num_nodes)
        if wanted[0] is None or wanted[1] is None:
            tops = tuple(int(i.max()) + 1 if i.numel() else 0 for i in (src, dst))
            if size is None:
                tops = (max(tops), max(tops))
            wanted = tuple(top if w is None else w for w, top in zip(wanted, tops, strict=True))  # type: ignore[assignment]
        super().__init__(src, dst, cast("tuple[int, int]", tuple(wanted)))

    @classmethod
    def of(
        cls,
        adjacency: Tensor | Edges | tuple[Tensor, Tensor],
        size: tuple[int | None, int | None] | None = None,
    ) -> Edges:
        """The edges of anything that describes a graph, remembered on the tensor that was handed in.

        Layers that receive the same `edge_index` share one validated and sorted graph, until it is changed in place.

        Args:
            adjacency: an `edge_index`, a pair of index tensors, an `Edges`, or a `torch.sparse` tensor in COO, CSR or
                CSC layout of shape `(N_dst, N_src)` (the transposed adjacency, `adj_t`), or one of torch_sparse's.
            size: `(N_src, N_dst)`, either may be None for "the largest id plus one".
        """
        if isinstance(adjacency, Edges):
            if size is not None and any(
                w is not None and w != n for w, n in zip(size, adjacency.size, strict=True)
            ):
                raise GraphValueError(
                    f"expected features for {adjacency.num_src} source and {adjacency.num_dst} "
                    "destination nodes, the size of "
                    f"these edges; got {size[0]} and {size[1]} rows"
                )
            return adjacency
        if not isinstance(adjacency, Tensor):
            torch_form: Any = native(adjacency)
            return cls(adjacency, size=size) if torch_form is adjacency else cls.of(torch_form, size)
        if engine.must_be_plain():
            return cls._traced(adjacency, size)
        if adjacency.is_inference():
            return cls._build(adjacency, size)
        key = None if size is None else tuple(size)
        shelf: dict[Any, Edges] | None = _known.get(adjacency)
        if shelf is None:
            shelf = _known.set(adjacency, {})
        found = shelf.get(key)
        if found is None:
            found = shelf[key] = cls._build(adjacency, size)
        return found

    @classmethod
    def _build(cls, adjacency: Tensor, size: tuple[int | None, int | None] | None) -> Edges:
        if adjacency.layout in _SPARSE:
            fits = all(wanted in (None, n) for wanted, n in zip(size or (), reversed(adjacency.shape)))
            if not fits and (instead := slip_of_sparse(adjacency)):
                raise GraphValueError(
                    f"expected a sparse adjacency for {size} nodes, got shape {tuple(adjacency.shape)}{instead}"
                )
            row, col = _entries(adjacency)
            edges = cls((col, row), size=(adjacency.shape[1], adjacency.shape[0]))
            return cls.of(edges, size)
        # An alias: the cache may hold no reference to its own key.
        return cls(adjacency.detach(), size=size)

    @classmethod
    def _traced(cls, adjacency: Tensor, size: tuple[int | None, int | None] | None) -> Edges:
        """Without validation and cache, which a tracer could not follow."""
        if adjacency.layout in _SPARSE:
            row, col = _entries(adjacency)
            src, dst, size = col, row, (adjacency.shape[1], adjacency.shape[0])
        else:
            src, dst = adjacency.unbind(0)
        size = size if size is not None else (None, None)
        known = next((n for n in size if n is not None), None)
        if known is None:
            known = int(adjacency.max()) + 1
        view = cls.__new__(cls)
        Topology.__init__(view, src, dst, tuple(known if n is None else n for n in size), validate=False)  # type: ignore[arg-type]
        return view

    def to(self, device: torch.device | str) -> Edges:
        """The same edges on another device."""
        if torch.device(device) == self.device:
            return self
        return known_good(self.src_index.to(device), self.dst_index.to(device), self.size)

    def __reduce__(self) -> Any:
        return known_good, (self.src_index, self.dst_index, self.size)

    def __repr__(self) -> str:
        return f"Edges({self.num_src} -> {self.num_dst} nodes, {self.num_edges} edges, {self.device})"

    # -- the verbs -----------------------------------------------------------------------------------

    def src(self, x: Tensor) -> Tensor:
        """The source's row for every edge, `x_j`: `(N_src, ...)` -> lazy `(E, ...)`."""
        self._check_rows(x, self.num_src, "source")
        return engine.read(self, x, Side.SRC)

    def dst(self, x: Tensor) -> Tensor:
        """The destination's row for every edge, `x_i`: `(N_dst, ...)` -> lazy `(E, ...)`."""
        self._check_rows(x, self.num_dst, "destination")
        return engine.read(self, x, Side.DST)

    def edge(self, e: Tensor) -> Tensor:
        """Rows that belong to the edges themselves, `e_ij`: `(E, ...)` -> lazy `(E, ...)`."""
        if e.dim() == 0 or e.shape[0] != self.num_edges:
            raise GraphValueError(
                f"expected one row per edge, {self.num_edges} rows; got shape {list(e.shape)}"
            )
        self._check_device(e)
        return engine.read(self, e, Side.EDGE)

    def sum(self, m: Tensor) -> Tensor:
        """The sum of the messages that arrive, `(E, ...)` -> `(N_dst, ...)`; zero where none does."""
        return self.reduce(m, "sum")

    def mean(self, m: Tensor) -> Tensor:
        """The mean of the messages that arrive; zero where none does."""
        return self.reduce(m, "mean")

    def max(self, m: Tensor) -> Tensor:
        """The largest message that arrives, feature by feature; zero where none does. Ties share the gradient."""
        return self.reduce(m, "max")

    def min(self, m: Tensor) -> Tensor:
        """The smallest message that arrives, feature by feature; zero where none does."""
        return self.reduce(m, "min")

    def reduce(self, m: Tensor, how: str) -> Tensor:
        """One of sum, mean, max, min, mul by name."""
        how = {"add": "sum", "prod": "mul"}.get(how, how)
        if how not in engine.planner.REDUCTIONS:
            raise GraphKeyError(
                f"unknown reduction {how!r}; choose one of {', '.join(engine.planner.REDUCTIONS)}"
            )
        if m.dim() == 0 or m.shape[0] != self.num_edges:
            raise GraphValueError(
                f"expected one message per edge, {self.num_edges} rows; got shape {list(m.shape)}"
            )
        return engine.reduce(self, m, how)

    def softmax(self, e: Tensor) -> Tensor:
        """Scores normalised over the edges that arrive at each node, `(E, ...)` -> `(E, ...)`; lazy for lazy scores.

        `edges.sum(edges.softmax(scores) * edges.src(x))` is one pass over the edges, which stores no weight.
        """
        if e.dim() == 0 or e.shape[0] != self.num_edges:
            raise GraphValueError(
                f"expected one score per edge, {self.num_edges} rows; got shape {list(e.shape)}"
            )
        return engine.softmax(self, e)

    def _check_rows(self, x: Tensor, num_nodes: int, name: str) -> None:
        if x.dim() == 0 or x.shape[0] != num_nodes:
            raise GraphValueError(
                f"expected one row per {name} node, {num_nodes} rows; got shape {list(x.shape)}; "
                "pass num_nodes (or size) that fits the features"
            )
        self._check_device(x)

    def _check_device(self, x: Tensor) -> None:
        if x.device != self.device:
            raise GraphValueError(
                f"expected features on the edges' device {self.device}, got {x.device}; "
                f"do this instead: x.to({str(self.device)!r}), or move both once with data.to(device)"
            )


def known_good(src: Tensor, dst: Tensor, size: tuple[int, int]) -> Edges:
    """Edges from ids that come from other edges, and need not be validated again."""
    edges = Edges.__new__(Edges)
    Topology.__init__(edges, src, dst, size, validate=False)
    return edges


def native(adjacency: Any) -> Any:
    """A `SparseTensor` of torch_sparse, which is no tensor, as a `torch.sparse` one; anything else as it is."""
    convert = getattr(type(adjacency), "to_torch_sparse_csr_tensor", None)
    return adjacency if convert is None else convert(adjacency)


def slip_of_sparse(adjacency: Any) -> str:
    """What to do instead of `edge_index.to_sparse()`, which is no adjacency; nothing where that was not done."""
    if not isinstance(adjacency, Tensor) or adjacency.layout not in _SPARSE:
        return ""
    if adjacency.dtype != torch.int64 or adjacency.shape[0] != 2:
        return ""
    return (
        " of ids, as edge_index.to_sparse() returns it; do this instead: pass edge_index itself, or "
        "torch.sparse_coo_tensor(edge_index.flip(0), torch.ones(edge_index.size(1)), (N, N))"
    )


def _entries(adjacency: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of a sparse matrix, in the order of its values."""
    adjacency = adjacency.detach()
    if adjacency.layout is torch.sparse_coo:
        row, col = adjacency.coalesce().indices().unbind(0)
        return row, col
    by_row = adjacency.layout is torch.sparse_csr
    ptr, inner = (
        (adjacency.crow_indices(), adjacency.col_indices())
        if by_row
        else (adjacency.ccol_indices(), adjacency.row_indices())
    )
    outer = torch.repeat_interleave(ptr.diff(), output_size=inner.shape[0])
    return (outer, inner) if by_row else (inner, outer)


def _hint(other: Tensor) -> str:
    """What to do instead of passing something that is no edge list."""
    if other.dim() == 2 and other.shape[0] == other.shape[1]:
        return "; of a dense adjacency matrix do this instead: adj.nonzero().t()"
    if other.is_floating_point():
        return f" of dtype {other.dtype}; layers take the features of the nodes first, then edge_index"
    return ""


def _ends(edge_index: Any) -> tuple[Tensor, Tensor]:
    """Both ends of an edge list, with hints for the usual slips."""
    if isinstance(edge_index, (tuple, list)) and len(edge_index) == 2 and isinstance(edge_index[0], Tensor):
        return edge_index[0], edge_index[1]
    if not isinstance(edge_index, Tensor):
        raise GraphTypeError(
            f"expected edge_index as a tensor of shape [2, E], got {type(edge_index).__name__}; "
            "do this instead: torch.tensor([[...], [...]])"
        )
    if edge_index.dim() == 2 and edge_index.shape[0] != 2 and edge_index.shape[1] == 2:
        raise GraphValueError(
            f"expected edge_index of shape [2, E], got {list(edge_index.shape)}; "
            "do this instead: edge_index.t().contiguous()"
        )
    if edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise GraphValueError(
            f"expected edge_index of shape [2, E], got {list(edge_index.shape)}{_hint(edge_index)}"
        )
    return edge_index[0], edge_index[1]
