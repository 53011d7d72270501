"""Switching the names on and off, and what a name leads to."""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grapevine import compat
from grapevine.compat import aliases, names
from grapevine.compat.port import resolve
from grapevine.errors import GraphKeyError, GraphValueError


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names and environment are as before, whatever a test does."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    yield
    compat.uninstall()


def test_one_module_under_two_names() -> None:
    before = set(sys.modules)
    assert compat.install("torch_scatter", "torch_sparse") == ("torch_scatter", "torch_sparse")
    assert set(sys.modules) == before  # nothing is imported until it is asked for
    module = importlib.import_module("torch_scatter")
    del sys.modules["torch_scatter"]  # a program may reload
    assert module is importlib.import_module("grapevine.compat.torch_scatter")
    assert module.__spec__ is not None and module.__spec__.name == "grapevine.compat.torch_scatter"
    compat.uninstall()
    assert "torch_scatter" not in sys.modules and compat.answered() == ()
    if not compat.installed("torch_scatter"):
        assert importlib.util.find_spec("torch_scatter") is None


def test_children_are_told_and_untold() -> None:
    compat.install("torch_scatter")
    compat.install("torch_cluster")
    assert os.environ[aliases.VARIABLE] == "torch_cluster,torch_scatter"
    hook, rest = os.environ["PYTHONPATH"].split(os.pathsep)
    assert (Path(hook) / "sitecustomize.py").is_file() and rest == "/somewhere"
    compat.uninstall()
    assert aliases.VARIABLE not in os.environ and os.environ["PYTHONPATH"] == "/somewhere"


def test_a_child_still_runs_the_sitecustomize_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.seen = True")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    compat.install("torch_scatter")
    child = "import sys; assert sys.seen; import torch_scatter; print(torch_scatter.scatter_add.__module__)"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "grapevine.compat.torch_scatter"


def test_an_installed_package_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "installed", lambda name: name == "dgl")
    for name in ("dgl", "torch_geometric"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert "dgl" not in compat.install() and "torch_geometric" in compat.answered()
    assert "dgl" in compat.install("dgl")
    compat.uninstall()
    assert set(compat.install(force=True)) == set(names.ROOTS)


def test_mistakes_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(GraphKeyError, match="torch_spline"):
        compat.install("torch_spline")
    monkeypatch.setitem(sys.modules, "dgl", importlib.import_module("types"))
    with pytest.raises(GraphValueError, match="before the first `import dgl`"):
        compat.install("dgl")
    with pytest.raises(GraphValueError, match="expected a Python file"):
        compat.run(tmp_path / "missing.py")


def test_modules_that_are_not_there_say_so() -> None:
    finder = aliases._Aliases(["torch_geometric"])
    with pytest.raises(ModuleNotFoundError, match=r"has no module 'torch_geometric\.graphgym'") as caught:
        finder.find_spec("torch_geometric.graphgym")
    assert caught.value.name == "torch_geometric.graphgym"
    assert finder.find_spec("torch") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dgl.nn.pytorch.GraphConv", "grapevine.dgl.nn.pytorch.GraphConv"),
        ("dgl.batch", "grapevine.dgl.batch"),
        ("dgl.ops.copy_e_sum", "grapevine.dgl.ops.copy_e_sum"),
        (
            "torch_geometric.nn.conv.message_passing.MessagePassing",
            "grapevine.nn.message_passing.MessagePassing",
        ),
        (
            "torch_geometric.nn.models.schnet.GaussianSmearing",
            "grapevine.nn.equivariant.schnet.GaussianSmearing",
        ),
        (
            "torch_geometric.nn.aggr.utils.SetAttentionBlock",
            "grapevine.nn.aggr.set_transformer.SetAttentionBlock",
        ),
        ("torch_geometric.nn.pool.select.topk.SelectTopK", "grapevine.nn.pool.select.SelectTopK"),
        ("torch_geometric.nn.dense.linear.Linear", "grapevine.nn.dense.linear.Linear"),
        ("torch_geometric.utils.sparse.index2ptr", "grapevine.utils.sparse.index2ptr"),
        ("torch_geometric.utils.degree", "grapevine.utils.degree"),
        ("torch_geometric.utils.degree.degree", "grapevine.utils.degree"),
        (
            "torch_geometric.transforms.normalize_features.NormalizeFeatures",
            "grapevine.transforms.NormalizeFeatures",
        ),
        ("torch_geometric.typing.OptTensor", "grapevine.compat.pyg_typing.OptTensor"),
        (
            "torch_geometric.visualization.visualize_graph",
            "grapevine.explain.visualization.visualize_graph",
        ),
        ("torch_sparse.SparseTensor", "grapevine.compat.torch_sparse.SparseTensor"),
        ("torch_geometric.graphgym.config", None),
        ("torch_geometric.nn.NoSuchConv", None),
    ],
)
def test_what_a_name_leads_to(name: str, expected: str | None) -> None:
    assert resolve(name) == expected


def test_every_private_file_named_in_the_table_has_a_package() -> None:
    for package in names._FILES:
        assert names.target(package) is not None, package


def test_the_package_runs_programs_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, torch_scatter; sys.stdout.write(f'{__name__} {torch_scatter.__name__} {sys.argv[1]}')"
    )
    monkeypatch.setattr(aliases, "installed", lambda name: name in ("dgl", "torch_geometric"))
    monkeypatch.setattr(sys, "argv", ["grapevine.compat", str(program), "--x"])
    runpy.run_module("grapevine.compat", run_name="__main__")
    assert capsys.readouterr().out == "__main__ grapevine.compat.torch_scatter --x"
