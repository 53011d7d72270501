"""The benchmark's rows agree with the peers, and its figures are what they say."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.__main__ import main
from benchmarks.cases import CASES, Case
from benchmarks.graphs import named, power_law
from benchmarks.measure import difference, disagreements, libraries
from benchmarks.memory import grow
from benchmarks.resident import MEASURABLE
from benchmarks.setting import Contender, Layer, Setting, installed

from benchmarks import report

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own
NODES = 30


def small(inputs: tuple[str, ...] = ("x",)) -> Setting:
    """A power-law graph and a ring, so that something arrives at every node but the last, which is isolated."""
    ring = torch.stack([torch.arange(NODES - 1), torch.arange(NODES - 1).roll(1)])
    return Setting(torch.cat([power_law(NODES - 1, 140), ring], 1), NODES, 16, inputs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_library_gives_the_same(case: Case) -> None:
    setting = small(case.inputs)
    results = {name: Contender(case.forms()[name](setting), setting).results() for name in libraries(case)}
    ours = results.pop("grapevine")
    for name, theirs in results.items():
        assert difference(ours, theirs) < 1e-5, name


def test_rows() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(len(case.forms()) > 1 for case in CASES)
    assert all(case.bytes(1000, 100, case.features) > 0 for case in CASES)


def test_floor_of_a_sum() -> None:
    e, n, f = 2_332_486, 169_343, 64
    assert next(c for c in CASES if c.name == "sum").bytes(e, n, f) == 2 * (e * f + n * f + e) * 4


def test_graphs_have_the_sizes_that_they_promise() -> None:
    for kind, nodes, edges in (
        ("Cora-sized", 2_708, 10_556),
        ("complete", 128, 128 * 127),
        (14_000, 1_000, 14_000),
    ):
        edge_index, num_nodes = named(kind)
        assert (num_nodes, edge_index.shape) == (nodes, (2, edges))
        assert int(edge_index.max()) < nodes


def test_differences_are_found() -> None:
    ours = {"output": torch.ones(3, 2), "x": torch.zeros(3, 2), "lin.weight": torch.full((2, 2), 10.0)}
    assert difference(ours, ours) == 0
    wrong = {**ours, "lin.weight": torch.full((2, 2), 11.0)}
    assert difference(wrong, ours) == pytest.approx(0.1)
    assert (
        difference({**ours, "x": torch.full((3, 2), 0.3)}, ours) > 1
    )  # zero, so measured by a hundredth of others
    infinite = {**ours, "output": torch.full((3, 2), torch.inf)}
    assert not difference(ours, infinite) < 1
    silent = {**ours, "output": torch.zeros(3, 2)}
    assert difference(silent, infinite) == 0  # how DGL marks nodes at which nothing arrives
    row = {"apart": {"dgl": 0.0, "torch_geometric": 2e-4, "torch.sparse": float("nan")}, "tolerance": 1e-4}
    assert disagreements(row) == ["torch_geometric", "torch.sparse"]


def test_weights_are_shared_by_name() -> None:
    straight = Layer(torch.nn.Linear(3, 5, bias=False), torch.relu)
    module = torch.nn.Module()
    module.kernel = torch.nn.Parameter(torch.zeros(3, 5))
    turned = Layer(module, torch.relu, {"kernel": "weight.T"})
    assert torch.equal(straight.weights["weight"], turned.weights["weight"].T)


@pytest.mark.skipif(not MEASURABLE, reason="reads Linux's accounts")
def test_peak_memory_is_what_was_allocated() -> None:
    """`2 * x` holds its result and the gradient: two tensors of the size of x."""
    nodes, features = 100_000, 64
    graph = torch.zeros(2, 1, dtype=torch.long), nodes
    found = grow(lambda s: lambda x: 2 * x, ("x",), "grapevine", graph, features, [nodes, features])
    assert found["peak_mb"] == pytest.approx(2 * nodes * features * 4 / 1e6, rel=0.1)
    assert found["kept_mb"] < 3


def example(name: str, over: str = "", edges: int = 1000, **ms: float) -> dict[str, Any]:
    return {
        "row": name, "graph": edges, "what": "x_j", "edges": edges, "features": 64, "goal": (12, 1), "apart": {},
        "left_out": {}, "tolerance": 1e-4, "over": over, "forward_ms": {k: v / 2 for k, v in ms.items()}, "ms": ms,
        "peak_mb": {"grapevine": 100.0, "dgl": 50.0},
        "kept_mb": {"grapevine": 1.0}, "floor_ms": 20.0,
    }  # fmt: skip


def test_tables_tell_who_is_ahead() -> None:
    from rich.console import Console

    rows = [example("sum", grapevine=50.0, dgl=40.0, torch_geometric=500.0)]
    rows[0]["left_out"] = {"torch.sparse": "takes more memory than there is"}
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.times(rows))
    console.print(report.memory(rows))
    text = console.export_text()
    shown = {
        "dgl": "0.80×",
        "torch_geometric": "10.00×",
        "torch.sparse": "left out",
        "floor": "2.50",
        "memory": "0.50×",
    }
    for expected in shown.values():
        assert expected in text
    assert report.summary(rows)[1].endswith("it is ahead on: sum (0.80×)")


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [
        example("sum", over, edges, grapevine=5.0, dgl=6.0)
        for over in ("edges", "features")
        for edges in (100, 1000)
    ]
    report.ratios_picture(rows[:2], str(tmp_path / "ratios.png"), "ratios")
    report.growth_picture(rows, str(tmp_path / "growth.png"), "growth")
    assert all((tmp_path / f"{n}.png").stat().st_size > 10_000 for n in ("ratios", "growth"))


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    given = ["--rows", "dgl throw-away graph", "--seconds", "0.1", "--threads", "1", "--json", str(path)]
    threads = torch.get_num_threads()
    try:
        assert main(given) == 0
    finally:
        torch.set_num_threads(threads)
    (row,) = json.loads(path.read_text())["rows"]
    peers = set(row["ms"])
    assert peers == {"grapevine", *(["dgl"] if installed("dgl") else [])}
    assert set(row["forward_ms"]) == peers
    assert set(row["peak_mb"]) == (peers if MEASURABLE else set())
    assert all(0 < row["forward_ms"][name] < row["ms"][name] for name in peers)
    assert "dgl throw-away graph" in capsys.readouterr().out


def test_unknown_rows_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "sums"]) == 2
    assert "sums" in capsys.readouterr().err
