"""Peak memory of a step, measured in a process of its own.

A `Meter` starts one process that imports the libraries on one thread and then forks a child for every question. The
child takes a step on a tiny graph, so that code and threads are there, makes the graph and the inputs, and then marks
the resident memory, takes one step forward and backward, and reads the high-water mark. Grapevine keeps sorted edges
with a graph, so it takes the step once before; what stays is reported as `kept_mb`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from benchmarks.cases import CASES, Form
from benchmarks.graphs import named
from benchmarks.resident import ACCOUNTS, peak_above, settled
from benchmarks.setting import Contender, Setting, load

Graph = tuple[Tensor, int]


class Meter:
    """Answers how much memory a step of a library takes; a context manager.

    Args:
        threads: of torch in the measured process.
    """

    def __init__(self, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.memory", str(threads)],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def measure(
        self, case: str, library: str, graph: str | int, features: int, shape: tuple[int, ...]
    ) -> dict[str, float] | str:
        """`peak_mb` above the start of the step and `kept_mb` before it, or why there is no figure.

        Args:
            graph: which of `graphs.named`.
            shape: of the output.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps([case, library, graph, features, shape]), file=self.process.stdin, flush=True)
        answer: dict[str, float] | str = json.loads(self.process.stdout.readline())
        return answer


def available() -> float:
    """Memory that the machine can still give, in MB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) / 1e3


def step(contender: Any) -> None:
    contender.backward(contender.forward())


def grow(
    form: Form, inputs: tuple[str, ...], library: str, graph: Graph, features: int, shape: list[int]
) -> dict[str, float]:
    """Takes the measured step in this process."""
    tiny = Setting(*named("Cora-sized"), 8, inputs)
    step(Contender(form(tiny), tiny))
    setting = Setting(*graph, features, inputs)
    contender = Contender(form(setting), setting)
    contender.seed = setting.seed(tuple(shape))
    before = settled()
    if library == "grapevine":
        step(contender)
    start = settled()
    peak = peak_above(start, lambda: step(contender))
    return {"peak_mb": peak, "kept_mb": max(start - before, 0.0)}


def answer(question: list[Any], graph: Graph) -> dict[str, float] | str:
    """In the child: measures, and refuses to take more than most of what the machine can give."""
    name, library, _, features, shape = question
    case = next(c for c in CASES if c.name == name)
    pages = int((ACCOUNTS / "statm").read_text().split()[5])
    limit = pages * resource.getpagesize() + int(0.8e6 * available())
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        return grow(case.forms()[library], case.inputs, library, graph, features, shape)
    except (RuntimeError, MemoryError) as error:
        return str(error).splitlines()[0]


def main() -> None:
    """Reads questions from the standard input, one a line, and prints the answers."""
    threads = int(sys.argv[1])
    torch.set_num_threads(1)  # the child of a process that ran on several threads could use one only
    for line in sys.stdin:
        question = json.loads(line)
        _, library, kind, *_ = question
        if library in ("torch_geometric", "dgl"):
            load(library)  # once, for all children
        graph = named(kind)
        child = os.fork()
        if not child:
            torch.set_num_threads(threads)
            print(json.dumps(answer(question, graph)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps(f"the process ended with status {status}"), flush=True)


if __name__ == "__main__":
    main()
