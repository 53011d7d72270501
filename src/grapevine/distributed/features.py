"""`Rows`: rows of features, found on this host or asked of their owners."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grapevine.distributed.exchange import Empty, Exchange, fresh
from grapevine.distributed.hops import by_owner
from grapevine.distributed.manifest import Part
from grapevine.distributed.shared import share
from grapevine.distributed.topology import joined
from grapevine.distributed.world import World
from grapevine.ops import gather_rows

_DENSE = 1 << 28  # with more nodes than this, cached ones are looked up by bisection


@dataclass(eq=False)
class Group:
    """The attributes of one type of nodes or edges.

    Args:
        offsets: `(W + 1,)` where the ids of each rank begin.
        values: by name, the rows that this host has.
        shift: `(W,)` what to subtract from an id of each owner to find its row in `values`.
        hot: ids of rows of other hosts that are kept here, ascending.
        kept: these rows, by name.
    """

    offsets: Tensor
    values: dict[str, Tensor]
    shift: Tensor
    hot: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    kept: dict[str, Tensor] = field(default_factory=dict)
    place: Tensor | None = None

    def keep(self, hot: Tensor, rows: dict[str, Tensor]) -> None:
        """Keeps rows of other hosts."""
        self.hot, self.kept = hot, rows
        total = int(self.offsets[-1])
        if total <= _DENSE:
            self.place = torch.full((total,), -1, dtype=torch.int32)
            self.place[hot] = torch.arange(hot.numel(), dtype=torch.int32)

    def lookup(self, ids: Tensor) -> Tensor:
        """Places of ids among the rows kept; -1 for others."""
        if self.place is not None:
            return gather_rows(self.place, ids).to(torch.int64)
        if not self.hot.numel():
            return torch.full_like(ids, -1)
        at = torch.searchsorted(self.hot, ids).clamp(max=self.hot.numel() - 1)
        return torch.where(self.hot[at] == ids, at, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Where the rows of one request come from: positions in the request, and what is found there."""

    here: Tensor
    cached: Tensor
    places: Tensor
    asked: Tensor
    counts: list[int]


class Rows:
    """The features of a graph, by owner.

    Args:
        groups: by any key, the same ones in the same order on all ranks.
        reach: `(W,)` bools: whose rows lie on this host.
    """

    def __init__(self, groups: Mapping[Any, Group], reach: Tensor) -> None:
        self.groups, self.reach = dict(groups), reach
        self.everything_here = bool(reach.all())
        names = [(key, name) for key, group in self.groups.items() for name in group.values]
        self._order = sorted(
            names, key=lambda at: -self._value(at).element_size()
        )  # so that views are aligned

    def _value(self, at: tuple[Any, str]) -> Tensor:
        return self.groups[at[0]].values[at[1]]

    def fetch(
        self,
        wanted: Mapping[Any, tuple[Tensor, Sequence[str]]],
        exchange: Exchange | None,
        empty: Empty = fresh,
        cached: bool = True,
    ) -> dict[Any, dict[str, Tensor]]:
        """Rows of several groups at once.

        Args:
            wanted: by group, `(n,)` ids and the names of attributes; groups and names are the same on all ranks.
            exchange: to the other ranks; None where everything is on this host. Every rank calls it then.
            empty: gives memory for the rows.
            cached: look for hot rows in the cache.
        """
        if self.everything_here or exchange is None:
            out = {}
            for key, (ids, names) in wanted.items():
                group = self.groups[key]
                rows = ids - group.shift[0] if _one(group.shift) else ids - group.shift[_owner(ids, group)]
                out[key] = {name: gather_rows(group.values[name], rows, empty) for name in names}
                if exchange is not None:
                    exchange.metrics.add(rows_here=ids.numel())
            return out
        plans = {key: self._plan(self.groups[key], ids, cached, exchange) for key, (ids, _) in wanted.items()}
        parts = []
        splits = {key: plan.asked.split(plan.counts) for key, plan in plans.items()}
        for rank in range(exchange.world.size):
            sizes = torch.tensor([plan.counts[rank] for plan in plans.values()], dtype=torch.int64)
            parts.append(torch.cat([sizes, *(wanted[key][0][splits[key][rank]] for key in plans)]))
        asked = exchange.swap(parts, "ids")
        order = [at for at in self._order if at[0] in wanted and at[1] in wanted[at[0]][1]]
        answers = exchange.swap(self._serve(asked, list(plans), order, exchange, empty), "rows", empty=empty)
        return self._assemble(wanted, plans, order, answers, empty)

    def keep_hot(self, uses: Mapping[Any, Tensor], count: int, exchange: Exchange) -> None:
        """Fetches the rows of other hosts that are used most, once and for all; every rank calls it.

        Args:
            uses: by group, `(N,)` how often each row will be wanted.
            count: how many rows to keep of each group.
            exchange: to the other ranks.
        """
        wanted = {}
        for key, total in uses.items():
            group = self.groups[key]
            for rank, here in enumerate(self.reach.tolist()):
                if here:
                    total[int(group.offsets[rank]) : int(group.offsets[rank + 1])] = 0
            top = total.topk(min(count, total.numel()))
            wanted[key] = (top.indices[top.values > 0].sort().values, list(group.values))
        for key, found in self.fetch(wanted, exchange, cached=False).items():
            self.groups[key].keep(wanted[key][0], found)

    def _plan(self, group: Group, ids: Tensor, cached: bool, exchange: Exchange) -> _Plan:
        owner = _owner(ids, group)
        here = self.reach[owner]
        away = (~here).nonzero().view(-1)
        places = group.lookup(ids[away]) if cached and group.kept else torch.full_like(away, -1)
        found = places >= 0
        asked = away[~found]
        order, counts = by_owner(ids[asked], group.offsets)
        plan = _Plan(here.nonzero().view(-1), away[found], places[found], asked[order], counts)
        exchange.metrics.add(
            rows_here=plan.here.numel(), rows_cached=plan.cached.numel(), rows_asked=plan.asked.numel()
        )
        return plan

    def _serve(
        self, asked: list[Tensor], keys: list[Any], order: list[tuple[Any, str]], exchange: Exchange, empty: Empty
    ) -> list[Tensor]:  # fmt: skip
        """What each rank asks for: all rows of the first attribute, of the second, ..."""
        ids: list[dict[Any, Tensor]] = []
        for each in asked:
            counts = each[: len(keys)].tolist()
            ids.append(dict(zip(keys, each[len(keys) :].split(counts))))
        sizes = [sum(_bytes(self._value(at)) * each[at[0]].numel() for at in order) for each in ids]
        block = empty((sum(sizes),), torch.uint8)
        out = list(block.split(sizes))
        me = exchange.world.rank
        for part, rows in zip(out, ids):
            start = 0
            for key, name in order:
                group, value = self.groups[key], self._value((key, name))
                found = rows[key] - group.shift[me]
                count = _bytes(value) * found.numel()
                _into(value, found, part[start : start + count])
                start += count
        return out

    def _assemble(
        self, wanted: Mapping[Any, tuple[Tensor, Sequence[str]]], plans: Mapping[Any, _Plan],
        order: list[tuple[Any, str]], answers: list[Tensor], empty: Empty,
    ) -> dict[Any, dict[str, Tensor]]:  # fmt: skip
        at = [0] * len(answers)
        out: dict[Any, dict[str, Tensor]] = {key: {} for key in wanted}
        for key, name in order:
            group, plan, value = self.groups[key], plans[key], self._value((key, name))
            ids = wanted[key][0]
            rows = empty((ids.numel(), *value.shape[1:]), value.dtype)
            if plan.here.numel():
                found = ids[plan.here]
                shift = group.shift[0] if _one(group.shift) else group.shift[_owner(found, group)]
                rows.index_copy_(0, plan.here, gather_rows(value, found - shift, empty))
            if plan.cached.numel():
                rows.index_copy_(0, plan.cached, gather_rows(group.kept[name], plan.places, empty))
            for rank, positions in enumerate(plan.asked.split(plan.counts)):
                count = _bytes(value) * positions.numel()
                part = answers[rank][at[rank] : at[rank] + count]
                at[rank] += count
                if count:
                    rows.index_copy_(
                        0, positions, _as(part, value.dtype, (positions.numel(), *value.shape[1:]))
                    )
            out[key][name] = rows
        return out


