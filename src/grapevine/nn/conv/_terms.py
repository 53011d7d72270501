"""Layers whose output is a sum: what several of them add up can be computed together.

Such a layer has a method `terms` with the arguments of `forward`, which returns `added(self.terms(...))`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import reduce
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module
from torch.nn.modules import module as torch_module

from grapevine.edges import Edges, native
from grapevine.nn.conv._joined import Part, joined
from grapevine.nn.conv._weighted import WeightedConv, bare, is_plain
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing

#: Layers that send together store what they receive for the product that follows: no more numbers than this at once.
AT_ONCE = 1 << 24


class Mapped(NamedTuple):
    """`lin(x)`, of features that other layers may map too."""

    lin: Linear
    x: Tensor

    def value(self) -> Tensor:
        out: Tensor = self.lin(self.x)
        return out

    def kind(self) -> Hashable:
        """What those have in common that one product serves; None for one that stands alone."""
        return (id(self.x), self.lin.out_channels) if is_plain(self.lin) else None


class Arriving(NamedTuple):
    """`lin` of what arrives from the neighbours.

    Attributes:
        conv: the layer that sends.
        lin: the map.
        x: features of sources and destinations.
        adjacency: the edges, in any form.
        weight: of the edges, (E,).
        size: (N_src, N_dst), where the features do not tell.
    """

    conv: WeightedConv
    lin: Linear
    x: tuple[Tensor, Tensor | None]
    adjacency: Any
    weight: Tensor | None = None
    size: tuple[int | None, int | None] | None = None

    def value(self) -> Tensor:
        conv, lin, (source, target), adjacency, weight, size = self

        def send(source: Tensor) -> Tensor:
            return conv.propagate(adjacency, x=(source, target), edge_weight=weight, size=size)

        return conv.transformed(lin, source, send)

    def kind(self) -> Hashable:
        """What those have in common that can travel together; None for one that travels alone."""
        conv, lin, (source, target), adjacency, weight, size = self
        if (
            conv.sends_alone
            or not (conv.is_linear and is_plain(lin))
            or size is not None
            or target is None
            or not (source.dim() == target.dim() == 2 and source.layout is torch.strided)
            or (weight is not None and weight.numel() != Edges.of(adjacency, self.ends).num_edges)
        ):
            return None
        weighted = None if weight is None else weight.dtype
        return conv.aggr == "mean", weighted, source.dtype, source.device, lin.weight.shape

    @property
    def narrow(self) -> bool:
        """Whether fewer features travel if they are mapped before."""
        return self.lin.out_channels < self.lin.in_channels

    @property
    def ends(self) -> tuple[int, int]:
        """Numbers of sources and destinations."""
        assert self.x[1] is not None
        return len(self.x[0]), len(self.x[1])


Term = Tensor | Mapped | Arriving


def added(terms: Sequence[Term]) -> Tensor:
    """The sum of the terms, each computed by itself."""
    return reduce(torch.add, (term if isinstance(term, Tensor) else term.value() for term in terms))


def terms_of(layer: Module, *args: Any, **kwargs: Any) -> Sequence[Term]:
    """What a call of the layer adds up: its terms, or where the call is or does anything else, its output."""
    watched = torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks
    if watched or not (_adds_terms(type(layer)) and bare(layer)):
        return [layer(*args, **kwargs)]
    terms: Sequence[Term] = layer.terms(*map(native, args), **{k: native(v) for k, v in kwargs.items()})  # type: ignore[operator]
    return terms


def _adds_terms(kind: type) -> bool:
    """Whether the class that says what a call does says too what it adds up."""
    says = ({"forward", "terms"} & vars(base).keys() for base in kind.__mro__)
    return len(next(filter(None, says))) == 2 and kind.__call__ is MessagePassing.__call__


class Totals:
    """Sums of terms by key, in as few products as it takes.

    Features that several terms map are mapped once, by the sum of their matrices. Linear layers send together: what
    arrives over R relations stands side by side, (N, R F), and one product with their matrices, one below another, adds
    it up too.

    Example:
        >>> x, totals = torch.ones(1, 2), Totals()
        >>> totals.add("a", [x, Mapped(Linear(2, 2), x), Mapped(Linear(2, 2), x)])
        >>> totals.values()["a"].shape
        torch.Size([1, 2])
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | None] = {}
        self._mapped: dict[tuple[str, Hashable], list[Mapped]] = {}
        self._arriving: dict[Hashable, list[tuple[str, Arriving]]] = {}

    def add(self, key: str, terms: Sequence[Term]) -> None:
        """Adds terms to the sum of a key."""
        self._sums.setdefault(key, None)
        for term in terms:
            if not isinstance(term, (Mapped, Arriving)):
                self._plus(key, term)
            elif (kind := term.kind()) is None:
                self._plus(key, term.value())
            elif isinstance(term, Mapped):
                self._mapped.setdefault((key, kind), []).append(term)
            else:
                self._arriving.setdefault(kind, []).append((key, term))

    def values(self) -> dict[str, Tensor]:
        """The sums, by key."""
        for (key, _), mapped in self._mapped.items():
            lins = [term.lin for term in mapped]
            self._plus(key, F.linear(mapped[0].x, _sum([lin.weight for lin in lins]), _bias(lins)))
        for found in self._arriving.values():
            for block in _blocks(found):
                if len(block) == 1:
                    self._plus(block[0][0], block[0][1].value())
                    continue
                for key, value in _sent([key for key, _ in block], [term for _, term in block]):
                    self._plus(key, value)
        return {key: total for key, total in self._sums.items() if total is not None}

    def _plus(self, key: str, value: Tensor) -> None:
        total = self._sums[key]
        self._sums[key] = value if total is None else total + value


