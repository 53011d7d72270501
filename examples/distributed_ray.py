"""The same training as `distributed_cora.py`, with its processes started by Ray Train instead of torchrun.

    pip install 'ray[train]'
    python examples/distributed_ray.py --workers 2 --root FOLDER     # further options: those of distributed_cora.py

Ray starts the workers, on one machine or many, and joins them in a process group; `grapevine.distributed.init()` takes
it as it is. The function that every worker runs is the one that torchrun would run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from grapevine.errors import require


def worker(config: dict[str, Any]) -> None:
    """What every worker runs."""
    sys.path.insert(0, config["folder"])
    from distributed_cora import main as train

    train(config["arguments"])


def main(arguments: list[str] | None = None) -> None:
    """Starts the workers and waits for them."""
    ray_train, ray_torch = require("ray.train", "'ray[train]'"), require("ray.train.torch", "'ray[train]'")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    options, others = parser.parse_known_args(arguments)
    trainer = ray_torch.TorchTrainer(
        worker,
        train_loop_config={"folder": str(Path(__file__).resolve().parent), "arguments": others},
        scaling_config=ray_train.ScalingConfig(num_workers=options.workers),
    )
    trainer.fit()


if __name__ == "__main__":
    main()
