"""A small account: a chat function with its alias, and whoever a test puts around it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.emulator.iam import Authorizer, Decision, Principal, Principals
from tests.assembly.builder import write_stack

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:chat"
ALIAS = f"{FUNCTION}:live"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

CHAT: dict[str, Any] = {
    "Chat": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "chat"}},
    "Live": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Chat"}, "Name": "live"}},
}
BOTH = [
    {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunctionUrl",
        "Resource": ALIAS,
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
    },
    {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": ALIAS,
        "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": True}},
    },
]


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def role(*statements: dict[str, Any], name: str = "caller", **properties: Any) -> dict[str, Any]:
    inline = [{"PolicyName": "inline", "PolicyDocument": document(*statements)}] if statements else []
    return {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "Policies": inline, **properties}}


def permissions(principal: str, *, function: Any = None, auth_type: str = "AWS_IAM", **more: Any) -> dict[str, Any]:
    """Both of a Function URL's permissions, as CDK writes them."""
    common = {"FunctionName": function or {"Ref": "Live"}, "Principal": principal, **more}
    return {
        "MayUrl": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {**common, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": auth_type},
        },
        "MayInvoke": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {**common, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
        },
    }


class Account:
    """An assembly with its principals and policies."""

    def __init__(self, directory: Path, resources: dict[str, Any], *, organization: str | None = None, **sections: Any) -> None:
        write_stack(directory, "App", {"Resources": {**CHAT, **resources}, **sections})
        self.assembly = CloudAssembly.load(directory)
        self.principals = Principals.from_assembly(self.assembly, organization=organization)
        self.authorizer = Authorizer(self.assembly, self.principals, clock=lambda: NOW)

    def principal(self, name: str) -> Principal:
        named = self.principals.named
        return named[name] if name in named else named[f"App/{name}"]

    def may(self, name: str, action: str, resource: str, context: dict[str, Any] | None = None) -> bool:
        return self.authorizer.authorize(self.principal(name), action, resource, context).allowed

    def url(self, name: str | None, arn: str = ALIAS, auth_type: str = "AWS_IAM") -> Decision:
        principal = self.principal(name) if name else None
        return self.authorizer.authorize_function_url(principal, arn, auth_type)
