"""Who writes to whom next: TGN's memory on private messages of students, beside EdgeBank, which only remembers pairs.

    python examples/temporal.py --root FOLDER        # FOLDER holds CollegeMsg.txt.gz, else it is downloaded
    python examples/temporal.py --root FOLDER --fast # a few seconds, on the same path

The messages are cut by time, 70 / 15 / 15 %. Batches of 200 arrive in order: the model tells the messages that were
sent from as many with a recipient drawn at random, and only then takes notice of them. Average precision and the area
under the ROC curve are means over the test batches. `examples/temporal.json` holds the recorded run with its curves.
Published (AP / AUC in %; the same messages, split and negatives under the name UCI; Yu et al., arXiv:2303.13047): TGN
92.34 / 92.03, EdgeBank 76.20 / 77.30; the best of nine models there, DyGFormer, 95.79 / 94.49.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.nn import Linear
from torch.nn import functional as F

import grapevine as gv
from grapevine.data import TemporalData
from grapevine.datasets import CollegeMsg
from grapevine.loader import TemporalDataLoader
from grapevine.nn import TransformerConv
from grapevine.nn.models.tgn import IdentityMessage, LastAggregator, LastNeighborLoader, TGNMemory
from grapevine.utils import scatter

PUBLISHED = {"tgn": {"ap": 0.9234, "auc": 0.9203}, "edgebank": {"ap": 0.7620, "auc": 0.7730}}


class TGN(torch.nn.Module):
    """Memories, updated by messages; attention over the last neighbours; a score for each pair.

    Args:
        num_nodes: N.
        size: of memories, embeddings and encodings of times.
        neighbors: how many last neighbours count.
    """

    def __init__(self, num_nodes: int, size: int = 100, neighbors: int = 10) -> None:
        super().__init__()
        message = IdentityMessage(1, size, size)
        self.memory = TGNMemory(num_nodes, 1, size, size, message, LastAggregator())
        waves = self.memory.time_enc.lin.requires_grad_(
            False
        )  # of seconds to decades; steps of Adam are too large
        waves.weight.copy_(10 ** -torch.linspace(0, 9, size).view(-1, 1))
        waves.bias.zero_()
        self.conv = TransformerConv(size, size // 2, heads=2, dropout=0.1, edge_dim=1 + size)
        self.source, self.target, self.score = Linear(size, size), Linear(size, size), Linear(size, 1)
        self.last = LastNeighborLoader(num_nodes, neighbors)
        self.place = torch.empty(num_nodes, dtype=torch.long)

    def forward(self, src: Tensor, dst: Tensor, t: Tensor, events: TemporalData) -> Tensor:
        """Scores of pairs at times (B,); `events` are all of them, of which only those seen so far are looked up."""
        asked, place = torch.cat([src, dst]).unique(return_inverse=True)
        nodes, edge_index, e_id = self.last(asked)
        self.place[nodes] = torch.arange(nodes.numel())
        now = scatter(t.repeat(2), self.place[asked][place], 0, nodes.numel(), reduce="min")
        z, _ = self.memory(nodes)
        passed = (now[edge_index[1]] - events.t[e_id]).to(z.dtype)
        z = self.conv(z, edge_index, torch.cat([self.memory.time_enc(passed), events.msg[e_id]], dim=1))
        pair = self.source(z[self.place[src]]) + self.target(z[self.place[dst]])
        return self.score(pair.relu()).squeeze(1)

    def notice(self, batch: TemporalData) -> None:
        """Takes notice of the events of a batch."""
        self.memory.update_state(batch.src, batch.dst, batch.t, batch.msg)
        self.last.insert(batch.src, batch.dst)

    def forget(self) -> None:
        """Forgets all events."""
        self.memory.reset_state()
        self.last.reset_state()


class EdgeBank:
    """Says 1 for the pairs that were seen before."""

    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()

    def __call__(self, src: Tensor, dst: Tensor, t: Tensor, events: TemporalData) -> Tensor:
        pairs = zip(src.tolist(), dst.tolist())
        return torch.tensor([float(pair in self.seen) for pair in pairs])

    def notice(self, batch: TemporalData) -> None:
        self.seen.update(zip(batch.src.tolist(), batch.dst.tolist()))


def batches(part: TemporalData, recipients: Tensor) -> Any:
    """Batches of 200 with as many pairs that were not sent, to `recipients` at random."""
    for batch in TemporalDataLoader(part, batch_size=200):
        wrong = recipients[torch.randint(recipients.numel(), batch.dst.shape)]
        yield batch, batch.src.repeat(2), torch.cat([batch.dst, wrong])


@torch.no_grad()
def evaluate(model: Any, part: TemporalData, events: TemporalData, seed: int) -> dict[str, float]:
    """Average precision and area under the curve, means over batches, of which the model takes notice afterwards."""
    torch.manual_seed(seed)  # the same negatives for every model and epoch
    found: dict[str, list[float]] = {"ap": [], "auc": []}
    for batch, src, dst in batches(part, events.dst.unique()):
        score = model(src, dst, batch.t.repeat(2), events).numpy()
        truth = (torch.arange(src.numel()) < batch.num_events).numpy()
        found["ap"].append(float(average_precision_score(truth, score)))
        found["auc"].append(float(roc_auc_score(truth, score)))
        model.notice(batch)
    return {name: statistics.fmean(values) for name, values in found.items()}


def train_epoch(
    model: TGN, optimizer: torch.optim.Optimizer, part: TemporalData, events: TemporalData
) -> float:
    """The mean loss."""
    model.train()
    model.forget()
    total = 0.0
    for batch, src, dst in batches(part, events.dst.unique()):
        optimizer.zero_grad()
        truth = (torch.arange(src.numel()) < batch.num_events).float()
        loss = F.binary_cross_entropy_with_logits(model(src, dst, batch.t.repeat(2), events), truth)
        model.notice(batch)
        loss.backward()
        optimizer.step()
        model.memory.detach()
        total += float(loss.detach()) * batch.num_events
    return total / part.num_events


def run(events: TemporalData, epochs: int, lr: float, patience: int, seed: int) -> dict[str, Any]:
    """Trains from a seed; the test figures are those of the epoch that was best on the validation messages."""
    torch.manual_seed(seed)
    train, val, test = events.train_val_test_split(val_ratio=0.15, test_ratio=0.15)
    model = TGN(events.num_nodes)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    best, best_model, waited, curve = 0.0, model, 0, []
    start = time.process_time()
    with progress() as bar:
        task = bar.add_task(f"seed {seed}", total=epochs, note="")
        for epoch in range(epochs):
            torch.manual_seed(1000 * (seed + 1) + epoch)  # `evaluate` has set one of its own
            loss = train_epoch(model, optimizer, train, events)
            model.eval()
            model.memory.detach()  # entering evaluation has brought it up to date
            found = evaluate(model, val, events, seed)
            curve.append({"loss": round(loss, 4), **found})
            bar.update(task, advance=1, note=f"loss {loss:.4f}, validation AP {found['ap']:.4f}")
            waited = 0 if found["ap"] > best else waited + 1
            if waited == 0:
                best, best_model = found["ap"], copy.deepcopy(model)  # with all that it remembers
            if waited == patience:
                break
    found = evaluate(best_model, test, events, seed)
    seconds = round(time.process_time() - start, 1)
    return {**found, "epochs": len(curve), "seconds": seconds, "seed": seed, "curve": curve}


def edgebank(events: TemporalData, seed: int) -> dict[str, Any]:
    """The baseline's test figures."""
    model = EdgeBank()
    train, val, test = events.train_val_test_split(val_ratio=0.15, test_ratio=0.15)
    model.notice(train)
    model.notice(val)
    return {**evaluate(model, test, events, seed), "seed": seed}


