"""Parses, calls one public function, prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grapevine import __version__
from grapevine.cli import distributed, report
from grapevine.cli import info as about
from grapevine.cli import run as programs
from grapevine.cli.graphs import PLANETOID, label, open_graph
from grapevine.engine import plan as draw_plan
from grapevine.errors import GrapevineError, GraphValueError
from grapevine.training import RECIPES, build, num_classes, recipe
from grapevine.training import train as train_model

# ClickException, which some versions of typer carry inside and others take from click.
_CLICK_ERROR: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def _option(name: str, help: str, panel: str) -> Any:
    """An option whose default is told in its help, where there is one."""
    return typer.Option(name, help=help, rich_help_panel=panel, show_default=False)


def _examples(*lines: str) -> str:
    """An epilog of one line each: the help would join lines that are not paragraphs of their own."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  {line}" for line in lines)])


ProgramArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="A Python file to run on several processes instead, and what it is given; it calls "
        "grapevine.distributed.init().",
        show_default=False,
    ),
]
_KNOWN = f"karate, {', '.join(PLANETOID)}, or a folder with edges.csv and nodes.csv or a saved graph"
_DATA, _MODEL, _TRAINING, _RANKS = (
    "The graph",
    "The model",
    "The training (what is not given comes from the model's recipe)",
    "A program on several processes",
)
DataOption = Annotated[str, _option("--data", f"{_KNOWN}. [dim]default: karate[/dim]", _DATA)]
RootOption = Annotated[
    str | None,
    _option("--root", "Where raw files or zips of data sets lie, or go. [dim]default: a cache[/dim]", _DATA),
]
NormalizeOption = Annotated[
    str,
    _option(
        "--normalize",
        "Features: rows (sum to one), columns (are standardised), none, or auto (what suits the data). "
        "[dim]default: auto[/dim]",
        _DATA,
    ),
]
DirectedOption = Annotated[bool, _option("--directed", "Edges of edges.csv point one way only.", _DATA)]
ModelOption = Annotated[
    str, _option("--model", f"One of {', '.join(RECIPES)}. [dim]default: gcn[/dim]", _MODEL)
]
HiddenOption = Annotated[int | None, _option("--hidden", "Width of the hidden layers.", _MODEL)]
LayersOption = Annotated[int | None, _option("--layers", "Rounds of message passing.", _MODEL)]
DropoutOption = Annotated[float | None, _option("--dropout", "Of hidden features.", _MODEL)]
InputDropoutOption = Annotated[float | None, _option("--input-dropout", "Of input features.", _MODEL)]
LrOption = Annotated[float | None, _option("--lr", "Learning rate of Adam.", _TRAINING)]
WeightDecayOption = Annotated[float | None, _option("--weight-decay", "L2 penalty.", _TRAINING)]
EpochsOption = Annotated[int | None, _option("--epochs", "The longest training.", _TRAINING)]
PatienceOption = Annotated[
    int | None, _option("--patience", "Stop after so many epochs without progress.", _TRAINING)
]
SeedsOption = Annotated[
    int, _option("--seeds", "Train so many times, from seeds 0, 1, ... [dim]default: 1[/dim]", _TRAINING)
]
DeviceOption = Annotated[
    str,
    _option(
        "--device",
        "cpu, cuda, cuda:1, ..., or auto (CUDA where there is one). [dim]default: auto[/dim]",
        _TRAINING,
    ),
]
OutOption = Annotated[
    Path | None, _option("--out", "Folder of the report. [dim]default: runs/DATA-MODEL[/dim]", "The report")
]

NprocOption = Annotated[int | None, _option("--nproc", "How many processes. [dim]default: 1[/dim]", _RANKS)]
RestartsOption = Annotated[
    int, _option("--restarts", "How often to start again when one fails. [dim]default: 0[/dim]", _RANKS)
]

app = typer.Typer(
    help="Graph neural networks for PyTorch.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=_examples(
        "grapevine train", "grapevine train --data cora --model gat --seeds 10", "grapevine info"
    ),
)


