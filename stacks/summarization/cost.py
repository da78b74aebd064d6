"""What the summarization example costs: by the document, and by the month for its firewall."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTS: Final = 1_000
CHARACTERS: Final = 60_000
"""Of each: some 20 pages."""

CHARACTERS_OF_A_TOKEN: Final = 4
PROMPT_TOKENS: Final = 80
SUMMARY_TOKENS: Final = 120
"""Of the 160 that one may have."""

STEP_SECONDS: Final = 3.0
AT_ONCE: Final = 10
"""Summaries that are summarised together, as in handler/plan.py."""


def steps(sections: int) -> int:
    """Questions to the model for a document of so many sections: each section, then ten summaries at a time until one is left."""
    if sections <= 1:
        return 1
    total, left = sections, sections
    while left > 1:
        left = math.ceil(left / AT_ONCE)
        total += left
    return total


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand documents of some 20 pages, by text, each summarised in one stream."""
    function = costs.properties(template, "AWS::Lambda::Function")
    section_characters = int(function["Environment"]["Variables"]["SECTION_CHARACTERS"])
    sections = math.ceil(CHARACTERS / section_characters)
    questions = steps(sections)
    read = CHARACTERS / CHARACTERS_OF_A_TOKEN + questions * PROMPT_TOKENS + (questions - 1) * SUMMARY_TOKENS
    return [
        costs.Line(
            what=f"Bedrock: {sections} sections and their summaries, read (Nova Lite)",
            amount=DOCUMENTS * read,
            unit="tokens",
            price=costs.NOVA_LITE_INPUT_TOKEN,
        ),
        costs.Line(
            what=f"Bedrock: {questions} summaries, written (Nova Lite)",
            amount=DOCUMENTS * questions * SUMMARY_TOKENS,
            unit="tokens",
            price=costs.NOVA_LITE_OUTPUT_TOKEN,
        ),
        *costs.invocations(function, count=DOCUMENTS, seconds=questions * STEP_SECONDS),
        costs.Line(what="API Gateway: requests", amount=DOCUMENTS, unit="requests", price=costs.REST_REQUEST),
        costs.Line(what="WAF: requests", amount=DOCUMENTS, unit="requests", price=costs.WAF_REQUEST),
    ]


def month(template: Mapping[str, Any]) -> list[costs.Line]:
    """What a month costs, whether anybody asks or not."""
    web_acl = costs.properties(template, "AWS::WAFv2::WebACL")
    return [
        costs.Line(what="WAF: the web ACL", amount=1, unit="web ACL", price=costs.WAF_WEB_ACL_MONTH),
        costs.Line(what="WAF: its rules", amount=len(web_acl["Rules"]), unit="rules", price=costs.WAF_RULE_MONTH),
    ]
