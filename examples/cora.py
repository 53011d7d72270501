"""Cora, the public split of 140 training nodes: mean test accuracy of the recipes over ten seeds.

    python examples/cora.py --root FOLDER        # FOLDER: raw files or cora.zip, else they are downloaded

Hyper-parameters as in the papers (`grapevine.training.RECIPES`); the epoch is chosen by the validation loss.
`examples/cora.json` holds the numbers of the last recorded run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import torch

import grapevine
from grapevine.datasets import Planetoid
from grapevine.training import recipe, train
from grapevine.transforms import NormalizeFeatures

GOALS = {"gcn": 0.810, "gat": 0.825, "sage": 0.750}  # what the papers report, or a floor where they do not


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Trains every model, prints a line for each, writes the JSON file and returns its numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/planetoid")
    parser.add_argument("--models", nargs="+", default=list(GOALS), choices=list(GOALS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)

    data = Planetoid(options.root, "Cora", transform=NormalizeFeatures())[0]
    numbers = {}
    for model in options.models:
        results = train(data, recipe(model, epochs=options.epochs), seeds=options.seeds)
        accuracies = [r.accuracy["test"] for r in results]
        numbers[model] = {
            "mean": statistics.fmean(accuracies),
            "std": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
            "seeds": len(accuracies),
        }
        entry = numbers[model]
        print(f"{model:5} {entry['mean']:.2%} +- {entry['std']:.2%} (goal {GOALS[model]:.1%})", flush=True)
    if options.json is not None:
        versions = {"grapevine": grapevine.__version__, "torch": torch.__version__}
        record = {"models": numbers, "versions": versions, "python": sys.version.split()[0]}
        options.json.write_text(json.dumps(record, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
