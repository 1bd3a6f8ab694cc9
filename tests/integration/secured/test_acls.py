"""The ACLs that `scripts/acls` derives are the least that suffice: each is needed, and no other is."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka.admin import AdminClient

from services.commands.create_topics import create_missing
from services.commands.redrive import _Report
from services.errors import NotAuthorised
from services.streaming.access import TRANSACTIONAL_ID, Access, Permission, await_access
from services.streaming.authorisation import CREATE, explain_refusals
from services.streaming.clients import KafkaClients
from services.streaming.dead_letter_reading import DeadLetterFilter
from services.streaming.redriver import Redriver
from services.streaming.settings import KafkaSettings, librdkafka_properties
from tools.acls.__main__ import acls_of
from tools.acls.__main__ import main as acls_command
from tools.acls.broker import add, bindings, compare, remove
from tools.acls.formats import as_kafka
from tools.acls.programs import programs
from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster
from tools.tail.follower import partitions_of

_WORDS = {"TOPIC": "topic", "GROUP": "consumer group", "TRANSACTIONAL_ID": "transactional id"}


@pytest.fixture
def pipeline(secured: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Contracts of this test's own, named in the environment; neither topics nor subjects yet."""
    made = Pipeline(secured, tmp_path, create=False, register=False)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def admin(secured: Cluster) -> AdminClient:
    return AdminClient(secured.client_config())


class Program:
    """A program of a user whose ACLs are changed.

    Args:
        cluster: The secured cluster.
        pipeline: Contracts.
        access: What the program declares.
    """

    def __init__(self, cluster: Cluster, pipeline: Pipeline, access: Access) -> None:
        self.access = access
        self._pipeline = pipeline
        self._settings = KafkaSettings(kafka_broker_url=cluster.bootstrap_servers)
        properties = librdkafka_properties(cluster.environment(access.program))
        self._clients = KafkaClients(self._settings, properties, access.program)

    def check(self, permission: Permission | None = None) -> None:
        """Do what the program does first, by its own code.

        Raises:
            NotAuthorised: It may not.
        """
        special: Mapping[str, Callable[[], None]] = {
            "create-topics": lambda: self._create_topics(permission), "redrive": self._redrive, "tail": self._tail
        }  # fmt: skip
        special.get(self.access.program, self._start)()

    def _start(self) -> None:
        transactional_id = self.access.transactional_id + ("one" if self.access.has_instances else "")
        group = next(iter(self.access.groups), "")
        refusals = explain_refusals(lambda: None, group=group, transactional_id=transactional_id)
        with refusals if transactional_id else nullcontext():
            await_access(self._clients, self._settings, self.access, Event())
            if transactional_id:
                self._clients.producer(transactional_id=transactional_id).init_transactions(30)

    def _create_topics(self, permission: Permission | None) -> None:
        contracts = self._pipeline.contracts
        topics = [contracts.topic(permission.name)] if permission else contracts.topics
        create_missing(self._clients.admin(), self._settings, topics)

    def _redrive(self) -> None:
        dead, contracts = self._pipeline.dead, self._pipeline.contracts
        with explain_refusals(lambda: None, group="", transactional_id=self.access.transactional_id):
            Redriver(self._clients, dead, contracts.inputs_of(dead), _Report(dead, dry_run=False)).run(
                DeadLetterFilter()
            )

    def _tail(self) -> None:
        for topic in self.access.topics:
            partitions_of(self._clients.admin(), topic.name)


def refusals(admin: AdminClient, program: Program, permissions: Sequence[Permission]) -> Iterator[tuple[str, str]]:
    """Take each permission away in turn; yield the resource that has to be named, and the error."""
    for permission in permissions:
        (acl,) = (acl for acl in acls_of([program.access]) if acl.permission == permission)
        taken = bindings([acl])
        remove(admin, taken)
        prefix = "one" if permission.resource == TRANSACTIONAL_ID and program.access.has_instances else ""
        with pytest.raises(NotAuthorised) as refusal:
            program.check(permission)
        add(admin, taken)
        yield f"{permission.operation} on {_WORDS[permission.resource]} {permission.name}{prefix}", str(refusal.value)


def test_each_acl_is_needed_and_its_absence_is_named(secured: Cluster, pipeline: Pipeline, admin: AdminClient) -> None:
    declared = [Program(secured, pipeline, access) for access in programs(pipeline.contracts)]
    difference = compare(admin, acls_of([program.access for program in declared]))
    add(admin, difference.missing)
    remove(admin, difference.surplus)  # of other tests
    counts = 0

    def take_away(program: Program, *, create: bool) -> int:
        permissions = [each for each in program.access.permissions if (each.operation == CREATE) == create]
        answers = list(refusals(admin, program, permissions))
        sentence = "not authorised: these credentials need {}; grant it by an ACL"
        assert [answer for answer in answers if sentence.format(answer[0]) not in answer[1]] == []
        program.check()
        return len(answers)

    # While there is no topic, to create one has to be allowed; from then on the other operations on it.
    creators = {program.access.program: program for program in declared if program.access.program in
                ("create-topics", "redrive")}  # fmt: skip
    counts += take_away(creators["create-topics"], create=True)
    counts += take_away(creators["redrive"], create=True)
    with ThreadPoolExecutor(4) as pool:
        counts += sum(pool.map(lambda program: take_away(program, create=False), declared))
    assert counts == sum(len(program.access.permissions) for program in declared)


def test_the_command_applies_compares_and_prunes(
    pipeline: Pipeline, admin: AdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, list[str]]:
        code = acls_command(["generator", *arguments])
        return code, capsys.readouterr().out.splitlines()

    run("--apply", "--prune")
    assert run("--check") == (0, ["1 needed, 0 missing, 0 too many"])
    (access,) = (each for each in programs(pipeline.contracts) if each.program == "generator")
    needed = bindings(acls_of([access]))
    extra = bindings(acls_of([Access("generator", groups={"odd": ("READ",)})]))
    remove(admin, needed)
    add(admin, extra)
    assert run("--check") == (1, [
        f"missing  User:generator  Write on topic {pipeline.input}",
        "surplus  User:generator  Read on group odd",
        "1 needed, 1 missing, 1 too many",
    ])  # fmt: skip
    assert run("--apply") == (0, ["1 needed, 1 added, 1 too many, which --prune removes"])
    assert run("--apply", "--prune") == (0, ["1 needed, 0 added, 1 removed"])
    assert run("--check") == (0, ["1 needed, 0 missing, 0 too many"])
    assert len([line for line in as_kafka(acls_of([access])).splitlines() if shlex.split(line)[0] == "add"]) == 1


def test_who_may_not_see_acls_is_told_so(
    secured: Cluster, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (pipeline.environment | secured.environment("detector")).items():
        monkeypatch.setenv(name, value)
    assert acls_command(["--check"]) == NotAuthorised.exit_code
    assert "these credentials need DESCRIBE on the cluster" in capsys.readouterr().err
