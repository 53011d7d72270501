"""What a program uses, read from its source."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from grapevine.cli import app
from grapevine.compat import uses

PROGRAM = """\
import dgl
import dgl.nn.pytorch as dglnn
import torch
from dgl import function as fn
from torch_geometric.nn import GCNConv as Conv, NoSuchConv
from torch_geometric.nn import *


def f(g):
    g.update_all(fn.copy_u("h", "m"), fn.no_such("m", "h"))
    return dglnn.conv.GraphConv(1, 2), torch.nn.Linear(1, 2), Conv(1, 2), dgl.graph(([0], [1]))
"""


def test_imports_and_attributes_are_followed() -> None:
    found = {(use.line, use.name): use.target for use in uses(PROGRAM)}
    assert found == {
        (1, "dgl"): "grapevine.dgl",
        (2, "dgl.nn.pytorch"): "grapevine.dgl.nn.pytorch",
        (4, "dgl.function"): "grapevine.dgl.function",
        (5, "torch_geometric.nn.GCNConv"): "grapevine.nn.GCNConv",
        (5, "torch_geometric.nn.NoSuchConv"): None,
        (6, "torch_geometric.nn"): "grapevine.nn",
        (10, "dgl.function.copy_u"): "grapevine.dgl.function.copy_u",
        (10, "dgl.function.no_such"): None,
        (11, "dgl.nn.pytorch.conv.GraphConv"): "grapevine.dgl.nn.pytorch.conv.GraphConv",
        (11, "dgl.graph"): "grapevine.dgl.graph",
        (11, "torch_geometric.nn.GCNConv"): "grapevine.nn.GCNConv",
    }


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    result = CliRunner().invoke(app, ["port", str(file)])
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert lines[-1] == "11 uses, 2 not covered yet"
    assert "line 10: dgl.function.no_such -> not covered yet" in lines
