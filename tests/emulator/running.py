"""`streaming-lambda local` as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
COMMAND = [sys.executable, "-m", "constructs_pkg", "local", "--mounts", "off"]


class Running:
    """The command, started."""

    def __init__(self, arguments: list[str], cwd: Path, tmp: Path) -> None:
        tmp.mkdir(exist_ok=True)
        self.tmp = tmp
        environment = {**os.environ, "TMPDIR": str(tmp), "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def document(self) -> dict:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def finish(self) -> tuple[int, str]:
        _, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stderr


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # A process that is dead and not yet collected by whoever inherited it is dead enough.
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
