"""Endpoints that are open to more callers than anybody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._rule import Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import Resource

    from .model import StreamingApp

PUBLIC_URL_METADATA: Final = "streaming-lambda:public-url"
"""Key in the Metadata of an AWS::Lambda::Url that says it is open on purpose; its value is the reason."""

_SOURCES: Final = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")
_CALLS: Final = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction", "lambda:*", "*")


@rule("PUBLIC_URL", "a Function URL that everyone may call, and that nobody said is meant so")
def public_url(app: StreamingApp) -> Iterator[Found]:
    """Auth type NONE without a word that it was asked for."""
    for endpoint in app.endpoints:
        resource = endpoint.resource
        if endpoint.is_url and app.value(resource, "AuthType") == "NONE" and not resource.metadata.get(PUBLIC_URL_METADATA):
            yield Found(
                resource,
                "the URL has auth type NONE: everyone who learns its address may call it, at your cost",
                f"Use AWS_IAM; or, if it is meant so, say why in the resource's Metadata: {PUBLIC_URL_METADATA}.",
                "AuthType",
            )


@rule("CORS_ANY_ORIGIN_WITH_CREDENTIALS", "every origin together with credentials, which browsers refuse")
def any_origin_with_credentials(app: StreamingApp) -> Iterator[Found]:
    """Browsers refuse the pair, and it would hand the caller's session to any page."""
    for resource in app.assembly.of_type("AWS::Lambda::Url"):
        if app.flag(resource, "Cors", "AllowCredentials") and "*" in app.texts(resource, "Cors", "AllowOrigins"):
            yield Found(
                resource,
                "CORS allows credentials from every origin (*): browsers refuse such an answer, and it would hand sessions to any page",
                "Name the origins, or leave credentials out.",
                "Cors.AllowOrigins",
            )


@rule("GRANT_NEEDS_SOURCE", "a service that may call a streaming function on anybody's behalf")
def service_without_source(app: StreamingApp) -> Iterator[Found]:
    """A service acts for all its customers: without a source it is a confused deputy (CKV_AWS_364)."""
    for permission, principal in _permissions(app):
        if ".amazonaws." in principal and not any(app.value(permission, name) for name in _SOURCES):
            yield Found(
                permission,
                f"{principal} may call the function on anybody's behalf: a service acts for all its customers",
                "Say for which resource: SourceArn, SourceAccount, or both.",
                "Principal",
            )


@rule("GRANT_TO_EVERYONE", "a permission for everyone on a streaming function whose URL asks for IAM auth")
def everyone(app: StreamingApp) -> Iterator[Found]:
    """`*` in a resource policy lets every AWS account in."""
    open_functions = {
        endpoint.called.arn
        for endpoint in app.endpoints
        if endpoint.is_url and app.value(endpoint.resource, "AuthType") == "NONE"
    }
    for permission, principal in _permissions(app):
        called = app.reference(permission, "FunctionName")
        if principal != "*" or any(app.value(permission, name) for name in _SOURCES):
            continue
        if called is not None and called.arn not in open_functions:
            yield Found(
                permission,
                "everyone (*) may call the function, from any AWS account",
                "Name a role, an account or an organisation (PrincipalOrgID).",
                "Principal",
            )


def _permissions(app: StreamingApp) -> Iterator[tuple[Resource, str]]:
    """Permissions to call a streaming function, with their principal."""
    streaming = {function.arn for function in app.streaming_functions}
    for permission in app.assembly.of_type("AWS::Lambda::Permission"):
        called = app.reference(permission, "FunctionName")
        if called is not None and called.arn in streaming and app.value(permission, "Action") in _CALLS:
            yield permission, str(app.value(permission, "Principal"))
