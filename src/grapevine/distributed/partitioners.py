"""Which part a node goes to: at random, by streaming over the graph, or by METIS."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from grapevine.distributed.streams import stretches
from grapevine.errors import require
from grapevine.ops import sort_rows

_MOST_ROWS = 4096  # nodes that are placed at once: they do not see where the others of the same block go
_LEAST_ROWS = 64
_MOST_CELLS = 1 << 22  # scores held at once

Tell = Callable[[int], None]


class Adjacency(Protocol):
    """The neighbours of all nodes in both directions, read a stretch of nodes at a time."""

    ptr: np.ndarray
    """`(N + 1,)` where each node's neighbours begin."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """The neighbours of nodes `start` to `stop - 1`, one after the other."""
        ...


def hashed(kinds: np.ndarray, parts: int, seed: int = 0) -> np.ndarray:
    """Deals out the nodes of every kind in a random order: parts are equal in every kind, and most edges are cut.

    Args:
        kinds: `(N,)` a number per node; see `ldg`.
        parts: how many parts.
        seed: of the order.

    Returns:
        `(N,)` part of each node, int32.

    Example:
        >>> np.bincount(hashed(np.array([0, 0, 0, 0, 1, 1]), 2)).tolist()
        [3, 3]
    """
    order = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(seed))
    _, perm = sort_rows(torch.from_numpy(kinds.astype(np.int64))[order], int(kinds.max(initial=0)) + 1)
    out = np.empty(len(kinds), dtype=np.int32)
    # Sorted by kind, dealt out in turn: no kind has two nodes more in one part than in another.
    out[(order if perm is None else order[perm.to(torch.int64)]).numpy()] = np.arange(len(kinds)) % parts
    return out


