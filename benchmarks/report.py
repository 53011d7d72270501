"""What was measured, as tables for a terminal and as pictures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from textwrap import fill
from typing import Any

from rich.table import Table
from rich.text import Text

from benchmarks.measure import disagreements

Row = dict[str, Any]
PEERS = ("torch_geometric", "dgl", "torch.sparse")
LABELS = {
    "grapevine": "Grapevine",
    "torch_geometric": "PyTorch Geometric",
    "dgl": "DGL",
    "torch.sparse": "torch.sparse",
}
COLOURS = {"grapevine": "#0b7a3b", "torch_geometric": "#0072b2", "dgl": "#d55e00", "torch.sparse": "#8c6bb1"}
MARKERS = {"grapevine": "o", "torch_geometric": "o", "dgl": "s", "torch.sparse": "D"}
#: Of torch_geometric's peak memory, and of DGL's, a row shall take at most this part.
MEMORY_GOAL = {"torch_geometric": 6.0, "dgl": 1.0}


def goal(row: Row, peer: str) -> float | None:
    """How many times faster than a peer the row is meant to be."""
    return dict(zip(PEERS, row["goal"])).get(peer)


def large(row: Row) -> bool:
    """Whether messages outgrow the caches by far."""
    return bool(row["edges"] > 1_000_000)


def memory_goal(row: Row, peer: str) -> float | None:
    """How many times less memory the row is meant to take: where messages are large and the peer stores them."""
    return MEMORY_GOAL.get(peer) if large(row) else None


def ratio(row: Row, field: str, peer: str) -> float | None:
    """How many times more a peer takes; None where one of the two was not measured."""
    figures = row[field]
    return figures[peer] / figures["grapevine"] if peer in figures and "grapevine" in figures else None


def short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def compared(row: Row, field: str, peer: str, wanted: float | None) -> Text:
    """A peer's figure and how many times ours it is: green where that is as wanted, red where the peer is ahead."""
    found = ratio(row, field, peer)
    if found is None:
        return Text("left out" if peer in row["left_out"] else "-", style="dim")
    style = "green" if found >= (wanted or 1) else "yellow" if found >= 1 else "red"
    return Text.assemble(short(row[field][peer]), (f"  {found:.2f}×", style))


def times(rows: Iterable[Row]) -> Table:
    """Milliseconds of forward, and of forward + backward."""
    table = Table(title="time, ms (a peer's figure, and how many times ours it is)", title_justify="left")
    for name in ("row", "edges", "F", "pass", "Grapevine", "torch_geometric", "DGL", "torch.sparse", "floor"):
        table.add_column(name, justify="left" if name in ("row", "pass") else "right", no_wrap=True)
    table.add_column("/ floor", justify="right")
    for row in rows:
        wrong = disagreements(row)
        title = Text(row["row"], style="bold red" if wrong else "bold")
        first = [compared(row, "forward_ms", peer, None) for peer in PEERS]
        both = [compared(row, "ms", peer, goal(row, peer)) for peer in PEERS]
        mine = row["ms"]["grapevine"]
        table.add_row(
            title, f"{row['edges']:,}", str(row["features"]), "forward", short(row["forward_ms"]["grapevine"]), *first
        )  # fmt: skip
        what = Text(f"results differ: {', '.join(wrong)}", "red") if wrong else Text(row["what"], "dim")
        table.add_row(
            what, "", "", "+ backward", short(mine), *both, short(row["floor_ms"]),
            short(mine / row["floor_ms"]), end_section=True,
        )  # fmt: skip
    return table


def memory(rows: Iterable[Row]) -> Table | None:
    """Peak memory of a step; None where none was measured."""
    rows = [row for row in rows if "grapevine" in row["peak_mb"]]
    if not rows:
        return None
    table = Table(title="peak memory of a step above its start, MB", title_justify="left")
    for name in (
        "row",
        "edges",
        "F",
        "Grapevine",
        "torch_geometric",
        "DGL",
        "torch.sparse",
        "kept with the graph",
    ):
        table.add_column(name, justify="left" if name == "row" else "right", no_wrap=True)
    for row in rows:
        peers = [compared(row, "peak_mb", peer, memory_goal(row, peer)) for peer in PEERS]
        table.add_row(
            Text(row["row"], "bold"), f"{row['edges']:,}", str(row["features"]), short(row["peak_mb"]["grapevine"]),
            *peers, short(row["kept_mb"]["grapevine"]),
        )  # fmt: skip
    return table


def label(row: Row) -> str:
    return f"{row['row']} of {row['edges']:,} edges, F = {row['features']}" if row.get("over") else row["row"]


def summary(rows: list[Row]) -> list[str]:
    """A line per peer: the geometric mean of the ratios, and the rows where the peer is ahead."""
    lines = []
    for peer in PEERS:
        found = {label(row): r for row in rows if (r := ratio(row, "ms", peer)) is not None}
        if not found:
            continue
        behind = ", ".join(f"{name} ({r:.2f}×)" for name, r in found.items() if r < 1) or "none"
        lines.append(
            f"{LABELS[peer]}: {len(found)} rows, {statistics.geometric_mean(found.values()):.1f} times faster "
            f"(geometric mean); it is ahead on: {behind}"
        )
    return lines


