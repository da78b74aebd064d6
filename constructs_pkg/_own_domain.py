"""A domain of one's own in front of an endpoint: its certificate, in the region that takes it, and its address records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Resource, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53

from ._tokens import is_unresolved
from ._us_east_1 import US_EAST_1, readable_from_elsewhere, scope_in_us_east_1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct


class OwnDomain:
    """Names, their certificate and their zone; none of them where nothing was asked for.

    Attributes:
        names: The names, as they were given.
        certificate: Given, or made and validated in the zone; None without names.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        names: Sequence[str],
        certificate: acm.ICertificate | None,
        hosted_zone: route53.IHostedZone | None,
        in_us_east_1: bool,
    ) -> None:
        """Finds or makes the certificate.

        Args:
            scope: The front that the names belong to.
            names: Fully qualified names.
            certificate: Theirs, if it exists.
            hosted_zone: Where they are, if records are wanted.
            in_us_east_1: Whether the certificate has to be there (CloudFront, and API Gateway's edge-optimized endpoints).

        Raises:
            ValueError: `DOMAIN_WITHOUT_CERTIFICATE`, `CERTIFICATE_UNUSED`, `CERTIFICATE_REGION`, `ZONE_IN_SAME_STACK`, or
                `WAF_REGION` when the certificate cannot be made where it belongs.
        """
        self.names = tuple(names)
        self._scope = scope
        self._zone = hosted_zone
        if not self.names:
            _refuse_unused(certificate, hosted_zone)
            self.certificate: acm.ICertificate | None = None
        elif certificate is not None:
            _require_region(certificate, US_EAST_1 if in_us_east_1 else Stack.of(scope).region)
            self.certificate = certificate
        elif hosted_zone is not None:
            self.certificate = self._validated_in(hosted_zone, in_us_east_1)
        else:
            raise ValueError(
                f"DOMAIN_WITHOUT_CERTIFICATE: {', '.join(self.names)} needs a certificate. Give certificate=..., or hosted_zone=... "
                "so that one is made and validated there."
            )

    def point_to(self, target: route53.IAliasRecordTarget) -> list[route53.ARecord | route53.AaaaRecord]:
        """Makes an IPv4 and an IPv6 record for each name; none where no zone was given."""
        if self._zone is None:
            return []
        records: list[route53.ARecord | route53.AaaaRecord] = []
        for index, name in enumerate(self.names):
            label = f"Name{index + 1}" if is_unresolved(name) else name
            where = route53.RecordTarget.from_alias(target)
            records.append(route53.ARecord(self._scope, f"{label}-IPv4", zone=self._zone, record_name=name, target=where))
            records.append(route53.AaaaRecord(self._scope, f"{label}-IPv6", zone=self._zone, record_name=name, target=where))
        return records

    def _validated_in(self, zone: route53.IHostedZone, in_us_east_1: bool) -> acm.Certificate:
        scope = self._scope
        if in_us_east_1:
            scope = scope_in_us_east_1(
                scope,
                what=f"the certificate of {self.names[0]}",
                instead="give certificate=Certificate.from_certificate_arn(...)",
            )
            if scope is not self._scope and Resource.is_owned_resource(zone) and Stack.of(zone) is Stack.of(self._scope):
                raise ValueError(
                    f"ZONE_IN_SAME_STACK: {zone.node.path} is made in the stack of the front, which waits for the certificate in {US_EAST_1}, "
                    "which would wait for the zone. Make the zone in a stack of its own, or import it."
                )
        certificate = acm.Certificate(
            scope,
            "Certificate",
            domain_name=self.names[0],
            subject_alternative_names=list(self.names[1:]) or None,
            validation=acm.CertificateValidation.from_dns(zone),
        )
        readable_from_elsewhere(certificate)
        return certificate


def _refuse_unused(certificate: acm.ICertificate | None, zone: route53.IHostedZone | None) -> None:
    if certificate is None and zone is None:
        return
    raise ValueError(
        f"CERTIFICATE_UNUSED: {'a certificate' if certificate is not None else 'a hosted zone'} is given, and no domain name that it is for. "
        "Give the name, or leave it out."
    )


def _require_region(certificate: acm.ICertificate, wanted: str) -> None:
    arn = certificate.certificate_arn
    found = Stack.of(certificate).region if is_unresolved(arn) else arn.split(":")[3]
    if is_unresolved(found) or is_unresolved(wanted) or found == wanted:
        return
    raise ValueError(
        f"CERTIFICATE_REGION: the certificate is in {found}, and this front takes one from {wanted} alone. Make it there, or give "
        "hosted_zone so that it is made where it belongs."
    )
