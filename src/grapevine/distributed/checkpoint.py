"""States of a training on disk: written by all ranks together, complete or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import uuid
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import torch

from grapevine.distributed.manifest import write_bytes, write_json
from grapevine.distributed.world import World
from grapevine.errors import GraphValueError
from grapevine.io.folder import check_files

_MANIFEST = "manifest.json"  # written last: a folder with one is complete


class Checkpoints:
    """The newest states of a training in a folder.

    What all ranks share is written once; what each has for itself, such as its rows of an embedding, by each. Checksums
    are kept; a damaged state is passed over, with a warning, for the one before. All ranks call all methods.

    Args:
        folder: where to keep them; all ranks must see it.
        world: the ranks.
        keep: how many to keep.

    Example:
        >>> import tempfile
        >>> from grapevine.distributed import init
        >>> states = Checkpoints(tempfile.mkdtemp(), init())
        >>> states.save(3, {"weight": torch.ones(2)}, {"rows": 5})
        >>> states.load()
        (3, {'weight': tensor([1., 1.])}, {'rows': 5})
    """

    def __init__(self, folder: str | os.PathLike[str], world: World, keep: int = 2) -> None:
        if keep < 1:
            raise GraphValueError(f"expected to keep at least 1 checkpoint, got keep={keep}")
        self.folder, self.world, self.keep = Path(folder), world, keep

    def save(self, step: int, shared: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Writes a state.

        Args:
            step: its number; a later one is higher.
            shared: what is the same on all ranks: tensors, numbers, strings, and dictionaries and lists of these.
            own: what this rank has for itself.
        """
        target = self.folder / f"step-{step:010d}"
        rank = self.world.rank
        token = self.world.gather(uuid.uuid4().hex)[0]  # what an interrupted attempt left is not mixed in
        files = {f"rank-{rank:05d}.{token}.pt": own} | ({f"shared.{token}.pt": shared} if rank == 0 else {})
        entries = {}
        for name, state in files.items():
            content = BytesIO()
            torch.save(dict(state), content)
            write_bytes(target / name, content.getbuffer())
            entries[name] = {"bytes": content.tell(), "crc32": f"{crc32(content.getbuffer()):08x}"}
        written: dict[str, Any] = {}
        for found in self.world.gather(entries):
            written |= found
        if rank == 0:
            write_json(
                target / _MANIFEST, {"step": step, "size": self.world.size, "token": token, "files": written}
            )
            for old in self._complete()[self.keep :]:
                (old / _MANIFEST).unlink()
                shutil.rmtree(old)
        self.world.barrier()

    def load(self) -> tuple[int, dict[str, Any], Any] | None:
        """Reads the newest whole state.

        Returns:
            Its step, what is shared, and what this rank had for itself; with another number of ranks, a list of what
            each had instead. None if there is no state.
        """
        rank, size = self.world.rank, self.world.size
        chosen = None
        if rank == 0:
            for path in self._complete():
                try:
                    check_files(path, self._entries(path), verify=True)
                except GraphValueError as error:
                    warnings.warn(f"checkpoint {path} is passed over: {error}", RuntimeWarning, stacklevel=2)
                    continue
                chosen = path.name
                break
        name = self.world.gather(chosen)[0]
        if name is None:
            return None
        path = self.folder / name
        about = json.loads((path / _MANIFEST).read_text())
        read = [f"rank-{r:05d}.{about['token']}.pt" for r in range(about["size"])]
        shared, *own = (
            torch.load(path / file, map_location="cpu", weights_only=True)
            for file in (
                f"shared.{about['token']}.pt",
                *([read[rank]] if about["size"] == size else read),
            )
        )
        return about["step"], shared, own[0] if about["size"] == size else own

    def _complete(self) -> list[Path]:
        """Whole states, newest first."""
        return sorted((file.parent for file in self.folder.glob(f"step-*/{_MANIFEST}")), reverse=True)

    def _entries(self, path: Path) -> list[dict[str, Any]]:
        try:
            files = json.loads((path / _MANIFEST).read_text())["files"]
        except (ValueError, KeyError, TypeError) as error:
            raise GraphValueError(f"{path / _MANIFEST}: expected a manifest, got {error!r}") from error
        return [{"file": name, "offset": 0, **entry} for name, entry in files.items()]
