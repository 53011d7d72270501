"""Memory that the ranks of a host share: made by one of them, mapped by all."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.distributed.world import World
from grapevine.errors import GraphValueError

MEMORY = "/dev/shm"
_ALIGNED = 64  # bytes: where tensors begin
_LARGE = 2 << 20  # bytes of a large page
_FIXED, _COLLAPSE = 0x10, 25  # Linux: MAP_FIXED, and MADV_COLLAPSE since 6.1


def share(world: World, build: Callable[[], dict[Any, Tensor]], scattered: bool = False) -> dict[Any, Tensor]:
    """What the first rank of a host builds, in memory that all ranks of the host map; every rank calls it.

    The room is claimed before anything is written: where shared memory is full, writing to a page of it would end the
    process. Then a file in the temporary folder takes its place. The name is gone once all have mapped it, so that
    nothing stays behind, however the processes end.

    Args:
        world: the ranks.
        build: makes the tensors, on one rank of each host.
        scattered: single numbers will be read anywhere, as by samplers: keep the tensors in large pages.

    Returns:
        The tensors. They are shared: nobody may write to them.

    Raises:
        GraphValueError: on every rank of the host, if building failed or there is room nowhere.
    """
    leader = world.hosts[world.rank]
    if world.hosts.count(leader) == 1:
        found: list[Any] = world.gather(None)  # other hosts may have several ranks
        built = build()
        if scattered:
            in_large_pages(built.values())
        world.barrier()
        return built
    note: Any = None
    problem: Exception | None = None
    if world.rank == leader:
        try:
            note = _written(build())
        except Exception as error:  # told to the others, who wait, before it is raised
            problem, note = error, f"{type(error).__name__}: {error}"
    found = world.gather(note)
    if problem is not None:
        raise problem
    if isinstance(found[leader], str):
        raise GraphValueError(
            f"rank {leader} could not prepare what rank {world.rank} shares with it: {found[leader]}"
        )
    path, size, layout = found[leader]
    if not Path(path).is_file() or Path(path).stat().st_size != size:  # torch would make a file of zeros
        raise GraphValueError(
            f"expected {size} bytes in {path}, which rank {leader} shares, got none; give ranks in other containers "
            "another GRAPEVINE_HOST each"
        )
    block = _mapped(path, size)
    if scattered and world.rank == leader:
        in_large_pages([block])
    world.barrier()
    if scattered and world.rank != leader:
        in_large_pages([block])
    if world.rank == leader:
        os.unlink(path)
    return {
        key: block[start : start + count].view(dtype).view(shape)
        for key, start, count, dtype, shape in layout
    }


def in_large_pages(tensors: Iterable[Tensor]) -> None:
    """Moves tensors to large pages where the system can: a number from anywhere then rarely misses its page's entry.

    Args:
        tensors: contiguous; their values stay, and so do their addresses.
    """
    if not sys.platform.startswith("linux"):
        return
    for tensor in tensors:
        first = -(-tensor.data_ptr() // _LARGE) * _LARGE
        size = (tensor.data_ptr() + tensor.numel() * tensor.element_size() - first) // _LARGE * _LARGE
        if size > 0:  # what an older system answers does not matter: small pages work as well
            ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(size), _COLLAPSE)


def _mapped(path: str, size: int) -> Tensor:
    """A file in memory, from an address on where large pages can begin."""
    if not sys.platform.startswith("linux"):
        return torch.from_file(path, shared=True, size=size, dtype=torch.uint8)
    place = mmap.mmap(-1, size + _LARGE)  # room for both; it ends with the last tensor in it
    begin = ctypes.addressof(ctypes.c_char.from_buffer(place))
    skip = -begin % _LARGE
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    with open(path, "r+b") as file:
        found = libc.mmap(
            ctypes.c_void_p(begin + skip), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE,
            mmap.MAP_SHARED | _FIXED, file.fileno(), ctypes.c_size_t(0),
        )  # fmt: skip
    if found != begin + skip:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return torch.frombuffer(place, dtype=torch.uint8, count=size, offset=skip)


def _written(tensors: dict[Any, Tensor]) -> tuple[str, int, list[Any]]:
    """Writes tensors to one file; returns its name, size and what lies where."""
    layout: list[Any] = []
    size = 0
    for key, tensor in tensors.items():
        count = tensor.numel() * tensor.element_size()
        layout.append((key, size, count, tensor.dtype, tuple(tensor.shape)))
        size += -(-count // _ALIGNED) * _ALIGNED
    size = max(size, _ALIGNED)
    path = _room(size)
    block = torch.from_file(path, shared=True, size=size, dtype=torch.uint8)
    for (_, start, count, dtype, shape), tensor in zip(layout, tensors.values()):
        block[start : start + count].view(dtype).view(shape).copy_(tensor)
    return path, size, layout


def _room(size: int) -> str:
    """A new file of `size` bytes that are there for sure: in shared memory, else on disk."""
    problems = []
    for folder in (MEMORY, tempfile.gettempdir()):
        if not Path(folder).is_dir():
            continue
        number, path = tempfile.mkstemp(prefix="grapevine-", dir=folder)
        try:
            stat = os.fstatvfs(number)
            if stat.f_bavail * stat.f_frsize < size:
                raise OSError(f"{stat.f_bavail * stat.f_frsize} bytes free")
            os.posix_fallocate(number, 0, size)
            return path
        except OSError as error:
            os.unlink(path)
            problems.append(f"{folder}: {error}")
        finally:
            os.close(number)
    raise GraphValueError(
        f"expected room for {size} bytes to share, got none ({'; '.join(problems)}); make /dev/shm larger, or let "
        "TMPDIR name a folder with room"
    )
