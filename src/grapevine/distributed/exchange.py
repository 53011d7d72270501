"""`Exchange`: rows to every rank and from every rank, announced and checked before they travel.

A collective that goes wrong does not say so: wrong sizes end the process, another dtype gives silent garbage, a
missing rank hangs. So every exchange starts with a message to each rank whose size both know beforehand: a header, and
room for as many rows as went this way when the same exchange was last followed by another. What the header announces is
checked on arrival; rows that did not fit follow in pieces. So batches of like sizes take one collective per exchange.
Headers also say that a rank gave up: nobody waits for the timeout then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from grapevine.distributed.metrics import Metrics
from grapevine.distributed.world import ExchangeError, World

MAGIC = 0x67726170_65310001
DTYPES = (
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32,
    torch.float64, torch.bool, torch.complex64, torch.complex128,
)  # fmt: skip
FIELDS = 10  # magic, step, hop, op (two numbers), dtype, bytes of a row, rows, most bytes yet to come from here, flag
HEADER = 8 * FIELDS
INLINE = 1 << 22  # rows of more bytes never travel with the header: they would only be copied
QUIT = "quit"
Empty = Callable[[tuple[int, ...], torch.dtype], Tensor]


def fresh(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Memory that was not used before."""
    return torch.empty(shape, dtype=dtype)


