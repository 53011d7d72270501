"""Parses, calls one public function, prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grapevine import __version__
from grapevine.cli import info as about
from grapevine.cli import report
from grapevine.cli.graphs import PLANETOID, open_graph
from grapevine.engine import plan as draw_plan
from grapevine.errors import GrapevineError
from grapevine.training import RECIPES, build, num_classes, recipe
from grapevine.training import train as train_model

app = typer.Typer(
    help="Graph neural networks for PyTorch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_CLICK_ERROR: Any = typer.BadParameter.__mro__[
    2
]  # ClickException, which newer versions of typer carry inside

_DATA = f"karate, {', '.join(PLANETOID)}, or a folder with edges.csv and nodes.csv or a saved graph."
_ROOT = "Folder of the data sets: raw files or zips are taken from here, else downloaded. [dim]default: a cache[/dim]"
_NORMALIZE = "Features: rows sum to one, columns are standardised, none, or auto (what suits the data)."
DataOption = Annotated[str, typer.Option("--data", help=_DATA)]
ModelOption = Annotated[str, typer.Option("--model", help=f"One of {', '.join(RECIPES)}.")]
RootOption = Annotated[str | None, typer.Option("--root", help=_ROOT, show_default=False)]
NormalizeOption = Annotated[str, typer.Option("--normalize", help=_NORMALIZE)]
DirectedOption = Annotated[bool, typer.Option("--directed", help="Edges of edges.csv point one way only.")]
HiddenOption = Annotated[
    int | None, typer.Option("--hidden", help="Width of the hidden layers.", show_default=False)
]
LayersOption = Annotated[
    int | None, typer.Option("--layers", help="Rounds of message passing.", show_default=False)
]

_TRAIN_EXAMPLES = """
[bold]Examples[/bold]

  grapevine train                                        [dim]# the karate club, in seconds[/dim]

  grapevine train --data cora --model gat --seeds 10     [dim]# mean and spread over ten seeds[/dim]

  grapevine train --data my_graph/ --model sage --hidden 64 --out runs/mine

What is not given is taken from the model's recipe, which `metrics.json` records.
"""
_PLAN_EXAMPLES = """
[bold]Example[/bold]

  grapevine plan --data cora --model gcn                 [dim]# which kernels will run, what is stored per edge[/dim]
"""


@app.command(epilog=_TRAIN_EXAMPLES)
def train(
    data: DataOption = "karate",
    model: ModelOption = "gcn",
    hidden: HiddenOption = None,
    layers: LayersOption = None,
    dropout: Annotated[float | None, typer.Option(help="Of hidden features.", show_default=False)] = None,
    input_dropout: Annotated[
        float | None, typer.Option(help="Of input features.", show_default=False)
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of Adam.", show_default=False)] = None,
    weight_decay: Annotated[float | None, typer.Option(help="L2 penalty.", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(help="The longest training.", show_default=False)] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without progress.", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train this many times, from the seeds 0, 1, ...")] = 1,
    root: RootOption = None,
    normalize: NormalizeOption = "auto",
    directed: DirectedOption = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report. [dim]default: runs/DATA-MODEL[/dim]", show_default=False),
    ] = None,
) -> None:
    """Trains a node classifier and writes a report: accuracies, loss curve, embedding, checkpoint."""
    chosen = recipe(
        model,
        hidden_channels=hidden,
        num_layers=layers,
        dropout=dropout,
        input_dropout=input_dropout,
        lr=lr,
        weight_decay=weight_decay,
        epochs=epochs,
        patience=patience,
    )
    graph = open_graph(data, root, normalize, directed)
    folder = out if out is not None else Path("runs") / f"{Path(data).name or 'graph'}-{model}"
    report.prepare(folder)

    with _progress() as progress:
        task = progress.add_task(model, total=chosen.epochs * seeds, score="")

        def show(seed: int, epoch: int, values: Any) -> None:
            score = " ".join(f"{part} {values[part]:.1%}" for part in ("val", "test") if part in values)
            progress.update(task, completed=seed * chosen.epochs + epoch, score=f"seed {seed}: {score}")

        results = train_model(graph, chosen, seeds, show)
        progress.update(task, completed=chosen.epochs * seeds)

    console = Console()
    console.print(report.table(data, chosen, results))
    for line in report.write(folder, data, graph, chosen, results):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


@app.command(epilog=_PLAN_EXAMPLES)
def plan(
    data: DataOption = "karate",
    model: ModelOption = "gcn",
    hidden: HiddenOption = None,
    layers: LayersOption = None,
    root: RootOption = None,
    normalize: NormalizeOption = "auto",
    directed: DirectedOption = False,
) -> None:
    """Shows what runs for one forward pass: which messages are fused, and what is stored per edge."""
    chosen = recipe(model, hidden_channels=hidden, num_layers=layers)
    graph = open_graph(data, root, normalize, directed)
    network = build(chosen, graph.num_features, num_classes(graph), graph.edge_index).eval()
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(f"{network} on {data}: {graph.num_nodes} nodes, {graph.num_edges} edges", highlight=False)
    console.print(draw_plan(network, graph.x, graph.edge_index))


@app.command()
def info() -> None:
    """Shows versions, whether the compiled core runs and why (not), threads, devices, optional packages."""
    Console().print(about.table(), highlight=False, soft_wrap=True)


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; what goes wrong is one line on stderr, and exit code 2."""
    try:
        code = app(arguments, prog_name="grapevine", standalone_mode=False)
    except _CLICK_ERROR as error:
        _fail(error.format_message())
    except (GrapevineError, OSError) as error:
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("stopped", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    typer.echo("grapevine: " + " ".join(message.split()), err=True)
    sys.exit(2)


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[score]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
