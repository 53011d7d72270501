"""Training on several processes: gradients are added up, states are kept, interrupted jobs go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from grapevine.distributed.checkpoint import Checkpoints
from grapevine.distributed.embedding import DistEmbedding
from grapevine.distributed.world import World, init
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.training import Loss, Progress, Ranks, loop

Optimizers = torch.optim.Optimizer | Sequence[torch.optim.Optimizer]


class Together(Ranks):
    """All ranks of a world, which add up their gradients in groups of their own, apart from those of loaders.

    Args:
        world: the ranks.
        embeddings: tables whose gradients go to the owners of the rows.
    """

    def __init__(self, world: World, embeddings: Sequence[DistEmbedding] = ()) -> None:
        self.world, self.rank, self.size = world, world.rank, world.size
        self.embeddings = embeddings
        self._group = world.group()
        self._steps = 0

    def total(self, values: list[float], model: nn.Module) -> list[float]:
        """Adds up numbers, and the gradients of a model, over all ranks.

        A rank that had no batch adds nothing. Buffers, such as running means, become those of rank 0.
        """
        self._steps += 1
        if self.size > 1:
            with self.world.explained(f"adding up the gradients of update {self._steps}"):
                values = self._add(values, [p for p in model.parameters() if p.requires_grad])
                self._share(list(model.buffers()))
        for embedding in self.embeddings:
            embedding.reduce()
        return values

    def share(self, model: nn.Module) -> None:
        """Gives all ranks the parameters and buffers of rank 0."""
        if self.size > 1:
            with self.world.explained("sharing the first parameters"):
                self._share([*(p.data for p in model.parameters()), *model.buffers()])

    def _add(self, values: list[float], parameters: list[nn.Parameter]) -> list[float]:
        has = [float(p.grad is not None) for p in parameters]
        sums = torch.tensor([*values, *has], dtype=torch.float64)
        dist.all_reduce(sums, group=self._group)
        out, used = sums[: len(values)].tolist(), sums[len(values) :].tolist()
        wanted = [p for p, ranks in zip(parameters, used) if ranks]  # the others stay without a gradient
        for alike in _alike(wanted):
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in alike]
            if any(grad.layout is not torch.strided for grad in grads):
                raise GraphTypeError(
                    "expected dense gradients, got sparse ones; take grapevine.distributed.DistEmbedding instead of "
                    "torch.nn.Embedding(sparse=True), and pass it as embeddings=[...]"
                )
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            dist.all_reduce(flat, group=self._on(flat))
            for p, grad in zip(alike, flat.split([p.numel() for p in alike])):
                p.grad = grad.view_as(p)
        return out

    def _share(self, tensors: list[Tensor]) -> None:
        for alike in _alike(tensors):
            flat = torch.cat([value.reshape(-1) for value in alike])
            dist.broadcast(flat, 0, group=self._on(flat))
            for value, found in zip(alike, flat.split([value.numel() for value in alike])):
                value.copy_(found.view_as(value))

    def _on(self, value: Tensor) -> Any:
        """The group for a tensor: the default one for those on accelerators."""
        return self._group if value.device.type == "cpu" else None


def train(
    model: nn.Module,
    loader: Iterable[Any],
    loss: Loss,
    optimizer: Optimizers,
    *,
    epochs: int,
    accumulate: int = 1,
    seed: int = 0,
    embeddings: Sequence[DistEmbedding] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 100,
    keep: int = 2,
    on_step: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[Progress], bool | None] | None = None,
    world: World | None = None,
) -> Progress:
    """Trains a model on all ranks; after an interruption, calling it again goes on where the last state was kept.

    All ranks call it with the same model and optimisers, and with loaders made alike: `NeighborLoader(graph, ...)`. An
    update follows the mean loss over the seeds of `accumulate` batches of every rank. All draws follow from `seed`,
    epoch and number of the batch. So an interrupted job ends with the very same weights as one that was not, on as
    many ranks; and jobs for which `accumulate` times the number of ranks is the same end alike, up to rounding.

    Args:
        model: as it is, not wrapped by `DistributedDataParallel`; it gets the parameters of rank 0 first.
        loader: gives this rank's batches; ranks may have different numbers of them.
        loss: called as `loss(model, batch)`; returns the sum of the losses of the batch's seeds, and how many they are.
        optimizer: one, or several, of the parameters of the model and the embeddings.
        epochs: how many passes, those that were done before included.
        accumulate: batches per update, on each rank.
        seed: of all draws.
        embeddings: tables that are shared out among the ranks.
        checkpoint: a folder that all ranks see; what is found there is where training goes on. None: keep nothing.
        every: updates between two states that are kept; one more is kept after each epoch.
        keep: how many states to keep.
        on_step: called after every update.
        on_epoch: called after every pass; training stops where it returns True, which all ranks must do alike.
        world: the ranks; None: `init()`.

    Returns:
        Where the training stands in the end, with the mean loss of every epoch.

    Raises:
        GraphValueError: if the loss stops being finite.
        ExchangeError: if another rank fails; the message names it.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> batches = [torch.ones(4, 1), torch.zeros(2, 1)]
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> train(model, batches, lambda m, x: ((m(x) - x).square().sum(), len(x)), sgd, epochs=3).step
        6
    """
    if isinstance(model, DistributedDataParallel):
        raise GraphTypeError(
            "expected the model itself, got it in DistributedDataParallel; pass model.module"
        )
    if every < 1 or accumulate < 1 or epochs < 0:
        raise GraphValueError(
            f"expected every and accumulate of at least 1 and epochs of at least 0, got {every}, {accumulate}, {epochs}"
        )
    world = world or init()
    world.agree("arguments of train", (epochs, accumulate, seed, every, len(embeddings), str(checkpoint)))
    ranks = Together(world, embeddings)
    optimizers = [optimizer] if isinstance(optimizer, torch.optim.Optimizer) else list(optimizer)
    kept = None if checkpoint is None else Checkpoints(checkpoint, world, keep)
    state = _State(model, loader, optimizers, embeddings)
    progress = Progress()
    ranks.share(model)
    found = None if kept is None else kept.load()
    if found is not None:
        progress = state.restore(*found[1:])

    def save(progress: Progress) -> None:
        if kept is not None:
            kept.save(progress.step, *state.now(progress))

    def after_step(progress: Progress) -> None:
        if on_step is not None:
            on_step(progress)
        if progress.step % every == 0:
            save(progress)

    def after_epoch(progress: Progress) -> bool | None:
        stop = None if on_epoch is None else on_epoch(progress)
        save(progress)
        return stop

    return loop(
        model,
        loader,
        loss,
        optimizers,
        epochs=epochs,
        accumulate=accumulate,
        seed=seed,
        progress=progress,
        ranks=ranks,
        on_step=after_step,
        on_epoch=after_epoch,
    )


class _State:
    """All that a training goes on from."""

    def __init__(
        self,
        model: nn.Module,
        loader: Any,
        optimizers: Sequence[torch.optim.Optimizer],
        embeddings: Sequence[DistEmbedding],
    ) -> None:
        self.model, self.loader, self.optimizers, self.embeddings = model, loader, optimizers, embeddings
        self.resumable = hasattr(loader, "state_dict")
        sharded = {id(p) for embedding in embeddings for p in embedding.parameters()}
        self.own = [
            any(id(p) in sharded for group in each.param_groups for p in group["params"])
            for each in optimizers
        ]

    def now(self, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
        """What all ranks share, and what this rank has for itself."""
        shared = {
            "progress": asdict(progress),
            "model": self.model.state_dict(),
            "loader": self.loader.state_dict() if self.resumable else None,
            "optimizers": [None if own else o.state_dict() for o, own in zip(self.optimizers, self.own)],
        }
        mine = {
            "embeddings": [embedding.state_dict() for embedding in self.embeddings],
            "optimizers": [o.state_dict() if own else None for o, own in zip(self.optimizers, self.own)],
        }
        return shared, mine

    def restore(self, shared: Mapping[str, Any], mine: Any) -> Progress:
        """Brings everything to where a state stood."""
        if isinstance(mine, list):  # of another number of ranks
            mine = self._shared_out(mine)
        self.model.load_state_dict(shared["model"])
        for optimizer, *states in zip(self.optimizers, shared["optimizers"], mine["optimizers"]):
            optimizer.load_state_dict(next(state for state in states if state is not None))
        for embedding, state in zip(self.embeddings, mine["embeddings"]):
            embedding.load_state_dict(state)
        progress = Progress(**shared["progress"])
        if progress.batches and not self.resumable:
            raise GraphValueError(
                f"expected a loader with state_dict to go on within an epoch, got {type(self.loader).__name__}; take a "
                "loader of Grapevine, or delete the checkpoints"
            )
        if self.resumable:
            self.loader.load_state_dict(shared["loader"])
        return progress

    def _shared_out(self, ranks: list[Any]) -> dict[str, Any]:
        """This rank's rows of what other ranks had: of tables, and of what optimisers keep for each row."""
        out: dict[str, Any] = {"embeddings": [], "optimizers": []}
        for number, embedding in enumerate(self.embeddings):
            rows = torch.cat([each["embeddings"][number]["weight"] for each in ranks])
            out["embeddings"].append({"weight": embedding.own_rows(rows)})
        for number, own in enumerate(self.own):
            state = ranks[0]["optimizers"][number]
            if own:
                tables = [
                    e
                    for e in self.embeddings
                    if e.weight is self.optimizers[number].param_groups[0]["params"][0]
                ]
                if len(tables) != 1 or len(state["state"]) > 1:
                    raise GraphValueError(
                        "expected an optimiser of its own for each embedding to go on with another number of ranks; "
                        "start with as many ranks as before"
                    )
                for place, kept in state["state"].items():
                    for name, value in kept.items():
                        if isinstance(value, Tensor) and value.dim():
                            parts = [each["optimizers"][number]["state"][place][name] for each in ranks]
                            kept[name] = tables[0].own_rows(torch.cat(parts))
            out["optimizers"].append(state)
        return out


def _alike(tensors: Sequence[Any]) -> Iterator[list[Any]]:
    """Tensors of one dtype and device."""
    kinds: dict[Any, list[Any]] = {}
    for value in tensors:
        kinds.setdefault((value.dtype, value.device), []).append(value)
    yield from kinds.values()
