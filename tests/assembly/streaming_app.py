"""A streaming app as a template, right in every respect; each test breaks it in one."""

from __future__ import annotations

import copy
from typing import Any

Template = dict[str, dict[str, Any]]

FUNCTION_ARN = {"Fn::GetAtt": ["Function", "Arn"]}
URL_HOST = {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["Url", "FunctionUrl"]}]}]}


def resource(type: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type, "Properties": properties}


def statement(*actions: str, on: Any = None, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on or {"Ref": "Alias"}, **more}


BY_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def good() -> Template:
    """A Python function through our layer, its warm alias, a Function URL on it, CloudFront, a REST API, and a caller with both rights."""
    return copy.deepcopy(
        {
            "Function": resource(
                "AWS::Lambda::Function",
                Runtime="python3.13",
                Handler="index.handler",
                Timeout=300,
                MemorySize=1024,
                ReservedConcurrentExecutions=10,
                Code={"ZipFile": "def handler(event, context): yield ''"},
                Layers=["arn:aws:lambda:us-east-1:123456789012:layer:Runtime:1"],
                Environment={
                    "Variables": {
                        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/streaming-wrapper",
                        "STREAM_HEARTBEAT_SECONDS": "15",
                        "STREAM_DEADLINE_MARGIN_MS": "1000",
                    }
                },
            ),
            "Version": resource("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
            "Alias": resource(
                "AWS::Lambda::Alias",
                Name="live",
                FunctionName={"Ref": "Function"},
                FunctionVersion={"Fn::GetAtt": ["Version", "Version"]},
                ProvisionedConcurrencyConfig={"ProvisionedConcurrentExecutions": 2},
            ),
            "Url": resource(
                "AWS::Lambda::Url",
                TargetFunctionArn=FUNCTION_ARN,
                Qualifier="live",
                AuthType="AWS_IAM",
                InvokeMode="RESPONSE_STREAM",
                Cors={"AllowOrigins": ["https://example.com"], "AllowCredentials": True},
            ),
            "Caller": resource("AWS::IAM::Role", AssumeRolePolicyDocument={}),
            "CallerPolicy": resource(
                "AWS::IAM::Policy",
                Roles=[{"Ref": "Caller"}],
                PolicyDocument={
                    "Statement": [statement("lambda:InvokeFunctionUrl"), statement("lambda:InvokeFunction", Condition=BY_URL)]
                },
            ),
            "Distribution": resource(
                "AWS::CloudFront::Distribution",
                DistributionConfig={
                    "Origins": [
                        {
                            "Id": "1",
                            "DomainName": URL_HOST,
                            "CustomOriginConfig": {"OriginReadTimeout": 60},
                            "ResponseCompletionTimeout": 300,
                        }
                    ]
                },
            ),
            "DistributionUrl": resource(
                "AWS::Lambda::Permission",
                Action="lambda:InvokeFunctionUrl",
                FunctionName={"Ref": "Alias"},
                Principal="cloudfront.amazonaws.com",
                SourceArn={"Fn::Sub": "arn:aws:cloudfront::123456789012:distribution/${Distribution}"},
            ),
            "DistributionFunction": resource(
                "AWS::Lambda::Permission",
                Action="lambda:InvokeFunction",
                FunctionName={"Ref": "Alias"},
                Principal="cloudfront.amazonaws.com",
                SourceArn={"Fn::Sub": "arn:aws:cloudfront::123456789012:distribution/${Distribution}"},
                InvokedViaFunctionUrl=True,
            ),
            "Api": resource("AWS::ApiGateway::RestApi", Name="Api", EndpointConfiguration={"Types": ["REGIONAL"]}),
            "Stage": resource("AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="prod"),
            "Method": resource(
                "AWS::ApiGateway::Method",
                HttpMethod="POST",
                RestApiId={"Ref": "Api"},
                Integration={
                    "Type": "AWS_PROXY",
                    "ResponseTransferMode": "STREAM",
                    "TimeoutInMillis": 300_000,
                    "Uri": {
                        "Fn::Join": [
                            "",
                            [
                                "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/",
                                {"Ref": "Alias"},
                                "/response-streaming-invocations",
                            ],
                        ]
                    },
                },
            ),
            "ApiPermission": resource(
                "AWS::Lambda::Permission",
                Action="lambda:InvokeFunction",
                FunctionName={"Ref": "Alias"},
                Principal="apigateway.amazonaws.com",
                SourceArn={"Fn::Sub": "arn:aws:execute-api:us-east-1:123456789012:${Api}/prod/POST/"},
            ),
        }
    )


def scaled() -> Template:
    """The same with autoscaling in place of the static provisioned concurrency."""
    app = good()
    del app["Alias"]["Properties"]["ProvisionedConcurrencyConfig"]
    app["Target"] = resource(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        MinCapacity=1,
        MaxCapacity=10,
        ResourceId={"Fn::Sub": "function:${Function}:live"},
        ScalableDimension="lambda:function:ProvisionedConcurrency",
        ServiceNamespace="lambda",
    )
    app["Scaling"] = resource(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        ScalingTargetId={"Ref": "Target"},
    )
    return app


def node() -> Template:
    """A Node.js function on a Function URL, and nothing else."""
    return {
        "Function": resource(
            "AWS::Lambda::Function",
            Runtime="nodejs24.x",
            Handler="index.handler",
            Timeout=60,
            MemorySize=1024,
            Code={"ZipFile": "exports.handler = awslambda.streamifyResponse(async () => {})"},
        ),
        "Url": resource("AWS::Lambda::Url", TargetFunctionArn=FUNCTION_ARN, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM"),
    }


def put(app: Template, path: str, value: Any) -> Template:
    """Sets a property of a resource, `Url.Cors.AllowOrigins`; list members by index. None removes it."""
    logical_id, *names = path.split(".")
    place: Any = app[logical_id]["Properties"]
    for name in names[:-1]:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    if value is None:
        del place[names[-1]]
    else:
        place[int(names[-1]) if isinstance(place, list) else names[-1]] = value
    return app


def changed(app: Template, changes: dict[str, Any]) -> Template:
    """Sets several properties."""
    for path, value in changes.items():
        put(app, path, value)
    return app
