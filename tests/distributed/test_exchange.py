"""Worlds and exchanges: what arrives, and what every failure of a rank becomes."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest
import torch
import torch.distributed as dist
from rich.console import Console

from grapevine.distributed import Exchange, ExchangeError, Metrics, current, init
from grapevine.distributed.exchange import Started
from grapevine.distributed.metrics import imbalance
from grapevine.errors import GrapevineError, GraphValueError
from tests.distributed.launch import launch, values


def parts_of(rank: int, size: int, dtype: torch.dtype, shape: tuple[int, ...]) -> list[torch.Tensor]:
    """What `rank` gives to each: as many rows as the two ranks say, some of them none."""
    return [torch.full(((3 * rank + to) % 4, *shape), 10 * rank + to).to(dtype) for to in range(size)]


def everything_arrives(world: Any) -> dict[str, Any]:
    metrics = Metrics()
    exchange = Exchange(world, "test", metrics=metrics)
    small = Exchange(world, "pieces", piece=16)
    step = 0
    for dtype, shape in (
        (torch.int64, ()),
        (torch.float32, (2, 3)),
        (torch.bool, (1,)),
        (torch.bfloat16, (0,)),
    ):
        for each in (exchange, small):
            got = each.swap(parts_of(world.rank, world.size, dtype, shape), "rows", step, 1, flag=world.rank)
            for rank, part in enumerate(got):
                wanted = parts_of(rank, world.size, dtype, shape)[world.rank]
                assert part.dtype is dtype and part.shape == wanted.shape and torch.equal(part, wanted)
            assert each.flags == list(range(world.size))
            step += 1
    whole = torch.arange(world.size * 4.0).view(-1, 2)  # slices that lie side by side
    got = exchange.swap(list(whole.split(2)), "slices", step)
    assert all(torch.equal(part, whole.split(2)[world.rank]) for part in got)
    nothing = exchange.swap([torch.empty(0, dtype=torch.int64)] * world.size, "nothing", step + 1)
    assert [part.numel() for part in nothing] == [0] * world.size
    # Another group in another thread does not disturb training's, nor the other way round.
    if world.size > 1:
        from threading import Thread

        def background() -> None:
            for k in range(60):
                exchange.swap([torch.ones(k % 5)] * world.size, "background", step + 2 + k)

        thread = Thread(target=background)
        thread.start()
        total = torch.zeros(4)
        for _ in range(30):
            dist.all_reduce(total.fill_(1.0))
        thread.join()
        assert total.tolist() == [world.size] * 4
    assert world.gather(world.rank) == list(range(world.size))
    world.agree("answer", 42)
    console = Console(width=160, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
    console.print(metrics.table(world))
    return {
        **metrics.dict(),
        "table": console.export_text(),
        "current": current() is world,
        "hosts": world.hosts,
    }


@pytest.mark.parametrize("size", [1, 2, 3])
def test_everything_arrives(size: int) -> None:
    found = values(size, everything_arrives)
    assert all(one["current"] and one["hosts"] == [0] * size for one in found)
    assert sum(one["sent_bytes"] for one in found) == sum(one["received_bytes"] for one in found)
    assert (found[0]["sent_bytes"] > 0) == (size > 1)
    assert f"rank {size - 1}" in found[0]["table"] and "imbalance" in found[0]["table"]


def disagree(world: Any) -> list[str]:
    texts = []
    try:
        world.agree("numbers of neighbours", [15, 10] if world.rank == 0 else [15, 5])
    except GraphValueError as error:
        texts.append(str(error))
    exchange = Exchange(world, "test")
    cases = [
        {"dtype": torch.int32 if world.rank == 1 else torch.float32},
        {"op": "ids" if world.rank == 1 else "rows"},
        {"step": world.rank},
        {"hop": world.rank},
        {"shape": (2,) if world.rank == 1 else (3,)},
    ]
    for case in cases:
        part = torch.zeros(2, *case.get("shape", ()), dtype=case.get("dtype", torch.float32))
        try:
            exchange.swap(
                [part] * world.size, case.get("op", "rows"), case.get("step", 7), case.get("hop", 1)
            )
        except ExchangeError as error:
            texts.append(str(error))
        exchange.gone = False  # the ranks are still in step: go on with the next case
    return texts


def test_ranks_that_differ_are_named() -> None:
    """Options, dtypes, ops, steps, hops and widths: never silent garbage, never a hang."""
    first, second = values(2, disagree)
    assert len(first) == len(second) == 6
    assert "ranks [0]: [15, 10]; ranks [1]: [15, 5]" in first[0] and first[0] == second[0]
    expected = (
        ("torch.float32", "torch.int32"), ("'rows'", "'ids'"), ("step 0", "step 1"), ("hop 0", "hop 1"),
        ("rows of 12 bytes", "rows of 8 bytes"),
    )  # fmt: skip
    for text, other, (ours, theirs) in zip(first[1:], second[1:], expected):
        assert text.index(ours) < text.index("from rank 1") < text.index(theirs)
        assert other.index(theirs) < other.index("from rank 0") < other.index(ours)


def bad_counts(world: Any) -> str:
    exchange = Exchange(world, "test", most=1000)
    exchange.swap([torch.zeros(2)] * world.size, "rows", 4)
    honest = Started.send

    def lying(started: Started) -> None:
        if world.rank == 1:
            started.headers[0][7] = -3
        honest(started)

    Started.send = lying
    exchange.swap([torch.zeros(2)] * world.size, "rows", 5)
    return "not reached"


def test_wrong_counts_end_in_an_error() -> None:
    """torch would abort the process; announced counts are checked before anything travels."""
    ended = launch(2, bad_counts, timeout=2.0, check=False)
    assert [end.code for end in ended] == [1, 1]
    assert "rank 0, step 5" in ended[0].error and "from rank 1, got -3 rows" in ended[0].error
    assert "rank 1 of 2: step 5" in ended[1].error and "rank 0 says" in ended[1].error


def killed(world: Any, signal_number: int) -> None:
    exchange = Exchange(world, "test")
    for step in range(100):
        if step == 3 and world.rank == world.size - 1:
            if signal_number == signal.SIGSTOP:
                wake = subprocess.Popen(
                    ["sh", "-c", f"sleep 6; kill -KILL {os.getpid()}"], start_new_session=True
                )
                assert wake.pid
            os.kill(os.getpid(), signal_number)
        exchange.swap([torch.zeros(1000)] * world.size, "rows", step, 2)


def test_a_killed_rank_is_named_at_once() -> None:
    ended = launch(3, killed, signal.SIGKILL, check=False, timeout=60.0)
    assert [end.code for end in ended] == [1, 1, -signal.SIGKILL]
    for rank in (0, 1):
        assert f"rank {rank} of 3: step 3, hop 2 of 'test'" in ended[rank].error
        assert "no sign of life from rank 2" in ended[rank].error and ended[rank].seconds < 50


def test_a_stuck_rank_is_named_after_the_timeout() -> None:
    ended = launch(3, killed, signal.SIGSTOP, check=False, timeout=2.0)
    assert [end.code for end in ended] == [1, 1, -signal.SIGKILL]
    for rank in (0, 1):
        assert "no sign of life from rank 2" in ended[rank].error and ended[rank].seconds < 50


def gives_up(world: Any) -> None:
    exchange = Exchange(world, "test")
    exchange.swap([torch.zeros(1)] * world.size, "rows", 8)
    if world.rank == 1:
        exchange.quit("ValueError: no such feature")
        raise ValueError("no such feature")
    exchange.swap([torch.zeros(1)] * world.size, "rows", 9)


def test_a_rank_that_gives_up_tells_the_others() -> None:
    ended = launch(3, gives_up, check=False, timeout=60.0)
    assert [end.code for end in ended] == [1, 1, 1]
    for rank in (0, 2):
        assert "rank 1 gave up: step 8: ValueError: no such feature" in ended[rank].error
        assert ended[rank].seconds < 50


def test_a_world_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    init().close()  # that of another test
    with pytest.raises(GraphValueError, match="timeout above 0"):
        init(timeout=0)
    with monkeypatch.context() as patch:
        patch.setenv("RANK", "0")
        patch.delenv("WORLD_SIZE", raising=False)
        with pytest.raises(GraphValueError, match="RANK alone; start with `torchrun"):
            init()
    with monkeypatch.context() as patch:
        for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
            patch.setenv(name, value)
        patch.delenv("MASTER_ADDR", raising=False)
        with pytest.raises(GraphValueError, match="no MASTER_ADDR"):
            init()
    with init() as world:
        assert world is init() and world.size == 1 and world.gather("x") == ["x"] and world.group() is None
        part = torch.arange(3)
        assert Exchange(world).swap([part], "rows")[0] is part
    with pytest.raises(GrapevineError, match=r"init\(\) first"):
        current()


def test_imbalance() -> None:
    assert imbalance([2.0, 2.0]) == 1.0 and imbalance([0.0, 4.0]) == 2.0 and imbalance([]) == 1.0
