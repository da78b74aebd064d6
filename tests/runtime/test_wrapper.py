"""The layer's wrapper script, started as Lambda starts it."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.runtime.neutral_api import RUNTIME_ROOT, running, url_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Start

WRAPPER = RUNTIME_ROOT / "streaming-wrapper"


def test_it_may_be_run() -> None:
    assert stat.S_IMODE(WRAPPER.stat().st_mode) & 0o111 == 0o111


def test_it_replaces_the_stock_client_and_keeps_interpreter_and_options(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        @streaming_handler
        def handler(request, context):
            yield Data({"utf8": sys.flags.utf8_mode, "version": "%d.%d" % sys.version_info[:2], "executable": sys.executable})
        """,
        wrapper=True,
    )
    told = runtime.invoke(url_event()).json
    assert told["utf8"] == 1, "-X utf8 was given"
    expected = [interpreter, "-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"]
    executable, version = subprocess.run(expected, capture_output=True, text=True, check=True).stdout.split()
    assert (told["executable"], told["version"]) == (executable, version)


def test_the_search_path_is_lambdas(tmp_path: Path) -> None:
    layer = tmp_path / "lay er"  # where the script is, not /opt; and a space must not break it
    shutil.copytree(RUNTIME_ROOT, layer, ignore=shutil.ignore_patterns("__pycache__"))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    task, lent, given = (tmp_path / name for name in ("task", "lent", "given"))
    for place in (task, lent, given):
        place.mkdir()
    (task / "index.py").write_text("import sys\ndef handler(event, context):\n    return sys.path")
    environment = {"LAMBDA_RUNTIME_DIR": str(lent), "PYTHONPATH": str(given)}
    with running(task, environment=environment, wrapper=layer / "streaming-wrapper") as runtime:
        path = runtime.invoke({}).json
    python = layer / "python"
    assert path[:4] == [str(place) for place in (task, python, python / "lib" / version / "site-packages", lent)]
    assert path.index(str(given)) >= 4
    assert len(set(path)) == len(path)


def test_without_variables_lambdas_own_directory_is_searched(start: Start) -> None:
    path = start("def handler(event, context):\n    return sys.path", wrapper=True).invoke({}).json
    assert path[3] == "/var/runtime"


def test_a_container_without_the_layer_keeps_its_search_path(start: Start, tmp_path: Path) -> None:
    shutil.copytree(RUNTIME_ROOT / "python", tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__"))
    runtime = start("def handler(event, context):\n    return sys.path", environment={"PYTHONPATH": str(tmp_path / "site")})
    path = runtime.invoke({}).json
    assert path[0] == str(tmp_path / "task")
    assert "/var/runtime" not in path


def test_started_by_hand_it_says_how_it_is_meant() -> None:
    done = subprocess.run([str(WRAPPER), "python3"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert "WRAPPER_ARGUMENTS: found 1" in done.stderr
