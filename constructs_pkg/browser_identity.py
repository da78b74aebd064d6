"""Who a browser is: a user pool to sign in to, and an identity pool that lends its users the right to call an endpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IValidation

from ._tokens import is_unresolved

if TYPE_CHECKING:
    from .url import StreamingUrl

_FEDERATION: Final = "cognito-identity.amazonaws.com"
_SHORTEST_PASSWORD: Final = 8
_LONGEST_PASSWORD: Final = 99
_RESERVED_IN_PREFIXES: Final = ("amazon", "aws", "cognito")
"""https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html"""
_SIGNED_HEADERS: Final = ("authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")


@jsii.implements(iam.IGrantable)
class BrowserIdentity(Construct):
    """Lets people who signed in in a browser call a streaming endpoint with requests that they sign themselves.

    The page signs in at the user pool (by SRP, where the password never leaves it; or on the user pool's own page, from which it comes
    back with a code), trades the ID token for credentials of one hour at the identity pool (enhanced flow), and signs its requests
    with them (SigV4, service `lambda`). Those credentials may call what `allow_to_call` names, and nothing else.

    Guests get nothing: Cognito puts a session policy on them that lists no Lambda action, so no role could let them call
    (https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html). It puts none on people who signed in.

    As a grantee it stands for its role: `rest_api.grant_invoke(identity)`, `bucket.grant_read(identity)`.

    Attributes:
        user_pool: The L2 `UserPool`, or the one that was given.
        user_pool_client: The L2 `UserPoolClient` of the page; it has no secret.
        identity_pool: The L1 `CfnIdentityPool`; CDK's L2 makes a role for guests too.
        role: What a person who signed in may do.
        role_attachment: The L1 `CfnIdentityPoolRoleAttachment`.
        sign_in_domain: The L2 `UserPoolDomain` of the user pool's own sign-in page; None without one.
        sign_in_url: Its address, `https://<prefix>.auth.<region>.amazoncognito.com`; None without one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        user_pool: cognito.IUserPool | None = None,
        self_sign_up: bool = False,
        mfa: cognito.Mfa = cognito.Mfa.OPTIONAL,
        password_length: int = 12,
        threat_protection: bool = False,
        email: cognito.UserPoolEmail | None = None,
        refresh_token_validity: Duration | None = None,
        sign_in_prefix: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        guests: bool = False,
    ) -> None:
        """Makes both pools and the role.

        Args:
            user_pool: A user pool that exists already. Default: one of its own, as the next five parameters say.
            self_sign_up: Whether people can make their own accounts. Default: False; an administrator invites them.
            mfa: A second factor by authenticator app: `Mfa.OPTIONAL`, `Mfa.REQUIRED` or `Mfa.OFF`. Default: optional. SMS is never
                offered.
            password_length: Shortest password; upper and lower case, digits and symbols are always asked for. Default: 12. Allowed:
                8 to 99.
            threat_protection: Whether Cognito looks at sign-ins and refuses leaked passwords; it takes the Plus feature plan, which
                is billed per user. Default: False.
            email: How mail is sent. Default: Cognito's own sender, 50 mails a day.
            refresh_token_validity: After how long one has to sign in again. Default: 1 day. Allowed: 1 hour to 10 years.
            sign_in_prefix: Turns on the user pool's own sign-in page (managed login, authorization code with PKCE), and begins its address;
                nobody else in the region may have it. Name the pages that people come back to by `allow_sign_in_from`. Default: none;
                the page signs in by SRP. Allowed: 1 to 63 lower-case letters, digits and hyphens, without `aws`, `amazon`, `cognito`.
            removal_policy: What becomes of the user pool of its own when the stack is deleted. Default: RETAIN, and protected against
                deletion.
            guests: Not possible; here to say why. Default: False.

        Raises:
            ValueError: `GUESTS_CANNOT_CALL`, `PASSWORD_LENGTH`, `SIGN_IN_PREFIX`, `USER_POOL_GIVEN`; at synthesis
                `SIGN_IN_FROM_NOWHERE` (see `docs/errors.md`).
        """
        super().__init__(scope, id)
        if guests:
            raise ValueError(
                "GUESTS_CANNOT_CALL: guests is True; Cognito bounds a guest's credentials by a session policy that lists no Lambda action, "
                "whatever the role says. Let people sign in, or make the URL public by auth_type=FunctionUrlAuthType.NONE."
            )
        _check_password_length(password_length)
        _check_sign_in_prefix(sign_in_prefix)
        own = {
            "self_sign_up": self_sign_up,
            "mfa": mfa != cognito.Mfa.OPTIONAL,
            "password_length": password_length != 12,
            "threat_protection": threat_protection,
            "email": email is not None,
        }
        if user_pool is not None and any(own.values()):
            raise ValueError(
                f"USER_POOL_GIVEN: {', '.join(name for name, given in own.items() if given)} would change a user pool that is given and made "
                "elsewhere. Set it there, or leave user_pool out."
            )
        self.user_pool = user_pool or self._own_user_pool(
            self_sign_up=self_sign_up,
            mfa=mfa,
            password_length=password_length,
            threat_protection=threat_protection,
            email=email,
            removal_policy=removal_policy,
        )
        self.user_pool_client = cognito.UserPoolClient(
            self,
            "Client",
            user_pool=self.user_pool,
            generate_secret=False,  # a page can keep none
            auth_flows=cognito.AuthFlow(user_srp=True),
            disable_o_auth=True,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
            refresh_token_validity=_known(refresh_token_validity) or Duration.days(1),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
        )
        _pass_token(self.user_pool_client, refresh_token_validity)
        self.identity_pool = cognito.CfnIdentityPool(
            self,
            "IdentityPool",
            allow_unauthenticated_identities=False,
            allow_classic_flow=False,  # it would let the page choose the role's session by itself
            cognito_identity_providers=[
                cognito.CfnIdentityPool.CognitoIdentityProviderProperty(
                    client_id=self.user_pool_client.user_pool_client_id,
                    provider_name=self.user_pool.user_pool_provider_name,
                    server_side_token_check=True,  # a person who signed out or was disabled gets no new credentials
                )
            ],
        )
        self.role = iam.Role(
            self,
            "Role",
            description="People who signed in: may call the endpoints that were named, and nothing else",
            assumed_by=iam.FederatedPrincipal(
                _FEDERATION,
                {
                    "StringEquals": {f"{_FEDERATION}:aud": self.identity_pool.ref},
                    "ForAnyValue:StringLike": {f"{_FEDERATION}:amr": "authenticated"},
                },
                "sts:AssumeRoleWithWebIdentity",
            ),
        )
        self.role_attachment = cognito.CfnIdentityPoolRoleAttachment(
            self, "RoleAttachment", identity_pool_id=self.identity_pool.ref, roles={"authenticated": self.role.role_arn}
        )
        self._urls: list[StreamingUrl] = []
        self._pages: list[str] = []
        self.sign_in_domain = self._sign_in_page(sign_in_prefix) if sign_in_prefix is not None else None
        self.sign_in_url = None if self.sign_in_domain is None else self.sign_in_domain.base_url()

    @staticmethod
    def cors(*origins: str) -> lambda_.FunctionUrlCorsOptions:
        """What `StreamingUrl(cors=...)` has to allow so that a page of `origins` can sign its requests, read the stream, resume and cancel it.

        Args:
            origins: Such as `https://app.example.com`.
        """
        return lambda_.FunctionUrlCorsOptions(
            allowed_origins=list(origins),
            allowed_methods=[lambda_.HttpMethod.GET, lambda_.HttpMethod.POST, lambda_.HttpMethod.DELETE],
            allowed_headers=[*_SIGNED_HEADERS, "accept", "last-event-id", "x-stream-id"],
            exposed_headers=["x-stream-dialect", "x-stream-id", "x-amzn-requestid", "x-amzn-errortype", "retry-after"],
            max_age=Duration.hours(1),
        )

    def allow_to_call(self, url: StreamingUrl) -> iam.Grant:
        """Lets everyone who signed in call `url`: both permissions, on its alias.

        Args:
            url: The URL; it has to allow the page's origin by `cors`, or the browser shows it nothing (a warning).

        Raises:
            ValueError: What `StreamingUrl.grant_invoke_url` refuses, such as `URL_IS_PUBLIC`.
        """
        grant = url.grant_invoke_url(self.role)
        self._urls.append(url)
        _doubt_cors(self, url)
        return grant

    def allow_sign_in_from(self, *pages: str) -> None:
        """Lets people come back to these pages when they signed in or out on the user pool's own page.

        Apart from the constructor, so that a page can be told of this identity before it has an address.

        Args:
            pages: Their whole addresses, such as `https://app.example.com/`; may be tokens.

        Raises:
            ValueError: `SIGN_IN_PAGE`: there is no sign-in page, or an address is neither `https:` nor of `http://localhost`.
        """
        if self.sign_in_domain is None:
            raise ValueError(
                f"SIGN_IN_PAGE: {self.node.path} has no sign-in page from which people could come back to {', '.join(pages)}. Give "
                "BrowserIdentity sign_in_prefix."
            )
        for page in pages:
            if not is_unresolved(page) and not page.startswith(("https://", "http://localhost:", "http://localhost/")):
                raise ValueError(
                    f"SIGN_IN_PAGE: {page} is no page that Cognito lets people come back to; allowed are https: addresses and, for tests, "
                    "http://localhost. Serve the page over HTTPS."
                )
        self._pages += pages
        client = cast("cognito.CfnUserPoolClient", self.user_pool_client.node.default_child)
        client.callback_ur_ls = list(self._pages)
        client.logout_ur_ls = list(self._pages)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role of people who signed in."""
        return self.role.grant_principal

    @property
    def browser_config(self) -> dict[str, str]:
        """What the page has to know, none of it secret: `region`, `userPoolId`, `userPoolClientId`, `identityPoolId`, and `url`
        of the first URL that may be called, and `signInUrl` where there is a sign-in page. The values are known at deployment.
        """
        config = {
            "region": Stack.of(self).region,
            "userPoolId": self.user_pool.user_pool_id,
            "userPoolClientId": self.user_pool_client.user_pool_client_id,
            "identityPoolId": self.identity_pool.ref,
        }
        if self._urls:
            config["url"] = self._urls[0].url
        if self.sign_in_url is not None:
            config["signInUrl"] = self.sign_in_url
        return config

    def _sign_in_page(self, prefix: str) -> cognito.UserPoolDomain:
        domain = cognito.UserPoolDomain(
            self,
            "SignIn",
            user_pool=self.user_pool,
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix),
            managed_login_version=cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
        )
        # Without a style of the client's own the newer page is not shown at all.
        cognito.CfnManagedLoginBranding(
            self,
            "SignInStyle",
            user_pool_id=self.user_pool.user_pool_id,
            client_id=self.user_pool_client.user_pool_client_id,
            use_cognito_provided_values=True,
        )
        client = cast("cognito.CfnUserPoolClient", self.user_pool_client.node.default_child)
        client.allowed_o_auth_flows_user_pool_client = True
        client.allowed_o_auth_flows = ["code"]  # never `implicit`: it puts tokens into addresses
        client.allowed_o_auth_scopes = ["openid"]
        self.node.add_validation(_PeopleComeBack(self._pages))
        return domain

    def _own_user_pool(
        self,
        *,
        self_sign_up: bool,
        mfa: cognito.Mfa,
        password_length: int,
        threat_protection: bool,
        email: cognito.UserPoolEmail | None,
        removal_policy: RemovalPolicy,
    ) -> cognito.UserPool:
        known_length = _SHORTEST_PASSWORD if is_unresolved(password_length) else password_length
        user_pool = cognito.UserPool(
            self,
            "UserPool",
            self_sign_up_enabled=self_sign_up,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=mfa,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False) if mfa != cognito.Mfa.OFF else None,
            password_policy=cognito.PasswordPolicy(
                min_length=known_length,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
                temp_password_validity=Duration.days(3),
            ),
            feature_plan=cognito.FeaturePlan.PLUS if threat_protection else cognito.FeaturePlan.ESSENTIALS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION if threat_protection else None,
            email=email,
            removal_policy=removal_policy,
            deletion_protection=removal_policy == RemovalPolicy.RETAIN,
        )
        if known_length != password_length:
            # CDK compares the number as it is, and a token stands for itself by one far below zero.
            resource = cast("cognito.CfnUserPool", user_pool.node.default_child)
            resource.add_property_override("Policies.PasswordPolicy.MinimumLength", password_length)
        return user_pool


@jsii.implements(IValidation)
class _PeopleComeBack:
    """Looks at synthesis, after everyone who may have named a page."""

    def __init__(self, pages: list[str]) -> None:
        self._pages = pages

    def validate(self) -> list[str]:
        """Called by CDK: one message per finding."""
        try:
            _refuse_from_nowhere(self._pages)
        except ValueError as refusal:
            return [str(refusal)]
        return []


def _refuse_from_nowhere(pages: list[str]) -> None:
    if not pages:
        raise ValueError(
            "SIGN_IN_FROM_NOWHERE: there is a sign-in page, and no page that people come back to from it, which Cognito refuses at deployment. "
            "Name one by allow_sign_in_from('https://your.page/'), or leave sign_in_prefix out."
        )


def _known(duration: Duration | None) -> Duration | None:
    return None if duration is None or duration.is_unresolved() else duration


def _pass_token(client: cognito.UserPoolClient, refresh: Duration | None) -> None:
    """CDK compares durations with Cognito's limits, in milliseconds, which cannot be told of a token."""
    if refresh is None or not refresh.is_unresolved():
        return
    resource = cast("cognito.CfnUserPoolClient", client.node.default_child)
    unit = refresh.unit_label()
    resource.add_property_override("RefreshTokenValidity", getattr(refresh, f"to_{unit}")())
    resource.add_property_override("TokenValidityUnits.RefreshToken", unit)


