"""`Exchange`: rows to every rank and from every rank, announced and checked before they travel.

A collective that goes wrong does not say so: wrong sizes end the process, another dtype gives silent garbage, a
missing rank hangs. So every exchange starts with a header of fixed size to each rank; what it announces is checked on
arrival, then the rows follow in pieces. Headers also say that a rank gave up: nobody waits for the timeout then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

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
FIELDS = 10  # magic, step, hop, op (two numbers), dtype, bytes of a row, rows, bytes of the sender's largest part, flag
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
            empty: gives memory to receive into.
            flag: a number that each rank tells all others; found in `flags` afterwards.

        Returns:
            A tensor from each rank; one's own part comes back as it is.

        Raises:
            ExchangeError: if the ranks do not agree, one gave up, is dead or does not answer.
        """
        self.step = self.step if step is None else step
        world, first = self.world, parts[0]
        if world.size == 1:
            self.flags = [flag]
            return [first]
        row_bytes = math.prod(first.shape[1:]) * first.element_size()
        sizes = [part.shape[0] * row_bytes for part in parts]
        sizes[world.rank] = 0  # stays here
        head = [MAGIC, self.step, hop, *_packed(op), DTYPES.index(first.dtype), row_bytes]
        counts = [0 if rank == world.rank else part.shape[0] for rank, part in enumerate(parts)]
        headers = self._headers([[*head, count, max(sizes), flag] for count in counts], op, hop)
        rows = self._checked(headers, head, op, hop)
        self.flags = [header[9] for header in headers]
        rows[world.rank], largest = 0, max(header[8] for header in headers)
        incoming = empty((sum(rows), *first.shape[1:]), first.dtype)
        if largest:
            self._carry(parts, sizes, incoming, [n * row_bytes for n in rows], largest, hop, op)
        out = list(incoming.split(rows))
        out[world.rank] = parts[world.rank]
        self.metrics.add(
            exchanges=1,
            sent_bytes=sum(sizes) + 8 * FIELDS * (world.size - 1),
            received_bytes=sum(rows) * row_bytes + 8 * FIELDS * (world.size - 1),
        )
        return out

    def quit(self, cause: str) -> None:
        """Tells all ranks, in what they wait for next, that this one gives up; they raise what `cause` says.

        Args:
            cause: for their messages.
        """
        if self.gone or self.world.size == 1:
            return
        self.world.report(f"step {self.step}: {cause}")
        head = [MAGIC, self.step, 0, *_packed(QUIT), 0, 1, 0, 0, 0]
        try:
            self._headers([head] * self.world.size, QUIT, 0)
        except ExchangeError:  # nobody is left to be told
            self.gone = True
        self.gone = True

    def _headers(self, headers: list[list[int]], op: str, hop: int) -> list[list[int]]:
        out = torch.empty(self.world.size, FIELDS, dtype=torch.int64)
        self._all_to_all(out, torch.tensor(headers), None, None, f"the sizes of {op}", hop)
        return [list(map(int, header)) for header in out.tolist()]

    def _all_to_all(
        self, out: Tensor, source: Tensor, into: list[int] | None, sizes: list[int] | None, op: str, hop: int
    ) -> None:
        if self.gone:
            raise ExchangeError(
                f"rank {self.world.rank}: the exchange {self.name!r} has ended; make a new loader"
            )
        start = time.monotonic()
        try:
            with self.world.explained(f"step {self.step}, hop {hop} of {self.name!r}, exchanging {op}"):
                dist.all_to_all_single(out, source, into, sizes, group=self.group)
        except ExchangeError:
            self.gone = True
            raise
        finally:
            self.metrics.add(wait_seconds=time.monotonic() - start)

    def _checked(self, headers: list[list[int]], mine: list[int], op: str, hop: int) -> list[int]:
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
            if header[7] < 0 or header[7] * header[6] > self.most or header[7] * header[6] > header[8] >= 0:
                self._refuse(
                    f"{here}: expected 0 to {self.most} bytes from rank {rank}, got {header[7]} rows of {header[6]} "
                    f"bytes, {header[8]} at most; if that is meant, lower the batch size or the numbers of neighbours"
                )
        return [header[7] for header in headers]

    def _refuse(self, text: str) -> None:
        self.gone = True
        self.world.report(text)
        raise ExchangeError(text)

    def _carry(
        self, parts: Sequence[Tensor], sizes: list[int], incoming: Tensor, expected: list[int], largest: int, hop: int,
        op: str,
    ) -> None:  # fmt: skip
        """Moves the rows, in pieces that all ranks count alike."""
        target = incoming.view(-1).view(torch.uint8)
        if largest <= self.piece:
            source = _joined([part for part, size in zip(parts, sizes) if size], target)
            self._all_to_all(target, source, expected, sizes, op, hop)
            return
        flat = [part.contiguous().view(-1).view(torch.uint8)[:size] for part, size in zip(parts, sizes)]
        into = list(target.split(expected))
        for at in range(0, largest, self.piece):
            send = [part[at : at + self.piece] for part in flat]
            take = [part[at : at + self.piece] for part in into]
            counts = [part.numel() for part in send], [part.numel() for part in take]
            source, got = torch.cat(send), torch.empty(sum(counts[1]), dtype=torch.uint8)
            self._all_to_all(got, source, counts[1], counts[0], op, hop)
            for part, piece in zip(take, got.split(counts[1])):
                part.copy_(piece)


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
    return torch.cat([part.contiguous().view(-1).view(torch.uint8) for part in parts])


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