def hold(
    world: World, offsets: Mapping[Any, Tensor], named: Mapping[Any, Sequence[str]], where: str,
    load: Callable[[int], Sequence[Part]],
) -> Rows:  # fmt: skip
    """The features that this rank can read by itself; every rank calls it.

    Args:
        world: the ranks.
        offsets: by level and type, where the ids of each rank begin.
        named: likewise, which attributes.
        where: `"host"`: those of all ranks on this host, in one mapping; `"owner"`: this rank's.
        load: opens the parts of a rank.
    """
    mine = world.hosts[world.rank]
    near = [host == mine if where == "host" else rank == world.rank for rank, host in enumerate(world.hosts)]
    ranks = [rank for rank, here in enumerate(near) if here]

    def build() -> dict[Any, Tensor]:
        parts = [part for rank in ranks for part in load(rank)]
        return {
            (at, name): joined(parts, at[0], at[1], name) for at, names in named.items() for name in names
        }

    held = share(world, build) if where == "host" else build()
    groups = {}
    for at, begins in offsets.items():
        shift, filled = torch.zeros(world.size, dtype=torch.int64), 0
        for rank in ranks:
            shift[rank] = int(begins[rank]) - filled
            filled += int(begins[rank + 1] - begins[rank])
        shift[~torch.tensor(near)] = shift[ranks[0]]  # never used: so that often all are the same
        groups[at] = Group(begins, {name: held[at, name] for name in named[at]}, shift)
    return Rows(groups, torch.tensor(near))


def _owner(ids: Tensor, group: Group) -> Tensor:
    return torch.searchsorted(group.offsets[1:], ids, right=True)


def _one(shift: Tensor) -> bool:
    return bool((shift == shift[0]).all())


def _bytes(value: Tensor) -> int:
    return math.prod(value.shape[1:]) * value.element_size()


def _as(block: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """Bytes as numbers; copied where they do not begin at a multiple of a number's size."""
    if block.storage_offset() % dtype.itemsize:
        block = block.clone()
    return block.view(dtype).view(shape)


def _into(value: Tensor, rows: Tensor, block: Tensor) -> None:
    """Gathers rows into the bytes of a block."""
    flat = value.reshape(value.shape[0], -1).view(torch.uint8) if value.numel() else value
    if block.numel():
        found = gather_rows(flat, rows, lambda shape, dtype: block.view(shape))
        if found.data_ptr() != block.data_ptr():  # the reference has memory of its own
            block.copy_(found.reshape(-1))
