"""BrowserIdentity: people who signed in may call what was named, nothing else, and guests nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import StreamingUrl
from constructs_pkg.browser_identity import BrowserIdentity
from constructs_pkg.rest_api import StreamingRestApi

from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = "https://app.example.com"


def make_url(stack: Stack, id: str = "Url", **parameters: Any) -> StreamingUrl:
    function = lambda_.Function(
        stack, f"Plain{id}", code=lambda_.Code.from_inline("x"), handler="index.handler", runtime=lambda_.Runtime.NODEJS_24_X
    )
    alias = lambda_.Alias(stack, f"Alias{id}", alias_name="prod", version=function.current_version)
    return StreamingUrl(stack, id, alias=alias, **{"cors": BrowserIdentity.cors(ORIGIN), **parameters})


def pool(stack: Stack) -> dict[str, Any]:
    return only(Template.from_stack(stack).find_resources("AWS::Cognito::UserPool"))[1]


def statements(stack: Stack) -> list[dict[str, Any]]:
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


class TestSigningIn:
    def test_people_are_invited_sign_in_by_mail_and_may_add_an_authenticator(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity")
        found = pool(stack)
        assert found["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
        assert found["UsernameAttributes"] == ["email"]
        assert found["UsernameConfiguration"] == {"CaseSensitive": False}
        assert found["MfaConfiguration"] == "OPTIONAL"
        assert found["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
        assert found["AccountRecoverySetting"] == {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]}
        assert found["DeletionProtection"] == "ACTIVE"

    def test_passwords_are_long_and_mixed(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity")
        assert pool(stack)["Policies"]["PasswordPolicy"] == {
            "MinimumLength": 12,
            "RequireLowercase": True,
            "RequireUppercase": True,
            "RequireNumbers": True,
            "RequireSymbols": True,
            "TemporaryPasswordValidityDays": 3,
        }

    def test_each_of_it_is_a_parameter(self, stack: Stack) -> None:
        BrowserIdentity(
            stack,
            "Identity",
            self_sign_up=True,
            mfa=cognito.Mfa.REQUIRED,
            password_length=16,
            threat_protection=True,
            email=cognito.UserPoolEmail.with_cognito("help@example.com"),
            removal_policy=RemovalPolicy.DESTROY,
        )
        found = pool(stack)
        assert found["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is False
        assert found["MfaConfiguration"] == "ON"
        assert found["Policies"]["PasswordPolicy"]["MinimumLength"] == 16
        assert found["UserPoolTier"] == "PLUS"
        assert found["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
        assert found["EmailConfiguration"]["ReplyToEmailAddress"] == "help@example.com"
        assert found["DeletionProtection"] == "INACTIVE"

    def test_a_second_factor_can_be_off(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity", mfa=cognito.Mfa.OFF)
        assert pool(stack)["MfaConfiguration"] == "OFF"

    def test_the_pages_client_has_no_secret_and_never_sends_the_password(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity", refresh_token_validity=Duration.hours(2))
        _, found = only(Template.from_stack(stack).find_resources("AWS::Cognito::UserPoolClient"))
        assert found["GenerateSecret"] is False
        assert set(found["ExplicitAuthFlows"]) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
        assert found["PreventUserExistenceErrors"] == "ENABLED"
        assert found["EnableTokenRevocation"] is True
        assert found["AllowedOAuthFlowsUserPoolClient"] is False
        assert (found["IdTokenValidity"], found["AccessTokenValidity"], found["RefreshTokenValidity"]) == (60, 60, 120)

    @pytest.mark.parametrize("length", [7, 100])
    def test_a_password_length_that_is_too_short_or_too_long_is_refused(
        self, length: int, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match="^PASSWORD_LENGTH: "):
            BrowserIdentity(make_stack(), "Identity", password_length=length)

    def test_a_user_pool_of_ones_own_is_used(self, stack: Stack) -> None:
        own = cognito.UserPool(stack, "Mine")
        assert BrowserIdentity(stack, "Identity", user_pool=own).user_pool is own
        Template.from_stack(stack).resource_count_is("AWS::Cognito::UserPool", 1)

    def test_an_imported_user_pool_is_used(self, stack: Stack) -> None:
        own = cognito.UserPool.from_user_pool_id(stack, "Mine", "eu-west-1_abc")
        BrowserIdentity(stack, "Identity", user_pool=own)
        _, found = only(Template.from_stack(stack).find_resources("AWS::Cognito::IdentityPool"))
        assert "eu-west-1_abc" in str(found["CognitoIdentityProviders"][0]["ProviderName"])

    @pytest.mark.parametrize(
        "parameters",
        [
            {"self_sign_up": True},
            {"mfa": cognito.Mfa.REQUIRED},
            {"password_length": 13},
            {"threat_protection": True},
            {"email": cognito.UserPoolEmail.with_cognito()},
        ],
    )
    def test_settings_for_a_pool_that_is_made_elsewhere_are_refused(
        self, parameters: dict[str, Any], make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack()
        with pytest.raises(ValueError, match=f"^USER_POOL_GIVEN: {next(iter(parameters))} "):
            BrowserIdentity(stack, "Identity", user_pool=cognito.UserPool(stack, "Mine"), **parameters)


class TestCredentials:
    def test_guests_get_none_and_tokens_are_checked_at_the_user_pool(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity")
        template = Template.from_stack(stack)
        _, found = only(template.find_resources("AWS::Cognito::IdentityPool"))
        assert found["AllowUnauthenticatedIdentities"] is False
        assert found["AllowClassicFlow"] is False
        [provider] = found["CognitoIdentityProviders"]
        assert provider["ServerSideTokenCheck"] is True
        [client] = template.find_resources("AWS::Cognito::UserPoolClient")
        assert provider["ClientId"] == {"Ref": client}

    def test_there_is_one_role_and_only_people_who_signed_in_at_this_pool_get_it(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity")
        template = Template.from_stack(stack)
        [pool_id] = template.find_resources("AWS::Cognito::IdentityPool")
        role_id, role = only(template.find_resources("AWS::IAM::Role"))
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Federated": "cognito-identity.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trust["Condition"] == {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": {"Ref": pool_id}},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        }
        _, attachment = only(template.find_resources("AWS::Cognito::IdentityPoolRoleAttachment"))
        assert attachment["Roles"] == {"authenticated": {"Fn::GetAtt": [role_id, "Arn"]}}

    def test_they_may_do_nothing_before_something_is_allowed(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity")
        template = Template.from_stack(stack)
        assert statements(stack) == []
        _, role = only(template.find_resources("AWS::IAM::Role"))
        assert set(role) == {"AssumeRolePolicyDocument", "Description"}

    def test_they_may_call_the_url_with_both_permissions_and_nothing_else(self, stack: Stack) -> None:
        url = make_url(stack)
        make_url(stack, "Other")
        BrowserIdentity(stack, "Identity").allow_to_call(url)
        found = statements(stack)
        assert {statement["Action"] for statement in found} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        alias = stack.resolve(url.alias.function_arn)
        assert [statement["Resource"] for statement in found] == [alias, alias]

    def test_as_a_grantee_it_is_the_role(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity")
        s3.Bucket(stack, "Bucket").grant_read(identity, "public/*")
        StreamingRestApi(stack, "Api", alias=make_url(stack).alias).grant_invoke(identity)
        actions = str([statement["Action"] for statement in statements(stack)])
        assert "s3:GetObject*" in actions
        assert "execute-api:Invoke" in actions

    def test_guests_are_refused_and_told_why(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^GUESTS_CANNOT_CALL: .*session policy"):
            BrowserIdentity(make_stack(), "Identity", guests=True)

    def test_a_public_url_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack()
        with pytest.raises(ValueError, match="^URL_IS_PUBLIC: "):
            BrowserIdentity(stack, "Identity").allow_to_call(make_url(stack, auth_type=lambda_.FunctionUrlAuthType.NONE))


class TestThePage:
    def test_it_is_told_what_it_has_to_know(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity")
        url = make_url(stack)
        identity.allow_to_call(url)
        template = Template.from_stack(stack)
        [pool_id] = template.find_resources("AWS::Cognito::UserPool")
        [client_id] = template.find_resources("AWS::Cognito::UserPoolClient")
        [identity_pool_id] = template.find_resources("AWS::Cognito::IdentityPool")
        assert stack.resolve(identity.browser_config) == {
            "region": {"Ref": "AWS::Region"},
            "userPoolId": {"Ref": pool_id},
            "userPoolClientId": {"Ref": client_id},
            "identityPoolId": {"Ref": identity_pool_id},
            "url": stack.resolve(url.url),
        }

    def test_without_a_url_it_is_told_the_rest(self, stack: Stack) -> None:
        assert "url" not in BrowserIdentity(stack, "Identity").browser_config

    def test_its_signed_requests_pass_cors_and_it_can_read_the_answer(self, stack: Stack) -> None:
        make_url(stack)
        _, found = only(Template.from_stack(stack).find_resources("AWS::Lambda::Url"))
        assert found["Cors"]["AllowOrigins"] == [ORIGIN]
        assert set(found["Cors"]["AllowMethods"]) == {"GET", "POST", "DELETE"}
        assert {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"} <= set(
            found["Cors"]["AllowHeaders"]
        )
        exposed = {"x-stream-dialect", "x-stream-id", "x-amzn-requestid", "x-amzn-errortype", "retry-after"}
        assert set(found["Cors"]["ExposeHeaders"]) == exposed, "what clients/browser reads of an answer"
        assert {"last-event-id", "x-stream-id"} <= set(found["Cors"]["AllowHeaders"]), "to resume and to cancel"
        assert "AllowCredentials" not in found["Cors"]

    def test_a_url_that_no_page_can_read_is_doubted(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity").allow_to_call(make_url(stack, cors=None))
        Annotations.from_stack(stack).has_warning("/TestStack/Identity", Match.string_like_regexp("allows no other origin"))

    def test_a_url_that_it_can_read_is_not(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity").allow_to_call(make_url(stack))
        Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("origin"))


def test_no_output_is_made(stack: Stack) -> None:
    BrowserIdentity(stack, "Identity")
    assert "Outputs" not in Template.from_stack(stack).to_json()


class TestSignInPage:
    def test_without_a_prefix_there_is_none(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity")
        assert (identity.sign_in_domain, identity.sign_in_url) == (None, None)
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Cognito::UserPoolDomain", 0)
        template.has_resource_properties("AWS::Cognito::UserPoolClient", {"AllowedOAuthFlowsUserPoolClient": False})
        assert "signInUrl" not in identity.browser_config

    def test_people_come_back_to_the_named_pages_with_a_code_and_never_with_a_token(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat")
        identity.allow_sign_in_from("https://a.example.com/")
        identity.allow_sign_in_from("http://localhost:5173/")
        pages = ["https://a.example.com/", "http://localhost:5173/"]
        Template.from_stack(stack).has_resource_properties(
            "AWS::Cognito::UserPoolClient",
            {
                "AllowedOAuthFlowsUserPoolClient": True,
                "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid"],
                "CallbackURLs": pages,
                "LogoutURLs": pages,
                "GenerateSecret": False,
            },
        )

    def test_the_newer_page_has_the_style_without_which_it_is_not_shown(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat").allow_sign_in_from("https://a.example.com/")
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::Cognito::UserPoolDomain", {"Domain": "example-chat", "ManagedLoginVersion": 2})
        template.has_resource_properties("AWS::Cognito::ManagedLoginBranding", {"UseCognitoProvidedValues": True})

    def test_the_page_is_told_where_to_sign_in(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat")
        identity.allow_sign_in_from("https://a.example.com/")
        assert identity.browser_config["signInUrl"] == identity.sign_in_url
        assert ".auth." in str(stack.resolve(identity.sign_in_url))

    def test_pages_to_come_back_to_may_be_known_only_at_deployment(self, stack: Stack) -> None:
        page = CfnParameter(stack, "Page").value_as_string
        BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat").allow_sign_in_from(page)
        Template.from_stack(stack).has_resource_properties("AWS::Cognito::UserPoolClient", {"CallbackURLs": [{"Ref": "Page"}]})

    @pytest.mark.parametrize("prefix", ["", "Chat", "-chat", "chat-", "my_chat", "my-aws-chat", "x" * 64])
    def test_a_prefix_that_cognito_refuses_is_refused(self, stack: Stack, prefix: str) -> None:
        with pytest.raises(ValueError, match="^SIGN_IN_PREFIX: "):
            BrowserIdentity(stack, "Identity", sign_in_prefix=prefix)

    def test_a_page_without_https_is_refused(self, stack: Stack) -> None:
        identity = BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat")
        with pytest.raises(ValueError, match="^SIGN_IN_PAGE: http://app.example.com/ is no page"):
            identity.allow_sign_in_from("http://app.example.com/")

    def test_a_page_to_come_back_to_from_nowhere_is_refused(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match="^SIGN_IN_PAGE: .* has no sign-in page"):
            BrowserIdentity(stack, "Identity").allow_sign_in_from("https://a.example.com/")

    def test_a_sign_in_page_that_nobody_comes_back_from_is_refused_at_synthesis(self, stack: Stack) -> None:
        BrowserIdentity(stack, "Identity", sign_in_prefix="example-chat")
        with pytest.raises(RuntimeError, match="SIGN_IN_FROM_NOWHERE"):
            Template.from_stack(stack)
