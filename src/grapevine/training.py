"""Training: a loop over batches, one for node classifiers with early stopping, and recipes that are known to work."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from grapevine.data import Data
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.nn import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from grapevine.ops._draw import PHI, mix
from grapevine.utils import degree


class GATClassifier(GAT):
    """A `GAT` whose output layer averages its own number of heads, one as in the paper.

    Args:
        *args: those of `GAT`.
        heads: of the hidden layers, concatenated.
        out_heads: of the output layer, averaged.
        **kwargs: those of `GAT`.

    Example:
        >>> GATClassifier(16, 64, num_layers=2, out_channels=7, heads=8).convs[-1]
        GATConv(64, 7, heads=1)

    Source: "Graph Attention Networks" (arXiv:1710.10903).
    """

    def init_conv(
        self, in_channels: Any, out_channels: int, heads: int = 1, out_heads: int = 1, **kwargs: Any
    ) -> nn.Module:
        heads = out_heads if self._is_conv_to_out else heads
        return super().init_conv(in_channels, out_channels, heads=heads, **kwargs)


MODELS: dict[str, type[nn.Module]] = {
    "gcn": GCN,
    "sage": GraphSAGE,
    "gat": GATClassifier,
    "gin": GIN,
    "pna": PNA,
    "edgecnn": EdgeCNN,
}
PARTS = ("train", "val", "test")
OnEpoch = Callable[[int, Mapping[str, float]], None]
Loss = Callable[[nn.Module, Any], tuple[Tensor, int]]
_MOST_CLASSES = 10_000  # unless there are more nodes
_MOST = 1_000_000  # of anything that is counted: a slip of the finger shall not end in a lack of memory


@dataclass(frozen=True)
class Recipe:
    """A model's name and the hyper-parameters to train it with.

    Args:
        model: a key of `MODELS`.
        hidden_channels: width of the hidden layers (of all heads together).
        num_layers: rounds of message passing.
        dropout: probability of dropping a hidden feature (GAT: also an attention weight).
        input_dropout: probability of dropping an input feature.
        lr: learning rate of Adam.
        weight_decay: L2 penalty on all weights.
        epochs: the longest training.
        patience: epochs without a better validation result after which training stops.
        options: further arguments of the model, such as `{"heads": 8}`.
    """

    model: str = "gcn"
    hidden_channels: int = 16
    num_layers: int = 2
    dropout: float = 0.5
    input_dropout: float = 0.5
    lr: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 200
    patience: int = 100
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise GraphKeyError(f"expected a model of {list(MODELS)}, got {self.model!r}")
        for name in ("hidden_channels", "num_layers", "epochs", "patience"):
            if not 1 <= getattr(self, name) <= _MOST:
                raise GraphValueError(f"expected {name} from 1 to {_MOST:,}, got {getattr(self, name)}")
        for name in ("dropout", "input_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise GraphValueError(f"expected {name} in [0, 1), got {getattr(self, name)}")
        for name in ("lr", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise GraphValueError(f"expected a finite {name} of at least 0, got {getattr(self, name)}")
        heads = self.options.get("heads", 1)
        if self.hidden_channels % heads:
            raise GraphValueError(
                f"expected hidden_channels divisible by {heads} heads, got {self.hidden_channels}"
            )


#: Hyper-parameters per model: those of the papers for GCN (arXiv:1609.02907) and GAT (arXiv:1710.10903: 8 heads of
#: 8 features, then one head).
RECIPES: dict[str, Recipe] = {
    "gcn": Recipe("gcn"),
    "sage": Recipe("sage"),
    "gat": Recipe(
        "gat",
        hidden_channels=64,
        dropout=0.6,
        input_dropout=0.6,
        lr=0.005,
        epochs=1000,
        options={"heads": 8, "act": "elu"},
    ),
    "gin": Recipe("gin", hidden_channels=32),
    "pna": Recipe(
        "pna",
        hidden_channels=16,
        options={
            "aggregators": ["mean", "min", "max", "std"],
            "scalers": ["identity", "amplification", "attenuation"],
        },
    ),
    "edgecnn": Recipe("edgecnn", hidden_channels=32),
}
#: What the papers change for one data set.
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("gat", "pubmed"): {
        "lr": 0.01,
        "weight_decay": 1e-3,
        "options": {"heads": 8, "out_heads": 8, "act": "elu"},
    },
}


def recipe(model: str, data: str | None = None, **changes: Any) -> Recipe:
    """Returns the recipe of a model with some hyper-parameters changed.

    Args:
        model: a key of `RECIPES`.
        data: name of the data set, for which the paper may say something else (`CHANGES`).
        **changes: fields of `Recipe`; None keeps the recipe's own value.

    Raises:
        GraphKeyError: for an unknown model.
        GraphValueError: for a value out of range.

    Example:
        >>> recipe("gcn", hidden_channels=32).hidden_channels
        32
    """
    if model not in RECIPES:
        raise GraphKeyError(f"expected a model of {list(RECIPES)}, got {model!r}")
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(RECIPES[model], **{**CHANGES.get((model, str(data)), {}), **given})


def build(recipe: Recipe, in_channels: int, out_channels: int, edge_index: Tensor | None = None) -> nn.Module:
    """Builds the model of a recipe with fresh weights from torch's generator.

    Args:
        recipe: what to build.
        in_channels: features per node.
        out_channels: classes.
        edge_index: `(2, E)` the graph that it is trained on; PNA scales by its degrees.

    Example:
        >>> build(recipe("gcn"), in_channels=34, out_channels=4)
        GCN(34, 4, num_layers=2)
    """
    options = dict(recipe.options)
    if recipe.model == "pna":
        degrees = (
            torch.ones(1, dtype=torch.long) if edge_index is None else degree(edge_index[1], dtype=torch.long)
        )
        options["deg"] = torch.bincount(degrees)
    return MODELS[recipe.model](
        in_channels,
        recipe.hidden_channels,
        recipe.num_layers,
        out_channels,
        dropout=recipe.dropout,
        **options,
    )


@dataclass
class Progress:
    """Where a training stands; all that it goes on from, beside the states of model, optimisers and loader.

    Attributes:
        epoch: how many passes were completed.
        step: how many updates were made, in all.
        batches: batches of the current pass that are done, on all ranks.
        loss: sum of the losses of the current pass.
        count: the number of seeds that it comes from.
        losses: the mean loss per seed of every completed pass.
    """

    epoch: int = 0
    step: int = 0
    batches: int = 0
    loss: float = 0.0
    count: float = 0.0
    losses: list[float] = field(default_factory=list)


class Ranks:
    """The processes that train together: here one. `grapevine.distributed` has several."""

    rank = 0
    size = 1

    def total(self, values: list[float], model: nn.Module) -> list[float]:
        """Adds up numbers, and the gradients of a model, over all ranks."""
        return values


def loop(
    model: nn.Module,
    batches: Iterable[Any],
    loss: Loss,
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    epochs: int,
    accumulate: int = 1,
    seed: int | None = None,
    progress: Progress | None = None,
    ranks: Ranks | None = None,
    on_step: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[Progress], bool | None] | None = None,
) -> Progress:
    """Trains on batches, pass after pass.

    An update takes `accumulate` batches on each rank, and follows the mean loss over all their seeds. So it is the same
    for any number of ranks, if `accumulate` times that number is.

    Args:
        model: what to train.
        batches: iterated over once per pass; `set_epoch` is called before each pass, where there is such a method.
        loss: called as `loss(model, batch)`; returns the sum of the losses of the batch's seeds, and how many they are.
        optimizers: those of the model's parameters.
        epochs: how many passes, those that were done before included.
        accumulate: batches per update, on each rank.
        seed: what all random draws of a batch follow from, together with its number: dropout then does not depend on
            the number of ranks, nor on an interruption. None: draws go on as they are.
        progress: where to go on; loader, model and optimisers must be in the states that belong to it.
        ranks: the processes that train together; None: this one.
        on_step: called after every update.
        on_epoch: called after every pass; training stops where it returns True.

    Returns:
        Where the training stands in the end.

    Raises:
        GraphValueError: if the loss stops being finite.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> batches = [torch.ones(4, 1), torch.zeros(2, 1)]
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> done = loop(model, batches, lambda m, x: ((m(x) - x).square().sum(), len(x)), [sgd], epochs=3)
        >>> done.epoch, done.step, len(done.losses)
        (3, 6, 3)
    """
    progress = Progress() if progress is None else progress
    ranks = Ranks() if ranks is None else ranks
    while progress.epoch < epochs:
        model.train()
        if progress.batches == 0 and hasattr(batches, "set_epoch"):
            batches.set_epoch(progress.epoch)
        stream = iter(batches)
        while True:
            for optimizer in optimizers:
                optimizer.zero_grad()
            sums = [0.0, 0.0, 0.0]
            for number, batch in enumerate(islice(stream, accumulate)):
                if seed is not None:
                    key = mix(seed + PHI * (progress.epoch + 1))
                    place = progress.batches + number * ranks.size + ranks.rank
                    torch.manual_seed(mix(key + PHI * (place + 1)) >> 1)
                value, seeds = loss(model, batch)
                value.backward()
                sums = [sums[0] + value.item(), sums[1] + seeds, sums[2] + 1]
            total, count, done = ranks.total(sums, model)
            if not done:
                break
            for optimizer in optimizers:
                _scale(optimizer, count)
                optimizer.step()
            progress.step += 1
            progress.batches += int(done)
            progress.loss += total
            progress.count += count
            if on_step is not None:
                on_step(progress)
        mean = progress.loss / max(progress.count, 1)
        progress.epoch, progress.batches, progress.loss, progress.count = progress.epoch + 1, 0, 0.0, 0.0
        if not math.isfinite(mean):
            raise GraphValueError(
                f"expected a finite loss, got {mean} in epoch {progress.epoch}; lower the learning rate "
                f"(lr={optimizers[0].param_groups[0]['lr']}), or look for huge, missing or negative numbers in data.x "
                "and data.edge_weight"
            )
        progress.losses.append(mean)
        if on_epoch is not None and on_epoch(progress):
            break
    return progress


def _scale(optimizer: torch.optim.Optimizer, count: float) -> None:
    """Turns the gradients of a sum into those of a mean."""
    if count in (0, 1):
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.div_(count)


@dataclass(frozen=True)
class FitResult:
    """What a training gave.

    Attributes:
        model: the model, with the weights of its best epoch.
        history: per epoch `loss`, and `train`, `val`, `test` accuracies and `val_loss` where there are such nodes.
        best_epoch: the epoch (from 1) whose weights were kept.
        accuracy: the accuracies of that epoch by part, in [0, 1].
        seconds: how long the training took.
        seed: the seed it started from, if one was given.
    """

    model: nn.Module
    history: dict[str, list[float]]
    best_epoch: int
    accuracy: dict[str, float]
    seconds: float
    seed: int | None = None


def fit(
    model: nn.Module,
    data: Data,
    *,
    epochs: int = 200,
    patience: int = 100,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    input_dropout: float = 0.0,
    seed: int | None = None,
    on_epoch: OnEpoch | None = None,
) -> FitResult:
    """Trains a node classifier on all nodes of one graph at once, with Adam and cross entropy.

    After every epoch the model is evaluated. The weights of the epoch with the lowest validation loss are kept;
    when neither a lower loss nor a higher validation accuracy came for `patience` epochs, training stops. Without
    validation nodes all epochs are run and the last weights kept.

    Args:
        model: called as `model(x, edge_index)`, or `model(x, edge_index, edge_weight=...)` where the graph has
            weights and `model.supports_edge_weight` says so; returns logits `(N, classes)`.
        data: a graph with `x`, `edge_index`, `y` `(N,)` (-1 where unknown) and a boolean `train_mask` `(N,)`;
            `val_mask` and `test_mask` where there are such nodes.
        epochs: the longest training.
        patience: see above.
        lr: learning rate.
        weight_decay: L2 penalty on all weights.
        input_dropout: probability of dropping an input feature.
        seed: for dropout; the global generator is used as it is where None.
        on_epoch: called as `on_epoch(epoch, values)` with the epoch (from 1) and the newest history entries.

    Returns:
        The best weights in the model, the history and the accuracies.

    Raises:
        GraphValueError: if the graph lacks labels or training nodes, or if the loss stops being finite.

    Example:
        >>> from grapevine.datasets import KarateClub
        >>> data = KarateClub()[0]
        >>> result = fit(build(recipe("gcn"), 34, 4), data, epochs=2, seed=0)
        >>> len(result.history["loss"]), sorted(result.accuracy)
        (2, ['test', 'train'])
    """
    masks = _masks(data)
    if seed is not None:
        torch.manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    drop = _feature_dropout(data["x"], input_dropout)
    history: dict[str, list[float]] = {}
    best_epoch, highest, lowest_loss, waited = 0, -1.0, float("inf"), 0
    best_state: dict[str, Tensor] = {}
    start = time.perf_counter()

    def loss(model: nn.Module, data: Data) -> tuple[Tensor, int]:
        logits = forward(model, data, drop())
        return F.cross_entropy(logits[masks["train"]], data["y"][masks["train"]]), 1

    def look(progress: Progress) -> bool:
        """Evaluates, keeps the best weights, and tells whether to stop."""
        nonlocal best_epoch, highest, lowest_loss, waited, best_state
        values = {"loss": progress.losses[-1], **_evaluate(model, data, masks)}
        for key, value in values.items():
            history.setdefault(key, []).append(value)
        if on_epoch is not None:
            on_epoch(progress.epoch, values)
        if "val" not in masks:
            return False
        better = values["val_loss"] < lowest_loss
        waited = 0 if better or values["val"] > highest else waited + 1
        highest = max(highest, values["val"])
        if better:
            best_epoch, lowest_loss = progress.epoch, values["val_loss"]
            best_state = copy.deepcopy(model.state_dict())
        return waited == patience

    loop(model, [data], loss, [optimizer], epochs=epochs, on_epoch=look)
    if best_state:
        model.load_state_dict(best_state)
    else:
        best_epoch = len(history["loss"])
    model.eval()
    accuracy = {part: history[part][best_epoch - 1] for part in PARTS if part in history}
    return FitResult(model, history, best_epoch, accuracy, time.perf_counter() - start, seed)


def train(
    data: Data,
    recipe: Recipe,
    seeds: int = 1,
    on_epoch: Callable[[int, int, Mapping[str, float]], None] | None = None,
) -> list[FitResult]:
    """Trains a recipe's model from several seeds.

    Args:
        data: as for `fit`; where it has no `train_mask`, every seed draws its own split (see `random_split`).
        recipe: model and hyper-parameters.
        seeds: how many times to train: with the seeds 0, 1, ...
        on_epoch: called as `on_epoch(seed, epoch, values)`.

    Returns:
        One result per seed.

    Example:
        >>> from grapevine.datasets import KarateClub
        >>> results = train(KarateClub()[0], recipe("sage", epochs=5), seeds=2)
        >>> [r.seed for r in results]
        [0, 1]
    """
    if seeds < 1:
        raise GraphValueError(f"expected at least 1 seed, got {seeds}")
    check_labelled(data)
    results = []

    def tell(seed: int) -> OnEpoch | None:
        return None if on_epoch is None else lambda epoch, values: on_epoch(seed, epoch, values)

    for seed in range(seeds):
        torch.manual_seed(seed)
        graph = data if "train_mask" in data else random_split(data, seed)
        model = build(recipe, data.num_features, num_classes(data), data.edge_index)
        model = model.to(data["x"].device, data["x"].dtype)
        results.append(
            fit(
                model,
                graph,
                epochs=recipe.epochs,
                patience=recipe.patience,
                lr=recipe.lr,
                weight_decay=recipe.weight_decay,
                input_dropout=recipe.input_dropout,
                seed=seed,
                on_epoch=tell(seed),
            )
        )
    return results


def random_split(data: Data, seed: int = 0, val: float = 0.2, test: float = 0.2) -> Data:
    """Returns a copy of a graph whose labelled nodes are split at random, the same shares in every class.

    Args:
        data: a graph with `y` `(N,)`, -1 where unknown.
        seed: of the draw.
        val: share of validation nodes.
        test: share of test nodes; the rest is for training.

    Example:
        >>> data = random_split(Data(y=torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1]), num_nodes=11))
        >>> [int(data[mask].sum()) for mask in ("train_mask", "val_mask", "test_mask")]
        [6, 2, 2]
    """
    check_labelled(data, needed=("y",))
    generator = torch.Generator().manual_seed(seed)
    y: Tensor = data["y"]
    parts = torch.full((y.numel(),), -1)
    for label in range(num_classes(data)):
        nodes = (y == label).nonzero().view(-1).cpu()
        nodes = nodes[torch.randperm(nodes.numel(), generator=generator)]
        num_val, num_test = round(val * nodes.numel()), round(test * nodes.numel())
        parts[nodes] = 0
        parts[nodes[:num_val]] = 1
        parts[nodes[num_val : num_val + num_test]] = 2
    data = copy.copy(data)
    for number, part in enumerate(PARTS):
        data[f"{part}_mask"] = (parts == number).to(y.device)
    return data


def forward(model: nn.Module, data: Data, x: Tensor | None = None) -> Tensor:
    """Calls a model on a graph, with edge weights where there are some and the model takes them.

    Args:
        model: the model.
        data: the graph.
        x: node features to use instead of the graph's own.
    """
    x = data["x"] if x is None else x
    if "edge_weight" in data and getattr(model, "supports_edge_weight", False):
        return model(x, data.edge_index, edge_weight=data.edge_weight)
    return model(x, data.edge_index)


@torch.no_grad()
def embed(model: nn.Module, data: Data) -> Tensor:
    """Returns the node embeddings that enter a model's last layer, `(N, hidden)` (its input for a single layer).

    Args:
        model: a basic model, such as `grapevine.nn.GCN`: its layers are `model.convs`.
        data: the graph.
    """
    seen: list[Tensor] = []
    layers = list(model.get_submodule("convs").children())
    hook = layers[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        forward(model.eval(), data)
    finally:
        hook.remove()
    return seen[0]


def save_model(model: nn.Module, recipe: Recipe, path: str | os.PathLike[str], **about: Any) -> None:
    """Writes a model's weights, and how to build it, to one safetensors file.

    Args:
        model: built from `recipe`.
        recipe: its recipe.
        path: the file.
        **about: more to keep in the header, as JSON.
    """
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    built = {"in_channels": model.in_channels, "out_channels": model.out_channels, "recipe": asdict(recipe)}
    save_file(tensors, os.fspath(path), metadata={"grapevine": json.dumps({**built, **about})})


def load_model(path: str | os.PathLike[str]) -> nn.Module:
    """Reads a model that `save_model` wrote, in evaluation mode.

    Raises:
        GraphValueError: if the file holds something else.
    """
    with safe_open(os.fspath(path), framework="pt") as file:
        header = (file.metadata() or {}).get("grapevine")
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if header is None:
        raise GraphValueError(
            f"expected a model saved by save_model, got other tensors in {os.fspath(path)!r}"
        )
    built = json.loads(header)
    model = build(Recipe(**built["recipe"]), built["in_channels"], built["out_channels"])
    model.load_state_dict(state, assign=True)  # keeps the dtype that was trained
    return model.eval()


def num_classes(data: Data) -> int:
    """Returns the number of classes of a graph's labels."""
    return int(data["y"].max()) + 1


