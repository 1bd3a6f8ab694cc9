"""The command ``scripts/acls``."""

import argparse
import os
import sys
from collections.abc import Sequence

from services.contracts import load_contracts
from services.errors import ExpectedError, UsageError
from services.streaming.access import Access
from services.streaming.clients import KafkaClients
from services.streaming.logs import configure_logging
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.topics import await_brokers
from tools.acls.broker import add, compare, remove
from tools.acls.formats import FORMATS, Acl
from tools.acls.programs import chosen, programs
from tools.clusters import cluster_variables
from tools.command_line import command_parser, print_error
from tools.local_cluster import LocalCluster

_EPILOG = """\
The ACLs follow from the contracts and from the settings in the environment, as each service reads them: run it with the
variables that the services have. `register-schemas` needs none.

exit codes:
  0  done; with --check: the brokers have these ACLs and no others
  1  with --check: some are missing, or too many; or a contract has faults
  2  wrong usage
  3  no broker answers
  4  not authorised: these credentials may not see or change ACLs
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = _options(arguments)
    configure_logging("acls", "error")
    try:
        contracts = load_contracts()
        users = _users(options.user)
        acls = acls_of(chosen(programs(contracts), options.program), users)
        if options.apply or options.check:
            return _on_brokers(acls, check=options.check, prune=options.prune)
    except ExpectedError as error:
        return print_error("acls", error)
    print(FORMATS[options.format](acls))
    return 0


def acls_of(accesses: Sequence[Access], users: dict[str, str] | None = None) -> Sequence[Acl]:
    """Return the ACLs of programs.

    Args:
        accesses: Programs.
        users: User by program, where it is not the program's name.
    """
    return [
        Acl(access.program, f"User:{(users or {}).get(access.program, access.program)}", permission)
        for access in accesses
        for permission in access.permissions
    ]


def _on_brokers(acls: Sequence[Acl], *, check: bool, prune: bool) -> int:
    os.environ.update(cluster_variables(os.environ, LocalCluster()))
    settings = load_settings(KafkaSettings)
    admin = KafkaClients(settings, librdkafka_properties(), client_id="acls").admin()
    await_brokers(admin, settings)
    difference = compare(admin, acls)
    if check:
        for line in difference.lines:
            print(line)
        print(f"{len(acls)} needed, {len(difference.missing)} missing, {len(difference.surplus)} too many")
        return 1 if difference.lines else 0
    add(admin, difference.missing)
    if prune:
        remove(admin, difference.surplus)
    left = "removed" if prune else "too many, which --prune removes"
    print(f"{len(acls)} needed, {len(difference.missing)} added, {len(difference.surplus)} {left}")
    return 0


def _users(pairs: Sequence[str]) -> dict[str, str]:
    """Return the user by program, of `program=user` each.

    Raises:
        UsageError: One is no such pair.
    """
    users = {}
    for pair in pairs:
        program, sign, user = pair.partition("=")
        if not (program and sign and user):
            raise UsageError(f"--user {pair}: expected PROGRAM=USER, such as detector=CN=detector")
        users[program] = user
    return users


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("acls", "The least ACLs that the services and commands need.", _EPILOG)
    parser.add_argument("program", nargs="*", metavar="PROGRAM", help="such as detector; default: all")
    parser.add_argument("--format", choices=list(FORMATS), default="table", help="default: %(default)s")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--apply", action="store_true", help="add those that the brokers lack")
    action.add_argument("--check", action="store_true", help="say which the brokers lack, or have too many of")
    parser.add_argument(
        "--prune", action="store_true", help="with --apply: remove those of these users that no one needs"
    )
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="PROGRAM=USER",
        help="where the user has another name; repeatable",
    )
    options = parser.parse_args(arguments)
    if options.prune and not options.apply:
        parser.error("--prune: expected --apply with it")
    return options


if __name__ == "__main__":
    sys.exit(main())
