"""Lambda's paths in terms of this machine, where they are not mounted."""

from __future__ import annotations

from pathlib import Path

from constructs_pkg.emulator.variables import Places

PLACES = Places(task=Path("/a/task"), opt=Path("/a/opt"), runtime=Path("/a/runtime"), tmp=Path("/a/tmp"), home=Path("/a/home"))


def test_lambdas_own_paths_are_the_environments_folders() -> None:
    found = [PLACES.real(path) for path in ("/opt/x", "/var/task", "/var/runtime/y", "/tmp/z", "/usr/bin/env", "/opting")]
    assert found == ["/a/opt/x", "/a/task", "/a/runtime/y", "/a/tmp/z", "/usr/bin/env", "/opting"]


def test_an_interpreter_under_this_machines_tmp_is_found_there() -> None:
    found = [PLACES.program(path) for path in ("/tmp/project/.venv/bin/node", "/var/runtime/index.mjs", "/opt/wrapper")]
    assert found == ["/tmp/project/.venv/bin/node", "/a/runtime/index.mjs", "/a/opt/wrapper"]
