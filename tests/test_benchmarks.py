"""The benchmarks run, and what they make of numbers is right. No test here asserts a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import crowd, growth, measures, peers, report, rows
from benchmarks.emulated import Caller
from benchmarks.measures import births
from benchmarks.ratios import paired, quantile, rotated, summary
from benchmarks.server import BenchmarkError, Session

ROOT = Path(__file__).parents[1]


def test_every_program_comes_first_equally_often() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(6)]
    assert [sorted(order) for order in orders] == [["a", "b", "c"]] * 6
    assert sorted(order[0] for order in orders) == ["a", "a", "b", "b", "c", "c"]
    assert len({tuple(order) for order in orders}) > 3, "nor does the same one always come before"
    assert rotated([], 3) == []


def test_ratios_are_of_the_same_round() -> None:
    assert paired([1.0, 4.0], [2.0, 2.0]) == [0.5, 2.0]
    with pytest.raises(ValueError, match="longer"):
        paired([1.0], [1.0, 2.0])


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [quantile(values, share) for share in (0.0, 0.01, 0.5, 0.99, 1.0)] == [1, 1, 50, 99, 100]
    assert summary([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"%020d" % 7, [7]),
        (b"%020d%020d" % (7, 8), [7, 8]),
        (b'{"statusCode":200}\0\0\0\0\0\0\0\0%020d' % 9, [9]),
        (b"14", []),
        (b"", []),
        (b"HTTP/1.1 200", []),
    ],
)
def test_tokens_tell_their_birth_wherever_they_are(line: bytes, told: list[int]) -> None:
    assert births(line) == told


def samples(value: float) -> list[measures.Sample]:
    return [{measures.FIRST_BYTE: value + number, measures.DELAYS: [value, value * 3]} for number in range(3)]


def test_a_row_is_kept_by_its_median_ratio_or_says_why_it_is_left_out() -> None:
    row = rows.Row("r", measures.FIRST_BYTE, "ours", "peer", "again", at_most=0.5)
    told = rows.told(row, {"ours": samples(1.0), "peer": samples(100.0), "again": samples(1.0)}, {})
    assert (told["kept"], told["noise"]["median"]) == (True, 1.0)
    assert rows.told(row, {"ours": samples(100.0), "peer": samples(100.0)}, {})["kept"] is False
    assert rows.told(row, {"ours": samples(1.0)}, {"peer": "no compiler"})["left_out"] == "peer: no compiler"
    least = rows.Row("r", measures.FIRST_BYTE, "ours", "peer", at_least=1.3)
    assert rows.told(least, {"ours": samples(200.0), "peer": samples(100.0)}, {})["kept"] is True
    alone = rows.Row("r", measures.DELAYS, "ours", at_most=1000.0)
    assert rows.told(alone, {"ours": samples(400.0)}, {})["kept"] is False, "the 99th percentile of all"


def test_every_row_has_a_unit_and_a_place_in_both_tables() -> None:
    told = [rows.told(row, {}, {}) for row in rows.ROWS]
    some = rows.Row("r", measures.DELAYS, "ours", "peer", "again", at_least=1.0)
    told.append(rows.told(some, dict.fromkeys(("ours", "peer", "again"), samples(1.0)), {}))
    machine = {"system": "Linux", "cores": 2, "python": "3.11.7", "node_client": None}
    results = {"rows": told, "at": "2026-11-23T10:00:00+00:00", "rounds": 15, "machine": machine}
    assert len(report.table(results).splitlines()) == len(told) + 1
    assert report.markdown(results).count("\n| ") == len(told) + 1
    for row in rows.ROWS:
        assert any(row.key.endswith(end) for end in report._UNITS)


def test_what_is_no_ratio_is_judged_by_the_median_of_its_rounds() -> None:
    row = rows.Row("r", rows.EMULATOR_OPEN, "emulator", at_most=300.0)
    told = rows.told(row, {"emulator": [{rows.EMULATOR_OPEN: value} for value in (100.0, 299.0, 2000.0)]}, {})
    assert (told["kept"], told["value"]["median"], "pooled" in told["value"]) == (True, 299.0, False)
    told = rows.told(row, {"emulator": [{rows.EMULATOR_OPEN: value} for value in (100.0, 301.0, 2000.0)]}, {})
    assert told["kept"] is False


def test_a_token_that_comes_in_pieces_has_come_with_the_last_of_them() -> None:
    pieces = [
        (5, b"HTTP/1.1 200 OK\r\n\r\n14\r\n%020d\r\n14\r\n" % 1),
        (7, (b"%020d" % 2)[:9]),
        (9, (b"%020d" % 2)[9:] + b"\r\n0\r\n\r\n"),
    ]
    assert crowd._tokens(pieces) == [(5, 1), (9, 2)]


def test_what_an_emulator_holds_is_counted_in_all_of_its_parts() -> None:
    before, after = growth.Held(1000, 10, 1, 4, 20), growth.Held(1500, 11, 1, 5, 23)
    assert growth.grown([before, after]) == {rows.HOUR_MEMORY: 500.0, rows.HOUR_FILES: 5.0, "hour_looks_KiB": [1000.0, 1500.0]}
    fewer = growth.Held(900, 9, 1, 4, 30)
    assert growth.grown([before, fewer])[rows.HOUR_FILES] == 10.0, "that there is less of one thing does not hide more of another"


def test_an_answer_that_is_none_is_an_error_and_not_a_figure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Caller(f"http://127.0.0.1:{port}/") as caller:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno")
                with pytest.raises(BenchmarkError, match="502"):
                    caller.call(caller.request("/first"))


def test_the_page_has_a_place_for_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    results = tmp_path / "results.json"
    machine = {"system": "Linux", "cores": 2, "python": "3.11.7", "node_client": None}
    results.write_text(json.dumps({"rows": [], "at": "2026-11-23", "rounds": 15, "machine": machine}), encoding="utf-8")
    for _ in range(2):
        report.main(results)
        text = page.read_text(encoding="utf-8")
        assert text.count("Measured 2026-11-23, 15 rounds") == 1
        assert "## What is measured against what" in text


def test_a_program_that_does_not_serve_is_an_error_and_not_a_wait() -> None:
    with (
        Session([sys.executable, "-c", "print('no runtime')"], ROOT, {}, "x.y") as session,
        pytest.raises(BenchmarkError, match="no runtime"),
    ):
        session.await_next()


def test_the_programs_run_and_leave_no_process_behind(tmp_path: Path) -> None:
    """On the interpreter of the tests where the peers are not installed: ours and synthesis always run."""
    output = tmp_path / "results.json"
    code = (
        "import sys; from pathlib import Path; from benchmarks import peers, __main__ as main\n"
        "found = peers.Peers()\n"
        "found.python = found.python or Path(sys.executable)\n"
        "main.peers.Peers = lambda: found\n"
        f"sys.exit(main.main(['--quick', '--rounds', '1', '--no-install', '--output', {str(output)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text(encoding="utf-8"))
    assert len(results["rows"]) == len(rows.ROWS)
    always = {"ours", "ours again", "StreamingFunction", "hand-written L2", "emulator", "emulator again", "bare loop", rows.CROWD}
    assert always <= set(results["samples"]), done.stderr
    for name in results["samples"]:
        assert len(results["samples"][name]) == 1
    measured = {key for row in rows.ROWS if row.ours in always for key in (row.ours_key, row.key) if row.ours == rows.EMULATOR}
    assert measured <= set(results["samples"][rows.EMULATOR][0])
    assert not _left_behind(), "every process was ended"


def _left_behind() -> list[str]:
    listed = subprocess.run(["ps", "-eo", "ppid=,args="], capture_output=True, text=True, timeout=10, check=True).stdout
    ours = str(ROOT / "benchmarks" / "programs")
    return [line for line in listed.splitlines() if ours in line and line.split()[0] == str(os.getpid())]


def test_the_peers_are_pinned() -> None:
    lines = [
        line for line in peers.REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line and not line.startswith((" ", "#"))
    ]
    assert all("==" in line for line in lines)
    assert not [line for line in lines if "://" in line]
    assert peers.NODE_CLIENT.rpartition("@")[2][0].isdigit()
