"""`grapevine partition`, and `grapevine train --nproc`: graphs and programs on several processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from grapevine.distributed import Manifest, launch
from grapevine.distributed import partition as cut
from grapevine.distributed.partition import METHODS
from grapevine.errors import GraphValueError

GraphArgument = Annotated[
    Path,
    typer.Argument(
        help="A graph that save_graph wrote, or a file of edges: .npy (2, E) or (E, 2), .txt, .csv, .tsv."
    ),
]
FolderArgument = Annotated[Path, typer.Argument(help="Where to write the parts.")]
PartsOption = Annotated[int, typer.Option("--parts", help="How many: as many ranks can read them, or fewer.")]
MethodOption = Annotated[str, typer.Option("--method", help=f"One of {', '.join(METHODS)}.")]
EdgesOption = Annotated[
    Path | None, typer.Option("--edges", help="A file of edges to take instead of the graph's.")
]
BalanceOption = Annotated[str, typer.Option("--balance", help="A mask of nodes to spread evenly.")]
MemoryOption = Annotated[float, typer.Option("--memory", help="Gigabytes for edges.")]


def partition(
    graph: GraphArgument,
    folder: FolderArgument,
    parts: PartsOption = 2,
    method: MethodOption = "ldg",
    edges: EdgesOption = None,
    balance: BalanceOption = "train_mask",
    memory: MemoryOption = 1.0,
) -> None:
    """Cuts a graph into parts for distributed training; it may be larger than memory."""
    if method not in METHODS:
        raise GraphValueError(f"expected --method to be one of {', '.join(METHODS)}, got {method!r}")
    known: Any = method
    manifest = cut(
        graph,
        folder,
        parts,
        known,
        edges=edges,
        balance=balance,
        memory=int(memory * 1e9),
        progress_bar=True,
    )
    console = Console()
    console.print(f"{manifest.method}: {manifest.cut:.1%} of the edges join different parts", highlight=False)
    console.print(described(manifest))


def described(manifest: Manifest) -> Table:
    """Nodes and edges of every part."""
    table = Table()
    for column in ("part", "nodes", "edges"):
        table.add_column(column, justify="right")
    for part in range(manifest.parts):
        nodes, edges = (
            sum(of_type[part + 1] - of_type[part] for of_type in offsets.values())
            for offsets in (manifest.node_offsets, manifest.edge_offsets)
        )
        table.add_row(str(part), f"{nodes:,}", f"{edges:,}")
    return table


def start(program: list[str], nproc: int | None, restarts: int) -> NoReturn:
    """Runs a program and its arguments on several processes, and ends as they end."""
    sys.exit(launch(program[0], program[1:], nproc or 1, restarts))


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(partition)
