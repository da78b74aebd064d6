"""Least privilege for streaming from foundation models on Amazon Bedrock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

_STREAM_ACTION: Final = "bedrock:InvokeModelWithResponseStream"
_MODEL_ID: Final = re.compile(r"[a-z0-9-]+\.[a-z0-9][A-Za-z0-9.:-]*")
_PROFILE_PREFIXES: Final = frozenset({"us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"})


class BedrockModelAccess(Construct):
    """Which foundation models a function may stream from, and nothing else.

    Both ConverseStream and InvokeModelWithResponseStream ask for the one action `bedrock:InvokeModelWithResponseStream` on the
    model's ARN (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).

    Attributes:
        model_ids: The models, in the order given.
    """

    def __init__(self, scope: Construct, id: str, *, model_ids: Sequence[str]) -> None:
        """Names the models.

        Args:
            model_ids: Foundation model ids that the stack's region serves on demand, such as `amazon.nova-lite-v1:0`.

        Raises:
            ValueError: `MODEL_NONE` for an empty list, `MODEL_ID` for what is no model id, `MODEL_IS_PROFILE` for the id of an
                inference profile, which needs further ARNs than this construct grants.
        """
        super().__init__(scope, id)
        if not model_ids:
            raise ValueError("MODEL_NONE: model_ids is empty. Name at least one foundation model, such as amazon.nova-lite-v1:0.")
        for model_id in model_ids:
            _check(model_id)
        self.model_ids = tuple(dict.fromkeys(model_ids))
        self._arns = [
            Stack.of(self).format_arn(
                service="bedrock",
                account="",
                resource="foundation-model",
                resource_name=model_id,
                arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            )
            for model_id in self.model_ids
        ]

    def grant_stream(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` stream from these models."""
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=[_STREAM_ACTION], resource_arns=self._arns)
        grant.assert_success()
        return grant


def _check(model_id: str) -> None:
    if Token.is_unresolved(model_id):
        return
    if model_id.split(".")[0] in _PROFILE_PREFIXES:
        raise ValueError(
            f"MODEL_IS_PROFILE: {model_id!r} is an inference profile; it needs permissions on the profile and on its models in every "
            "region it may use. Name a foundation model that the region serves on demand."
        )
    if not _MODEL_ID.fullmatch(model_id):
        raise ValueError(
            f"MODEL_ID: {model_id!r} is not a foundation model id. It has the form provider.name, such as amazon.nova-lite-v1:0."
        )
