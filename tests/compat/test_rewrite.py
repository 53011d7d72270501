"""Programs with their message passing rewritten compute what they computed before."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import grapevine.dgl
import grapevine.dgl.function
from grapevine.cli import app
from tests.dgl.peer import peer

pytest.importorskip("libcst")

from grapevine.compat.rewrite import rewrite

HEADER = """\
import torch
import dgl
import dgl.function as fn
from dgl.function import copy_u as send
"""

BODIES = {
    "weights": 'g.update_all(fn.u_mul_e("h", "w", "m"), fn.sum("m", "out"))',
    "narrow weights": 'g.update_all(fn.u_mul_e("h", "w1", "m"), fn.mean("m", "out"))',
    "both ends": 'g.update_all(fn.u_sub_v("h", "h", "m"), fn.max("m", "out"))',
    "copy": 'g.update_all(send("h", "m"), fn.min(msg="m", out="out"))',
    "edges": 'g.update_all(fn.copy_e(e="w", out="m"), fn.sum("m", "out"))',
    "keywords": (
        'g.update_all(message_func=fn.e_add_u(lhs_field="w", rhs_field="h", out="m"), '
        'reduce_func=fn.mean("m", "out"))'
    ),
    "division": 'g.update_all(fn.v_div_e("h", "w", "m"), dgl.function.sum("m", "out"))',
    "scores": 'g.apply_edges(fn.u_dot_v("h", "h", "s"))\n    g.ndata["out"] = dgl.ops.copy_e_sum(g, g.edata["s"])',
    "lambdas": (
        'g.update_all(lambda edges: {"m": torch.relu(edges.src["h"] - edges.dst["h"]) * edges.data["w"]}, '
        'lambda nodes: {"out": nodes.mailbox["m"].sum(1)})'
    ),
    "functions": "g.update_all(message, reduce)",
    "greatest": (
        'g.update_all(lambda e: {"m": e.src["h"] ** 2, "n": e.dst["h"]}, '
        'lambda nodes: {"out": torch.max(nodes.mailbox["m"], dim=1)[0]})'
    ),
    "values": (
        'g.update_all(lambda e: {"m": e.src["h"]}, lambda n: {"out": n.mailbox["m"].max(dim=1).values})'
    ),
    "features of edges": (
        'g.apply_edges(lambda edges: {"s": edges.src["h"] + edges.data["w"], "t": edges.dst["h"]})\n'
        '    g.update_all(fn.copy_e("s", "m"), fn.sum("m", "out"))'
    ),
}

PROGRAM = """
def message(edges):
    "What is sent."
    return {{"m": 2 * edges.src["h"]}}


def reduce(nodes):
    return {{"out": nodes.mailbox["m"].mean(dim=1)}}


def layer(g):
    # who sends to whom
    {body}  # kept
    return g.ndata["out"]
