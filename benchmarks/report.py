"""The table: for a terminal, and between two marks in docs/benchmarks.md (`python -m benchmarks.report`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_HEADER = ("measure", "ours", "peer", "its", "ratio", "promise", "noise", "")


def table(results: dict[str, Any]) -> str:
    """For people in front of a terminal."""
    lines = [_HEADER, *(_cells(row) for row in results["rows"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def markdown(results: dict[str, Any]) -> str:
    """For the page."""
    about = results["machine"]
    system = f"{about['system']} with {about['cores']} cores"
    node = about["node_client"] or "no Node client"
    lines = [
        f"Measured {results['at'][:10]}, {results['rounds']} rounds, on {system}, Python {about['python']}, {node}.",
        "",
        "| " + " | ".join(name or "kept" for name in _HEADER) + " |",
        "|" + "---|" * len(_HEADER),
        *("| " + " | ".join(_cells(row)) + " |" for row in results["rows"]),
    ]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    promise = "" if row["at_most"] is None else f"<= {row['at_most']:g}"
    if row["at_least"] is not None:
        promise = f">= {row['at_least']:g}"
    peer = row["peer"] or ""
    if "left_out" in row:
        return (row["name"], "", peer, "", "", promise, "", f"left out: {row['left_out']}")
    unit = next(unit for end, unit in _UNITS.items() if row["measure"].endswith(end))
    value = row["value"].get("pooled", row["value"]["median"])
    theirs = f"{_number(row['peer_value']['median'])}" if peer else ""
    ratio = row.get("ratio")
    shown = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})" if ratio else ""
    noise = row.get("noise")
    noise_shown = f"{noise['median']:.2f} ({noise['low']:.2f} to {noise['high']:.2f})" if noise else ""
    verdict = {True: "yes", False: "NO"}.get(row.get("kept"), "")  # type: ignore[arg-type]
    return (row["name"], f"{_number(value)} {unit}".strip(), peer, theirs, shown, promise, noise_shown, verdict)


_UNITS = {"_us": "µs", "_ms": "ms", "MB_s": "MB/s", "tokens_s": "/s", "tokens_gzip_s": "/s", "_KiB": "KiB", "_things": ""}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def main(source: Path | None = None) -> int:
    """Writes the table of results.json into the page."""
    results = json.loads((source or Path(__file__).parent / "results.json").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
