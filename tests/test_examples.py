"""Every example runs, and shows what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import torch

import grapevine as gv

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_examples_are_tested() -> None:
    """Here, or in the tests of the room that they show: `example("name")`."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    assert {file.stem for file in FOLDER.glob("*.py")} <= set(re.findall(r'example\("(\w+)"\)', tests))


def test_first_message(capsys) -> None:
    talk = example("first_message")
    edges = gv.Edges(talk.EDGE_INDEX, num_nodes=4)
    expected = torch.tensor([[12.5, 8.0], [6.0, 5.25], [12.25, 7.75], [6.25, 5.5]])
    torch.testing.assert_close(talk.round_of_talk(talk.X, edges), expected, rtol=0, atol=0)
    talk.main()
    assert "edge memory at its peak" in capsys.readouterr().out


def test_learned_message() -> None:
    assert example("learned_message").main() < 1e-4


def test_own_graph() -> None:
    assert example("own_graph").main() > 0.8


def test_cora(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "planetoid" / "cora.zip", tmp_path)
    record = tmp_path / "cora.json"
    arguments = ["--root", tmp_path, "--models", "gcn", "--seeds", "1", "--epochs", "60", "--json", record]
    numbers = example("cora").main([str(a) for a in arguments])
    assert numbers["gcn"]["mean"] > 0.75
    assert json.loads(record.read_text())["models"] == numbers


def test_the_recorded_cora_run_reached_its_goals() -> None:
    recorded = json.loads((FOLDER / "cora.json").read_text())["models"]
    for model, goal in example("cora").GOALS.items():
        assert recorded[model]["mean"] >= goal and recorded[model]["seeds"] == 10


def test_the_readme_runs(capsys) -> None:
    """The Python blocks of the README, one after the other, as a reader would run them."""
    text = (FOLDER.parent / "README.md").read_text()
    blocks = [part.split("```", 1)[0] for part in text.split("```python\n")[1:]]
    assert blocks
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