class Exchange:
    """Exchanges of one thread, in a process group of their own. All ranks make the same ones in the same order.

    Args:
        world: the ranks.
        name: for messages.
        timeout: seconds after which an exchange gives up; None: the world's.
        metrics: where bytes and waiting are counted.
        piece: the most bytes to one rank at once.
        most: the most bytes from one rank to be believed.

    Example:
        >>> from grapevine.distributed import init
        >>> exchange = Exchange(init(), "example")
        >>> exchange.swap([torch.arange(3)], "numbers")
        [tensor([0, 1, 2])]
    """

    def __init__(
        self,
        world: World,
        name: str = "exchange",
        timeout: float | None = None,
        metrics: Metrics | None = None,
        piece: int = 1 << 28,
        most: int = 1 << 36,
    ) -> None:
        self.world, self.name, self.piece, self.most = world, name, piece, most
        self.metrics = Metrics() if metrics is None else metrics
        self.group = world.group(timeout)
        self.step = 0
        self.flags = [0] * world.size  # what the ranks announced last
        self.gone = False
        self._last: tuple[str, int] = ("", 0)  # the exchange that all ranks ended last
        self._room: dict[tuple[str, int], _Room] = {}  # in the first message of what follows it
        self._started: Started | None = None

    def swap(
        self,
        parts: Sequence[Tensor],
        op: str,
        step: int | None = None,
        hop: int = 0,
        empty: Empty = fresh,
        flag: int = 0,
    ) -> list[Tensor]:
        """Gives part r to rank r, and returns what each rank gave to this one.

        Args:
            parts: a tensor of any length for each rank, of one dtype and trailing shape, in main memory.
            op: what they are, at most 16 letters; the ranks must agree.
            step: the number of the batch, as `self.step` from then on; the ranks must agree.
            hop: likewise.
            empty: gives memory to receive many rows into.
            flag: a number that each rank tells all others; found in `flags` afterwards.

        Returns:
            A tensor from each rank; one's own part comes back as it is.

        Raises:
            ExchangeError: if the ranks do not agree, one gave up, is dead or does not answer.
        """
        return self.start(parts, op, step, hop, empty, flag).wait()

    def start(
        self,
        parts: Sequence[Tensor],
        op: str,
        step: int | None = None,
        hop: int = 0,
        empty: Empty = fresh,
        flag: int = 0,
    ) -> Started:
        """`swap` in two halves: `start(...).wait()`, with other work between them, but no other exchange.

        Args:
            parts, op, step, hop, empty, flag: as for `swap`.
        """
        self.step = self.step if step is None else step
        world, first = self.world, parts[0]
        row_bytes = math.prod(first.shape[1:]) * first.element_size()
        sizes = [part.shape[0] * row_bytes for part in parts]
        sizes[world.rank] = 0  # stays here
        room = self._room.get(self._last) or _Room([0] * world.size, [0] * world.size)
        head = [MAGIC, self.step, hop, *_packed(op), DTYPES.index(first.dtype), row_bytes]
        counts = [0 if rank == world.rank else part.shape[0] for rank, part in enumerate(parts)]
        left = max(max(0, size - fits) for size, fits in zip(sizes, room.to))
        headers = [[*head, count, left, flag] for count in counts]
        out = Started(self, parts, op, hop, empty, headers, sizes, room)
        if world.size > 1:
            out.send()
            self._started = out
        return out

    def quit(self, cause: str | None = None) -> None:
        """Tells all ranks, in what they wait for next, that this one gives up; they raise what `cause` says.

        Args:
            cause: for their messages; None: they know already.
        """
        if self.gone or self.world.size == 1:
            return
        if cause is not None:
            self.world.report(f"step {self.step}: {cause}")
        head = [MAGIC, self.step, 0, *_packed(QUIT), 0, 1, 0, 0, 0]
        nothing = [torch.empty(0, dtype=torch.uint8)] * self.world.size
        try:
            if self._started is not None:
                self._started.wait()
            room = self._room.get(self._last) or _Room([0] * self.world.size, [0] * self.world.size)
            last = Started(
                self, nothing, QUIT, 0, fresh, [head] * self.world.size, [0] * self.world.size, room
            )
            last.send()
            last.received()
        except ExchangeError:  # nobody is left to be told
            self.gone = True
        self.gone = True

    def _all_to_all(
        self, out: Tensor, source: Tensor, into: list[int], sizes: list[int], op: str, hop: int
    ) -> Any:
        """Starts a collective; `_finished` waits for it."""
        if self.gone:
            raise ExchangeError(
                f"rank {self.world.rank}: the exchange {self.name!r} has ended; make a new loader"
            )
        with self._explained(op, hop):
            return dist.all_to_all_single(out, source, into, sizes, group=self.group, async_op=True)

    def _finished(self, work: Any, op: str, hop: int) -> None:
        start = time.monotonic()
        with self._explained(op, hop):
            work.wait()
        self.metrics.add(wait_seconds=time.monotonic() - start)

    @contextmanager
    def _explained(self, op: str, hop: int) -> Iterator[None]:
        try:
            with self.world.explained(f"step {self.step}, hop {hop} of {self.name!r}, exchanging {op}"):
                yield
        except ExchangeError:
            self.gone = True
            raise

    def _checked(
        self, headers: list[list[int]], mine: list[int], op: str, hop: int, room: _Room
    ) -> list[int]:
        """The numbers of rows that the ranks announced."""
        here = f"rank {self.world.rank}, step {self.step}, hop {hop} of {self.name!r}"
        for rank, header in enumerate(headers):
            if header[0] != MAGIC:
                self._refuse(
                    f"{here}: expected a header from rank {rank}, got other bytes; do all ranks run one version?"
                )
            name = _unpacked(header[3], header[4])
            if name == QUIT:
                self.gone = True
                word = self.world.word_of(rank) or "it left no word why"
                raise ExchangeError(f"{here}: rank {rank} gave up: {word}; look at the log of rank {rank}")
            if header[1:7] != mine[1:7]:
                theirs = _described(name, header)
                self._refuse(
                    f"{here}: expected {_described(op, mine)} from rank {rank}, got {theirs}; ranks "
                    f"{self.world.rank} and {rank} must run the same program with the same options"
                )
            size = header[7] * header[6]
            if header[7] < 0 or size > self.most or not max(0, size - room.of[rank]) <= header[8]:
                self._refuse(
                    f"{here}: expected 0 to {self.most} bytes from rank {rank}, got {header[7]} rows of {header[6]} "
                    f"bytes, at most {header[8]} of them to follow; if that is meant, lower the batch size or the "
                    "numbers of neighbours"
                )
        return [header[7] for header in headers]

    def _refuse(self, text: str) -> None:
        self.gone = True
        self.world.report(text)
        raise ExchangeError(text)

    def _carry(
        self, parts: Sequence[Tensor], target: Tensor, expected: list[int], largest: int, hop: int, op: str
    ) -> None:
        """Moves bytes, in pieces that all ranks count alike: `parts` to the ranks, `expected` of each into `target`."""
        sizes = [part.numel() * part.element_size() for part in parts]
        if largest <= self.piece:
            source = _joined([part for part, size in zip(parts, sizes) if size], target)
            self._finished(self._all_to_all(target, source, expected, sizes, op, hop), op, hop)
            return
        flat = [_bytes(part) for part in parts]
        into = list(target.split(expected))
        for at in range(0, largest, self.piece):
            send = [part[at : at + self.piece] for part in flat]
            take = [part[at : at + self.piece] for part in into]
            counts = [part.numel() for part in send], [part.numel() for part in take]
            source, got = torch.cat(send), torch.empty(sum(counts[1]), dtype=torch.uint8)
            self._finished(self._all_to_all(got, source, counts[1], counts[0], op, hop), op, hop)
            for part, piece in zip(take, got.split(counts[1])):
                part.copy_(piece)


