"""A Function URL that streams, and who may call it."""

from __future__ import annotations

from typing import cast

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._grants import construct_of, name_of, reachable, told_apart, with_source
from ._lasting import is_published, region_of, resource_of, stack_of
from ._really_streams import require_streaming
from ._regions import WITHOUT_FUNCTION_URLS
from ._tokens import is_unresolved


class StreamingUrl(Construct):
    """A Function URL on an alias, with `RESPONSE_STREAM`.

    Works on any alias, of any runtime. On $LATEST or on a version it would pass by the environments that are kept warm on
    the alias, so an alias is what it takes.

    Attributes:
        function_url: The L2 `FunctionUrl`; of an imported URL an `IFunctionUrl` that makes nothing.
        alias: The alias that the URL calls.
        auth_type: `AWS_IAM` or `NONE`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alias: lambda_.IAlias,
        auth_type: lambda_.FunctionUrlAuthType = lambda_.FunctionUrlAuthType.AWS_IAM,
        cors: lambda_.FunctionUrlCorsOptions | None = None,
    ) -> None:
        """Makes the URL.

        Args:
            alias: The alias to call.
            auth_type: Who may call. Default: AWS_IAM, that is, nobody before `grant_invoke_url`. NONE is open to everyone who
                knows the address.
            cors: What browsers of other origins may do. Default: nothing. Lambda then answers preflight requests itself, so
                the handler must not write CORS headers of its own: they would stand twice and browsers refuse that.

        Raises:
            ValueError: `URL_ON_LATEST` when the alias points to $LATEST; `CORS_ANY_ORIGIN_WITH_CREDENTIALS` when any origin
                is allowed together with credentials, which browsers refuse. At synthesis `RUNTIME_BUFFERS` where nothing taught a
                function of Python, Java, Ruby or .NET to stream.
        """
        super().__init__(scope, id)
        _refuse_latest(alias)
        if cors is not None:
            _refuse_any_origin_with_credentials(cors)
        _doubt_region(self, region_of(stack_of(scope)))
        self.alias = alias
        self.auth_type = auth_type
        self._grants_on: lambda_.IFunction = alias
        made = lambda_.FunctionUrl(
            self,
            "Url",
            function=alias,
            auth_type=auth_type,
            cors=cors,
            invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM,
        )
        self.function_url: lambda_.IFunctionUrl = made
        if auth_type == lambda_.FunctionUrlAuthType.NONE:
            # StreamingChecks finds every public URL that nobody asked for.
            cast("lambda_.CfnUrl", made.node.default_child).add_metadata("streaming-lambda:public-url", "asked for by auth_type")
        require_streaming(self, alias)

    @property
    def url(self) -> str:
        """The address, `https://<id>.lambda-url.<region>.on.aws/` (known at deployment)."""
        return self.function_url.url

    @staticmethod
    def from_attributes(
        scope: Construct,
        id: str,
        *,
        alias: lambda_.IAlias,
        url: str,
        auth_type: lambda_.FunctionUrlAuthType = lambda_.FunctionUrlAuthType.AWS_IAM,
    ) -> StreamingUrl:
        """Imports a URL that another app made, to grant on it and to front it. Makes no resource.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            alias: The alias that it calls, imported with `Alias.from_alias_attributes`.
            url: Its address, as `https://<id>.lambda-url.<region>.on.aws/`.
            auth_type: As it was made with. Default: AWS_IAM.

        Raises:
            ValueError: `URL_MALFORMED` when `url` is not the address of a Function URL.
        """
        from ._imported_url import ImportedUrl  # which stands on this module

        return ImportedUrl(scope, id, alias=alias, url=url, auth_type=auth_type)

    def grant_invoke_url(
        self, grantee: iam.IGrantable, *, source_arn: str | None = None, source_account: str | None = None
    ) -> iam.Grant:
        """Lets `grantee` call the URL: both permissions, on the alias.

        A call needs `lambda:InvokeFunctionUrl` and, since October 2025, `lambda:InvokeFunction` by way of the URL
        (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). Roles and users of this app get them in their own
        policy; everyone else in the function's.

        Args:
            grantee: A role, user or group, a function (its role), an account, an organisation, or a service.
            source_arn: For a service: the resource on whose behalf it may call, such as a distribution's ARN.
            source_account: For a service: the account on whose behalf it may call.

        Returns:
            The grant of the first permission; the second stands beside it.

        Raises:
            ValueError: `URL_IS_PUBLIC` when the URL has auth type NONE; `GRANT_TO_EVERYONE` for `*`;
                `GRANT_NEEDS_SOURCE` for a service without a source, which anyone could use as a confused deputy;
                `GRANT_SOURCE_UNUSED` for a source beside something that is not a service; `GRANT_PRINCIPAL` and `GRANT_CONDITION` for
                a principal or conditions that a function's policy cannot carry; `GRANT_ELSEWHERE` when the URL was
                imported from another account, whose policy cannot be written from here; `GRANT_ACROSS_ENVIRONMENTS` for a role of
                this app in another account or region, whose policy cannot name the function; `GRANT_WITHOUT_EFFECT` when nothing
                would have come of it.
        """
        if self.auth_type == lambda_.FunctionUrlAuthType.NONE:
            raise ValueError(
                f"URL_IS_PUBLIC: {self.node.path} has auth type NONE, so everyone may call it and a grant changes nothing. "
                "Use auth_type=FunctionUrlAuthType.AWS_IAM, or remove the grant."
            )
        principal = with_source(reachable(grantee), source_arn, source_account)
        self._require_effect(principal)
        grant, refusal = self._granted(principal)
        if grant is None or not grant.success:
            raise ValueError(
                f"GRANT_WITHOUT_EFFECT: neither {name_of(grantee)} nor the function could take the permission. Grant to a role, user, "
                "account, organisation or service, on a function of this app."
            ) from refusal
        return grant

    def _granted(self, principal: iam.IGrantable) -> tuple[iam.Grant | None, RuntimeError | None]:
        try:
            return self._grants_on.grant_invoke_url(told_apart(principal, stack_of(self))), None
        except RuntimeError as refusal:
            if "CannotModifyLambdaPermission" in str(refusal):
                return None, refusal  # CDK says so of an imported alias, whose policy cannot be written from here
            if "InvalidPrincipalTypeForLambdaPermission" in str(refusal):
                raise ValueError(
                    f"GRANT_PRINCIPAL: {name_of(principal)} is no principal that a function's policy can name; it names accounts, roles and "
                    "users by their ARN, organisations, and services. Grant to the role that the person or program assumes; of several "
                    "principals, grant to each."
                ) from refusal
            if "UnsupportedConditionsForLambdaPermission" in str(refusal):
                raise ValueError(
                    f"GRANT_CONDITION: {name_of(principal)} has conditions that a function's policy cannot carry; it carries aws:SourceArn, "
                    "aws:SourceAccount, aws:PrincipalOrgID and lambda:FunctionUrlAuthType. Grant to a role without them, and put them into "
                    "that role's trust policy or its permissions."
                ) from refusal
            raise

    def _require_effect(self, principal: iam.IGrantable) -> None:
        """Where the URL was made here, each of the two policies can be written, if the other environment can know the function."""
        construct = construct_of(principal.grant_principal)
        function = self.alias.version.lambda_
        resource = function.node.default_child
        if construct is None or not isinstance(resource, lambda_.CfnFunction):
            return
        here, there = stack_of(function), stack_of(construct)
        for what, mine, its in (("account", here.account, there.account), ("region", here.region, there.region)):
            if is_unresolved(mine) or is_unresolved(its) or mine == its or here.resolve(resource.function_name) is not None:
                continue
            raise ValueError(
                f"GRANT_ACROSS_ENVIRONMENTS: {construct.node.path} is in {what} {its}, the function in {mine}, and its policy cannot name a "
                "function whose name is made up at deployment. Name the grantee by its ARN instead: grant to iam.ArnPrincipal(...), or, "
                "in the same account, to iam.Role.from_role_name(...); in another account its own policy has to allow both actions too."
            )


def _doubt_region(scope: Construct, region: str) -> None:
    if region in WITHOUT_FUNCTION_URLS:
        Annotations.of(scope).add_warning_v2(
            "streaming-lambda:region-without-urls",
            f"AWS documents that {region} has no Function URLs (https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html). "
            "Deploy to another region, or put a StreamingRestApi on the alias.",
        )


def _refuse_latest(alias: lambda_.IAlias) -> None:
    if is_published(alias):
        return
    resource = resource_of(alias)
    if isinstance(resource, lambda_.CfnAlias) and resource.function_version == "$LATEST":
        raise ValueError(
            f"URL_ON_LATEST: {alias.node.path} points to $LATEST, which can neither be kept warm nor rolled back. "
            "Point the alias to a published version: version=function.current_version"
        )


def _refuse_any_origin_with_credentials(cors: lambda_.FunctionUrlCorsOptions) -> None:
    if cors.allow_credentials and "*" in (cors.allowed_origins or ["*"]):
        raise ValueError(
            "CORS_ANY_ORIGIN_WITH_CREDENTIALS: cors allows credentials from every origin; browsers refuse such an answer and it "
            "would hand the caller's session to any page. Name the origins, or leave allow_credentials out."
        )
