"""`g[...]`: one relation, or several relations flattened into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.dgl.base import EID, ETYPE, NID, NTYPE, DGLError
from grapevine.dgl.features import FeatureMethods
from grapevine.dgl.frame import Frame
from grapevine.dgl.structure import EType, Schema
from grapevine.edges import known_good

WHOLE = slice(None)


class SliceMethods(FeatureMethods):
    """Indexing by edge types."""

    def __getitem__(self, key: Any) -> Self:
        """The graph of one relation, or of all relations that match.

        One relation shares its frames with this graph: what is written through the slice is seen here.
        Several relations are flattened into one new graph, whose nodes and edges remember their type and id.

        Args:
            key: an edge type, or `(source type, edge type, destination type)` with `:` for any.

        Raises:
            DGLError: if nothing matches.
        """
        wanted = key if isinstance(key, tuple) else (WHOLE, key, WHOLE)
        if len(wanted) != 3:
            raise DGLError(
                "Invalid slice syntax. Use G['etype'] or G['srctype', 'etype', 'dsttype'] to get view of one "
                "relation type. Use : to slice multiple types (e.g. G['srctype', :, 'dsttype'])."
            )
        found = [
            i
            for i, etype in enumerate(self.canonical_etypes)
            if all(w in (WHOLE, name) for w, name in zip(wanted, etype))
        ]
        if not found:
            raise DGLError(f'Invalid key "{key}". Must be one of the edge types.')
        return self._one(found[0]) if len(found) == 1 else self._flatten(found)

    def _one(self, etype_id: int) -> Self:
        canonical = self.canonical_etypes[etype_id]
        src, dst = self._schema.ends[etype_id]
        nodes = [src] if src == dst else [src, dst]
        return self._build(
            pair_schema(canonical, src != dst),
            [self._counts[i] for i in nodes],
            [self._relations[etype_id]],
            self._idtype,
            self._device,
            [self._node_frames[i] for i in nodes],
            [self._edge_frames[etype_id]],
        )

    def _flatten(self, etype_ids: Sequence[int]) -> Self:
        ends = [self._schema.ends[i] for i in etype_ids]
        sides = [sorted({src for src, _ in ends}), sorted({dst for _, dst in ends})]
        one_set = sides[0] == sides[1]
        offsets = [_offsets([self._counts[i] for i in side]) for side in sides]
        index = []
        for end in (0, 1):
            start = dict(zip(sides[end], offsets[end]))
            index.append(
                torch.cat(
                    [
                        (self._relations[i].src_index, self._relations[i].dst_index)[end] + start[pair[end]]
                        for i, pair in zip(etype_ids, ends)
                    ]
                )
            )
        counts = [sum(self._counts[i] for i in side) for side in sides]
        relation = known_good(index[0], index[1], (counts[0], counts[1]))
        frames = [self._joined(self._node_frames, side, NTYPE, NID) for side in sides[: 1 if one_set else 2]]
        edge_frame = self._joined(self._edge_frames, etype_ids, ETYPE, EID)
        names = [combine_names(self.ntypes, side) for side in sides]
        canonical = (names[0], combine_names(self.etypes, etype_ids), names[1])
        return self._build(
            pair_schema(canonical, not one_set),
            counts[: len(frames)],
            [relation],
            self._idtype,
            self._device,
            frames,
            [edge_frame],
        )

    def _joined(self, frames: Sequence[Frame], ids: Sequence[int], type_key: str, id_key: str) -> Frame:
        rows = [frames[i].num_rows for i in ids]
        frame = Frame(combine_frames(frames, ids) or {}, sum(rows))
        types, local = type_and_id(ids, rows, self._device)
        frame[type_key] = types
        frame[id_key] = self._as_ids(local)
        return frame


def pair_schema(canonical: EType, two_sided: bool) -> Schema:
    """The schema of a graph with one relation."""
    src, _, dst = canonical
    return Schema.two_sided([src], [dst], [canonical]) if two_sided else Schema.of([src], [canonical])


def type_and_id(ids: Sequence[int], rows: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """For rows of several types one after the other: the type of each, and its row within the type."""
    counts = torch.tensor(list(rows), dtype=torch.int64, device=device)
    types = torch.tensor(list(ids), dtype=torch.int64, device=device).repeat_interleave(counts)
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    return types, torch.arange(int(counts.sum()), device=device) - starts


def _offsets(counts: Sequence[int]) -> list[int]:
    total, starts = 0, []
    for count in counts:
        starts.append(total)
        total += count
    return starts


def combine_names(names: Sequence[str], ids: Sequence[int] | None = None) -> str:
    """The name of several types together: sorted, joined by `+`.

    Example:
        >>> combine_names(["user", "game"])
        'game+user'
    """
    return "+".join(sorted(names if ids is None else [names[i] for i in ids]))


def combine_frames(
    frames: Sequence[Frame], ids: Sequence[int], col_names: Sequence[str] | None = None
) -> Frame | None:
    """The rows of several frames one after the other, in the features that all of them have.

    Args:
        frames: by type id.
        ids: which of them; frames without rows are passed over.
        col_names: which features; None means all that they have in common.

    Raises:
        DGLError: if a feature differs in shape or dtype, or a named one is missing.
    """
    filled = [frames[i] for i in ids if frames[i].num_rows > 0]
    if not filled:
        return None
    names = list(filled[0]) if col_names is None else list(col_names)
    if col_names is not None:
        for name in names:
            if any(name not in frame for frame in filled):
                raise DGLError(f"Not all types have the feature {name!r}.")
    common = [name for name in names if all(name in frame for frame in filled)]
    for name in common:
        schemes = [frame.schemes[name] for frame in filled]
        for scheme in schemes[1:]:
            if scheme != schemes[0]:
                raise DGLError(f"Cannot concatenate column {name} with shape {schemes[0]} and shape {scheme}")
    if not common:
        return None
    return Frame({name: torch.cat([frame[name] for frame in filled]) for name in common})