def _sum(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.stack(tensors).sum(0)


def _bias(lins: list[Linear]) -> Tensor | None:
    biases = [lin.bias for lin in lins if lin.bias is not None]
    return _sum(biases) if biases else None


def _blocks(found: list[tuple[str, Arriving]]) -> Iterator[list[tuple[str, Arriving]]]:
    """Those that send together."""
    numbers = accumulate(max(term.ends) * min(term.lin.weight.shape) for _, term in found)
    for _, block in groupby(zip(numbers, found), lambda pair: pair[0] // AT_ONCE):
        yield [pair for _, pair in block]


def _sent(keys: Sequence[str], terms: Sequence[Arriving]) -> Iterator[tuple[str, Tensor]]:
    """The sums of terms of one kind, by key, along the edges of all of them at once."""
    narrow, how = terms[0].narrow, "mean" if terms[0].conv.aggr == "mean" else "sum"
    by_source = _alike([id(term.x[0]) for term in terms])
    by_key = _alike([(key, term.ends[1]) for key, term in zip(keys, terms)])
    sources, num_src = _rows(by_source, [term.ends[0] for term in terms], apart=narrow)
    targets, num_dst = _rows(by_key, [term.ends[1] for term in terms], apart=True)
    parts = {
        i: Part(sources[i][0], targets[i][0], term.ends, (sources[i][1], targets[i][1]))
        for i, term in enumerate(terms)
    }
    edges = joined({i: term.adjacency for i, term in enumerate(terms)}, parts, (num_src, num_dst))

    xs = [terms[same[0]].x[0] for same in by_source]
    if narrow:
        xs = [F.linear(x, torch.cat([terms[i].lin.weight for i in same])) for x, same in zip(xs, by_source)]
        xs = [x.view(-1, terms[0].lin.out_channels) for x in xs]
    message = edges.src(torch.cat(xs) if len(xs) > 1 else xs[0])
    weights = [term.weight.view(-1, 1) for term in terms if term.weight is not None]
    if weights:
        message = edges.edge(torch.cat(weights)) * message
    arrived = edges.reduce(message, how)
    for same, rows in zip(by_key, arrived.split([len(same) * terms[same[0]].ends[1] for same in by_key])):
        lins = [terms[i].lin for i in same]
        rows, bias = rows.unflatten(0, (-1, len(same))), _bias(lins)
        if not narrow:
            yield keys[same[0]], F.linear(rows.flatten(1), torch.cat([lin.weight for lin in lins], 1), bias)
        else:
            yield keys[same[0]], rows.sum(1) if bias is None else rows.sum(1) + bias


def _alike(keys: Sequence[Hashable]) -> list[list[int]]:
    """The places of each key."""
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return list(places.values())


def _rows(
    groups: Sequence[Sequence[int]], sizes: Sequence[int], apart: bool
) -> tuple[dict[int, tuple[int, int]], int]:
    """The first row of each member, and the step from a node to the next; and how many rows there are.

    Args:
        groups: members that have the same nodes.
        sizes: numbers of nodes, by member.
        apart: each member has a row of its own for each node, beside those of the others; or they share one.
    """
    rows, total = {}, 0
    for group in groups:
        step = len(group) if apart else 1
        rows.update({member: (total + i * apart, step) for i, member in enumerate(group)})
        total += step * sizes[group[0]]
    return rows, total
