"""What samplers are asked: seeds, numbers of neighbours, negatives."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data.aliases import EdgeType, NodeType
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError

Fanouts: TypeAlias = Sequence[int]


class SubgraphType(Enum):
    """Which edges a batch holds: those that were drawn, those and their reverses, or all among its nodes."""

    directional = "directional"
    bidirectional = "bidirectional"
    induced = "induced"


@dataclass
class _Input:
    """Seeds of either kind; indexing selects some of them."""

    def __getitem__(self, index: Any) -> Self:
        index = index if isinstance(index, Tensor) else torch.tensor(index, dtype=torch.int64)
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        chosen = {
            name: value.index_select(0, index) if isinstance(value, Tensor) and name != "key" else value
            for name, value in values.items()
        }
        if chosen["input_id"] is None:
            chosen["input_id"] = index
        return type(self)(**chosen)


@dataclass
class NodeSamplerInput(_Input):
    """Nodes to start from.

    Args:
        input_id: `(S,)` the seeds' places among the loader's inputs; None: 0, 1, ...
        node: `(S,)` node ids.
        time: `(S,)` the seeds' times.
        input_type: their node type, in heterogeneous graphs.
        key: 64 bits that the draws depend on; None: fresh ones from torch's generator.
    """

    input_id: Tensor | None
    node: Tensor
    time: Tensor | None = None
    input_type: NodeType | None = None
    key: int | None = None


@dataclass
class EdgeSamplerInput(_Input):
    """Links to start from.

    Args:
        input_id: `(S,)` the links' places among the loader's inputs; None: 0, 1, ...
        row: `(S,)` source node ids.
        col: `(S,)` destination node ids.
        label: `(S, ...)` labels.
        time: `(S,)` times.
        input_type: their edge type, in heterogeneous graphs.
        key: 64 bits that the draws depend on; None: fresh ones from torch's generator.
    """

    input_id: Tensor | None
    row: Tensor
    col: Tensor
    label: Tensor | None = None
    time: Tensor | None = None
    input_type: EdgeType | None = None
    key: int | None = None


def _per_hop(numbers: Any) -> list[int]:
    """A number of neighbours for each hop."""
    try:
        hops = [operator.index(number) for number in numbers]
    except TypeError:
        raise GraphValueError(
            f"expected a list with a number of neighbours for each hop, got {numbers!r}; do this instead, for two "
            "hops: num_neighbors=[15, 10]"
        ) from None
    if hops and min(hops) < -1:
        raise GraphValueError(f"expected numbers of neighbours >= 0, or -1 for all, got {min(hops)}")
    return hops


class NumNeighbors:
    """How many neighbours to sample in each hop.

    Args:
        values: one number per hop (-1: all, 0: none), for all edge types or by edge type.
        default: for edge types that `values` does not name.

    Raises:
        GraphValueError: for numbers below -1, or lists of different lengths.

    Example:
        >>> NumNeighbors({("user", "buys", "item"): [5, 5]}, default=[0, 2]).num_hops
        2
    """

    def __init__(self, values: Fanouts | Mapping[EdgeType, Fanouts], default: Fanouts | None = None) -> None:
        if not isinstance(values, Mapping) and default is not None:
            raise GraphValueError(
                "expected no 'default' beside one list of numbers for all edge types; give it with a dict only"
            )
        self.values: list[int] | dict[Any, list[int]]
        if isinstance(values, Mapping):
            self.values = {key: _per_hop(fanouts) for key, fanouts in values.items()}
        else:
            self.values = _per_hop(values)
        self.default = None if default is None else _per_hop(default)
        lists = list(self.values.values()) if isinstance(self.values, dict) else [self.values]
        lists += [self.default] if self.default is not None else []
        if len({len(fanouts) for fanouts in lists}) > 1:
            raise GraphValueError(
                f"expected as many hops for every edge type, got lists of lengths "
                f"{sorted({len(f) for f in lists})}; write 0 for hops that shall not follow an edge type"
            )

    def get_values(self, edge_types: Sequence[EdgeType] | None = None) -> Any:
        """The numbers per hop: a list, or a dict where edge types are given or were named.

        Raises:
            GraphKeyError: if a named edge type does not exist, or one that exists has no numbers.
        """
        if edge_types is None:
            return self.values
        if not isinstance(self.values, dict):
            return dict.fromkeys(edge_types, self.values)
        names = {"__".join(edge_type): edge_type for edge_type in edge_types}
        named = {names.get(key, key) if isinstance(key, str) else key: f for key, f in self.values.items()}
        unknown = set(named) - set(edge_types)
        if unknown:
            raise GraphValueError(
                f"expected edge types of the graph in num_neighbors, got {sorted(map(str, unknown))}; "
                f"the graph has {list(edge_types)}"
            )
        missing = [t for t in edge_types if t not in named]
        if missing and self.default is None:
            raise GraphValueError(
                f"expected numbers of neighbours for every edge type, got none for {missing[0]}; "
                "name it, or pass NumNeighbors(..., default=[...])"
            )
        return {t: named.get(t, self.default) for t in edge_types}

    @property
    def num_hops(self) -> int:
        """The number of hops."""
        if not isinstance(self.values, dict):
            return len(self.values)
        return len(next(iter(self.values.values()), self.default or []))

    def __len__(self) -> int:
        return self.num_hops

    def __repr__(self) -> str:
        return f"NumNeighbors({self.values}" + ("" if self.default is None else f", {self.default}") + ")"


class NegativeSamplingMode(Enum):
    """Pairs that are no edges, or other destinations for each source."""

    binary = "binary"
    triplet = "triplet"


class NegativeSampling:
    """How to sample negative links: random ones, which may be edges by chance.

    Args:
        mode: `"binary"`: random pairs of nodes; `"triplet"`: random destinations for each source.
        amount: how many per positive link; an integer for triplets.
        src_weight: `(N_src,)` sources are drawn in proportion; None: uniformly.
        dst_weight: `(N_dst,)` likewise for destinations.

    Raises:
        GraphValueError: if the amount is not positive, or no integer for triplets.

    Example:
        >>> NegativeSampling("triplet", amount=2).is_triplet()
        True
    """

    def __init__(
        self,
        mode: NegativeSamplingMode | str,
        amount: int | float = 1,
        src_weight: Tensor | None = None,
        dst_weight: Tensor | None = None,
    ) -> None:
        self.mode = NegativeSamplingMode(mode)
        if amount <= 0 or (self.is_triplet() and amount != math.ceil(amount)):
            wanted = "a whole number above 0" if self.is_triplet() else "a number above 0"
            raise GraphValueError(f"expected {wanted} as amount of {self.mode.value} negatives, got {amount}")
        self.amount = math.ceil(amount) if self.is_triplet() else amount
        self.src_weight = src_weight
        self.dst_weight = dst_weight

    @classmethod
    def cast(cls, value: Any) -> NegativeSampling | None:
        """Reads `None`, a mode, `(mode, amount, ...)` or a dict of arguments."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls(**value)
        return cls(*value) if isinstance(value, tuple | list) else cls(value)

    def is_binary(self) -> bool:
        """Whether pairs are drawn."""
        return self.mode is NegativeSamplingMode.binary

    def is_triplet(self) -> bool:
        """Whether destinations are drawn for each source."""
        return self.mode is NegativeSamplingMode.triplet

    def sample(
        self,
        num_samples: int,
        endpoint: str,
        num_nodes: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws nodes with replacement.

        Args:
            num_samples: how many.
            endpoint: `"src"` or `"dst"`: whose weights to use.
            num_nodes: among how many.
            generator: where randomness comes from; None: torch's default.
        """
        weight = self.weight(endpoint, num_nodes)
        if weight is not None:
            return torch.multinomial(weight, num_samples, replacement=True, generator=generator)
        if num_nodes is None:
            raise GraphTypeError("expected num_nodes to draw negatives from, got None; pass it, or weights")
        return torch.randint(num_nodes, (num_samples,), generator=generator)

    def weight(self, endpoint: str, num_nodes: int | None = None) -> Tensor | None:
        """The weights of one endpoint, checked."""
        weight = self.src_weight if endpoint == "src" else self.dst_weight
        if weight is not None and num_nodes is not None and weight.numel() != num_nodes:
            raise GraphValueError(
                f"expected {endpoint}_weight with one weight for each of {num_nodes} nodes, got {weight.numel()}"
            )
        return weight


def fresh_key(generator: torch.Generator | None = None) -> int:
    """64 random bits from torch's generator (or another), so that `torch.manual_seed` governs them."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator))


def require_key(mapping: Mapping[Any, Any], key: Any, what: str) -> Any:
    """The value of a key, or an error that names those there are."""
    if key not in mapping:
        raise GraphKeyError(f"expected one {what} of the graph, got {key!r}; choose among {list(mapping)}")
    return mapping[key]
