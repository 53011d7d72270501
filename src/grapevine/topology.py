"""`Topology`: who is joined to whom, validated once, with the two sorted orders built on demand and cached."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.ops import Order, sort_rows

Built = TypeVar("Built")
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.int8)


class _Core:
    """What a topology and its reverse share: `[0]` is the source side, `[1]` the destination side."""

    __slots__ = ("__weakref__", "index", "memos", "orders", "remembered", "sizes")

    def __init__(self, index: tuple[Tensor, Tensor], sizes: tuple[int, int]) -> None:
        self.index = index
        self.sizes = sizes
        self.orders: list[Order | None] = [None, None]
        self.remembered = [False, False]
        self.memos: tuple[dict[Hashable, Any], dict[Hashable, Any]] = ({}, {})


class Topology:
    """Edges from source to destination nodes.

    Args:
        src: `(E,)` integer tensor in `[0, num_src)`.
        dst: `(E,)` integer tensor in `[0, num_dst)`, on the same device.
        size: `(num_src, num_dst)`; both sides are one node set where they are equal and `edge_index` is square.
        validate: False skips the range check (for indices that are known to be good).

    Raises:
        GraphTypeError: for indices that are not integers.
        GraphValueError: for wrong shapes, lengths or devices.
        GraphIndexError: for an index out of range; names the edge, the value and the number of nodes.
    """

    __slots__ = ("__weakref__", "_core", "_flip")

    def __init__(self, src: Tensor, dst: Tensor, size: tuple[int, int], validate: bool = True) -> None:
        if validate:
            check_pair(src, dst)
        index = (src.detach().to(torch.int64), dst.detach().to(torch.int64))
        if validate:
            for side, name in enumerate(("source", "destination")):
                check_range(index[side], size[side], name)
        self._core = _Core(index, (int(size[0]), int(size[1])))
        self._flip = 0

    @classmethod
    def _of(cls, core: _Core | None, flip: int) -> Self | None:
        """The view of `core` in one direction; None once the core is gone."""
        if core is None:
            return None
        view = cls.__new__(cls)
        view._core, view._flip = core, flip
        return view

    def reverse(self) -> Self:
        """The same edges with source and destination exchanged; shares orders and caches."""
        return cast("Self", self._of(self._core, 1 - self._flip))

    @property
    def src_index(self) -> Tensor:
        """`(E,)` int64: the source of each edge."""
        return self._core.index[self._flip]

    @property
    def dst_index(self) -> Tensor:
        """`(E,)` int64: the destination of each edge."""
        return self._core.index[1 - self._flip]

    @property
    def edge_index(self) -> Tensor:
        """`(2, E)` int64: sources above destinations."""
        return torch.stack((self.src_index, self.dst_index))

    @property
    def num_src(self) -> int:
        return self._core.sizes[self._flip]

    @property
    def num_dst(self) -> int:
        return self._core.sizes[1 - self._flip]

    @property
    def size(self) -> tuple[int, int]:
        """`(num_src, num_dst)`."""
        return self.num_src, self.num_dst

    @property
    def num_edges(self) -> int:
        return self._core.index[0].shape[0]

    @property
    def device(self) -> torch.device:
        return self._core.index[0].device

    @property
    def by_dst(self) -> Order:
        """The edges grouped by destination; built on first use."""
        return self._order(1 - self._flip)

    @property
    def sorted(self) -> bool:
        """True where the edges came in ascending order of their destinations, so that kernels need no permutation."""
        return self.by_dst.perm is None

    @property
    def by_src(self) -> Order:
        """The edges grouped by source; built on first use."""
        return self._order(self._flip)

    def _order(self, side: int) -> Order:
        core = self._core
        order = core.orders[side]
        if order is None:
            order = core.orders[side] = _outside_modes(lambda: self._sorted(side))
        return order

    def _sorted(self, side: int) -> Order:
        core = self._core
        ptr, perm = sort_rows(core.index[side], core.sizes[side])
        index, dtype = core.index[1 - side], ptr.dtype

        def other() -> Tensor:
            return (index if perm is None else index.index_select(0, perm)).to(dtype)

        return Order(
            ptr, perm, lambda: _outside_modes(other), core.sizes[side], core.sizes[1 - side], self.num_edges
        )

    def same_as(self, other: Topology) -> bool:
        """True for two views of the very same edges in the same direction."""
        return self._core is other._core and self._flip == other._flip

    def derived(self, key: Hashable, build: Callable[[], Built]) -> Built:
        """What `build()` returns, computed once per graph and direction and kept with it.

        For graphs and tensors that depend on the graph alone: self-looped forms, normalising weights, degrees.

        Args:
            key: names it; include every option that changes the result.
            build: called without arguments on first use.
        """
        memo = self._core.memos[self._flip]
        try:
            found: Built = memo[key]
        except KeyError:
            found = memo[key] = build() if torch.compiler.is_compiling() else _outside_modes(build)
        return found

    def in_degrees(self, dtype: torch.dtype = torch.int64) -> Tensor:
        """`(num_dst,)`: how many edges arrive at each destination."""
        return self.derived(("in_degrees", dtype), lambda: self.by_dst.ptr.diff().to(dtype))

    def out_degrees(self, dtype: torch.dtype = torch.int64) -> Tensor:
        """`(num_src,)`: how many edges leave each source."""
        return self.derived(("out_degrees", dtype), lambda: self.by_src.ptr.diff().to(dtype))


@torch.inference_mode(False)
@torch.no_grad()
def _outside_modes(build: Callable[[], Built]) -> Built:
    """For values that outlive the call: a training step may ask for them after an evaluation made them."""
    return build()


def check_pair(src: Tensor, dst: Tensor) -> None:
    """Refuses two index tensors that cannot be the two ends of one list of edges."""
    for name, index in (("source", src), ("destination", dst)):
        if not isinstance(index, Tensor):
            raise GraphTypeError(
                f"expected the {name} index as a tensor, got {type(index).__name__}; "
                "do this instead: torch.as_tensor(...)"
            )
        if index.dtype not in INTEGERS:
            raise GraphTypeError(
                f"expected integer node ids, got a {name} index of dtype {index.dtype}; "
                "do this instead: edge_index.long()"
            )
        if index.dim() != 1:
            raise GraphValueError(f"expected a {name} index of shape [E], got {list(index.shape)}")
    if src.shape != dst.shape:
        raise GraphValueError(
            f"expected as many sources as destinations, got {src.shape[0]} sources and {dst.shape[0]} destinations"
        )
    if src.device != dst.device:
        raise GraphValueError(
            f"expected both ends on one device, got sources on {src.device}, destinations on {dst.device}"
        )


def check_range(index: Tensor, num_nodes: int, name: str) -> None:
    """Refuses ids outside `[0, num_nodes)`, naming the first offending edge."""
    if index.numel() == 0:
        return
    low, high = (int(v) for v in torch.aminmax(index))
    if low >= 0 and high < num_nodes:
        return
    edge = int(((index < 0) | (index >= num_nodes)).nonzero()[0])
    value = int(index[edge])
    problem = "is negative" if value < 0 else f"does not exist among {num_nodes} {name} nodes"
    hint = (
        "node ids count from 0"
        if value < 0
        else f"ids run from 0 to {num_nodes - 1}; pass num_nodes={high + 1} or more, or features with as many rows"
    )
    raise GraphIndexError(f"edge {edge}: {name} id {value} {problem}; {hint}")


class TensorMemo:
    """What is known about a tensor, for as long as it lives and is not changed in place.

    A plain dict by identity, guarded by weak references: a lookup costs a tenth of a `WeakTensorKeyDictionary`'s, and
    layers make several per call.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Tensor], int, Any]] = {}

    def get(self, tensor: Tensor) -> Any:
        """What was remembered, or None."""
        entry = self._entries.get(id(tensor))
        if entry is None or entry[0]() is not tensor or entry[1] != tensor._version:
            return None
        return entry[2]

    def set(self, tensor: Tensor, value: Built) -> Built:
        """Remembers a value, which must not hold the tensor itself, or neither would ever be freed."""
        key, entries = id(tensor), self._entries

        def forget(reference: weakref.ref[Tensor]) -> None:
            entry = entries.get(key)
            if entry is not None and entry[0] is reference:
                del entries[key]

        entries[key] = (weakref.ref(tensor, forget), tensor._version, value)
        return value

    def __len__(self) -> int:
        return len(self._entries)


