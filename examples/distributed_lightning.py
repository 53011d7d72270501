"""The same training as `distributed_cora.py`, in a LightningModule: Lightning starts processes and averages gradients.

    pip install lightning
    python examples/distributed_lightning.py --devices 2 --root FOLDER     # options: those of distributed_cora.py

The loader shares out the batches itself (`use_distributed_sampler=False`), and gives all ranks as many (`even=True`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from grapevine.distributed import init
from grapevine.errors import require
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE

sys.path.insert(0, str(Path(__file__).resolve().parent))
from distributed_cora import loss, opened, parsed


def module(options: argparse.Namespace) -> Any:
    """The LightningModule."""
    lightning = require("lightning")

    class Classifier(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = GraphSAGE(1433, 16, 2, 7, dropout=0.5)
            self.losses: list[float] = []

        def train_dataloader(self) -> Any:
            graph = opened(options, init())  # joins the group that Lightning made
            return NeighborLoader(
                graph, [10, 10], "train_mask", batch_size=35, shuffle=True, seed=options.seed, even=True
            )

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            value, count = loss(self.model, batch)
            mean = value / max(count, 1)
            self.losses.append(float(mean.detach()))
            return mean

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=0.01, weight_decay=5e-4)

    return Classifier()


def main(arguments: list[str] | None = None) -> list[float]:
    """Trains, and returns the loss of every batch of rank 0."""
    lightning = require("lightning")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=2)
    own, others = parser.parse_known_args(arguments)
    options = parsed(others)
    torch.manual_seed(options.seed)
    classifier = module(options)
    trainer = lightning.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        devices=own.devices,
        strategy="ddp" if own.devices > 1 else "auto",
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(classifier)
    if trainer.is_global_zero:
        print(f"{trainer.world_size} ranks, loss {classifier.losses[0]:.6f} ... {classifier.losses[-1]:.6f}")
    return classifier.losses


if __name__ == "__main__":
    main()
