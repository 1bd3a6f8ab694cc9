"""Loads notifications.toml: everything in it is checked, every fault has its line."""

import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.toml_source import TomlDocument, parse_toml
from services.contracts import Schema
from services.errors import ContractError
from services.notifier.alert import KEY
from services.notifier.condition_reading import FieldReader
from services.notifier.matching import Matcher
from services.notifier.model import EmailReceiver, Inhibition, Notifications, Receiver, Report, Route
from services.notifier.receiver_loading import read_receiver
from services.notifier.schedule import DailyTimes, QuietHours, Timing
from services.notifier.tables import DAYS, NotificationsError, NotificationsFaults, Table, read_time
from services.rules.aggregations import read_duration
from services.rules.faults import shown
from services.rules.fields import Field, fields_of_schema

_ADDRESS = re.compile(r"https?://[^\s]+")
_DEFAULTS = Timing()
_NO_TIMES: tuple[time, ...] = ()


def load_notifications(path: Path, transaction: Schema) -> Notifications:
    """Return the content of a notifications file.

    Args:
        path: The file.
        transaction: The schema of transactions, whose fields routes may name.

    Raises:
        NotificationsError: One line for each fault, with file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotificationsError(
            f"{path}: cannot be read: {error.strerror}; NOTIFICATIONS_FILE names the file that says who is told what"
        ) from None
    absolute, here = path.absolute(), Path.cwd()
    source = absolute.relative_to(here) if absolute.is_relative_to(here) else path
    return parse_notifications(content, str(source), transaction)


def parse_notifications(content: bytes | str, source: str, transaction: Schema) -> Notifications:
    """Return the notifications in the content of a file.

    Args:
        content: The content of the file.
        source: Its name, for messages.
        transaction: The schema of transactions.

    Raises:
        NotificationsError: One line for each fault, with file and line.
    """
    try:
        document = parse_toml(source, content.encode() if isinstance(content, str) else content)
    except ContractError as error:
        raise NotificationsError(str(error)) from None
    faults = NotificationsFaults(document)
    notifications = _Reader(document, faults, fields_of_schema(transaction)).notifications()
    faults.raise_any()
    return notifications


class _Reader:
    def __init__(self, document: TomlDocument, faults: NotificationsFaults, fields: Mapping[str, Field]) -> None:
        self.source = document.name
        self.root = Table((), document.data, faults)
        self.faults = faults
        self.fields = fields
        self.conditions = FieldReader(fields)
        self.labels = [*self.conditions.names, KEY]
        self.quiet_hours: dict[str, QuietHours] = {}
        self.receivers: dict[str, Receiver] = {}
        self.route_names: set[str] = set()

    def notifications(self) -> Notifications:
        texts = [name for name, field in self.fields.items() if field.is_text]
        for table in self.root.tables("receivers"):
            name = str(table.path[-1])
            if receiver := read_receiver(name, table, texts):
                self.receivers[name] = receiver
        self.fallbacks()
        for table in self.root.tables("quiet_hours"):
            self.quiet_hours[str(table.path[-1])] = self.quiet(table)
        route = self.root.table("route")
        if route is None:
            self.faults.add(
                ("route",), "expected a table [route]: the receivers of all alerts that no other route takes"
            )
        inhibitions = tuple(self.inhibition(table) for table in self.root.tables("inhibitions"))
        report = self.root.table("report")
        case_url = self.root.text("case_url", "")
        if case_url and not (_ADDRESS.fullmatch(case_url) and "{alert}" in case_url):
            self.root.fault(
                "case_url", f'expected an address such as "https://host/alerts/{{alert}}", found {shown(case_url)}'
            )
        notifications = Notifications(
            source=self.source,
            route=self.route(route, "route", _DEFAULTS, (), ("rule", "key")) if route else Route("route"),
            receivers=self.receivers,
            inhibitions=inhibitions,
            report=self.report(report) if report else None,
            case_url=case_url,
        )
        self.root.end()
        return notifications

    def fallbacks(self) -> None:
        """Check that fallbacks exist and lead to an end."""
        for name, receiver in self.receivers.items():
            chain, path = [name], ("receivers", name, "fallback")
            fallback = receiver.fallback
            while fallback is not None and fallback not in chain and fallback in self.receivers:
                chain.append(fallback)
                fallback = self.receivers[fallback].fallback
            if fallback == name:
                self.faults.add(path, f"fallback: {' -> '.join([*chain, name])} is a circle; expected an end")
            elif fallback is not None and len(chain) == 1:
                self.faults.add(path, f"fallback: {self.no_receiver(fallback)}")

    def no_receiver(self, name: str) -> str:
        names = list(self.receivers)
        return f'there is no receiver "{name}"' + (
            suggestion(name, names) or f"; there are {', '.join(names) or 'none: expected tables [receivers.NAME]'}"
        )

    def names_of_receivers(self, table: Table, default: tuple[str, ...] | None) -> tuple[str, ...]:
        names = table.texts("receivers", default)
        for name in names:
            if name not in self.receivers:
                table.fault("receivers", self.no_receiver(name))
        return names

    def route(
        self, table: Table, path: str, timing: Timing, receivers: tuple[str, ...], group_by: tuple[str, ...]
    ) -> Route:
        """Read a route; what it does not say is as its parent's."""
        is_root = path == "route"
        name = path if is_root else table.text("name", path)
        if name in self.route_names:
            table.fault("name", f'there is another route "{name}"; expected a name of its own')
        self.route_names.add(name)
        if is_root and table.has("match"):
            table.fault("match", "the root takes every alert; expected match in [[route.routes]]")
        own_receivers = self.names_of_receivers(table, None if is_root else receivers)
        own_group_by = table.texts("group_by", group_by)
        for label in own_group_by:
            if label not in self.labels:
                table.fault("group_by", self.conditions.unknown(label, self.labels))
        own_timing = self.timing(table, timing)
        route = Route(
            name=name,
            matcher=self.matcher(table, "match") if not is_root else Matcher(),
            receivers=own_receivers,
            group_by=own_group_by,
            timing=own_timing,
            continues=table.flag("continue", default=False),
            routes=tuple(
                self.route(child, f"{path}.routes[{number}]", own_timing, own_receivers, own_group_by)
                for number, child in enumerate(table.tables("routes"))
            ),
        )
        table.end()
        return route

    def matcher(self, table: Table, key: str) -> Matcher:
        conditions = table.table(key)
        if conditions is None:
            table.fault(key, 'expected conditions, such as { severity = "critical" }')
            return Matcher()
        read = []
        for name, value in conditions.content.items():
            try:
                read.append(self.conditions.condition(name, value))
            except ValueError as error:
                conditions.fault(name, str(error))
        return Matcher(tuple(read))

    def timing(self, table: Table, parent: Timing) -> Timing:
        zone = table.zone("timezone")
        at, every = parent.digest_at, parent.digest_every
        if table.has("digest"):
            value = table.content["digest"]
            if isinstance(value, list):
                times = table.parsed("digest", _times, _NO_TIMES)
                at, every = (DailyTimes(times, zone), None) if times else (None, None)
            else:
                at, every = None, table.duration("digest", 3600.0)
        quiet = parent.quiet_hours
        if table.has("quiet_hours"):
            names = table.texts("quiet_hours", ())
            quiet = tuple(self.quiet_hours[name] for name in names if name in self.quiet_hours)
            for name in names:
                if name not in self.quiet_hours:
                    table.fault("quiet_hours", f"there is no table [quiet_hours.{name}]")
        return Timing(
            group_wait=table.duration("group_wait", parent.group_wait),
            group_interval=table.duration("group_interval", parent.group_interval),
            repeat_interval=table.parsed("repeat_interval", _duration_or_never, parent.repeat_interval),
            resolve_after=table.duration("resolve_after", parent.resolve_after),
            digest_every=every,
            digest_at=at,
            quiet_hours=quiet,
        )

    def quiet(self, table: Table) -> QuietHours:
        start, end = (table.parsed(key, read_time, read_time(default)) for key, default in
                      (("from", "22:00"), ("to", "07:00")))  # fmt: skip
        days = table.texts("days", DAYS)
        for day in days:
            if day not in DAYS:
                table.fault("days", f"expected days of {', '.join(DAYS)}, found {shown(day)}")
        quiet = QuietHours(
            start, end, frozenset(DAYS.index(day) for day in days if day in DAYS), table.zone("timezone")
        )
        table.end()
        return quiet

    def inhibition(self, table: Table) -> Inhibition:
        equal = table.texts("equal", (KEY,))
        for label in equal:
            if label not in self.labels:
                table.fault("equal", self.conditions.unknown(label, self.labels))
        inhibition = Inhibition(
            source=self.matcher(table, "source"),
            target=self.matcher(table, "target"),
            equal=equal,
            duration=table.duration("for", 3600.0),
        )
        table.end()
        return inhibition

    def report(self, table: Table) -> Report:
        zone = table.zone("timezone")
        at = table.parsed("at", read_time, read_time("07:00"))
        names = self.names_of_receivers(table, None)
        for name in names:
            if name in self.receivers and not isinstance(self.receivers[name], EmailReceiver):
                table.fault("receivers", f'"{name}" can\'t show a report; expected receivers with type = "email"')
        report = Report(names, DailyTimes((at,), zone))
        table.end()
        return report


def _times(values: Any) -> tuple[time, ...]:
    return tuple(sorted(map(read_time, values)))


def _duration_or_never(value: Any) -> float | None:
    return None if value == "never" else read_duration(value) / 1000