def _check_password_length(length: int) -> None:
    if not is_unresolved(length) and not _SHORTEST_PASSWORD <= length <= _LONGEST_PASSWORD:
        raise ValueError(
            f"PASSWORD_LENGTH: password_length is {length!r}; it takes {_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD}. Choose a length "
            "within that range; Cognito itself would take 6."
        )


def _check_sign_in_prefix(prefix: str | None) -> None:
    if prefix is None or is_unresolved(prefix):
        return
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", prefix) or any(word in prefix for word in _RESERVED_IN_PREFIXES):
        raise ValueError(
            f"SIGN_IN_PREFIX: {prefix!r} cannot begin a sign-in page's address; allowed are 1 to 63 lower-case letters, digits and hyphens "
            f"between them, without {', '.join(_RESERVED_IN_PREFIXES)}. Choose such a prefix, which nobody else in the region has."
        )


def _doubt_cors(scope: Construct, url: StreamingUrl) -> None:
    resource = url.function_url.node.default_child
    if isinstance(resource, lambda_.CfnUrl) and resource.cors is None:  # of an imported URL it is not known
        Annotations.of(scope).add_warning_v2(
            "streaming-lambda:browser-without-cors",
            f"{url.node.path} allows no other origin, so a page from elsewhere cannot read its answers. Give the URL "
            "cors=BrowserIdentity.cors('https://your.page').",
        )
