"""The example stacks, each synthesized once as the CDK CLI would: with cdk.json's context and strict validation."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from aws_cdk import App, Environment, Stack
from moto.server import ThreadedMotoServer

from stacks.chat.stack import ChatStack
from stacks.financial.stack import FinancialStack
from stacks.observability.stack import ObservabilityStack, Watched
from stacks.recommendations.stack import RecommendationsStack
from stacks.speech.stack import SpeechStack
from stacks.summarization.stack import SummarizationStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs_pkg.emulator import Emulator

ROOT = Path(__file__).parents[2]


class Synthesized(NamedTuple):
    directory: Path
    template: dict[str, Any]

    def of_type(self, type: str) -> list[dict[str, Any]]:
        """The properties of all resources of a type."""
        return [resource["Properties"] for resource in self.template["Resources"].values() if resource["Type"] == type]


def synthesize(
    folder: Path, stack: type[Stack], context: Mapping[str, Any] | None = None, *, region: str = "us-east-1", **arguments: Any
) -> Synthesized:
    """A stack of an agnostic account, as `app.py` makes it, with CloudFormation's validation on."""
    known: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    outdir = folder / "cdk.out"
    app = App(context={**known, **(context or {})}, outdir=str(outdir), builtin_cloud_formation_validation=True)
    stack(app, stack.__name__, env=Environment(region=region), **arguments)
    app.synth()
    return Synthesized(outdir, json.loads((outdir / f"{stack.__name__}.template.json").read_text()))


@pytest.fixture(scope="session")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("chat"), ChatStack)


@pytest.fixture(scope="session")
def financial(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("financial"), FinancialStack)


@pytest.fixture(scope="session")
def observability(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    watched = [Watched.parse("ChatStack-Chat:live@chat-logs"), Watched.parse("FinancialStack-Viewers@financial-logs")]
    return synthesize(tmp_path_factory.mktemp("observability"), ObservabilityStack, watched=watched)


@pytest.fixture(scope="session")
def recommendations(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("recommendations"), RecommendationsStack)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("speech"), SpeechStack)


@pytest.fixture(scope="session")
def summarization(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("summarization"), SummarizationStack)


class LocalAws:
    """Those AWS services that an example uses and the emulator has not, on this machine: DynamoDB, Kinesis, S3."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str) -> Any:
        """A boto3 client of the same account and region as the emulated functions."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # the endpoint checks no signature
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def make_table(self, name: str, properties: Mapping[str, Any]) -> None:
        """A table with the keys that a template gives it."""
        keys = {wanted: properties[wanted] for wanted in ("KeySchema", "AttributeDefinitions")}
        self.client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **keys)


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield LocalAws(f"http://{host}:{port}")
    finally:
        server.stop()


def session_of(emulator: Emulator, principal: str) -> boto3.Session:
    """A boto3 session with the credentials of one of the emulator's principals."""
    found = emulator.principals[principal]
    return boto3.Session(
        aws_access_key_id=found["access_key_id"],
        aws_secret_access_key=found["secret_access_key"],
        aws_session_token=found["session_token"],
        region_name=emulator.region,
    )
