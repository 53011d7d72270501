"""What is installed here, and what it can use."""

from __future__ import annotations

import importlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch
from rich.table import Table

import grapevine
from grapevine.errors import GraphValueError

OPTIONAL = {
    "matplotlib": "reports of `grapevine train`",
    "pymetis": "partitioning a graph",
    "pandas": "tables to and from graphs",
    "sklearn": "metrics of some data sets",
    "triton": "fused kernels on GPUs",
    "rdkit": "molecules",
    "ase": "atoms and crystals",
}


def describe() -> dict[str, str]:
    """Returns versions, the core and why it is as it is, threads, devices and optional packages."""
    lines = {
        "grapevine": grapevine.__version__,
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        "torch": torch.__version__,
        "core": core(),
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} processors",
        "devices": ", ".join(devices()),
    }
    for module, purpose in OPTIONAL.items():
        found = find_spec(module) is not None
        lines[module] = (
            _version("scikit-learn" if module == "sklearn" else module) if found else "not installed"
        ) + f" ({purpose})"
    return lines


def table() -> Table:
    """The same, as a table to print."""
    grid = Table.grid(padding=(0, 2))
    for name, value in describe().items():
        grid.add_row(f"[bold]{name}[/bold]", value)
    return grid


def core() -> str:
    """Whether the compiled core runs, with which instruction set; else why it does not."""
    try:
        module = importlib.import_module("grapevine._core")
    except ImportError as error:
        return f"pure PyTorch; {_why_pure(error)}"
    return f"compiled, {module.instruction_set()} instructions ({module.__file__})"


def devices() -> list[str]:
    """The devices that torch sees."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.xpu.is_available():
        found += [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    return found


def device(name: str) -> torch.device:
    """The device of that name, or with `auto` CUDA where there is one, else the CPU.

    Raises:
        GraphValueError: for a device that torch does not know, or cannot use here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n")[0]
        raise GraphValueError(
            f"expected --device to be auto or one of {', '.join(devices())}, got {name!r}: {reason}"
        ) from error


def _why_pure(error: ImportError) -> str:
    try:
        built: str = importlib.import_module("grapevine._build").CORE
    except ImportError:
        return "the package is used from its source folder, where no core was built (make core)"
    return (
        f"the compiled core does not load here: {error}" if built == "compiled" else f"the core was {built}"
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "version unknown"