def check_labelled(data: Data, needed: tuple[str, ...] = ("x", "edge_index", "y")) -> None:
    """Raises a GraphValueError unless a graph has what is needed, and one class label per node."""
    for name in needed:
        if name not in data:
            raise GraphValueError(f"expected a graph with {name!r}, got {data}; set data.{name}")
    if "x" in needed and (data["x"].dim() != 2 or not data["x"].is_floating_point()):
        raise GraphValueError(
            f"expected node features x of shape [{data.num_nodes}, F] and a floating dtype, got {data['x'].dtype} of "
            f"shape {list(data['x'].shape)}; do this instead: data.x = data.x.view({data.num_nodes}, -1).float()"
        )
    if "edge_weight" in data and data["edge_weight"].numel() != data.num_edges:
        raise GraphValueError(
            f"expected one edge_weight for each of the {data.num_edges} edges, got {data['edge_weight'].numel()}"
        )
    y: Tensor = data["y"]
    if y.dim() != 1 or y.numel() != data.num_nodes or y.is_floating_point():
        raise GraphValueError(
            f"expected one integer class per node, y of shape [{data.num_nodes}], got {y.dtype} {list(y.shape)}"
        )
    if y.numel() > 0 and int(y.max()) >= max(_MOST_CLASSES, y.numel()):
        raise GraphValueError(
            f"expected classes numbered 0, 1, ..., got y with the number {int(y.max())}; do this instead: "
            "data.y = data.y.unique(return_inverse=True)[1]"
        )
    if y.numel() == 0 or int(y.max()) < 0:
        raise GraphValueError("expected at least one node with a label, got none")


