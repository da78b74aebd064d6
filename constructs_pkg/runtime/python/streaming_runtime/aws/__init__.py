"""AWS's APIs with the standard library alone, for what the runtime itself calls: a model, a table.

boto3 costs a cold start a multiple of it. This package knows the ways in which a Lambda function gets its credentials and its
endpoints, and says so where the environment is configured in another (`why_not`): then boto3 has to do.

    client = AwsClient(DYNAMODB)
    answer = client.call("/", {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.GetItem"}, body)
"""

from .client import AwsClient
from .endpoints import BEDROCK_RUNTIME, DYNAMODB, Service, why_not
from .errors import AwsError, ConfigurationError, Refused, Unreachable

__all__ = [
    "BEDROCK_RUNTIME",
    "DYNAMODB",
    "AwsClient",
    "AwsError",
    "ConfigurationError",
    "Refused",
    "Service",
    "Unreachable",
    "why_not",
]
