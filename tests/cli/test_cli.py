"""The command line: what it leaves behind, and one clear line for every mistake."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import grapevine
from grapevine.cli import main
from grapevine.data import Data, HeteroData
from grapevine.datasets import KarateClub
from grapevine.io import save_graph
from grapevine.training import load_model

QUICK = ["--epochs", "3", "--seeds", "2"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    rows = [f"{i % 7},{i % 2}.5,{'ab'[i % 2]}" for i in range(40)]
    (folder / "nodes.csv").write_text("size,side,label\n" + "\n".join(rows) + "\n")
    edges = [f"{i},{(i + 2) % 40},1.0" for i in range(40)]
    (folder / "edges.csv").write_text("source,target,weight\n" + "\n".join(edges) + "\n")
    return folder


def test_train_writes_a_report(tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "report"
    assert run("train", "--data", "karate", *QUICK, "--hidden", "8", "--out", out) == 0
    shown = capsys.readouterr().out
    assert "gcn on karate, 2 seeds" in shown and "mean accuracy" in shown and "test" in shown

    numbers = json.loads((out / "metrics.json").read_text())
    assert numbers["recipe"]["hidden_channels"] == 8 and numbers["recipe"]["epochs"] == 3
    assert [s["seed"] for s in numbers["seeds"]] == [0, 1]
    accuracies = [s["accuracy"]["test"] for s in numbers["seeds"]]
    assert numbers["accuracy"]["test"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert load_model(out / "model.safetensors").hidden_channels == 8
    for picture in ("loss.png", "embedding.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG") and (out / picture).stat().st_size > 10_000


def test_train_reads_tables_and_saved_graphs(tmp_path: Path, tables: Path, capsys) -> None:
    assert run("train", "--data", tables, "--epochs", "40", "--out", tmp_path / "a") == 0
    numbers = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert numbers["data"] == {"name": "tables", "num_nodes": 40, "num_edges": 80}
    assert numbers["accuracy"]["test"]["mean"] == 1.0  # the label is a feature

    save_graph(KarateClub()[0], tmp_path / "graph.safetensors")
    for name in (tmp_path, tmp_path / "graph.safetensors"):
        assert run("train", "--data", name, *QUICK, "--out", tmp_path / "b") == 0


def test_train_reads_planetoid_from_its_root(tmp_path: Path, shared_data: Path, capsys) -> None:
    shutil.copy(shared_data / "planetoid" / "cora.zip", tmp_path)
    assert run("train", "--data", "cora", "--root", tmp_path, "--epochs", "2", "--out", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["data"]["num_edges"] == 10556


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("train", *QUICK, "--out", tmp_path / "out") == 0
    assert "pip install 'grapevine-gnn[report]'" in capsys.readouterr().out
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"metrics.json", "model.safetensors"}


def test_plan_shows_the_kernels(capsys) -> None:
    assert run("plan", "--data", "karate", "--model", "gcn") == 0
    shown = capsys.readouterr().out
    assert (
        "GCN(34, 4, num_layers=2) on karate: 34 nodes, 156 edges" in shown
        and "edge memory at its peak" in shown
    )


def test_info_tells_of_the_core(capsys, monkeypatch) -> None:
    assert run("info") == 0
    shown = capsys.readouterr().out
    assert torch.__version__ in shown and ("compiled, " in shown or "pure PyTorch; " in shown)
    monkeypatch.setitem(sys.modules, "grapevine._core", None)
    assert run("info") == 0
    assert "pure PyTorch; the " in capsys.readouterr().out


def test_help_shows_examples(capsys) -> None:
    assert run("train", "--help") == 0
    assert "grapevine train --data cora --model gat --seeds 10" in capsys.readouterr().out
    for arguments in ([], ["--help"]):
        assert run(*arguments) == 0
        captured = capsys.readouterr()
        assert (
            "grapevine plan" not in captured.err and "Shows versions" in captured.out and captured.err == ""
        )
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == grapevine.__version__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "--data", "coraa"],
            "expected --data to be karate, cora, citeseer, pubmed, or an existing folder",
        ),
        (["plan", "--data", "coraa"], "got 'coraa'"),
        (
            ["train", "--model", "gnn"],
            "expected a model of ['gcn', 'sage', 'gat', 'gin', 'pna', 'edgecnn'], got 'gnn'",
        ),
        (["train", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "--epochs", "0"], "expected epochs from 1 to 1,000,000, got 0"),
        (["train", "--lr", "nan"], "expected a finite lr of at least 0, got nan"),
        (["train", "--lr", "1e30", "--epochs", "9"], "expected a finite loss, got nan in epoch 2; lower"),
        (["train", "--device", "abacus"], "expected --device to be auto or one of cpu"),
        (["train", "--dropout", "2"], "expected dropout in [0, 1), got 2.0"),
        (["train", "--seeds", "0"], "expected at least 1 seed, got 0"),
        (
            ["train", "--model", "gat", "--hidden", "12"],
            "expected hidden_channels divisible by 8 heads, got 12",
        ),
        (
            ["train", "--normalize", "all"],
            "expected --normalize to be one of auto, rows, columns, none, got 'all'",
        ),
        (["train", "--colour", "red"], "No such option"),
        (["trian"], "No such command"),
    ],
)
def test_a_bad_value_is_one_line_and_exit_code_2(arguments, message, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert (
        captured.err.count("\n") == 1 and captured.err.startswith("grapevine: ") and message in captured.err
    )
    assert captured.out == "" and not list(tmp_path.iterdir())


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path, tables: Path, capsys) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    mixed = HeteroData()
    mixed["paper"].x = torch.zeros(1, 1)
    save_graph(mixed, tmp_path / "mixed.safetensors")
    save_graph(Data(x=torch.zeros(2, 1), edge_index=torch.zeros(2, 1).long()), tmp_path / "plain.safetensors")
    (tables / "edges.csv").write_text("source,target\n0,99\n")
    for data, message in [
        (empty, "got 0 saved graphs and no table"),
        (tables, "edges.csv, line 2: expected an id that nodes.csv lists, got '99'"),
        (tmp_path / "mixed.safetensors", "expected a graph with one kind of nodes"),
        (tmp_path / "plain.safetensors", "expected a graph with 'y'"),
    ]:
        assert run("train", "--data", data, "--out", tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    (tables / "edges.csv").unlink()
    assert run("train", "--data", tables) == 2 and "expected a file" in capsys.readouterr().err
    file = tmp_path / "file"
    file.touch()
    for out, message in [(file, "to be a folder, got"), (file / "deep" / "er", "not below the file")]:
        assert run("train", "--out", out) == 2
        error = capsys.readouterr().err
        assert error.startswith("grapevine: expected --out to be") and message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("old.py", b"print 'hello'\n", "old.py, line 1: Missing parentheses"),
        ("zero.py", b"x = 1\0", "null bytes"),
        ("latin.py", b"x = '\xe9'", "expected a Python program in UTF-8"),
        ("lesson.ipynb", b"{}", "do this instead: jupyter nbconvert --to script"),
    ],
)
def test_port_of_what_is_no_program_is_one_line(name, content, message, tmp_path: Path, capsys) -> None:
    (tmp_path / name).write_bytes(content)
    commands = [["port"], ["port", "--rewrite"], ["run"]] if name.endswith("ipynb") else [["port"]]
    for command in commands:
        assert run(*command, tmp_path / name) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch, capsys) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("grapevine.cli.report.draw_embedding", fail)
    pytest.importorskip("matplotlib")
    assert run("train", *QUICK, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == "grapevine: disk full\n" and not list(tmp_path.iterdir())


def test_stopping_it_writes_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["grapevine.cli.app"], "train_model", stop)
    assert run("train", "--out", tmp_path / "out") == 130
    assert capsys.readouterr().err == "grapevine: stopped, nothing was written\n" and not list(
        tmp_path.iterdir()
    )


def test_names_of_reports(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    save_graph(KarateClub()[0], tmp_path / "club.safetensors")
    for data in ("karate", "club.safetensors", "."):
        assert run("train", *QUICK, "--data", data) == 0
    assert {f.name for f in (tmp_path / "runs").iterdir()} == {
        "karate-gcn",
        "club-gcn",
        f"{tmp_path.name}-gcn",
    }


def test_as_a_program_there_is_no_traceback() -> None:
    command = [sys.executable, "-m", "grapevine", "train", "--data", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("grapevine: expected --data to be karate") and done.stderr.count("\n") == 1