@dataclass(frozen=True, slots=True)
class _Room:
    """How many bytes of rows fit into the first message, to each rank and of each: both ends know it."""

    to: list[int]
    of: list[int]


class Started:
    """An exchange under way; made by `Exchange.start`."""

    def __init__(
        self, exchange: Exchange, parts: Sequence[Tensor], op: str, hop: int, empty: Empty, headers: list[list[int]],
        sizes: list[int], room: _Room,
    ) -> None:  # fmt: skip
        self.exchange, self.parts, self.op, self.hop, self.empty = exchange, parts, op, hop, empty
        self.headers, self.sizes, self.room = headers, sizes, room
        world = exchange.world
        self.others = [rank for rank in range(world.size) if rank != world.rank]

    def send(self) -> None:
        """Sends the first message to each rank."""
        splits = [[0 if rank == self.exchange.world.rank else HEADER + fits for rank, fits in enumerate(fit)]
                  for fit in (self.room.to, self.room.of)]  # fmt: skip
        self._source = torch.empty(sum(splits[0]), dtype=torch.uint8)
        self._got = torch.empty(sum(splits[1]), dtype=torch.uint8)
        places = self._source.split(splits[0])
        for rank, header in zip(self.others, torch.tensor(self.headers)[self.others].view(torch.uint8)):
            places[rank][:HEADER] = header
            fits = min(self.sizes[rank], self.room.to[rank])
            if fits:
                places[rank][HEADER : HEADER + fits] = _bytes(self.parts[rank])[:fits]
        self._into = self._got.split(splits[1])
        self._work = self.exchange._all_to_all(
            self._got, self._source, splits[1], splits[0], f"the sizes of {self.op}", self.hop
        )

    def received(self) -> list[list[int]]:
        """The headers of all ranks."""
        self.exchange._finished(self._work, f"the sizes of {self.op}", self.hop)
        found = [self.headers[self.exchange.world.rank]] * len(self.headers)
        for rank in self.others:
            found[rank] = self._into[rank][:HEADER].view(torch.int64).tolist()
        return found

    def wait(self) -> list[Tensor]:
        """What each rank gave to this one.

        Raises:
            ExchangeError: if the ranks do not agree, one gave up, is dead or does not answer.
        """
        exchange, world, first = self.exchange, self.exchange.world, self.parts[0]
        exchange._started = None
        if world.size == 1:
            exchange.flags = [self.headers[0][9]]
            return [first]
        headers = self.received()
        rows = exchange._checked(headers, self.headers[0], self.op, self.hop, self.room)
        exchange.flags = [header[9] for header in headers]
        shape, dtype, row_bytes = first.shape[1:], first.dtype, self.headers[0][6]
        rows[world.rank] = 0
        expected = [count * row_bytes for count in rows]
        largest = max(header[8] for header in headers)
        if largest:
            out = self._rest(rows, expected, largest)
        else:
            out = [_as(self._into[rank][HEADER : HEADER + size], dtype, (count, *shape))
                   for rank, (count, size) in enumerate(zip(rows, expected))]  # fmt: skip
        exchange._room[exchange._last] = _Room(
            [_room(size) for size in self.sizes], [_room(size) for size in expected]
        )
        exchange._last = (self.op, self.hop)
        out[world.rank] = self.parts[world.rank]
        headers_bytes = HEADER * len(self.others)
        exchange.metrics.add(
            exchanges=1,
            sent_bytes=sum(self.sizes) + headers_bytes,
            received_bytes=sum(expected) + headers_bytes,
        )
        return out

    def _rest(self, rows: list[int], expected: list[int], largest: int) -> list[Tensor]:
        """Receives what did not fit into the first message, and puts both together."""
        first = self.parts[0]
        incoming = self.empty((sum(rows), *first.shape[1:]), first.dtype)
        target = _bytes(incoming)
        left = [max(0, size - fits) for size, fits in zip(expected, self.room.of)]
        send = [
            _bytes(part)[min(size, fits) : size]
            for part, size, fits in zip(self.parts, self.sizes, self.room.to)
        ]
        if left == expected:
            self.exchange._carry(send, target, left, largest, self.hop, self.op)
        else:
            rest = torch.empty(sum(left), dtype=torch.uint8)
            self.exchange._carry(send, rest, left, largest, self.hop, self.op)
            for place, message, tail in zip(target.split(expected), self._into, rest.split(left)):
                here = place.numel() - tail.numel()
                place[:here] = message[HEADER : HEADER + here]
                place[here:] = tail
        return list(incoming.split(rows))


