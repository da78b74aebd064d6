"""The firewall in front of a streaming endpoint, of the same rules for CloudFront and for API Gateway."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from aws_cdk import Names, Tokenization
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from ._tokens import is_token, is_unresolved
from ._us_east_1 import readable_from_elsewhere

_WINDOWS: Final = (60, 120, 300, 600)
_LARGEST_RATE: Final = 2_000_000_000
_INSPECTED_KB: Final = 16
_MOST_INSPECTED_KB: Final = 64
_RATE_LIMITED: Final = "RateLimited"

_BODY_RULES: Final = (
    # https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    "SizeRestrictions_BODY",  # blocks every body above 8 KB: a conversation is longer after a few turns
    "CrossSiteScripting_BODY",  # a question about a page's <script> is no attack
    "GenericLFI_BODY",  # nor is one about ../../etc
    "GenericRFI_BODY",  # nor one that quotes an address like http://10.0.0.1/
    "EC2MetaDataSSRF_BODY",
)


_Front: TypeAlias = Literal["CLOUDFRONT", "API_GATEWAY"]


@dataclass(frozen=True, kw_only=True)
class WebAcl:
    """Which requests never reach the function. `WebAcl()` is what a front has by default.

    Made of a rate limit per address, answered with 429, and AWS managed rules: IP reputation, the core set and known bad inputs.
    Those rules of the core set that look into the body only count, because a prompt is text about anything: see
    `block_suspect_bodies`.

    Attributes:
        rate_limit: Requests that one address may send in `rate_window_seconds`. Default: 300. Allowed: 10 to 2000000000. None
            for no limit.
        rate_window_seconds: Over how long they are counted. Default: 300. Allowed: 60, 120, 300, 600.
        block_suspect_bodies: Whether a body above 8 KB, or one with markup, paths or addresses in it, is blocked and not just
            counted. Default: False, so that prompts get through.
        largest_body_kb: Blocks bodies above so many KB, before they cost a token. Default: none; CloudFront and Lambda have
            limits of their own. Allowed: 1 to 64, which is as far as AWS WAF reads; above 16 it charges more for reading.
        arn: A web ACL that exists already and is used as it is; set by `WebAcl.from_arn`.
        enabled: False for no firewall at all; set by `WebAcl.disabled`.

    Raises:
        ValueError: `RATE_LIMIT_OUT_OF_RANGE` and `BODY_LIMIT_OUT_OF_RANGE`.
    """

    rate_limit: int | None = 300
    rate_window_seconds: int = 300
    block_suspect_bodies: bool = False
    largest_body_kb: int | None = None
    arn: str | None = None
    enabled: bool = True

    def __post_init__(self) -> None:
        limit = self.rate_limit
        if limit is not None and not is_unresolved(limit) and not _is_within(limit, 10, _LARGEST_RATE):
            raise ValueError(
                f"RATE_LIMIT_OUT_OF_RANGE: rate_limit is {limit!r}; AWS WAF takes 10 to {_LARGEST_RATE} requests per window. "
                "Choose a number within that range, or None for no limit."
            )
        if not is_unresolved(self.rate_window_seconds) and self.rate_window_seconds not in _WINDOWS:
            raise ValueError(
                f"RATE_LIMIT_OUT_OF_RANGE: rate_window_seconds is {self.rate_window_seconds!r}; AWS WAF counts over "
                f"{', '.join(map(str, _WINDOWS))} seconds. Choose one of these."
            )
        if is_token(self.largest_body_kb):
            raise ValueError(
                "BODY_LIMIT_OUT_OF_RANGE: largest_body_kb is only known at deployment, and AWS WAF is told bytes and how far to read, which "
                "are computed from it at synthesis. Pass a literal from 1 to 64, or None and check the size in the handler."
            )
        if self.largest_body_kb is not None and not _is_within(self.largest_body_kb, 1, _MOST_INSPECTED_KB):
            raise ValueError(
                f"BODY_LIMIT_OUT_OF_RANGE: largest_body_kb is {self.largest_body_kb!r}; AWS WAF tells sizes from 1 to {_MOST_INSPECTED_KB} KB. "
                "Choose one within that range, or None and check the size in the handler."
            )

    @classmethod
    def from_arn(cls, arn: str) -> WebAcl:
        """A web ACL that exists already: of scope CLOUDFRONT in us-east-1 for a distribution, REGIONAL for a REST API."""
        return cls(arn=arn)

    @classmethod
    def disabled(cls) -> WebAcl:
        """No firewall."""
        return cls(enabled=False)


class ManagedWebAcl(Construct):
    """The resource that `WebAcl` describes.

    Attributes:
        resource: The L1 `CfnWebACL`; CDK has no L2.
        arn: Its ARN.
    """

    def __init__(self, scope: Construct, id: str, *, rules: WebAcl, front: _Front) -> None:
        """Makes it.

        Args:
            rules: What it blocks.
            front: What it stands in front of. For CLOUDFRONT the scope must be in us-east-1.
        """
        super().__init__(scope, id)
        self.resource = wafv2.CfnWebACL(
            self,
            "Resource",
            scope="CLOUDFRONT" if front == "CLOUDFRONT" else "REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            description="In front of a streaming endpoint",
            rules=[_rule(priority, *rule) for priority, rule in enumerate(_rules(rules))],
            visibility_config=_visibility(Names.unique_resource_name(self, max_length=128)),
            custom_response_bodies={
                _RATE_LIMITED: wafv2.CfnWebACL.CustomResponseBodyProperty(
                    content='{"error":{"code":"rate_limited","message":"Too many requests from this address"}}',
                    content_type="APPLICATION_JSON",
                )
            },
            association_config=_inspection(front, rules.largest_body_kb),
        )
        readable_from_elsewhere(self.resource)
        self.arn = self.resource.attr_arn


def require_scope(arn: str, front: _Front) -> None:
    """Refuses the ARN of a web ACL that the front cannot use.

    Raises:
        ValueError: `WEB_ACL_SCOPE`.
    """
    if is_unresolved(arn):
        return
    wanted = ":us-east-1:" if front == "CLOUDFRONT" else ":"
    kind = ":global/webacl/" if front == "CLOUDFRONT" else ":regional/webacl/"
    if not arn.startswith("arn:") or wanted not in arn or kind not in arn:
        raise ValueError(
            f"WEB_ACL_SCOPE: {arn!r} is no web ACL that {'CloudFront' if front == 'CLOUDFRONT' else 'API Gateway'} can use. It takes "
            f"{'one of scope CLOUDFRONT from us-east-1' if front == 'CLOUDFRONT' else 'one of scope REGIONAL from its own region'} "
            f"(arn:...:wafv2:...{kind}...). Give that ARN, or leave web_acl out."
        )


_Rule: TypeAlias = tuple[str, wafv2.CfnWebACL.StatementProperty, wafv2.CfnWebACL.RuleActionProperty | None]


def _rules(acl: WebAcl) -> list[_Rule]:
    """Name, statement, and the action of those that are not groups with actions of their own; the cheapest to decide first."""
    rules: list[_Rule] = [("IpReputation", _managed("AWSManagedRulesAmazonIpReputationList"), None)]
    if acl.rate_limit is not None:
        rules.append(("RateLimit", _rate(acl.rate_limit, acl.rate_window_seconds), _too_many(acl.rate_window_seconds)))
    if acl.largest_body_kb is not None:
        rules.append(("BodySize", _body_above(acl.largest_body_kb), wafv2.CfnWebACL.RuleActionProperty(block=_block(413))))
    counted = () if acl.block_suspect_bodies else _BODY_RULES
    rules.append(("CoreRules", _managed("AWSManagedRulesCommonRuleSet", counted=counted), None))
    rules.append(("KnownBadInputs", _managed("AWSManagedRulesKnownBadInputsRuleSet"), None))
    return rules


def _rule(
    priority: int, name: str, statement: wafv2.CfnWebACL.StatementProperty, action: wafv2.CfnWebACL.RuleActionProperty | None
) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        action=action,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}) if action is None else None,
        visibility_config=_visibility(name),
    )


def _managed(name: str, *, counted: tuple[str, ...] = ()) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS",
            name=name,
            rule_action_overrides=[
                wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}))
                for rule in counted
            ]
            or None,
        )
    )


def _rate(limit: int, window_seconds: int) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            limit=limit, evaluation_window_sec=window_seconds, aggregate_key_type="IP"
        )
    )


def _too_many(window_seconds: int) -> wafv2.CfnWebACL.RuleActionProperty:
    return wafv2.CfnWebACL.RuleActionProperty(
        block=wafv2.CfnWebACL.BlockActionProperty(
            custom_response=wafv2.CfnWebACL.CustomResponseProperty(
                response_code=429,
                custom_response_body_key=_RATE_LIMITED,
                response_headers=[
                    wafv2.CfnWebACL.CustomHTTPHeaderProperty(
                        name="Retry-After", value=Tokenization.stringify_number(window_seconds)
                    )
                ],
            )
        )
    )


def _body_above(kilobytes: int) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            # What AWS WAF does not read to the end is larger than what it reads.
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(body=wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH")),
            comparison_operator="GT",
            size=kilobytes * 1024,
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )


def _block(status: int) -> wafv2.CfnWebACL.BlockActionProperty:
    return wafv2.CfnWebACL.BlockActionProperty(custom_response=wafv2.CfnWebACL.CustomResponseProperty(response_code=status))


def _inspection(front: str, largest_body_kb: int | None) -> wafv2.CfnWebACL.AssociationConfigProperty | None:
    if largest_body_kb is None or largest_body_kb <= _INSPECTED_KB:
        return None
    read = math.ceil(largest_body_kb / _INSPECTED_KB) * _INSPECTED_KB
    return wafv2.CfnWebACL.AssociationConfigProperty(
        request_body={
            front: wafv2.CfnWebACL.RequestBodyAssociatedResourceTypeConfigProperty(default_size_inspection_limit=f"KB_{read}")
        }
    )


def _visibility(metric_name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric_name, sampled_requests_enabled=True
    )


def _is_within(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
