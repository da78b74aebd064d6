"""What `streaming-lambda doctor` asks of the CDK CLI, which may not load aws_cdk itself."""

from __future__ import annotations

from aws_cdk.cloud_assembly_schema import Manifest

from constructs_pkg.doctor_command import _OLDEST_CLI


def test_doctor_asks_for_the_cli_that_aws_cdk_lib_asks_for() -> None:
    assert list(_OLDEST_CLI) == [int(number) for number in Manifest.cli_version().split(".")[:2]]