@app.command(
    context_settings={"allow_interspersed_args": False},
    epilog=_examples(
        "grapevine train",
        "grapevine train --data cora --model gat --seeds 10",
        "grapevine train --data my_graph/ --model sage --out runs/mine",
        "grapevine train --nproc 4 --restarts 3 program.py --epochs 10",
    ),
)
def train(
    program: ProgramArgument = None,
    data: DataOption = "karate",
    model: ModelOption = "gcn",
    hidden: HiddenOption = None,
    layers: LayersOption = None,
    dropout: DropoutOption = None,
    input_dropout: InputDropoutOption = None,
    lr: LrOption = None,
    weight_decay: WeightDecayOption = None,
    epochs: EpochsOption = None,
    patience: PatienceOption = None,
    seeds: SeedsOption = 1,
    device: DeviceOption = "auto",
    root: RootOption = None,
    normalize: NormalizeOption = "auto",
    directed: DirectedOption = False,
    out: OutOption = None,
    nproc: NprocOption = None,
    restarts: RestartsOption = 0,
) -> None:
    """Trains a node classifier and writes a report: accuracies, loss curve, embedding, checkpoint."""
    if program:
        distributed.start(program, nproc, restarts)
    if nproc is not None or restarts:
        raise GraphValueError(
            "expected a program after --nproc and --restarts, got none; do this instead: "
            "grapevine train --nproc 2 program.py"
        )
    chosen = recipe(
        model,
        data,
        hidden_channels=hidden,
        num_layers=layers,
        dropout=dropout,
        input_dropout=input_dropout,
        lr=lr,
        weight_decay=weight_decay,
        epochs=epochs,
        patience=patience,
    )
    folder = out if out is not None else Path("runs") / f"{label(data)}-{model}"
    report.check_place(folder)
    graph = open_graph(data, root, normalize, directed).to(about.device(device))

    with _progress() as progress:
        task = progress.add_task(model, total=chosen.epochs * seeds, score="")

        def show(seed: int, epoch: int, values: Any) -> None:
            score = " ".join(f"{part} {values[part]:.1%}" for part in ("val", "test") if part in values)
            progress.update(task, completed=seed * chosen.epochs + epoch, score=f"seed {seed}: {score}")

        results = train_model(graph, chosen, seeds, show)
        progress.update(task, completed=chosen.epochs * seeds)

    console = Console()
    console.print(report.table(label(data), chosen, results))
    for line in report.write(folder, label(data), graph, chosen, results):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


@app.command(
    epilog=_examples("grapevine plan --data cora --model gcn", "grapevine plan --data my_graph/ --model gat")
)
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
    chosen = recipe(model, data, hidden_channels=hidden, num_layers=layers)
    graph = open_graph(data, root, normalize, directed)
    network = (
        build(chosen, graph.num_features, num_classes(graph), graph.edge_index).eval().to(graph["x"].dtype)
    )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    text = f"{network} on {label(data)}: {graph.num_nodes} nodes, {graph.num_edges} edges"
    console.print(text, highlight=False, markup=False)
    console.print(draw_plan(network, graph.x, graph.edge_index))


@app.command()
def info() -> None:
    """Shows versions, whether the compiled core runs and why (not), threads, devices, optional packages."""
    Console().print(about.table(), highlight=False, soft_wrap=True)


programs.register(app)
distributed.register(app)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; what goes wrong is one line on stderr, and exit code 2."""
    try:
        code = app(arguments, prog_name="grapevine", standalone_mode=False)
    except _CLICK_ERROR as error:
        _fail(error.format_message())
    except (GrapevineError, OSError) as error:
        _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        _fail(
            f"expected the training to fit into memory, got: {error}; do this instead: lower --hidden or --layers"
        )
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # which some versions of typer return for Ctrl-C, where others raise
        typer.echo("grapevine: stopped, nothing was written", err=True)
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
