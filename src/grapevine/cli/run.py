"""`grapevine run` and `grapevine port`: programs written for DGL or PyTorch Geometric."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from grapevine import compat
from grapevine.compat.port import summary
from grapevine.compat.program import check_program

ScriptArgument = Annotated[Path, typer.Argument(help="The Python file.", exists=True, dir_okay=False)]
ArgumentsArgument = Annotated[list[str] | None, typer.Argument(help="What the program is given.")]
RewriteOption = Annotated[
    bool,
    typer.Option(
        "--rewrite", help="Show instead how its DGL message passing reads with gv.Edges, as a diff."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Answer for installed packages too.")]


def run(script: ScriptArgument, arguments: ArgumentsArgument = None, force: ForceOption = False) -> None:
    """Runs a program unchanged: its `import dgl` and `import torch_geometric` find Grapevine."""
    check_program(script)
    answered = compat.install(force=force)
    for name in ("dgl", "torch_geometric"):
        if name not in answered:
            typer.echo(f"grapevine: {name} is installed and is used; --force takes its place", err=True)
    try:
        compat.run(script, arguments or [])
    except Exception:  # the program's own: shown as Python shows it, not as a mistake in this command
        traceback.print_exc()
        sys.exit(1)


def port(script: ScriptArgument, rewrite: RewriteOption = False) -> None:
    """Lists what a program uses of DGL and PyTorch Geometric, and what answers for it here."""
    if not rewrite:
        for line in summary(compat.port(script)):
            typer.echo(line)
        return
    # Needs libcst, so it is imported here only.
    from grapevine.compat.rewrite import rewrite_file

    rewritten = rewrite_file(script)
    typer.echo(rewritten.diff(str(script)), nl=False)
    for one in rewritten.left:
        typer.echo(f"line {one.line} is left as it is: {one.why}", err=True)


def register(app: typer.Typer) -> None:
    """Adds both commands to the command line."""
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command(context_settings=settings)(run)
    app.command()(port)
