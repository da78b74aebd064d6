"""`make bench`: runs every measure, round by round and in rotated order, writes results.json and prints the table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import measures, peers, programs, report, rows
from benchmarks.ratios import rotated
from benchmarks.server import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results.json"
SYNTHESIS_SECONDS = 300
CLIENT_SECONDS = 1200
EMULATOR_SECONDS = 2400
END_SECONDS = 120


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for. Returns 1 where a promise is not kept and `--strict` asks for that."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and small rounds: shows that it works, measures nothing")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default: 15)")
    parser.add_argument("--only", action="append", default=[], help="measure only the program of this name; may be given again")
    parser.add_argument("--no-install", action="store_true", help="leave out peers that are not installed")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where to write the results (default: %(default)s)")
    parser.add_argument("--strict", action="store_true", help="fail where a promise is not kept")
    options = parser.parse_args(arguments)
    effort = measures.QUICK if options.quick else measures.FULL
    begun = time.monotonic()
    found = peers.Peers() if options.no_install else peers.install()
    rounds = options.rounds or effort.rounds
    samples, missing = run(found, effort, rounds, options.only)
    if not options.only or rows.CONSTRUCT in options.only:
        samples |= synthesis(rounds, missing)
    if not options.only or rows.CLIENT in options.only:
        samples |= client(rounds, options.quick, missing)
    if not options.only or rows.EMULATOR in options.only:
        samples |= emulator(rounds, options.quick, missing)
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(found),
        "rounds": rounds,
        "seconds": round(time.monotonic() - begun),
        "rows": [rows.told(row, samples, missing) for row in rows.ROWS],
        "samples": samples,
    }
    options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(report.table(results))
    return 1 if options.strict and any(row.get("kept") is False for row in results["rows"]) else 0


def run(found: peers.Peers, effort: measures.Effort, rounds: int, only: list[str]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Measures everything. Returns each program's samples, one a round, and why programs were left out."""
    samples: dict[str, list[Any]] = defaultdict(list)
    missing: dict[str, str] = {}
    with programs.layer_without_bytecode(found) as bare:
        tasks = _tasks(found, effort, bare, missing)
        chosen = {name: task for name, task in tasks.items() if not only or name in only}
        for number in range(rounds):
            for name in rotated(list(chosen), number):
                if name in missing:
                    continue
                try:
                    samples[name].append(chosen[name]())
                except (BenchmarkError, OSError) as error:
                    missing[name] = str(error).splitlines()[0]
                    samples.pop(name, None)
                    _say(f"{name} is left out: {error}")
            _say(f"round {number + 1} of {rounds}")
    return dict(samples), missing


def synthesis(rounds: int, missing: dict[str, str]) -> dict[str, list[Any]]:
    """Milliseconds of each synthesis, measured by a process of its own, which loads CDK."""
    command = [sys.executable, "-m", "benchmarks.synthesis", str(rounds)]
    folder = RESULTS.parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SYNTHESIS_SECONDS, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        missing.update(dict.fromkeys((rows.CONSTRUCT, rows.HAND_WRITTEN), why))
        _say(f"synthesis is left out: {done.stderr}")
        return {}
    _say("synthesis is measured")
    return {name: [{rows.SYNTHESIS: spent} for spent in found] for name, found in json.loads(done.stdout).items()}


def client(rounds: int, quick: bool, missing: dict[str, str]) -> dict[str, list[Any]]:
    """What reading a stream costs, measured by a process of its own, so that no other's CPU time is in it."""
    return _apart("client", rounds, quick, missing, (rows.CLIENT, rows.HTTPX), CLIENT_SECONDS)


def emulator(rounds: int, quick: bool, missing: dict[str, str]) -> dict[str, list[Any]]:
    """What the emulator adds, measured by a process of its own."""
    found = _apart(
        "emulator", rounds, quick, missing, (rows.EMULATOR, rows.BARE, rows.RELAY, rows.CROWD, rows.HOUR), EMULATOR_SECONDS
    )
    if found and rows.HOUR not in found:
        missing[rows.HOUR] = "what a process holds is known only where there is a /proc"
    return found


def _apart(
    name: str, rounds: int, quick: bool, missing: dict[str, str], programs: tuple[str, ...], seconds: float
) -> dict[str, list[Any]]:
    """The samples that a module of this package prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", str(rounds), *(["quick"] if quick else [])]
    with subprocess.Popen(command, cwd=RESULTS.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # and not killed: it ends what it has started
            process.communicate(timeout=END_SECONDS)
            out, said = "", f"it took longer than {seconds:.0f} s"
    if process.returncode:
        missing.update(dict.fromkeys(programs, (said.strip().splitlines() or ["it failed"])[-1]))
        _say(f"{name} is left out: {said}")
        return {}
    _say(f"{name} is measured")
    found: dict[str, list[Any]] = json.loads(out)
    return found


def _tasks(
    found: peers.Peers, effort: measures.Effort, bare: programs.Program, missing: dict[str, str]
) -> dict[str, Callable[[], measures.Sample]]:
    """What is measured in each round, by the program's name."""
    tasks: dict[str, Callable[[], measures.Sample]] = {}
    for name, program in programs.programs(found).items():
        streaming = name in (rows.OURS, rows.AGAIN, rows.NODE)
        try:
            measures.check(program, streams=streaming)
        except BenchmarkError as error:
            missing[name] = str(error).splitlines()[0]
            _say(f"{name} is left out: {error}")
            continue
        gzip = name in (rows.OURS, rows.AGAIN)
        if name in (rows.WRAPPED, rows.APP_FLOOR):
            tasks[name] = partial(measures.start, program)
        elif streaming:
            tasks[name] = partial(measures.streams, program, effort, gzip=gzip)
        else:
            tasks[name] = partial(measures.invocations, program, effort)
    tasks[bare.name] = partial(measures.start, bare)
    if found.python is not None and found.has("uvicorn"):
        for name, fast in ((rows.SERVER, False), (rows.FAST_SERVER, True)):
            tasks[name] = partial(measures.web_server, partial(programs.WebServer, found.python, fast=fast), effort)
    return tasks


def machine(found: peers.Peers) -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "node_client": peers.NODE_CLIENT if found.node is not None else None,
        "node_client_native": found.node is not None and not found.node_environment,
        "requirements": [line for line in peers.REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line],
    }


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
