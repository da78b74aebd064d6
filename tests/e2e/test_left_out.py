"""What the local endpoint cannot be asked is asked of the templates; and it is asked again whether it still cannot."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.exceptions
import pytest

from tests.e2e.deployed import BUCKET
from tests.e2e.left_out import EVERYTHING, METRIC_MATH, UNKNOWN

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.e2e.endpoint import Endpoint
    from tests.e2e.left_out import LeftOut

TESTS = Path(__file__).parents[1]
WAIT_SECONDS = 60


@pytest.mark.parametrize("left_out", UNKNOWN, ids=lambda left_out: left_out.type)
def test_the_endpoint_still_refuses_it(left_out: LeftOut, endpoint: Endpoint) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=f"Unrecognized resource types: .{left_out.type}"):
        endpoint.client("cloudformation").validate_template(
            TemplateBody=f'{{"Resources": {{"One": {{"Type": "{left_out.type}"}}}}}}'
        )


@pytest.mark.parametrize("left_out", EVERYTHING, ids=lambda left_out: left_out.type)
def test_the_template_is_looked_at_instead(left_out: LeftOut) -> None:
    file, _, test = left_out.instead.partition("::")
    assert re.search(rf"^ *def {test}\(", (TESTS / file).read_text(), re.MULTILINE), left_out.instead


def test_an_alarm_on_an_expression_still_rolls_back(endpoint: Endpoint) -> None:
    cloudformation, name = endpoint.client("cloudformation"), "MetricMath"
    query = {"Id": "e1", "Expression": "1 + 1", "ReturnData": True}
    alarm = {"Metrics": [query], "Threshold": 1, "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"}
    template = {"Resources": {"Alarm": {"Type": METRIC_MATH.type, "Properties": alarm}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    try:
        with pytest.raises(botocore.exceptions.WaiterError, match="ROLLBACK"):
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        assert any("metric math" in event.get("ResourceStatusReason", "") for event in events)
    finally:
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_the_endpoint_still_drops_tags_of_buckets(first: Stage, endpoint: Endpoint) -> None:
    bucket = next(bucket for stack in first.stacks.values() for bucket in stack.of_type(BUCKET))
    assert bucket.properties["Tags"]
    with pytest.raises(botocore.exceptions.ClientError, match="NoSuchTagSet"):
        endpoint.client("s3").get_bucket_tagging(Bucket=bucket.physical_id)


def test_the_endpoint_still_drops_how_an_integration_answers(first: Stage, endpoint: Endpoint) -> None:
    apigateway = endpoint.client("apigateway")
    methods = [method for stack in first.stacks.values() for method in stack.of_type("AWS::ApiGateway::Method")]
    stack = next(stack for stack in first.stacks.values() if methods[0].logical_id in stack.resources)
    api, resource = (stack.physical(methods[0].properties[key]) for key in ("RestApiId", "ResourceId"))
    found = apigateway.get_method(restApiId=api, resourceId=resource, httpMethod=methods[0].properties["HttpMethod"])
    assert methods[0].properties["Integration"]["ResponseTransferMode"] == "STREAM"
    assert "responseTransferMode" not in found["methodIntegration"]


def test_the_endpoint_still_has_no_layer_below_opt(first: Stage, endpoint: Endpoint) -> None:
    """CDK's function says how it went to an address that CloudFormation gives it; here a socket of this test's takes it."""
    [copying] = [
        found
        for found in first.stacks["ChatStack"].of_type("AWS::Lambda::Function")
        if found.logical_id.startswith("CustomCDKBucketDeployment")
    ]
    assert copying.properties["Layers"]
    event = {"RequestType": "Create", "RequestId": "1", "StackId": "1", "LogicalResourceId": "1", "ResourceProperties": {}}
    properties = {"SourceBucketNames": [], "SourceObjectKeys": [], "SourceMarkers": [], "DestinationBucketName": "nowhere"}
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(WAIT_SECONDS)
        said = pool.submit(_first_request, listener)
        event |= {"ResourceProperties": properties, "ResponseURL": f"http://127.0.0.1:{listener.getsockname()[1]}/"}
        endpoint.client("lambda").invoke(FunctionName=copying.physical_id, Payload=json.dumps(event))
        assert b"No such file or directory: '/opt/awscli/aws'" in said.result(WAIT_SECONDS)


def _first_request(listener: socket.socket) -> bytes:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as reader:
        connection.settimeout(WAIT_SECONDS)
        length = 0
        while (line := reader.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = reader.read(length)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return body