def _masks(data: Data) -> dict[str, Tensor]:
    """The nodes of each part; without a `test_mask` all other labelled nodes are for testing."""
    check_labelled(data)
    y: Tensor = data["y"]
    masks = {part: data[f"{part}_mask"] for part in PARTS if f"{part}_mask" in data}
    for part, mask in masks.items():
        if mask.dtype is not torch.bool or mask.shape != y.shape:
            raise GraphValueError(
                f"expected {part}_mask to be boolean of shape {list(y.shape)}, got {mask.dtype} of shape "
                f"{list(mask.shape)}; take one column of several splits: data.{part}_mask[:, 0]"
            )
    labelled = y >= 0
    if "train" not in masks or not bool((masks["train"] & labelled).any()):
        raise GraphValueError(
            "expected training nodes, got none; set data.train_mask or call random_split(data)"
        )
    if "test" not in masks:
        masks["test"] = ~torch.stack(list(masks.values())).any(0)
    return {part: mask & labelled for part, mask in masks.items() if bool((mask & labelled).any())}


def _feature_dropout(x: Tensor, p: float) -> Callable[[], Tensor]:
    """Dropout of the same features again and again; where most are zero, only the others are drawn for."""
    if p == 0:
        return lambda: x
    places = x.reshape(-1).nonzero().view(-1)
    if 10 * places.numel() > x.numel():
        return lambda: F.dropout(x, p)
    values = x.reshape(-1)[places]
    return lambda: torch.zeros_like(x).view(-1).index_copy_(0, places, F.dropout(values, p)).view_as(x)


@torch.no_grad()
def _evaluate(model: nn.Module, data: Data, masks: Mapping[str, Tensor]) -> dict[str, float]:
    y: Tensor = data["y"]
    logits = forward(model.eval(), data)
    right = logits.argmax(dim=-1) == y
    values = {part: right[mask].float().mean().item() for part, mask in masks.items()}
    if "val" in masks:
        values["val_loss"] = F.cross_entropy(logits[masks["val"]], y[masks["val"]]).item()
    return values