"""


def graph(lib: Any) -> Any:
    torch.manual_seed(0)
    g = lib.graph((torch.tensor([0, 1, 2, 2, 4, 0]), torch.tensor([1, 2, 2, 0, 0, 0])), num_nodes=5)
    g.ndata["h"] = torch.randn(5, 3)
    g.edata["w"], g.edata["w1"] = torch.rand(6, 3) + 0.5, torch.rand(6)
    return g


def run(source: str, lib: Any, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "dgl", lib)
        patch.setitem(sys.modules, "dgl.function", lib.function)
        space: dict[str, Any] = {}
        exec(compile(source, "program.py", "exec"), space)
    layer: Callable[[Any], torch.Tensor] = space["layer"]
    return layer(graph(lib))


@pytest.mark.parametrize("name", list(BODIES))
def test_the_same_before_and_after(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HEADER + PROGRAM.format(body=BODIES[name])
    found = rewrite(source)
    assert not found.left
    assert "update_all(" not in found.after and "apply_edges(" not in found.after
    assert "# who sends to whom" in found.after
    expected = run(source, peer, monkeypatch)
    for text, lib in ((source, grapevine.dgl), (found.after, grapevine.dgl), (found.after, peer)):
        torch.testing.assert_close(run(text, lib, monkeypatch), expected)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('g["r"].update_all(fn.copy_u("h", "m"), fn.sum("m", "o"))', "no plain name"),
        ('g.update_all(fn.copy_u("h", "m"), fn.sum("m", "o"), etype="r")', "etype"),
        ('g.update_all(fn.copy_u("h", "m"), fn.sum("m", "o"), lambda n: {})', "too few arguments|with"),
        ('g.update_all(fn.copy_u(key, "m"), fn.sum("m", "o"))', "plain texts"),
        ('g.update_all(fn.copy_u("h", "n"), fn.sum("m", "o"))', "asks for 'm'"),
        ('g.update_all(elsewhere.message, fn.sum("m", "o"))', "not in this file"),
        ('g.update_all(lambda e: {"m": f(e)}, fn.sum("m", "o"))', "other than by"),
        (
            'g.update_all(lambda e: {"m": e.src["h"]}, lambda n: {"o": n.mailbox["m"].std(1)})',
            "the reduction",
        ),
        (
            'g.update_all(lambda e: {"m": e.src["h"]}, lambda n: {"o": n.mailbox["m"].max(1)})',
            "the reduction",
        ),
        (
            'g.update_all(lambda e: {"m": e.src["h"]}, lambda n: {"o": n.mailbox["m"].sum(0)})',
            "the reduction",
        ),
        ("g.update_all(long, reduce)", "more than return"),
    ],
)
def test_what_it_does_not_know_stays(body: str, why: str) -> None:
    source = (
        HEADER + "def long(edges):\n    x = edges.src['h']\n    return {'m': x}\n" + PROGRAM.format(body=body)
    )
    found = rewrite(source)
    assert found.after == source
    (left,) = found.left
    assert source.splitlines()[left.line - 1].strip().startswith(body[:12])
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(left.why)


MODULE = """\
import dgl.function as fn
import torch.nn as nn

gv = edges = None


class Layer(nn.Module):
    def message(self, edges):
        return {"m": self.scale * edges.src["h"]}

    def forward(self, g, x):
        with g.local_scope():
            g.update_all(self.message, fn.sum("m", "out"))
            g.update_all(fn.u_add_v("out", "out", "m"), fn.sum("m", "out"))
            return g.ndata["out"] + x
"""


def test_methods_and_names_that_are_taken() -> None:
    found = rewrite(MODULE)
    lines = [line.strip() for line in found.after.splitlines()]
    assert lines[1] == "import grapevine"
    assert "graph_edges = grapevine.Edges(g.edges(), size=(g.num_src_nodes(), g.num_dst_nodes()))" in lines
    assert "g.dstdata[\"out\"] = graph_edges.sum(self.scale * graph_edges.src(g.srcdata['h']))" in lines
    assert 'left_operand, y = aligned(g.srcdata["out"], g.dstdata["out"])' in lines
    compile(found.after, "x.py", "exec")


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    body = BODIES["weights"] + '\n    g.update_all(fn.copy_u("h", "m"), fn.sum("m", "o"), etype="r")'
    file.write_text(HEADER + PROGRAM.format(body=body))
    result = CliRunner().invoke(app, ["port", str(file), "--rewrite"])
    assert result.exit_code == 0
    assert "is left as it is: update_all with etype" in result.stderr
    patched = tmp_path / "patched.py"
    patched.write_text(file.read_text())
    if shutil.which("patch"):
        subprocess.run(
            ["patch", str(patched)], input=result.stdout, text=True, capture_output=True, check=True
        )
        assert patched.read_text() == rewrite(file.read_text()).after
    assert result.stdout.startswith(f"--- {file}\n+++ {file}\n")
