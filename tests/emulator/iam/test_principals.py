from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.assembly import AssemblyError, CloudAssembly
from constructs_pkg.emulator.iam import Authorizer, Principals
from tests.assembly.builder import write_stack
from tests.emulator.iam.account import ACCOUNT, ALIAS, BOTH, CHAT, Account, role

if TYPE_CHECKING:
    from pathlib import Path


def test_roles_and_users_are_principals_by_construct_path(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role(), "U": {"Type": "AWS::IAM::User", "Properties": {"UserName": "u"}}})
    assert list(account.principals.named) == ["admin", "stranger", "outsider", "App/R", "App/U"]
    caller = account.principal("R")
    assert caller.arn == f"arn:aws:iam::{ACCOUNT}:role/caller"
    assert caller.session_arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/emulator"
    assert caller.unique_id.startswith("AROA")
    assert caller.unique_id.endswith(":emulator")
    assert caller.credentials.session_token
    assert caller.credentials.access_key_id.startswith("ASIA")
    user = account.principal("U")
    assert user.session_arn == user.arn == f"arn:aws:iam::{ACCOUNT}:user/u"
    assert user.credentials.session_token is None
    assert user.credentials.access_key_id.startswith("AKIA")


def test_credentials_are_made_anew_at_every_start(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role()})
    again = Principals.from_assembly(account.assembly)
    keys = {p.credentials.secret_access_key for ps in (account.principals, again) for p in ps.named.values()}
    assert len(keys) == 8


def test_principal_is_found_by_key_and_by_arn(tmp_path: Path) -> None:
    principals = Account(tmp_path, {"R": role()}).principals
    caller = principals.named["App/R"]
    assert principals.by_access_key(caller.credentials.access_key_id) is caller
    assert principals.credentials(caller.credentials.access_key_id) == caller.credentials
    assert principals.by_arn(caller.arn) is caller
    assert principals.by_access_key("AKIANOBODY") is None
    assert principals.credentials("AKIANOBODY") is None
    assert principals.by_arn("arn:aws:iam::123456789012:role/nobody") is None


def test_outsider_is_of_another_account_even_if_that_is_ours(tmp_path: Path) -> None:
    write_stack(tmp_path, "App", {"Resources": CHAT}, environment="aws://999999999999/us-east-1")
    principals = Principals.from_assembly(CloudAssembly.load(tmp_path))
    assert principals.admin.account == "999999999999"
    assert principals.outsider.account == "888888888888"


def test_admin_is_admin_in_every_account_of_the_assembly_and_nowhere_else(tmp_path: Path) -> None:
    for number, account in enumerate(("111111111111", "222222222222")):
        write_stack(tmp_path, f"App{number}", {"Resources": CHAT}, environment=f"aws://{account}/us-east-1")
    assembly = CloudAssembly.load(tmp_path)
    principals = Principals.from_assembly(assembly)
    authorizer = Authorizer(assembly, principals)
    for account, may in (("111111111111", True), ("222222222222", True), ("333333333333", False)):
        arn = ALIAS.replace(ACCOUNT, account)
        assert authorizer.authorize_function_url(principals.admin, arn, "AWS_IAM").allowed is may
        assert not authorizer.authorize_function_url(principals.stranger, arn, "AWS_IAM").allowed


def test_a_users_name_gives_it_no_stand_ins_rights(tmp_path: Path) -> None:
    users = {name: {"Type": "AWS::IAM::User", "Properties": {"UserName": name}} for name in ("admin", "outsider")}
    account = Account(tmp_path, {f"U{name}": user for name, user in users.items()})
    assert not account.url("Uadmin").allowed
    assert not account.url("Uoutsider").allowed


def test_a_construct_may_not_take_a_stand_ins_name(tmp_path: Path) -> None:
    taken = {"R": {**role(*BOTH), "Metadata": {"aws:cdk:path": "admin"}}}
    with pytest.raises(AssemblyError, match="NAME_TAKEN: two principals are called admin"):
        Account(tmp_path, taken)


def test_iam_loads_neither_cdk_nor_jsii_nor_boto3() -> None:
    script = (
        "import sys; import constructs_pkg.emulator.iam;"
        "print([name for name in ('aws_cdk', 'jsii', 'constructs', 'boto3', 'botocore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
