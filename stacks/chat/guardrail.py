"""The guardrail in front of the models: the stack's own, one that exists, or none."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from aws_cdk import CfnDeletionPolicy, Names
from aws_cdk import aws_bedrock as bedrock
from constructs import Construct

# How sure Bedrock has to be before it blocks; HIGH blocks most. People discuss crime novels and curse at their printers, so what is
# often harmless is blocked in its clear cases only. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-content-filters.html
_STRENGTHS: Final = {"SEXUAL": "HIGH", "HATE": "HIGH", "VIOLENCE": "MEDIUM", "INSULTS": "MEDIUM", "MISCONDUCT": "MEDIUM"}
_MASKED: Final = ("CREDIT_DEBIT_CARD_NUMBER", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD")
_REFUSED_QUESTION: Final = "I cannot help with that request."
_REFUSED_ANSWER: Final = "The rest of this answer was withheld."
_EXISTING: Final = re.compile(r"(arn:[^:]+:bedrock:[^:]+:[^:]+:guardrail/[a-z0-9]+):(DRAFT|[1-9]\d{0,7})")


class ChatGuardrail(Construct):
    """What the models are not to be asked and not to say.

    Attributes:
        arn: The guardrail's ARN.
        version: The version that is applied.
    """

    def __init__(self, scope: Construct, id: str, *, existing: str | None = None) -> None:
        """Makes a small one: harmful content and attacks on the prompt are blocked, secrets and card numbers masked.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            existing: ARN and version of one that exists, `<ARN>:<version>`. Default: one is made.

        Raises:
            ValueError: `GUARDRAIL` for an `existing` that is none.
        """
        super().__init__(scope, id)
        if existing is not None:
            found = _EXISTING.fullmatch(existing)
            if found is None:
                raise ValueError(
                    f"GUARDRAIL: {existing!r} names no version of a guardrail. Write its ARN and version, such as "
                    "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123def456:2, or none for no guardrail, or leave it out for one "
                    "of the stack's own."
                )
            self.arn, self.version = found[1], found[2]
            return
        policy = {"filters": _filters(), "masked": _MASKED, "said": (_REFUSED_QUESTION, _REFUSED_ANSWER)}
        guardrail = bedrock.CfnGuardrail(
            self,
            "Resource",
            name=Names.unique_resource_name(self, max_length=50),
            description="Of the chat endpoint",
            blocked_input_messaging=_REFUSED_QUESTION,
            blocked_outputs_messaging=_REFUSED_ANSWER,
            content_policy_config=bedrock.CfnGuardrail.ContentPolicyConfigProperty(
                filters_config=[
                    bedrock.CfnGuardrail.ContentFilterConfigProperty(type=type, input_strength=asked, output_strength=answered)
                    for type, asked, answered in _filters()
                ]
            ),
            sensitive_information_policy_config=bedrock.CfnGuardrail.SensitiveInformationPolicyConfigProperty(
                pii_entities_config=[
                    bedrock.CfnGuardrail.PiiEntityConfigProperty(type=type, action="ANONYMIZE") for type in _MASKED
                ]
            ),
        )
        # A version is a picture of the policy and never changes. Its description does when the policy does, and so makes a new one.
        version = bedrock.CfnGuardrailVersion(
            self, "Version", guardrail_identifier=guardrail.attr_guardrail_arn, description=f"Policy {_digest(policy)}"
        )
        # Published versions of the function name it, and a rollback goes back to one of them.
        version.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        version.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        self.arn, self.version = guardrail.attr_guardrail_arn, version.attr_version


def _filters() -> list[tuple[str, str, str]]:
    """Type, and strength for what is asked and for what is answered."""
    both = [(type, strength, strength) for type, strength in _STRENGTHS.items()]
    # It looks at what people write; an answer cannot attack its own prompt, and AWS takes NONE alone for it.
    return [*both, ("PROMPT_ATTACK", "HIGH", "NONE")]


def _digest(policy: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()[:12]
