"""One row: results compared first, then memory, then time, ours before every peer's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.cases import Case
from benchmarks.graphs import named
from benchmarks.memory import Meter, available
from benchmarks.setting import Contender, Setting, installed

Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        seconds: of timing for a row, once there were `least` rounds.
        least: rounds at least; in each, every peer has a turn, and Grapevine one before each of them.
        most: rounds at most.
        clock: what the figures are read from; `time.process_time` counts the work of all threads instead of the
            time that passes, and is disturbed less by other programs.
    """

    seconds: float = 2.0
    least: int = 1
    most: int = 200
    clock: Callable[[], float] = time.perf_counter


def copy_bandwidth(clock: Callable[[], float]) -> float:
    """Bytes per second that `copy_` into touched memory reads and writes together."""
    source = torch.ones(32 << 20)
    target = torch.ones_like(source)

    def seconds() -> float:
        start = clock()
        target.copy_(source)
        return clock() - start

    return 2 * source.numel() * 4 / min(seconds() for _ in range(7))


def difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest difference of the output and of each gradient, relative to its norm.

    Norms, since a rounding error at the kink of a `relu` changes single numbers by much. A gradient that should be
    zero, as that of the keys' bias in attention, is measured by the others. Where nothing arrives, DGL's max and min
    are infinite and everybody else's are zero; that is let pass.
    """
    assert ours.keys() == theirs.keys(), f"gradients for {[*ours]} and {[*theirs]}"
    output = theirs["output"]
    theirs = {**theirs, "output": output.masked_fill(output.isinf() & (ours["output"] == 0), 0)}
    sizes = {name: float(t.norm()) for name, t in theirs.items()}
    least = 1e-2 * max(size for name, size in sizes.items() if name != "output")
    return max(
        float((ours[name] - theirs[name]).norm()) / max(size, 1e-30 if name == "output" else least, 1e-30)
        for name, size in sizes.items()
    )


def turn(contender: Contender, clock: Callable[[], float]) -> tuple[float, float]:
    """Milliseconds of a forward pass, and of both passes."""
    start = clock()
    out = contender.forward()
    middle = clock()
    contender.backward(out)
    end = clock()
    return (middle - start) * 1e3, (end - start) * 1e3


def libraries(case: Case) -> list[str]:
    """Those that take part: ours, and the peers that are installed."""
    return [name for name in case.forms() if name in ("grapevine", "torch.sparse") or installed(name)]


def measure(
    case: Case,
    effort: Effort,
    bandwidth: float,
    meter: Meter | None,
    graph: str | int,
    features: int,
    peers: set[str] | None = None,
    say: Say = lambda text: None,
) -> dict[str, Any]:
    """The figures of one row.

    Args:
        case: the row.
        effort: how long to measure.
        bandwidth: bytes per second, for the floor.
        meter: measures the memory; None leaves it out.
        graph: which graph.
        features: F.
        peers: libraries to compare with; all by default.
        say: is told what is going on.
    """
    edge_index, num_nodes = named(graph)
    setting = Setting(edge_index, num_nodes, features, case.inputs)
    names = [n for n in libraries(case) if peers is None or n == "grapevine" or n in peers]
    row: dict[str, Any] = {"row": case.name, "what": case.what, "graph": graph, "nodes": num_nodes}
    row |= {"edges": setting.num_edges, "features": features, "goal": case.goal, "tolerance": case.tolerance}
    row |= {
        "apart": {},
        "left_out": {},
        "forward_ms": {},
        "ms": {},
        "turns": {},
        "peak_mb": {},
        "kept_mb": {},
    }
    row["floor_ms"] = case.bytes(setting.num_edges, num_nodes, features) / bandwidth * 1e3

    contenders = {"grapevine": Contender(case.ours(setting), setting)}
    ours = contenders["grapevine"].results()
    seed = contenders["grapevine"].seed
    assert seed is not None
    for name in names if meter is not None else ():
        say(f"{case.name}: memory of {name}")
        assert meter is not None
        found = meter.measure(case.name, name, graph, features, tuple(seed.shape))
        if isinstance(found, str):
            row["left_out"][name] = found
        else:
            row["peak_mb"][name], row["kept_mb"][name] = found["peak_mb"], found["kept_mb"]
            if found["peak_mb"] > 0.6 * available():
                row["left_out"][name] = "takes more memory than there is"
    times: dict[str, list[tuple[float, float]]] = {"grapevine": []}
    for name in names[1:]:
        if name not in row["left_out"]:
            say(f"{case.name}: {name} gives the same results?")
            contenders[name] = Contender(case.forms()[name](setting), setting)
            row["apart"][name] = difference(ours, contenders[name].results())
            times[name] = []
    del ours
    say(f"{case.name}: time")
    start = time.perf_counter()
    rounds = 0
    while rounds < effort.least or (time.perf_counter() - start < effort.seconds and rounds < effort.most):
        rounds += 1
        for name in [n for n in contenders if n != "grapevine"] or [""]:
            times["grapevine"].append(turn(contenders["grapevine"], effort.clock))
            if name:
                times[name].append(turn(contenders[name], effort.clock))
    for name, turns in times.items():
        row["turns"][name] = len(turns)
        row["forward_ms"][name] = statistics.median(t for t, _ in turns)
        row["ms"][name] = statistics.median(t for _, t in turns)
    return row


def disagreements(row: dict[str, Any]) -> list[str]:
    """The libraries whose results are not ours."""
    return [name for name, apart in row["apart"].items() if not apart <= row["tolerance"]]