def ldg(
    adjacency: Adjacency,
    kinds: np.ndarray,
    parts: int,
    passes: int = 5,
    slack: float = 1.05,
    tell: Tell | None = None,
) -> np.ndarray:
    r"""Places node after node where most of its neighbours are, less the fuller a part is; then goes over it again.

    $$\arg\max_p\; |N(v) \cap P_p| \cdot \left(1 - |P_p| / C\right), \quad C = \text{slack} \cdot N / \text{parts}$$

    Sizes are counted, and limited by $C$, per kind of node: so training nodes, and nodes of each type, are spread
    evenly.

    Args:
        adjacency: the graph; of its edges, those of one block of nodes are in memory at a time.
        kinds: `(N,)` a number per node, from 0 on; every part gets its share of every kind.
        parts: how many parts.
        passes: how often to go over the nodes; later passes know where all neighbours went.
        slack: how much larger than the mean a part may be, in every kind.
        tell: called with the number of nodes done, after every block.

    Returns:
        `(N,)` part of each node, int32.

    Departure: blocks of up to 4,096 nodes are placed at once, so that a pass is a few operations on arrays.

    Source: "Streaming Graph Partitioning for Large Distributed Graphs" (Stanton, Kliot, KDD 2012); "Restreaming Graph
    Partitioning" (Nishimura, Ugander, KDD 2013).
    """
    num_nodes = len(kinds)
    caps = _caps(kinds, parts, slack)
    part = np.full(num_nodes, -1, dtype=np.int32)
    sizes = np.zeros((len(caps), parts), dtype=np.int64)
    rows = min(max(num_nodes // 50, _LEAST_ROWS), _MOST_ROWS, max(1, _MOST_CELLS // parts))
    for _ in range(passes):
        for start in range(0, num_nodes, rows):
            stop = min(start + rows, num_nodes)
            kind, before = kinds[start:stop], part[start:stop]
            degrees = np.diff(adjacency.ptr[start : stop + 1])
            there = part[adjacency.read(start, stop)]
            cell = np.repeat(np.arange(stop - start) * parts, degrees) + there
            score = np.bincount(cell[there >= 0], minlength=(stop - start) * parts).reshape(-1, parts)
            np.subtract.at(sizes, (kind[before >= 0], before[before >= 0]), 1)
            weighted = score * np.maximum(1 - sizes / caps[:, None], 0)[kind]
            choice = weighted.argmax(1)
            best = weighted[np.arange(stop - start), choice]
            part[start:stop] = _fit(np.where(best > 0, choice, -1), best, kind, sizes, caps)
            if tell is not None:
                tell(stop - start)
    return part


def metis(
    adjacency: Adjacency, kinds: np.ndarray, parts: int, folder: Path, slack: float = 1.05
) -> np.ndarray | None:
    """Lets METIS cut the graph, in a process of its own: on some graphs it ends the process that calls it.

    Directions, loops and duplicates of edges are removed first. Where a part got more than its share of a kind of
    nodes, what is too much goes to the emptiest parts.

    Args:
        adjacency: the graph, which must fit into memory.
        kinds: as for `ldg`.
        parts: how many parts.
        folder: for files that go from process to process.
        slack: as for `ldg`.

    Returns:
        `(N,)` part of each node, int32, or None, with a warning that says why, where METIS could not.

    Raises:
        MissingDependencyError: without pymetis.

    Source: "A Fast and High Quality Multilevel Scheme for Partitioning Irregular Graphs" (Karypis, Kumar, 1998).
    """
    require("pymetis")
    try:
        part = _cut(adjacency, len(kinds), parts, folder)
    except _GaveUp as error:
        warnings.warn(
            f"METIS could not cut this graph: {error}; LDG takes its place (method='ldg' asks for it at once)",
            RuntimeWarning,
            stacklevel=4,
        )
        return None
    caps = _caps(kinds, parts, slack)
    sizes = np.zeros((len(caps), parts), dtype=np.int64)
    return _fit(part, np.ones(len(kinds)), kinds, sizes, caps).astype(np.int32)


class _GaveUp(Exception):
    """METIS could not do it, and why."""


def _cut(adjacency: Adjacency, num_nodes: int, parts: int, folder: Path) -> np.ndarray:
    """What METIS gives."""
    if max(int(adjacency.ptr[-1]), num_nodes) >= 2**31 - 1:
        raise _GaveUp(f"its numbers end at 2^31, and there are {int(adjacency.ptr[-1]):,} neighbours")
    ptr, index = _simple(adjacency)
    np.save(folder / "ptr.npy", ptr.astype(np.int32))
    np.save(folder / "index.npy", index.astype(np.int32))
    program = Path(__file__).with_name("metis_program.py")
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(parts)], capture_output=True, text=True
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _GaveUp(f"its process ended with code {done.returncode}: {last}")
    part: np.ndarray = np.load(folder / "part.npy")
    if part.shape != (num_nodes,) or part.min(initial=0) < 0 or part.max(initial=0) >= parts:
        raise _GaveUp("it returned no part for some nodes")
    return part


def _simple(adjacency: Adjacency) -> tuple[np.ndarray, np.ndarray]:
    """The graph without loops and duplicates, as compressed rows."""
    num_nodes = len(adjacency.ptr) - 1
    counts, kept = np.zeros(num_nodes + 1, dtype=np.int64), []
    for start, stop in stretches(adjacency.ptr, 1 << 22):
        row = np.repeat(np.arange(start, stop), np.diff(adjacency.ptr[start : stop + 1]))
        both = np.unique(row * np.int64(num_nodes) + adjacency.read(start, stop))
        row, other = both // num_nodes, both % num_nodes
        row, other = row[row != other], other[row != other]
        counts[start + 1 : stop + 1] = np.bincount(row - start, minlength=stop - start)
        kept.append(other)
    return np.cumsum(counts), np.concatenate(kept) if kept else np.empty(0, np.int64)


def _caps(kinds: np.ndarray, parts: int, slack: float) -> np.ndarray:
    """How many nodes of each kind a part may have."""
    return np.ceil(np.maximum(np.bincount(kinds), 1) * slack / parts).astype(np.int64)


def _fit(choice: Any, score: Any, kind: Any, sizes: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """Choices that keep the limits: what is too much, lowest scores first, goes to the emptiest parts; counts sizes.

    Args:
        choice: `(B,)` part that each node would like; -1: any.
        score: `(B,)` how much it would like that.
        kind: `(B,)` its kind.
        sizes: `(kinds, parts)` nodes that are placed; those of this call are added.
        caps: `(kinds,)` limits.
    """
    parts = sizes.shape[1]
    choice = choice.copy()
    cell = np.where(choice >= 0, kind * parts + choice, sizes.size)
    wanted = np.bincount(cell, minlength=sizes.size + 1)[:-1].reshape(sizes.shape)
    if (sizes + wanted > caps[:, None]).any():
        order = np.lexsort((-score, cell))
        begin = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=sizes.size + 1))])
        place = np.arange(len(order)) - begin[cell[order]]  # within what asks for the same
        room = np.append((caps[:, None] - sizes).ravel(), 0)
        choice[order[place >= room[cell[order]]]] = -1
    placed = choice >= 0
    sizes += np.bincount(kind[placed] * parts + choice[placed], minlength=sizes.size).reshape(sizes.shape)
    for number in np.unique(kind[~placed]):
        left = np.flatnonzero(~placed & (kind == number))
        added = _levelled(sizes[number], len(left))
        choice[left] = np.repeat(np.arange(parts), added)
        sizes[number] += added
    return choice


def _levelled(sizes: np.ndarray, count: int) -> np.ndarray:
    """How `count` more are shared out so that sizes become as even as they can, the smallest first."""
    order = np.argsort(sizes, kind="stable")
    rising = sizes[order]
    # The level to which the first j fill up; the last j for which it lies above them all.
    level = (np.cumsum(rising) + count) // np.arange(1, len(sizes) + 1)
    last = int(np.flatnonzero(level >= rising)[-1])
    added = np.zeros_like(sizes)
    added[order[: last + 1]] = level[last] - rising[: last + 1]
    added[order[: count - int(added.sum())]] += 1
    return added
