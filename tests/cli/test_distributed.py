"""`grapevine partition` and `grapevine train --nproc`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grapevine.data import Data
from grapevine.distributed import load_manifest
from grapevine.io import save_graph
from tests.cli.test_cli import run


def test_partition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    save_graph(Data(x=torch.rand(4, 2), edge_index=edges), tmp_path / "graph.safetensors")
    assert run("partition", tmp_path / "graph.safetensors", tmp_path / "a", "--parts", "2") == 0
    shown = capsys.readouterr().out
    assert "ldg: 0.0% of the edges join different parts" in shown and shown.count("2 │     2 │") == 2
    assert list(load_manifest(tmp_path / "a").node_attrs[None]) == ["x"]

    (tmp_path / "edges.csv").write_text("source,target\n0,1\n2,3\n")
    assert (
        run("partition", tmp_path / "edges.csv", tmp_path / "b", "--method", "hash", "--memory", "0.001") == 0
    )
    assert load_manifest(tmp_path / "b").edge_offsets[None][-1] == 2
    capsys.readouterr()

    for wrong in (["--method", "best"], ["--parts", "9"]):
        assert run("partition", tmp_path / "edges.csv", tmp_path / "c", *wrong) == 2
        assert "grapevine: expected" in capsys.readouterr().err


PROGRAM = """
import sys
from pathlib import Path
from grapevine.distributed import init
with init(timeout=60) as world:
    Path(sys.argv[2], str(world.rank)).write_text(" ".join([*sys.argv[1:2], str(sum(world.gather(world.rank)))]))
sys.exit(int(sys.argv[3]))
"""


def test_a_program_on_several_processes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    assert (
        run("train", "--nproc", "2", program, "--epochs", tmp_path, "7") == 1
    )  # it ends as the program does
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["--epochs 1"] * 2


def test_errors_teach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--nproc", "2") == 2
    assert "grapevine train --nproc 2 program.py" in capsys.readouterr().err
    assert run("train", "--nproc", "0", tmp_path) == 2
    assert "expected an existing program, nproc of at least 1" in capsys.readouterr().err
