"""What `constructs_pkg` exports, and what it costs to import."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import constructs_pkg

ROOT = Path(__file__).parents[2]


def modules_after(statement: str) -> set[str]:
    program = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    return set(json.loads(done.stdout))


def test_every_exported_name_is_there() -> None:
    for name in constructs_pkg.__all__:
        assert getattr(constructs_pkg, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(constructs_pkg, "StreamingFuncton")


def test_importing_the_package_loads_no_cdk() -> None:
    assert not {"aws_cdk", "jsii", "constructs"} & modules_after("import constructs_pkg, constructs_pkg.__main__")


def test_a_streaming_function_loads_the_aws_modules_it_uses_and_not_those_of_the_other_constructs() -> None:
    statement = "from constructs_pkg import ProvisionedConcurrency, StreamingCode, StreamingFunction, StreamLimits"
    loaded = {name.split(".")[1] for name in modules_after(statement) if name.startswith("aws_cdk.aws_")}
    from_cdk_itself = {
        name.split(".")[1] for name in modules_after("import aws_cdk.aws_lambda") if name.startswith("aws_cdk.aws_")
    }
    assert loaded - from_cdk_itself <= {"aws_cloudwatch"}


def test_cdk_json_carries_every_recommended_flag_of_the_pinned_library() -> None:
    import aws_cdk

    [archive] = (Path(aws_cdk.__file__).parent / "_jsii").glob("aws-cdk-lib@*.tgz")
    with tarfile.open(archive) as library:
        member = library.extractfile("package/recommended-feature-flags.json")
        assert member is not None
        recommended = json.load(member)
    assert json.loads((ROOT / "cdk.json").read_text())["context"] == recommended
