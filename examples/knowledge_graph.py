"""Knowledge graph completion: which facts are missing? TransE, DistMult, ComplEx, RotatE and R-GCN, filtered ranks.

    python examples/knowledge_graph.py --data umls --model complex           # half a minute
    python examples/knowledge_graph.py --data umls kinship nations --model transe distmult complex rotate rgcn \\
        --json examples/knowledge_graph.json
    python examples/knowledge_graph.py --data fb15k-237 --model complex --minutes 20 --picture curve.png

Every head and every tail of a test triplet is ranked among all entities, other known answers left out (the filtered
setting); ties count half. A triplet is called true or false by a threshold for its relation, learned on validation
triplets and corrupted copies. The embeddings are those of the best validation epoch. `examples/knowledge_graph.json`
holds the recorded runs, with their curves, beside published figures.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

import grapevine as gv
from grapevine.datasets import UMLS, FB15k_237, Kinship, Nations, WordNet18RR
from grapevine.nn import ComplEx, DistMult, RGCNAutoEncoder, RotatE, TransE
from grapevine.nn.kge import KnownTriplets, MatchingModel, RelationThresholds, corrupt_triplets
from grapevine.nn.kge.known import Side

DATA = {"umls": UMLS, "kinship": Kinship, "nations": Nations, "fb15k-237": FB15k_237, "wn18rr": WordNet18RR}
MODELS = ("transe", "distmult", "complex", "rotate", "rgcn")
SMALL = ("umls", "kinship", "nations")

#: Test MRR. FB15k-237 and WN18RR: "tuned" of Ruffinelli et al., ICLR 2020 (RotatE: arXiv:1902.10197), "first" of the
#: tables in arXiv:1902.10197 and arXiv:1703.06103. The small graphs: of ConvE, on the same files, in the README of
#: TimDettmers/ConvE.
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "fb15k-237": {
        "transe": {"tuned": 0.313, "first": 0.294},
        "distmult": {"tuned": 0.343, "first": 0.241},
        "complex": {"tuned": 0.348, "first": 0.247},
        "rotate": {"tuned": 0.338, "first": 0.338},
        "rgcn": {"first": 0.249},
    },
    "wn18rr": {
        "transe": {"tuned": 0.228, "first": 0.226},
        "distmult": {"tuned": 0.452, "first": 0.43},
        "complex": {"tuned": 0.475, "first": 0.44},
        "rotate": {"tuned": 0.476, "first": 0.476},
    },
    **{
        data: {m: {"ConvE": v} for m in MODELS}
        for data, v in (("umls", 0.94), ("kinship", 0.83), ("nations", 0.82))
    },
}


class Recipe(NamedTuple):
    """How a model is trained.

    A batch holds triplets, or, where `grouped`, questions, each with all its answers. `negatives` None are all
    entities; `scale` multiplies the scores before the softmax, and distances are raised to `power`; `norm` is that of
    TransE.
    """

    hidden: int = 100
    batch_size: int = 256
    epochs: int = 200
    every: int = 5
    patience: int = 6
    lr: float = 0.01
    penalty: float = 0.0
    scale: float = 1.0
    negatives: int | None = None
    norm: float = 1.0
    adagrad: bool = False
    grouped: bool = False
    power: float = 1.0


def recipe(model: str, data: str) -> Recipe:
    """The recipe of a model: the cross-entropy of the true answer among the false ones."""
    if model in ("transe", "rotate"):
        chosen = Recipe(scale=10.0 if model == "transe" else 5.0)
    elif model == "rgcn":
        chosen = Recipe(hidden=64, batch_size=1024)
    else:
        chosen = Recipe(lr=0.1, penalty=0.01 if data in SMALL else 0.05, adagrad=True)
    if data in SMALL:
        return chosen
    wide = {"transe": 256, "distmult": 256}.get(model, chosen.hidden)
    chosen = chosen._replace(hidden=wide, every=1, patience=10, norm=2.0, grouped=True)
    if model == "rgcn":
        return chosen._replace(batch_size=8192, negatives=1000)
    if model == "rotate":  # without a penalty it learns the triplets by heart
        chosen = chosen._replace(adagrad=True, lr=0.1, scale=1.0, power=2.0, penalty=0.5)
    return chosen._replace(batch_size=500, negatives=4000)


class Triplets(NamedTuple):
    """Heads, relations and tails, int64 (E,) each."""

    head: Tensor
    relation: Tensor
    tail: Tensor


class Graph(NamedTuple):
    """The three splits of a knowledge graph, and their sizes."""

    parts: dict[str, Triplets]
    num_nodes: int
    num_relations: int

    def known(self, *parts: str) -> KnownTriplets:
        """The triplets of some splits as a set."""
        columns = (torch.cat(c) for c in zip(*(self.parts[part] for part in parts)))
        return KnownTriplets(*columns, self.num_nodes, self.num_relations)


def load(name: str, root: Path) -> Graph:
    """Reads a data set, from `root/name` or `$GRAPEVINE_DATA`, or downloads it."""
    folder = str(root / name)
    splits = ("train", "val", "test")
    if name == "wn18rr":
        data = WordNet18RR(folder)[0]
        masks = [data[f"{split}_mask"] for split in splits]
        parts = [Triplets(data.edge_index[0, m], data.edge_type[m], data.edge_index[1, m]) for m in masks]
    else:
        graphs = [DATA[name](folder, split)[0] for split in splits]
        parts = [Triplets(g.edge_index[0], g.edge_type, g.edge_index[1]) for g in graphs]
        data = graphs[0]
    return Graph(dict(zip(splits, parts)), data.num_nodes, int(max(p.relation.max() for p in parts)) + 1)


def build(name: str, decoder: str, graph: Graph, how: Recipe) -> MatchingModel:
    """A model by name; the R-GCN encoder sends messages along the training triplets, for `decoder` to score."""
    sizes = (graph.num_nodes, graph.num_relations, how.hidden)
    plain = {"distmult": DistMult, "complex": ComplEx}
    if name == "transe":
        return TransE(*sizes, p_norm=how.norm)
    if name == "rotate":
        return RotatE(*sizes, margin=0.0)
    if name in plain:
        return plain[name](*sizes)
    train = graph.parts["train"]
    scorer = build(decoder, "", graph, how)
    return RGCNAutoEncoder(
        scorer, torch.stack([train.head, train.tail]), train.relation, num_bases=8, dropout=0.2
    )


def classify(model: MatchingModel, graph: Graph, known: KnownTriplets, seed: int) -> float:
    """Accuracy on the test triplets and as many false ones, by thresholds learned on those of validation."""
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for part in ("val", "test"):
        true = graph.parts[part]
        false = corrupt_triplets(*true, graph.num_nodes, known, generator)
        h, r, t = (torch.cat(columns) for columns in zip(true, false))
        with torch.no_grad():
            sides.append((model(h, r, t), r, torch.arange(r.numel()) < true.head.numel()))
    return RelationThresholds(*sides[0], graph.num_relations).accuracy(*sides[1])


def logits(scores: Tensor, how: Recipe) -> Tensor:
    """What enters the softmax: scaled scores, of distances a power."""
    return how.scale * scores if how.power == 1 else -how.scale * (-scores) ** how.power


def questions(triplets: Triplets, size: int) -> list[tuple[Side, Tensor, Tensor]]:
    """Shuffled batches of the different questions that triplets answer: side asked for, what is given, relation."""
    batches: list[tuple[Side, Tensor, Tensor]] = []
    sides: tuple[tuple[Side, Tensor], ...] = (("tail", triplets.head), ("head", triplets.tail))
    for side, given in sides:
        count = int(triplets.relation.max()) + 1
        pairs = (given * count + triplets.relation).unique()
        shuffled = pairs[torch.randperm(pairs.numel())]
        batches += [(side, pair // count, pair % count) for pair in shuffled.split(size)]
    return [batches[i] for i in torch.randperm(len(batches)).tolist()]


def ask(
    model: MatchingModel, known: KnownTriplets, side: Side, given: Tensor, relation: Tensor, how: Recipe
) -> Tensor:
    """Cross-entropy of each known answer among entities that are none, and the penalty.

    As `contrast` has it for one triplet after the other; here a question is scored once for all its answers, 3.6 on
    FB15k-237, which is that much cheaper.
    """
    row, answer = known.answers(given, relation, side)
    drawn = torch.randperm(model.num_nodes)[: how.negatives]
    sizes = [given.numel(), answer.numel(), drawn.numel()]
    x, y, others = model.entities(torch.cat([given, answer, drawn])).split(sizes)
    r = model.relation(relation)
    query = model.query(x, r, side)
    true = logits(model.similarity(query[row], y), how)
    false = logits(model.similarities(query, others), how)
    place = torch.full((model.num_nodes,), -1).index_put((drawn,), torch.arange(drawn.numel()))[answer]
    false = false.index_put((row[place >= 0], place[place >= 0]), false.new_tensor(-torch.inf))
    loss = F.softplus(false.logsumexp(dim=1)[row] - true).mean()
    if how.penalty == 0:
        return loss
    cubes = [model.modulus(z).pow(3).sum(dim=-1) for z in (x, r, y)]
    return loss + how.penalty * ((cubes[0] + cubes[1])[row] + cubes[2]).mean()


def train(
    name: str, graph: Graph, how: Recipe, decoder: str, seed: int, minutes: float, title: str
) -> dict[str, Any]:
    """Trains until validation gets no better, time is up, or Ctrl-C; returns the figures on the test triplets."""
    torch.manual_seed(seed)
    model = build(name, decoder, graph, how)
    optimise = torch.optim.Adagrad if how.adagrad else torch.optim.Adam
    optimizer = optimise(model.parameters(), lr=how.lr)
    known = graph.known("train", "val", "test")
    triplets = graph.parts["train"]
    answers = graph.known("train")
    batches = model.loader(*triplets, batch_size=how.batch_size, shuffle=True)
    held_out = Triplets(*(column[:3000] for column in graph.parts["val"]))
    curve: list[dict[str, float]] = []
    best, best_state, epoch, waited = 0.0, model.state_dict(), 0, 0
    start = time.process_time()
    with progress() as bar, contextlib.suppress(KeyboardInterrupt):
        task = bar.add_task(title, total=how.epochs, note="")
        while epoch < how.epochs and time.process_time() - start < 60 * minutes and waited < how.patience:
            model.train()
            losses = []
            for batch in questions(triplets, how.batch_size) if how.grouped else batches:
                optimizer.zero_grad()
                if how.grouped:
                    loss = ask(model, answers, *batch, how=how)
                else:
                    h, r, t = batch
                    loss = model.contrast(h, r, t, how.negatives, "softmax", scale=how.scale)
                    if how.penalty > 0:
                        loss = loss + how.penalty * model.penalty(h, r, t)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            epoch += 1
            if epoch % how.every == 0 or epoch == how.epochs:
                model.eval()
                mrr = model.rank(*held_out, known=known).mrr
                waited = 0 if mrr > best else waited + 1
                if mrr > best:
                    best, best_state = mrr, copy.deepcopy(model.state_dict())
                seconds = time.process_time() - start
                point = {"epoch": epoch, "seconds": seconds, "loss": statistics.fmean(losses), "mrr": mrr}
                curve.append({key: round(value, 4) for key, value in point.items()})
                bar.update(task, note=f"loss {point['loss']:.3f}, validation MRR {mrr:.4f}")
            bar.advance(task)
    model.load_state_dict(best_state)
    model.eval()
    test = model.rank(*graph.parts["test"], known=known).summary()
    return {
        **{key: round(value, 4) for key, value in test.items()},
        "accuracy": round(classify(model, graph, known, seed), 4),
        "epochs": epoch,
        "seconds": round(time.process_time() - start, 1),
        "seed": seed,
        "recipe": how._asdict(),
        "curve": curve,
    }


def progress() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    note = TextColumn("{task.fields[note]}")
    disable = not console.is_terminal
    return Progress(*columns, note, TimeElapsedColumn(), console=console, transient=True, disable=disable)


def draw(runs: dict[str, dict[str, Any]], data: str, file: Path) -> None:
    """Validation MRR of the recorded runs on one data set over processor time, published test figures as lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for i, (model, run) in enumerate(runs.items()):
        minutes = [point["seconds"] / 60 for point in run["curve"]]
        mrr = [point["mrr"] for point in run["curve"]]
        axis.plot(minutes, mrr, ".-", color=f"C{i}", label=f"{model}: test {run['mrr']:.3f}")
        for name, value in PUBLISHED[data].get(model, {}).items():
            axis.axhline(value, color=f"C{i}", linestyle="--" if name == "tuned" else ":", linewidth=1)
            axis.annotate(f"{model}, {name}: {value}", (0, value), fontsize=7, color=f"C{i}", va="bottom")
    axis.set(xlabel="minutes of one processor", ylabel="filtered MRR, validation", title=data, xlim=(0, None))
    axis.legend(loc="lower right")
    figure.savefig(file, dpi=90)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Trains every model on every data set, prints a line for each, and returns the runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["umls"], choices=list(DATA))
    parser.add_argument("--model", nargs="+", default=["complex"], choices=MODELS)
    parser.add_argument("--decoder", default="distmult", choices=MODELS[:-1], help="what scores for rgcn")
    parser.add_argument("--root", type=Path, default=Path("data/kg"), help="where data sets lie, or go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0, help="the most processor time for a model")
    for name, default in Recipe._field_defaults.items():
        number = float if isinstance(default, float) else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=number, default=None, help="of the recipe")
    parser.add_argument("--fast", action="store_true", help="a few epochs of small embeddings")
    parser.add_argument("--json", type=Path, default=None, help="where to record the runs, among those there")
    parser.add_argument(
        "--picture", type=Path, default=None, help="where to draw the curves of the last data set"
    )
    options = parser.parse_args(arguments)

    chosen = {
        key: value for key, value in vars(options).items() if key in Recipe._fields and value is not None
    }
    if options.fast:
        chosen = {"hidden": 32, "epochs": 4, "every": 2, **chosen}
    recorded: dict[str, dict[str, Any]] = {}
    if options.json is not None and options.json.exists():
        recorded = json.loads(options.json.read_text())["runs"]
    for data in options.data:
        graph = load(data, options.root)
        for model in options.model:
            how = recipe(model, data)._replace(**chosen)
            title = f"{data} {model}"
            run = train(model, graph, how, options.decoder, options.seed, options.minutes, title)
            run["published"] = PUBLISHED[data].get(model, {})
            recorded.setdefault(data, {})[model] = run
            figures = ", ".join(
                f"{key} {run[key]:.3f}" for key in ("mr", "mrr", "hits@1", "hits@3", "hits@10")
            )
            beside = ", ".join(f"{name} {value}" for name, value in run["published"].items())
            print(
                f"{title}: {figures}; triplets told apart {run['accuracy']:.1%}; {run['epochs']} epochs, "
                f"{run['seconds']:.0f} s (published MRR: {beside})",
                flush=True,
            )
            if options.json is not None:
                versions = {"grapevine": gv.__version__, "torch": torch.__version__}
                options.json.write_text(json.dumps({"runs": recorded, "versions": versions}) + "\n")
    if options.picture is not None:
        draw(recorded[options.data[-1]], options.data[-1], options.picture)
    return recorded


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
