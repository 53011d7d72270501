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