# ------------------------------------------------------------------------------------------------ pictures
def ratios_picture(rows: list[Row], path: str, title: str) -> None:
    """Every row's ratios of time and of memory to the peers', and of its time to the floor."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    with_memory = any(row["peak_mb"] for row in rows)
    widths = [5, 3.2, 2] if with_memory else [5, 2]
    figure = Figure(figsize=(sum(widths) + 3.2, 0.27 * len(rows) + 2.0), layout="constrained")
    panels = list(figure.subplots(1, len(widths), sharey=True, width_ratios=widths))
    figure.suptitle(fill(title, int(11 * figure.get_figwidth())), fontsize=11, x=0.01, ha="left")
    places = range(len(rows))
    for panel, field, what in zip(panels, ("ms", "peak_mb"), ("times faster", "times less memory")):
        if field == "peak_mb" and not with_memory:
            break
        for peer in PEERS:
            found = [(y, r) for y, row in zip(places, rows) if (r := ratio(row, field, peer)) is not None]
            if not found:
                continue
            look = {"color": COLOURS[peer], "linestyle": "none"}
            panel.plot(
                [r for _, r in found], [y for y, _ in found], marker=MARKERS[peer], markersize=5.5,
                label=f"than {LABELS[peer]}", zorder=3, **look,
            )  # fmt: skip
            if field == "ms":
                for y, _ in found:
                    begin = ratio(rows[y], "forward_ms", peer)
                    panel.plot(
                        [begin],
                        [y],
                        marker=MARKERS[peer],
                        markersize=4.5,
                        fillstyle="none",
                        alpha=0.6,
                        **look,
                    )
            for y, _ in found:
                wanted = memory_goal(rows[y], peer) if field == "peak_mb" else goal(rows[y], peer)
                if wanted is not None:
                    panel.plot(
                        [wanted], [y], marker="|", markersize=11, markeredgewidth=1.8, alpha=0.45, **look
                    )
        panel.set_xscale("log")
        left = min(0.7, panel.get_xlim()[0])
        panel.set_xlim(left=left)
        panel.axvspan(left, 1, color="#cc0000", alpha=0.06, linewidth=0)
        panel.axvline(1, color="0.35", linewidth=1)
        panel.set_title(what, fontsize=10)
    floors = panels[-1]
    heights = [row["ms"]["grapevine"] / row["floor_ms"] for row in rows]
    floors.barh(list(places), heights, color=COLOURS["grapevine"], alpha=0.75, height=0.6)
    floors.set_xscale("log")
    floors.set_xlim(left=min(0.7, *heights))
    floors.axvline(1, color="0.35", linewidth=1)
    floors.set_title("time / floor", fontsize=10)
    groups = [row["row"].startswith("dgl") or (row["graph"], large(row) and row["features"]) for row in rows]
    for panel in panels:
        for y in (y for y in places if y and groups[y] != groups[y - 1]):
            panel.axhline(y - 0.5, color="0.6", linewidth=0.8)
        wide = panel.get_xlim()[1] / panel.get_xlim()[0] > 100
        panel.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.grid(axis="x", which="major", color="0.85", linewidth=0.7)
        panel.grid(axis="y", color="0.93", linewidth=0.7)
        panel.set_axisbelow(True)
        panel.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
    panels[0].set_yticks(list(places), [row["row"] for row in rows], fontsize=9)
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    note = "filled: forward + backward; hollow: forward; stroke: goal"
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9, title=note,
        title_fontsize=8.5,
    )  # fmt: skip
    figure.savefig(path, dpi=150)


def growth_picture(rows: list[Row], path: str, title: str) -> None:
    """Time and memory of some rows over the number of edges, and over the number of features."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    names = list(dict.fromkeys(row["row"] for row in rows))
    lines = [
        (over, field) for over in ("edges", "features") for field in ("ms", "peak_mb")
        if any(row["over"] == over and row[field] for row in rows)
    ]  # fmt: skip
    figure = Figure(figsize=(2.9 * len(names) + 0.6, 2.3 * len(lines) + 1.1), layout="constrained")
    panels = figure.subplots(len(lines), len(names), sharex="row", sharey="row", squeeze=False)
    figure.suptitle(fill(title, int(11 * figure.get_figwidth())), fontsize=11, x=0.01, ha="left")
    shown: dict[str, Any] = {}
    for (over, field), across in zip(lines, panels):
        for name, panel in zip(names, across):
            mine = sorted((r for r in rows if r["row"] == name and r["over"] == over), key=lambda r: r[over])
            for library in LABELS:
                points = [(row[over], row[field][library]) for row in mine if library in row[field]]
                if points:
                    (shown[LABELS[library]],) = panel.plot(
                        *zip(*points), marker=MARKERS[library], markersize=4, color=COLOURS[library],
                        linewidth=2 if library == "grapevine" else 1.2, zorder=3 if library == "grapevine" else 2,
                    )  # fmt: skip
            if field == "ms":
                (shown["floor"],) = panel.plot(
                    [r[over] for r in mine], [r["floor_ms"] for r in mine], color="0.5", linestyle="--", linewidth=1
                )  # fmt: skip
            panel.set_xscale("log", base=10 if over == "edges" else 2)
            panel.set_yscale("log")
            panel.grid(which="major", color="0.88", linewidth=0.7)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
            panel.tick_params(labelsize=8)
            if over == "features":
                panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            panel.set_xlabel(over, fontsize=9)
        across[0].set_ylabel("forward + backward, ms" if field == "ms" else "peak memory, MB", fontsize=9)
    for name, panel in zip(names, panels[0]):
        panel.set_title(name, fontsize=10)
    figure.legend(
        list(shown.values()), list(shown), loc="outside lower center", ncols=len(shown), frameon=False, fontsize=9
    )  # fmt: skip
    figure.savefig(path, dpi=150)
