"""A Python folder's packages: what is asked for, who fetches it, what is left out, and that it is done once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from constructs_pkg._bundling import Target, bundle, cache, installers, size
from constructs_pkg._bundling.lean import test_folders as folders_of_tests
from constructs_pkg._bundling.requirements import requirements_of

if TYPE_CHECKING:
    from pathlib import Path

ARM = Target(python="3.13", architecture="arm64")
# A package with compiled code and a wheel for each platform, and a pure one.
COMPILED = "markupsafe==3.0.3"
PURE = "six==1.17.0"
ELSEWHERE = "https://example.com"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pip"))
    return tmp_path / "cache"


@pytest.fixture(params=["uv", "pip"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "pip":
        monkeypatch.setattr(installers, "_uv_command", lambda: None)
    return str(request.param)


def recorded(folder: Path) -> list[str]:
    return (folder / ".streaming-lambda" / "requirements.txt").read_text().split()


def project(folder: Path, dependencies: list[str], more: str = "") -> None:
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {json.dumps(dependencies)}\n{more}'
    )


# What is asked for


def test_without_requirements_nothing_is_built(entry: Path) -> None:
    (entry / "requirements.txt").write_text("# nothing yet\n\n")
    assert bundle(entry, ARM).folder == entry


def test_a_pyproject_without_dependencies_asks_for_nothing(entry: Path) -> None:
    project(entry, [])
    assert bundle(entry, ARM).folder == entry


def test_included_files_are_written_out_and_bind(entry: Path) -> None:
    (entry / "requirements.txt").write_text("-r more/base.txt\n--constraint=pins.txt\nsix  # the pure one\n")
    (entry / "more").mkdir()
    (entry / "more" / "base.txt").write_text("-c ../pins.txt\nmarkupsafe \\\n  >=3\n")
    (entry / "pins.txt").write_text("six==1.17.0\n")
    found = requirements_of(entry)
    assert found is not None
    assert found.lines == ("markupsafe >=3", "six")
    assert found.constraints == ("six==1.17.0", "six==1.17.0")
    assert found.chosen == {"markupsafe"}


def test_an_included_file_outside_the_folder_counts_for_the_cache(entry: Path) -> None:
    (entry / "requirements.txt").write_text("-r ../shared.txt\n")
    (entry.parent / "shared.txt").write_text(f"{PURE}\n")
    first = bundle(entry, ARM).folder
    (entry.parent / "shared.txt").write_text(f"{COMPILED}\n")
    second = bundle(entry, ARM).folder
    assert recorded(first) == [PURE]
    assert recorded(second) == [COMPILED]


def test_requirements_as_powershell_writes_them_are_read(entry: Path) -> None:
    (entry / "requirements.txt").write_bytes(f"# \u00e9\r\n{PURE} \\\r\n  ; python_version > '3'\r\n".encode("utf-16"))
    found = requirements_of(entry)
    assert found is not None
    assert found.lines == (f"{PURE} ; python_version > '3'",)


def test_a_file_that_includes_itself_is_read_once(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"-r requirements.txt\n{PURE}\n")
    found = requirements_of(entry)
    assert found is not None
    assert found.lines == (PURE,)


def test_a_missing_include_is_refused_and_named(entry: Path) -> None:
    (entry / "requirements.txt").write_text("-r nowhere.txt\n")
    with pytest.raises(ValueError, match="^BUNDLE_INCLUDE_MISSING: .*nowhere.txt"):
        bundle(entry, ARM)


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable ../lib",
        "./lib",
        "../lib",
        "/srv/lib",
        "lib/sub",
        "wheels/six-1.17.0-py2.py3-none-any.whl",
        "six @ file:///srv/six.whl",
        "git+https://example.com/x.git",
        "six @ git+https://example.com/six.git",
    ],
)
def test_what_would_have_to_be_built_here_is_refused(line: str, entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(ValueError, match="^BUNDLE_LOCAL_REQUIREMENT: "):
        bundle(entry, ARM)


@pytest.mark.parametrize(
    "line",
    [
        "six",
        "six==1.17.0 ; python_version >= '3.8'",
        "six[extra]>=1 --hash=sha256:aa/bb",
        f"--extra-index-url {ELSEWHERE}/packages/",
        f"six @ {ELSEWHERE}/six-1.17.0-py2.py3-none-any.whl",
    ],
)
def test_what_an_index_or_an_address_gives_is_taken(line: str, entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{line}\n")
    assert requirements_of(entry) is not None


@pytest.mark.parametrize(
    "text",
    [
        "this is [ not toml",
        '[project]\nname = "app"\nversion = "1"\ndynamic = ["dependencies"]\n',
        '[tool.poetry.dependencies]\nsix = "^1.17"\n',
        '[project]\nname = "app"\nversion = "1"\ndependencies = ["six"]\n[tool.uv.sources]\nsix = { path = "../six" }\n',
    ],
)
def test_a_pyproject_that_only_another_tool_can_read_is_refused(text: str, entry: Path) -> None:
    (entry / "pyproject.toml").write_text(text)
    with pytest.raises(ValueError, match="^BUNDLE_PYPROJECT: "):
        bundle(entry, ARM)


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock", "Pipfile.lock", "Pipfile"])
def test_a_lock_that_would_be_ignored_is_refused(name: str, entry: Path) -> None:
    project(entry, ["six"])
    (entry / name).write_text("")
    with pytest.raises(ValueError, match=f"^BUNDLE_LOCK_UNREAD: .*{name}"):
        bundle(entry, ARM)
    (entry / "requirements.txt").write_text(f"{PURE}\n")  # its export is what counts
    assert recorded(bundle(entry, ARM).folder) == [PURE]


# Who fetches it


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_dependencies_are_for_lambdas_platform_whatever_this_machine_is(
    tool: str, architecture: str, machine: str, entry: Path
) -> None:
    (entry / "requirements.txt").write_text(f"{COMPILED}\n{PURE}\n")
    folder = bundle(entry, Target(python="3.12", architecture=architecture)).folder
    [compiled] = folder.glob("markupsafe/_speedups*.so")
    assert compiled.name == f"_speedups.cpython-312-{machine}-linux-gnu.so"
    assert (folder / "six.py").is_file()
    assert (folder / "index.py").is_file()
    assert recorded(folder) == [COMPILED, PURE]
    assert json.loads((folder / ".streaming-lambda" / "platform.json").read_text()) == {
        "python": "3.12",
        "platform": f"{machine}-manylinux_2_34",
    }


def test_dependencies_of_a_pyproject_are_installed_and_bound_by_constraints(tool: str, entry: Path) -> None:
    project(entry, ["six", "markupsafe>=3"])
    (entry / "constraints.txt").write_text(f"{PURE}\n{COMPILED}\n")
    folder = bundle(entry, ARM).folder
    assert recorded(folder) == [COMPILED, PURE]
    assert not (folder / "constraints.txt").exists()


@pytest.fixture
def locked(entry: Path) -> Path:
    """A project whose uv.lock pins what is not the newest."""
    project(entry, [PURE])
    subprocess.run([sys.executable, "-m", "uv", "lock", "--quiet", "--project", str(entry)], check=True, timeout=60)
    return entry


def test_a_uv_lock_is_honoured_and_not_shipped(locked: Path) -> None:
    folder = bundle(locked, ARM).folder
    assert recorded(folder) == [PURE]
    assert not (folder / "uv.lock").exists()


def test_a_uv_lock_that_no_longer_fits_is_refused(locked: Path) -> None:
    project(locked, [PURE, "markupsafe"])
    with pytest.raises(ValueError, match="^BUNDLE_LOCK_STALE: .*uv.lock"):
        bundle(locked, ARM)


def test_a_lock_without_uv_is_refused(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installers, "_uv_command", lambda: None)
    with pytest.raises(ValueError, match="^BUNDLE_LOCK_NEEDS_UV: "):
        bundle(locked, ARM)


def test_a_pylock_is_honoured(locked: Path) -> None:
    command = [sys.executable, "-m", "uv", "export", "--quiet", "--project", str(locked), "-o", str(locked / "pylock.toml")]
    subprocess.run(command, check=True, timeout=60)
    (locked / "uv.lock").unlink()
    assert recorded(bundle(locked, ARM).folder) == [PURE]


def test_a_package_without_a_wheel_for_the_platform_is_named(tool: str, entry: Path) -> None:
    (entry / "requirements.txt").write_text("pywin32==311\n")  # wheels for Windows alone
    with pytest.raises(ValueError, match=r"^BUNDLE_NO_WHEEL: pywin32 has no wheel for python3\.13 on Linux aarch64"):
        bundle(entry, ARM)


def test_markers_are_judged_for_lambda_and_not_for_this_machine(entry: Path, tool: str) -> None:
    (entry / "requirements.txt").write_text(
        "six==1.17.0; platform_machine == 'aarch64' and python_version == '3.13'\n"
        "idna; platform_machine == 'x86_64' or sys_platform == 'win32' or python_version != '3.13'\n"
    )
    assert recorded(bundle(entry, ARM).folder) == [PURE]
    (entry / "requirements.txt").write_text("six==1.17.0; platform_machine == 'x86_64' and python_version == '3.14'\n")
    assert recorded(bundle(entry, Target(python="3.14", architecture="x86_64")).folder) == [PURE]


def test_without_uv_and_pip_it_says_what_to_install(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    monkeypatch.setattr(installers, "_uv_command", lambda: None)
    monkeypatch.setattr(installers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="^BUNDLE_TOOL_MISSING: .*pip install uv"):
        bundle(entry, ARM)


def test_a_failed_build_leaves_nothing_behind(entry: Path, own_cache: Path) -> None:
    (entry / "requirements.txt").write_text("this-package-does-not-exist-anywhere-5711==1\n")
    with pytest.raises(ValueError, match="^BUNDLE_"):
        bundle(entry, ARM)
    assert list((own_cache / "streaming-lambda-constructs" / "bundles").iterdir()) == []


def test_a_resolver_that_hangs_is_stopped(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installers, "_TIME_LIMIT_SECONDS", 0.01)
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    with pytest.raises(ValueError, match="^BUNDLE_TIMEOUT: resolving requirements.txt"):
        bundle(entry, ARM)


def test_contradicting_requirements_are_refused_with_the_resolvers_words(entry: Path) -> None:
    (entry / "requirements.txt").write_text("six==1.17.0\nsix==1.16.0\n")
    with pytest.raises(ValueError, match=r"^BUNDLE_FAILED: .*The resolver said: .*six"):
        bundle(entry, ARM)


# What is left out


def test_boto3_and_what_only_it_needs_is_left_to_lambda(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"boto3\n{COMPILED}\n")
    folder = bundle(entry, ARM).folder
    assert recorded(folder) == [COMPILED]
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(("markupsafe", "."))) == [
        "index.py",
        "requirements.txt",
    ]


def test_boto3_with_a_version_is_there_on_purpose(entry: Path) -> None:
    (entry / "requirements.txt").write_text("boto3>=1.40\n")
    assert {"boto3", "botocore"} <= {pin.split("==")[0] for pin in recorded(bundle(entry, ARM).folder)}


def test_what_another_package_needs_of_boto3s_stays(entry: Path) -> None:
    (entry / "requirements.txt").write_text("boto3\npython-dateutil\n")
    assert {pin.split("==")[0] for pin in recorded(bundle(entry, ARM).folder)} == {"python-dateutil", "six"}


def test_an_image_brings_its_own_boto3(entry: Path) -> None:
    (entry / "requirements.txt").write_text("boto3\n")
    folder = bundle(entry, Target(python="3.13", architecture="arm64", has_boto3=False)).folder
    assert (folder / "boto3").is_dir()


def test_tests_caches_and_scripts_are_not_shipped_but_licences_are(entry: Path) -> None:
    (entry / "requirements.txt").write_text("greenlet==3.2.4\n")  # ships its tests inside the package
    (entry / "tests").mkdir()
    (entry / "tests" / "test_index.py").write_text("")
    (entry / "test").mkdir()
    (entry / "test" / "rules.py").write_text("not a test module: the app's own domain")
    folder = bundle(entry, ARM).folder
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert "greenlet/__init__.py" in names
    assert "test/rules.py" in names
    assert not {name for name in names if "tests" in name.split("/") or "__pycache__" in name or name.startswith("bin/")}
    metadata = {name.split("/", 1)[1] for name in names if name.startswith("greenlet-3.2.4.dist-info/")}
    assert {name for name in metadata if "/" not in name} == {"METADATA", "licenses"}
    assert any(name.startswith("licenses/LICENSE") for name in metadata)


def test_a_folder_is_of_tests_by_what_is_in_it(tmp_path: Path) -> None:
    for name in ("tests/unit/test_a.py", "app/test/conftest.py", "django/test/client.py", "contest/test_b.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    assert {path.relative_to(tmp_path).as_posix() for path in folders_of_tests(tmp_path)} == {"tests", "app/test"}


def test_more_than_lambda_takes_is_refused_with_the_largest_listed(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "LARGEST", 1000)
    (entry / "weights").mkdir()
    (entry / "weights" / "model.bin").write_bytes(b"0" * 5000)
    with pytest.raises(ValueError, match=r"^BUNDLE_TOO_LARGE: .*The largest: weights 0\.0 MB, index\.py"):
        bundle(entry, ARM)


def test_at_most_ten_of_the_largest_are_listed(entry: Path) -> None:
    for number in range(12):
        (entry / f"part{number:02}").write_bytes(b"0" * (1000 + number))
    measured = size.measure(entry)
    assert [name for name, _ in measured.largest] == [f"part{number:02}" for number in range(11, 1, -1)]
    assert measured.total_bytes == sum(path.stat().st_size for path in entry.iterdir())


# That it is done once


def test_a_second_synthesis_builds_nothing(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    first = bundle(entry, ARM)
    monkeypatch.setattr(installers, "_run", lambda *_: pytest.fail("the resolver was started again"))
    assert bundle(entry, ARM) == first


def test_changed_code_or_platform_is_built_anew(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    first = bundle(entry, ARM).folder
    assert bundle(entry, Target(python="3.12", architecture="arm64")).folder != first
    (entry / "index.py").write_text("changed = 1\n")
    assert bundle(entry, ARM).folder != first


def test_changed_tests_build_nothing(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    (entry / "tests").mkdir()
    (entry / "tests" / "test_index.py").write_text("before = 1\n")
    first = bundle(entry, ARM)
    (entry / "tests" / "test_index.py").write_text("after = 1\n")
    monkeypatch.setattr(installers, "_run", lambda *_: pytest.fail("the resolver was started again"))
    assert bundle(entry, ARM) == first


@pytest.mark.parametrize("built", [True, False], ids=["built", "as it is"])
def test_code_that_is_linked_into_the_folder_is_shipped_and_counts(entry: Path, built: bool) -> None:
    shared = entry.parent / "shared"
    (shared / "deep").mkdir(parents=True)
    (shared / "deep" / "module.py").write_text("x = 1\n")
    (entry / "common").symlink_to(shared)
    if built:
        (entry / "tests").mkdir()
        (entry / "tests" / "test_a.py").touch()
    before = bundle(entry, ARM)
    assert (before.folder / "common" / "deep" / "module.py").read_text() == "x = 1\n"
    assert dict(before.size.largest)["common"] == 6
    (shared / "deep" / "module.py").write_text("x = 2\n")
    after = bundle(entry, ARM)
    assert after.fingerprint != before.fingerprint
    assert (after.folder / "common" / "deep" / "module.py").read_text() == "x = 2\n"


def test_links_to_nothing_and_back_to_the_folder_are_left_alone(entry: Path) -> None:
    before = bundle(entry, ARM).fingerprint
    (entry / ".#index.py").symlink_to("someone@machine.1234")
    (entry / "self").symlink_to(entry)
    assert bundle(entry, ARM).fingerprint == before


def test_what_nobody_used_for_two_months_is_forgotten(own_cache: Path) -> None:
    old, fresh = cache.built("a" * 32, lambda work: None), cache.built("b" * 32, lambda work: None)
    abandoned = old.parent / ".cccccccc-part"
    abandoned.mkdir()
    for path, days in ((old, 61), (fresh, 59), (abandoned, 2)):
        os.utime(path, (time.time() - days * 86_400,) * 2)
    cache.built("d" * 32, lambda work: None)
    assert {path.name for path in old.parent.iterdir()} == {"b" * 32, "d" * 32}


def test_two_syntheses_at_once_agree_on_one_folder(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    program = (
        "import sys; from pathlib import Path; from constructs_pkg._bundling import *; "
        "print(bundle(Path(sys.argv[1]), Target(python='3.13', architecture='arm64')).folder)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(entry)], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(3)
    ]
    results = {process.communicate(timeout=100)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(results) == 1


def test_bundling_loads_no_cdk() -> None:
    program = "import sys, constructs_pkg._bundling.esbuild; sys.exit('jsii' in sys.modules or 'aws_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
