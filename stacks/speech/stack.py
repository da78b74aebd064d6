"""Speech to text: what was said, while it is heard."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from constructs_pkg import StreamingCode, StreamingFunction
from stacks.findings import acknowledge, acknowledge_newest_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import Construct

_HERE: Final = Path(__file__).parent
_FOLDER: Final = "recordings/"
_TRANSCRIBE, _POCKETSPHINX = "transcribe", "pocketsphinx"
_PACKAGES: Final = ("zip", "image")
_MEMORY: Final = {_TRANSCRIBE: 512, _POCKETSPHINX: 1769}  # one waits for a service; the other needs a core
_STREAMS_OF_TRANSCRIBE: Final = 25
_SPARE: Final = Duration.minutes(1)


class SpeechStack(Stack):
    """`POST /transcripts` on a Function URL that asks for IAM auth.

    The recogniser is Amazon Transcribe, or PocketSphinx inside the function, behind the same interface: the latter for a laptop, and for who may
    send no voices anywhere. As a container image, the same code has room for larger ones.

    Attributes:
        transcripts: The streaming function.
        recordings: The bucket for recordings that are named by key.
        caller: A role of this account that may call the URL.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        recogniser: str | None = None,
        package: str | None = None,
        language: str | None = None,
        longest: Duration | None = None,
        most_streams: int | None = None,
        pace: float = 1,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            recogniser: `transcribe`, or `pocketsphinx`, which hears American English at 16 kHz. Default: the context value
                `speech:recogniser`, else `transcribe`.
            package: `zip`, or `image` for a container image, which needs Docker at deployment. Default: the context value
                `speech:package`, else `zip`.
            language: What is spoken, for Transcribe. Default: the context value `speech:language`, else `en-US`.
            longest: Longest recording. Default: 10 minutes. Allowed: up to 14 minutes, as Transcribe hears in real time.
            most_streams: Recordings at a time; one more is answered with 429. 0: no bound of this function's own. Default: the
                context value `speech:most-streams`, else 25 with Transcribe, which hears as many for an account that has not asked for
                more, and 0 with PocketSphinx.
            pace: How many times as fast as it was spoken audio is sent to Transcribe. Default: 1, as AWS advises.

        Raises:
            ValueError: `RECOGNISER`, `PACKAGE` or `LONGEST`: a value that is not allowed.
        """
        super().__init__(scope, id, env=env, description="Speech to text while it is heard")
        context = self.node.try_get_context
        recogniser = recogniser or context("speech:recogniser") or _TRANSCRIBE
        package = package or context("speech:package") or "zip"
        longest = longest or Duration.minutes(10)
        _check(recogniser, package, longest)
        if most_streams is None:
            most_streams = int(context("speech:most-streams") or (_STREAMS_OF_TRANSCRIBE if recogniser == _TRANSCRIBE else 0))
        self.recordings = self._bucket()
        environment = {
            "RECOGNISER": recogniser,
            "BUCKET": self.recordings.bucket_name,
            "MOST_SECONDS": f"{longest.to_seconds():g}",
        }
        if recogniser == _TRANSCRIBE:
            environment |= {"LANGUAGE": language or context("speech:language") or "en-US", "PACE": f"{pace:g}"}
        with _handler(recogniser) as folder:
            self.transcripts = StreamingFunction(
                self,
                "Transcripts",
                code=StreamingCode.python(folder) if package == "zip" else StreamingCode.image(folder),
                description="Writes down what is said in a recording, while it hears it",
                memory_size=_MEMORY[recogniser],
                timeout=longest.plus(_SPARE),
                environment=environment,
                reserved_concurrent_executions=most_streams or None,
            )
        self.transcripts.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[self.recordings.arn_for_objects(f"{_FOLDER}*")])
        )
        if recogniser == _TRANSCRIBE:
            self.transcripts.role.add_to_principal_policy(
                iam.PolicyStatement(actions=["transcribe:StartStreamTranscription"], resources=["*"])
            )
        self.caller = iam.Role(
            self, "Caller", assumed_by=iam.AccountRootPrincipal(), description="May have any recording of the bucket written down"
        )
        self.transcripts.grant_invoke_url(self.caller)
        CfnOutput(self, "TranscriptsUrl", value=self.transcripts.url.url, description="POST transcripts: a recording, or its key")
        CfnOutput(self, "RecordingsBucket", value=self.recordings.bucket_name, description=f"Put recordings below {_FOLDER}")
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")
        self._acknowledge_findings()

    def _bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Recordings",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _acknowledge_findings(self) -> None:
        """What cdk-nag's packs find here and is meant so."""
        acknowledge_newest_runtime(self.transcripts.function)
        bucket = self.get_logical_id(cast("s3.CfnBucket", self.recordings.node.default_child))
        acknowledge(
            self.transcripts.role,
            f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{_FOLDER}*]",
            "A caller names any recording of the folder; that is all the bucket is for",
        )
        acknowledge(self.transcripts.role, "AwsSolutions-IAM5[Resource::*]", "Transcribe's streaming takes no resource")
        acknowledge(self.recordings, "AwsSolutions-S1", "One role reads it, and the function's log has each request")


@contextlib.contextmanager
def _handler(recogniser: str) -> Iterator[Path]:
    """The handler with the packages of one recogniser: nobody ships both, and Transcribe's need a newer Python than a laptop may have."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "handler")
        shutil.copytree(_HERE / "handler", code, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(_HERE / "packages" / f"{recogniser}.txt", code / "requirements.txt")
        yield code


def _check(recogniser: str, package: str, longest: Duration) -> None:
    if recogniser not in _MEMORY:
        raise ValueError(
            f"RECOGNISER: recogniser is {recogniser!r}; it is transcribe or pocketsphinx. Set the context value speech:recogniser to one "
            "of them."
        )
    if package not in _PACKAGES:
        raise ValueError(
            f"PACKAGE: package is {package!r}; it is zip or image. Set the context value speech:package to one of them."
        )
    if not 1 <= longest.to_seconds() <= 840:
        raise ValueError(
            f"LONGEST: longest is {longest.to_seconds():g} seconds; Lambda ends after 15 minutes, and a recording takes as long as it was "
            "spoken: 1 to 840 are allowed. Cut longer recordings."
        )
