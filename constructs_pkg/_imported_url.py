"""A streaming Function URL that another app made."""

from __future__ import annotations

import re
from typing import Final

import jsii
from aws_cdk import Annotations, Resource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.interfaces import aws_lambda as lambda_refs
from constructs import Construct

from ._grants import construct_of, name_of
from ._tokens import is_unresolved
from .url import StreamingUrl

# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html; China's regions end in .on.amazonwebservices.com.cn
_ADDRESS: Final = re.compile(r"https://[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.(aws|amazonwebservices\.com\.cn)/?")


class ImportedUrl(StreamingUrl):
    """What `StreamingUrl.from_attributes` returns."""

    def __init__(
        self, scope: Construct, id: str, *, alias: lambda_.IAlias, url: str, auth_type: lambda_.FunctionUrlAuthType
    ) -> None:
        Construct.__init__(self, scope, id)
        if not is_unresolved(url) and _ADDRESS.fullmatch(url) is None:
            raise ValueError(
                f"URL_MALFORMED: url is {url!r}; a Function URL looks like https://<id>.lambda-url.<region>.on.aws/. Give the address "
                "as Lambda returns it; a domain of your own in front of it is not what a grant or a front needs."
            )
        self.alias = alias
        self.auth_type = auth_type
        self._function = alias.version.lambda_
        # An imported alias takes no permission in a stack without an explicit account; an imported function can be told to.
        self._grants_on = lambda_.Function.from_function_attributes(
            self, "Alias", function_arn=alias.function_arn, same_environment=True
        )
        self.function_url = _FunctionUrl(self, "Url", url=url, function=self._grants_on, auth_type=auth_type)

    def _require_effect(self, principal: iam.IGrantable) -> None:
        here, there = Stack.of(self).account, self._function.env.account
        if is_unresolved(here) or is_unresolved(there) or here == there:
            return
        if construct_of(principal.grant_principal) is None:
            raise ValueError(
                f"GRANT_ELSEWHERE: the function behind {self.node.path} is in account {there}, this stack in {here}, and {name_of(principal)} "
                "can be named only in the function's own policy. Grant it in the app that makes the function."
            )
        Annotations.of(self).add_warning_v2(
            "streaming-lambda:grant-needs-both-accounts",
            f"The function is in account {there}: {name_of(principal)} may call it only when that account's app grants it too. Both policies "
            "are needed across accounts.",
        )


@jsii.implements(lambda_.IFunctionUrl)
class _FunctionUrl(Resource):
    """CDK has no import for Function URLs."""

    def __init__(
        self, scope: Construct, id: str, *, url: str, function: lambda_.IFunction, auth_type: lambda_.FunctionUrlAuthType
    ) -> None:
        super().__init__(scope, id)
        self._url = url
        self._called = function
        self._auth_type = auth_type

    @property
    def url(self) -> str:
        return self._url

    @property
    def function_arn(self) -> str:
        return self._called.function_arn

    @property
    def auth_type(self) -> lambda_.FunctionUrlAuthType:
        return self._auth_type

    @property
    def url_ref(self) -> lambda_refs.UrlReference:
        return lambda_refs.UrlReference(function_arn=self._called.function_arn)

    @jsii.member(jsii_name="grantInvokeUrl")
    def grant_invoke_url(self, identity: iam.IGrantable) -> iam.Grant:
        return self._called.grant_invoke_url(identity)
