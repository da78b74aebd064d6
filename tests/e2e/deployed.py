"""What is deployed, as the endpoint's own APIs tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.endpoint import Endpoint

FUNCTION, ALIAS, URL, VERSION = "AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::Url", "AWS::Lambda::Version"
BUCKET, USER_POOL = "AWS::S3::Bucket", "AWS::Cognito::UserPool"
ALARM, LAYER, PERMISSION, ROLE = (
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::IAM::Role",
)

LISTINGS: Final = (
    ("cloudformation", "describe_stacks", "Stacks", "StackName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_layers", "Layers", "LayerName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("logs", "describe_metric_filters", "metricFilters", "filterName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("apigateway", "get_rest_apis", "items", "name"),
    ("cloudfront", "list_distributions", "DistributionList.Items", "Id"),
    ("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Items", "Name"),
    ("cognito-identity", "list_identity_pools", "IdentityPools", "IdentityPoolId"),
    ("cognito-idp", "list_user_pools", "UserPools", "Id"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("kinesis", "list_streams", "StreamNames", None),
    ("sqs", "list_queues", "QueueUrls", None),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("ecr", "describe_repositories", "repositories", "repositoryName"),
    ("wafv2", "list_web_acls", "WebACLs", "Name"),
)

ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "list_identity_pools": {"MaxResults": 60},
    "list_user_pools": {"MaxResults": 60},
    "list_web_acls": {"Scope": "CLOUDFRONT"},
}


class Resource(NamedTuple):
    """A resource of a template, and what was made of it."""

    logical_id: str
    physical_id: str
    type: str
    properties: dict[str, Any]


class Deployed:
    """A stack, as it stands."""

    def __init__(self, endpoint: Endpoint, name: str, template: dict[str, Any]) -> None:
        """
        Args:
            endpoint: Where it was deployed to.
            name: The stack's.
            template: What it was deployed from.
        """
        listed = endpoint.all("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)
        self.resources = {
            found["LogicalResourceId"]: Resource(
                found["LogicalResourceId"],
                found["PhysicalResourceId"],
                found["ResourceType"],
                template["Resources"][found["LogicalResourceId"]].get("Properties", {}),
            )
            for found in listed
            if found["ResourceStatus"] != "DELETE_COMPLETE"
        }
        self.versions = {
            alias.logical_id: endpoint.client("lambda").get_alias(
                FunctionName=self.physical(alias.properties["FunctionName"]), Name=alias.properties["Name"]
            )["FunctionVersion"]
            for alias in self.of_type(ALIAS)
        }

    def of_type(self, type: str) -> Iterator[Resource]:
        return (resource for resource in self.resources.values() if resource.type == type)

    def physical(self, reference: dict[str, Any]) -> str:
        """What a `Ref` or the ARN of a resource leads to."""
        logical_id = reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]
        return self.resources[logical_id].physical_id

    def streaming(self) -> Iterator[tuple[str, Resource, Resource]]:
        """The name of each function that an alias leads to, its own resource and the alias's."""
        for alias in self.of_type(ALIAS):
            function = self.resources[alias.properties["FunctionName"]["Ref"]]
            yield function.physical_id, function, alias


def inventory(endpoint: Endpoint) -> dict[str, set[str]]:
    """The names of all that is there, by listing."""
    return {
        f"{service} {operation}": {
            item[name] if name else item for item in endpoint.all(service, operation, key, **ARGUMENTS.get(operation, {}))
        }
        for service, operation, key, name in LISTINGS
    }