def _room(size: int) -> int:
    """How many bytes to reserve where `size` were sent before: a little more, in whole cache lines."""
    return 0 if size > INLINE or not size else -(-(size + size // 16 + 256) // 64) * 64


def _bytes(part: Tensor) -> Tensor:
    return part.contiguous().view(-1).view(torch.uint8)


def _as(block: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    return block.view(dtype).view(shape)


def _joined(parts: list[Tensor], like: Tensor) -> Tensor:
    """The bytes of tensors one after the other; without a copy where they lie so already."""
    if not parts:
        return like[:0]
    end, whole = parts[0].data_ptr(), True
    for part in parts:
        whole = whole and part.is_contiguous() and part.data_ptr() == end
        end += part.numel() * part.element_size()
    storage = parts[0].untyped_storage()
    if whole and end <= storage.data_ptr() + storage.nbytes():
        start = parts[0].data_ptr() - storage.data_ptr()
        everything = torch.empty(0, dtype=torch.uint8).set_(storage)
        return everything[start : start + end - parts[0].data_ptr()]
    return torch.cat([_bytes(part) for part in parts])


def _packed(op: str) -> tuple[int, int]:
    """A name of up to 16 letters as two numbers."""
    raw = op.encode("ascii")
    if len(raw) > 16:
        raise ExchangeError(f"expected a name of at most 16 letters for an exchange, got {op!r}")
    raw = raw.ljust(16, b"\0")
    return int.from_bytes(raw[:8], "little", signed=True), int.from_bytes(raw[8:], "little", signed=True)


def _unpacked(low: int, high: int) -> str:
    raw = low.to_bytes(8, "little", signed=True) + high.to_bytes(8, "little", signed=True)
    return raw.rstrip(b"\0").decode("ascii", "replace")


def _described(op: str, header: list[int]) -> str:
    return f"step {header[1]}, hop {header[2]}, {op!r} as {_dtype(header[5])} in rows of {header[6]} bytes"


def _dtype(code: int) -> str:
    return str(DTYPES[code]) if 0 <= code < len(DTYPES) else f"dtype {code}"
