"""Starting a program on several processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from grapevine.errors import GraphValueError


def launch(
    program: str | os.PathLike[str], arguments: Sequence[str] = (), nproc: int = 1, restarts: int = 0
) -> int:
    """Runs a program under torchrun: one process per accelerator or share of the cores, all on this machine.

    When a process fails, all are started again, up to `restarts` times; `train(..., checkpoint=...)` then goes on where
    it stood. For several machines start torchrun on each, with `TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1` as set here: with
    the store of the agents, restarted processes would look for the addresses of dead ones.

    Args:
        program: a Python file, which calls `grapevine.distributed.init()`.
        arguments: what it is given.
        nproc: how many processes.
        restarts: how often to start again.

    Returns:
        torchrun's exit code.

    Raises:
        GraphValueError: if there is no such file, or for less than one process.

    Source: https://github.com/pytorch/pytorch/issues/135712 (the store).
    """
    if nproc < 1 or restarts < 0 or not Path(program).is_file():
        raise GraphValueError(
            f"expected an existing program, nproc of at least 1 and restarts of at least 0, got {str(program)!r}, "
            f"{nproc} and {restarts}"
        )
    threads = str(max(1, (os.cpu_count() or 1) // nproc))
    environment = {"OMP_NUM_THREADS": threads, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", **os.environ}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(nproc), "--max-restarts", str(restarts), str(program), *arguments]
    return subprocess.run(command, env=environment).returncode
