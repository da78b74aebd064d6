"""The guardrail: what is asked of it, and what of its trace may be written into the log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POLICIES = {
    "contentPolicy": ("filters",),
    "sensitiveInformationPolicy": ("piiEntities", "regexes"),
    "topicPolicy": ("topics",),
    "wordPolicy": ("customWords", "managedWordLists"),
}


def config(environment: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """Converse's `guardrailConfig`; None for a stack without a guardrail.

    Synchronous: Bedrock looks at a piece before it sends it. The other mode sends first, and masks nothing
    (https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html).
    """
    arn = environment.get("GUARDRAIL_ARN")
    if not arn:
        return None
    return {
        "guardrailIdentifier": arn,
        "guardrailVersion": environment["GUARDRAIL_VERSION"],
        "streamProcessingMode": "sync",
        "trace": "enabled",
    }


def interventions(trace: Any) -> list[str]:
    """Which rules did something, as in "contentPolicy VIOLENCE BLOCKED". Never what was said: a trace quotes it.

    Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailTraceAssessment.html
    """
    guardrail = _mapping(_mapping(trace).get("guardrail"))
    found: set[str] = set()
    for assessments in (
        *_mapping(guardrail.get("inputAssessment")).values(),
        *_mapping(guardrail.get("outputAssessments")).values(),
    ):
        for assessment in assessments if isinstance(assessments, list) else [assessments]:
            found.update(_acted(_mapping(assessment)))
    return sorted(found)


def _acted(assessment: Mapping[str, Any]) -> Iterator[str]:
    for policy, kinds in _POLICIES.items():
        for kind in kinds:
            for rule in _mapping(assessment.get(policy)).get(kind) or ():
                action = rule.get("action", "NONE")
                if action != "NONE":
                    # Words and patterns have no type but themselves, which a person may have typed.
                    yield f"{policy} {rule.get('type') or kind} {action}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
