"""Who is calling, and may they: signatures verified, the template's policies evaluated. Pure: no sockets, no clock."""

from constructs_pkg.emulator.iam.policies import Authorizer, Decision
from constructs_pkg.emulator.iam.principals import Principal, Principals
from constructs_pkg.emulator.iam.refusals import RefusalResponse, api_refusal, function_url_refusal
from constructs_pkg.emulator.iam.sigv4 import Credentials, SignatureRefusal, SignedRequest, VerifiedSignature, verify

__all__ = [
    "Authorizer",
    "Credentials",
    "Decision",
    "Principal",
    "Principals",
    "RefusalResponse",
    "SignatureRefusal",
    "SignedRequest",
    "VerifiedSignature",
    "api_refusal",
    "function_url_refusal",
    "verify",
]
