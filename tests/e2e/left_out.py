"""What the local endpoint cannot deploy or answers wrongly, and the test that looks at the template in its place."""

from __future__ import annotations

from typing import Final, NamedTuple


class LeftOut(NamedTuple):
    """A resource type, or some resources of it, of which the endpoint cannot tell.

    Attributes:
        type: CloudFormation's name of it.
        instead: `file::test` below `tests/`, which asserts on the template what cannot be asked of the endpoint.
        why: What the endpoint does.
    """

    type: str
    instead: str
    why: str = "refuses the whole template: Unrecognized resource types"


UNKNOWN: Final = (
    LeftOut("AWS::Bedrock::Guardrail", "stacks/test_chat_template.py::test_the_template_is_the_reviewed_one"),
    LeftOut("AWS::Bedrock::GuardrailVersion", "stacks/test_chat_template.py::test_the_template_is_the_reviewed_one"),
    LeftOut(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "stacks/test_financial_template.py::test_more_viewers_are_warm_in_market_hours_of_new_york",
    ),
    LeftOut(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "constructs/test_concurrency.py::test_hours_alone_move_between_two_numbers_in_utc_and_hold_them_at_once",
    ),
    LeftOut("AWS::CloudWatch::CompositeAlarm", "constructs/test_alarms.py::test_a_person_is_paged_by_what_callers_feel_alone"),
    LeftOut("AWS::CodeDeploy::Application", "constructs/test_rollout.py::test_the_alias_is_handed_to_codedeploy"),
    LeftOut(
        "AWS::CodeDeploy::DeploymentConfig", "constructs/test_rollout.py::test_any_other_shift_gets_a_configuration_of_its_own"
    ),
    LeftOut(
        "AWS::CodeDeploy::DeploymentGroup",
        "stacks/test_summarization_template.py::test_a_new_version_gets_a_tenth_of_the_calls_and_alarms_take_them_back",
    ),
    LeftOut(
        "AWS::Cognito::ManagedLoginBranding",
        "constructs/test_browser_identity.py::test_the_newer_page_has_the_style_without_which_it_is_not_shown",
    ),
    LeftOut("AWS::WAFv2::WebACLAssociation", "constructs/test_rest_api.py::test_it_stands_before_the_stage_in_any_environment"),
)
"""Types that MiniStack 1.5.33 does not know; `test_left_out.py` asks it again, so that the list shrinks as it learns."""

COPYING: Final = LeftOut(
    "Custom::CDKBucketDeployment",
    "stacks/test_web_page.py::test_what_only_deployment_knows_is_written_into_the_page_and_its_config",
    why="puts no layer below /opt, where CDK's function has AWS's command line",
)
"""Pages are deployed without their files; the function that would copy them, and all around it, is there."""

METRIC_MATH: Final = LeftOut(
    "AWS::CloudWatch::Alarm",
    "constructs/test_alarms.py::test_metrics_carry_the_aliass_two_dimensions_where_lambda_has_them",
    why="rolls the stack back where the alarm has Metrics: metric math is not supported",
)
"""Alarms on an expression are deployed on the first metric in it, all others as they are."""

ANSWERED_WRONGLY: Final = (
    LeftOut(
        "AWS::ApiGateway::Method",
        "stacks/test_summarization_template.py::test_the_one_route_streams_asks_for_iam_and_checks_the_body",
        why="drops responseTransferMode",
    ),
    LeftOut(
        "AWS::Lambda::Permission",
        "constructs/test_rest_api.py::test_a_permission_for_each_route_and_none_for_the_consoles_test",
        why="shows an alias's permission on the unqualified function too",
    ),
    LeftOut(
        "AWS::S3::Bucket",
        "stacks/test_removal.py::test_each_bucket_is_emptied_before_it_is_deleted",
        why="drops Tags, by which CDK's function knows the buckets that it may empty, and deletes a bucket with objects in it",
    ),
)
"""Deployed, but not asked about."""

EVERYTHING: Final = (*UNKNOWN, COPYING, METRIC_MATH, *ANSWERED_WRONGLY)
