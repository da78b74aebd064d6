"""Least privilege for streaming from models on Amazon Bedrock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Annotations, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._tokens import is_unresolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STREAM_ACTION: Final = "bedrock:InvokeModelWithResponseStream"
_GUARDRAIL_ACTION: Final = "bedrock:ApplyGuardrail"
_MODEL_ID: Final = re.compile(r"[a-z0-9-]+\.[a-z0-9][A-Za-z0-9.:-]*")
_GUARDRAIL_PROFILE: Final = re.compile(r"[a-z0-9-]+\.guardrail\.v[0-9:]+")
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_GLOBAL: Final = "global"

# Every region that a profile of the geography may route to, whatever the model: each model's own list is a part of it.
# Sources, November 2026: CrossRegionInferenceProfileRegion of @aws-cdk/aws-bedrock-alpha (us, us-gov, eu, apac, jp, au), which follows
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html; AWS's announcement of in-country inference in
# India (in); the description of the profile ca.amazon.nova-lite-v1:0 (ca).
DESTINATION_REGIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "us": ("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    "us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "eu": (
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
    ),
    "apac": (
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-7",
        "me-central-1",
    ),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "in": ("ap-south-1", "ap-south-2"),
    "ca": ("ca-central-1", "ca-west-1"),
}


class BedrockModelAccess(Construct):
    """Which models a function may stream from, and nothing else.

    ConverseStream and InvokeModelWithResponseStream both ask for the one action `bedrock:InvokeModelWithResponseStream`
    (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html). For a foundation model it is
    needed on the model. For an inference profile it is needed on the profile, and on the model in every region that the profile
    may route to; those grants hold through the profile alone, by the condition `bedrock:InferenceProfileArn`
    (https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html,
    https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html).

    Attributes:
        model_ids: What the function may pass as `modelId`, in the order given, application inference profiles last.
        guardrails: The guardrails' ARNs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model_ids: Sequence[str] = (),
        application_profiles: Mapping[str, str] | None = None,
        destination_regions: Mapping[str, Sequence[str]] | None = None,
        guardrails: Sequence[str] = (),
        guardrail_profiles: Sequence[str] = (),
    ) -> None:
        """Names the models.

        Args:
            model_ids: What the function passes as `modelId`: ids of foundation models that the stack's region serves on demand
                (`amazon.nova-lite-v1:0`), ids of cross-region inference profiles (`eu.amazon.nova-lite-v1:0`,
                `global.anthropic.claude-sonnet-4-5-20250929-v1:0`), and ARNs of either, of provisioned throughput and of custom or
                imported models. Ids that are known only at deployment count as foundation models.
            application_profiles: Application inference profiles: each one's ARN, and the model id or cross-region profile id that it
                was made from, which the ARN does not tell. Default: none.
            destination_regions: Where profiles may route to, by geography (`"eu"`) or by profile id, in place of
                `model_access.DESTINATION_REGIONS`. `["*"]` takes every region of the partition. The stack's own region is always
                among them. Needed for a geography that is not in that table. Default: that table; a `global` profile needs none,
                since AWS checks it against an ARN without a region.
            guardrails: ARNs of guardrails that the function names in its requests. Default: none.
            guardrail_profiles: Ids of guardrail profiles (`us.guardrail.v1:0`) that those guardrails use across regions.
                Default: none.

        Raises:
            ValueError: `MODEL_NONE` when neither a model nor a profile is named, `MODEL_ID` for what is no model id,
                `MODEL_PROFILE_SOURCE` for an application inference profile without what it was made from, `MODEL_REGIONS` for
                destination regions that are none or that nothing uses, `MODEL_GUARDRAIL` for what is no guardrail.
        """
        super().__init__(scope, id)
        profiles = dict(application_profiles or {})
        if not model_ids and not profiles:
            raise ValueError(
                "MODEL_NONE: neither model_ids nor application_profiles names anything. Name at least one model, such as "
                "amazon.nova-lite-v1:0."
            )
        given = dict(destination_regions or {})
        for key, regions in given.items():
            _check_regions(key, regions)
        self._destinations = given
        self._unused = set(given)
        self._geographies = {*DESTINATION_REGIONS, _GLOBAL, *(key.partition(".")[0] for key in given)}
        self.model_ids = tuple(dict.fromkeys([*model_ids, *profiles]))
        self.guardrails = tuple(dict.fromkeys(guardrails))
        self._statements: list[tuple[str, list[str], dict[str, str] | None]] = []
        self._add_models(list(dict.fromkeys(model_ids)))
        for arn, source in profiles.items():
            self._add_application_profile(arn, source)
        self._add_guardrails(guardrail_profiles)
        if self._unused:
            raise ValueError(
                f"MODEL_REGIONS: destination_regions names {', '.join(sorted(self._unused))}, which no profile here belongs to. "
                "Use a geography such as eu, or a profile's whole id, or leave the entry out."
            )

    def grant_stream(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` stream from these models, and apply the guardrails.

        Returns:
            All grants as one.
        """
        granted: iam.Grant | None = None
        for action, arns, condition in self._statements:
            conditions: dict[str, Any] | None = {"StringEquals": condition} if condition else None
            grant = iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=arns, conditions=conditions)
            grant.assert_success()
            granted = grant if granted is None else granted.combine(grant)
        assert granted is not None, "the constructor refuses a construct that grants nothing"
        return granted

    def _allow(self, arns: list[str], condition: dict[str, str] | None = None, action: str = _STREAM_ACTION) -> None:
        if arns:
            self._statements.append((action, arns, condition))

    def _add_models(self, model_ids: Sequence[str]) -> None:
        plain: list[str] = []
        profiles: dict[str, str] = {}  # ARN: id
        for model_id in model_ids:
            name = _name_of(model_id)
            is_arn = model_id.startswith("arn:")
            if self._geography(name) is not None:
                profiles[model_id if is_arn else self._arn("inference-profile", name)] = name
            else:
                plain.append(model_id if is_arn else self._model_arn(name))
        self._allow(plain)
        for arn, name in profiles.items():
            self._allow([arn])
            self._allow_models_behind(name, through=arn)

    def _add_application_profile(self, arn: str, source: str) -> None:
        if not is_unresolved(arn) and ":application-inference-profile/" not in arn:
            raise ValueError(
                f"MODEL_PROFILE_SOURCE: {arn!r} in application_profiles is not the ARN of an application inference profile. "
                "Write {profile.attr_inference_profile_arn: <what it was made from>}."
            )
        name = _name_of(source)
        self._allow([arn])
        if self._geography(name) is None:
            self._allow([source if source.startswith("arn:") else self._model_arn(name)], {"bedrock:InferenceProfileArn": arn})
            return
        # Whether AWS also checks the profile that it was made from is not documented; through this one only, it costs nothing.
        self._allow([self._arn("inference-profile", name)], {"bedrock:InferenceProfileArn": arn})
        self._allow_models_behind(name, through=arn)

    def _allow_models_behind(self, profile: str, *, through: str) -> None:
        geography, _, model = profile.partition(".")
        condition = {"bedrock:InferenceProfileArn": through}
        source = None if is_unresolved(through) else through.split(":")[3]
        if geography == _GLOBAL and not {profile, geography} & set(self._destinations):
            self._allow([self._model_arn(model, region=source)], condition)
            self._allow([self._model_arn(model, region="")], {**condition, "aws:RequestedRegion": "unspecified"})
        else:
            regions = self._regions(profile, geography, source=source)
            self._allow([self._model_arn(model, region=region) for region in regions], condition)

    def _add_guardrails(self, profiles: Sequence[str]) -> None:
        for guardrail in self.guardrails:
            if not is_unresolved(guardrail) and not re.fullmatch(r"arn:[^:]+:bedrock:[^:]+:[^:]+:guardrail/[^/*]+", guardrail):
                raise ValueError(
                    f"MODEL_GUARDRAIL: {guardrail!r} is not the ARN of a guardrail. It looks like "
                    "arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc123; of a CfnGuardrail, attr_guardrail_arn."
                )
        for profile in profiles:
            if not _GUARDRAIL_PROFILE.fullmatch(profile) or not self.guardrails:
                raise ValueError(
                    f"MODEL_GUARDRAIL: {profile!r} is no id of a guardrail profile, or stands without a guardrail that uses it. "
                    "Pass an id such as us.guardrail.v1:0, beside guardrails=[...]."
                )
        arns = list(self.guardrails)
        for profile in dict.fromkeys(profiles):
            regions = self._regions(profile, profile.partition(".")[0])
            arns += [self._arn("guardrail-profile", profile, region=region) for region in regions]
        self._allow(arns, action=_GUARDRAIL_ACTION)

    def _geography(self, name: str) -> str | None:
        """The geography of a profile's id, or None for a foundation model's; refuses what is neither."""
        if is_unresolved(name):
            return None
        if ":application-inference-profile/" in name:
            raise ValueError(
                f"MODEL_PROFILE_SOURCE: {name} is an application inference profile, whose ARN does not tell which models it uses. "
                "Pass application_profiles={<its ARN>: <the model id or profile id it was made from>}."
            )
        if name.startswith("arn:"):
            return None
        if not _MODEL_ID.fullmatch(name):
            raise ValueError(
                f"MODEL_ID: {name!r} is not a model id. It has the form provider.name, such as amazon.nova-lite-v1:0, or "
                "geography.provider.name for a cross-region inference profile."
            )
        first, second, *rest = name.split(".")
        # `zai.glm-4.7` is a model; `sa.amazon.nova-lite-v1:0` can only be a profile of a geography that the table does not have.
        return first if first in self._geographies or (rest and second.isalpha()) else None

    def _regions(self, profile: str, geography: str, *, source: str | None = None) -> list[str]:
        """Where the profile may route to: what was given for it, or for its geography, or the table."""
        self._unused -= {profile, geography}
        regions = self._destinations.get(profile) or self._destinations.get(geography) or DESTINATION_REGIONS.get(geography)
        if regions is None:
            raise ValueError(
                f"MODEL_REGIONS: where {profile} may route to is not known here. "
                f"Pass destination_regions={{{geography!r}: [...]}} with the regions that AWS lists for it."
            )
        if "*" in regions:
            return ["*"]
        own = source or Stack.of(self).region
        if not is_unresolved(own) and own not in regions and geography != _GLOBAL:
            Annotations.of(self).add_warning_v2(
                "streaming-lambda:profile-of-another-geography",
                f"{profile} routes within {', '.join(regions)}, and this stack is in {own}. Most profiles can be called from their own "
                "regions alone; check that AWS lists this one for yours.",
            )
        return list(dict.fromkeys([own, *regions]))

    def _model_arn(self, model: str, *, region: str | None = None) -> str:
        return self._arn("foundation-model", model, region=region, account="")

    def _arn(self, resource: str, name: str, *, region: str | None = None, account: str | None = None) -> str:
        return Stack.of(self).format_arn(
            service="bedrock",
            region=region,
            account=account,
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )


def _name_of(model_id: str) -> str:
    """The id in an ARN of a foundation model or of a cross-region profile; other ARNs, and ids, as they are."""
    for resource in (":foundation-model/", ":inference-profile/"):
        if model_id.startswith("arn:") and resource in model_id:
            return model_id.partition(resource)[2]
    return model_id


def _check_regions(key: str, regions: Sequence[str]) -> None:
    wrong = [region for region in regions if not is_unresolved(region) and region != "*" and not _REGION.fullmatch(region)]
    if isinstance(regions, str) or not regions or wrong:
        raise ValueError(
            f"MODEL_REGIONS: destination_regions[{key!r}] is {regions!r}; it takes a list of region names, or ['*'] for all. "
            "Name them as AWS lists them for the profile, such as ['eu-central-1', 'eu-west-1']."
        )