_groupings = TensorMemo()


def grouping(index: Tensor, num_rows: int) -> Topology:
    """The topology of "element e belongs to row index[e]", remembered while the index tensor lives unchanged"

    Elements are the sources, rows the destinations: a segment reduction is a sum over the edges that arrive.

    Args:
        index: `(E,)` integers in `[0, num_rows)`.
        num_rows: the number of rows.
    """
    if index.is_inference():
        return _group(index, num_rows)
    known = _groupings.get(index)
    topology: Topology | None = known() if callable(known) else known
    if topology is not None and topology.num_dst == num_rows:
        return topology
    return _groupings.set(index, _group(index, num_rows))


def remember_grouping(topology: Topology) -> Tensor:
    """The topology's `dst_index`, known to `grouping(...)` from now on, so that it need not be sorted again."""
    index = topology.dst_index
    known, flip = topology._core.remembered, topology._flip
    if not known[flip] and not index.is_inference():
        known[flip] = True
        # The graph holds the index, so the memo may hold the graph only weakly.
        core = weakref.ref(topology._core)
        _groupings.set(index, lambda: Topology._of(core(), flip))
    return index


def _group(index: Tensor, num_rows: int) -> Topology:
    check_pair(index, index)
    check_range(index, num_rows, "group")
    alias = index.detach()
    elements = torch.arange(alias.shape[0], device=alias.device)
    return Topology(elements, alias, (alias.shape[0], num_rows), validate=False)
