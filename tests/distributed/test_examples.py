"""The examples of distributed training: alone, on two ranks, and started by others."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from grapevine.distributed import init
from tests.distributed.launch import values
from tests.test_examples import example


@pytest.fixture(scope="module")
def root(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planetoid")
    shutil.copy(shared_data / "planetoid" / "cora.zip", folder)
    return folder


def ranks(world: Any, *arguments: str) -> tuple[list[float], float]:
    cora = example("distributed_cora")
    numbers = cora.run(cora.parsed(["--fast", *arguments]), world)
    return numbers["losses"], numbers["test accuracy"]


def test_losses_do_not_depend_on_the_number_of_ranks(root: Path) -> None:
    losses, accuracy = ranks(init(), "--root", str(root))
    for found, share in values(
        2, ranks, "--root", str(root), "--topology", "partitioned", timeout=60.0, limit=150.0
    ):
        assert found == pytest.approx(losses, rel=1e-5) and share == pytest.approx(accuracy, abs=5e-3)


def test_distributed_data_parallel(root: Path) -> None:
    """The same updates by PyTorch's means; dropout draws differ, so losses are alike, not the same."""
    losses, _ = ranks(init(), "--root", str(root))
    first, second = values(2, ranks, "--root", str(root), "--ddp", timeout=60.0, limit=150.0)
    assert first == second and first[0] == pytest.approx(losses, rel=0.05)


def curve(world: Any, *arguments: str) -> list[float]:
    return example("distributed_curve").main(["--fast", *arguments])


def test_the_curve_of_every_update_is_that_of_one_process(tmp_path: Path) -> None:
    """In the plain loop no rank, no exchange and no training loop of ours takes part."""
    options = ("--folder", str(tmp_path / "parts"), "--json", str(tmp_path / "curves.json"))
    expected = curve(init(), "--plain", *options)
    assert len(expected) == 4 and expected[-1] < 0.9 * expected[0]
    found = [curve(init(), *options)]
    for size, topology in ((2, "partitioned"), (3, "replicated")):
        found += values(size, curve, *options, "--topology", topology, timeout=60.0, limit=150.0)
    assert all(each == pytest.approx(expected, rel=1e-10) for each in found)
    away = example("distributed_curve").main(["--compare", *options])
    assert len(away) == 4 and max(away.values()) < 1e-10


@pytest.mark.parametrize("library", ["ray", "lightning"])
def test_what_is_missing_is_named(library: str, root: Path) -> None:
    program = example("distributed_ray") if library == "ray" else example("distributed_lightning")
    if importlib.util.find_spec(library) is None:
        with pytest.raises(ImportError, match=f"pip install '?{library}"):
            program.main(["--root", str(root)])
    elif library == "ray":
        program.main(["--workers", "2", "--root", str(root), "--fast"])
    else:
        assert len(program.main(["--devices", "1", "--root", str(root), "--fast"])) == 12