def progress() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    note = TextColumn("{task.fields[note]}")
    disable = not console.is_terminal
    return Progress(*columns, note, TimeElapsedColumn(), console=console, transient=True, disable=disable)


def draw(runs: list[dict[str, Any]], file: Path) -> None:
    """Average precision on the validation messages over epochs, beside published test figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for run in runs:
        values = [point["ap"] for point in run["curve"]]
        label = f"seed {run['seed']}: test {run['ap']:.4f}"
        axis.plot(range(1, len(values) + 1), values, ".-", label=label)
    for name, published in PUBLISHED.items():
        axis.axhline(published["ap"], color="gray", linestyle="--", linewidth=1)
        axis.annotate(
            f"{name}, published: {published['ap']:.4f}", (1, published["ap"]), fontsize=7, va="bottom"
        )
    axis.set(xlabel="epoch", ylabel="average precision, validation", title="CollegeMsg, TGN")
    axis.legend(loc="lower right")
    figure.savefig(file, dpi=90)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Runs from every seed, prints a line for each model, writes the JSON file and the picture, returns the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/college")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better one that end a run")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="the first 4,000 messages, 2 epochs, 1 seed")
    parser.add_argument("--json", type=Path, default=None, help="where to record the figures")
    parser.add_argument("--picture", type=Path, default=None, help="where to draw the curves")
    options = parser.parse_args(arguments)
    if options.fast:
        options.epochs, options.seeds = 2, 1

    events = CollegeMsg(options.root)[0]
    if options.fast:
        events = events[:4000]
    events.t = events.t - events.t[0]
    events.msg = torch.zeros(events.num_events, 1)  # the texts are not published
    runs: dict[str, list[dict[str, Any]]] = {"edgebank": [], "tgn": []}
    for seed in range(options.seeds):
        runs["edgebank"].append(edgebank(events, seed))
        runs["tgn"].append(run(events, options.epochs, options.lr, options.patience, seed))
    figures = {}
    for name, found in runs.items():
        figures[name] = {
            metric: {
                "mean": statistics.fmean(values := [one[metric] for one in found]),
                "std": statistics.stdev(values) if len(values) > 1 else 0.0,
            }
            for metric in ("ap", "auc")
        }
        text = ", ".join(f"{m} {e['mean']:.4f} +- {e['std']:.4f}" for m, e in figures[name].items())
        print(
            f"{name:9} {text} (published {PUBLISHED[name]['ap']:.4f}, {PUBLISHED[name]['auc']:.4f})",
            flush=True,
        )
    versions = {"grapevine": gv.__version__, "torch": torch.__version__}
    record = {
        "figures": figures,
        "published": PUBLISHED,
        "runs": runs,
        "lr": options.lr,
        "versions": versions,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(record) + "\n")
    if options.picture is not None:
        draw(runs["tgn"], options.picture)
    return record


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
