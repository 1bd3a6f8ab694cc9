"""notifications.toml as data: who is told what, and how."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.notifier.alert import Alert
from services.notifier.matching import Matcher
from services.notifier.schedule import DailyTimes, Timing
from services.notifier.secret import Secret


@dataclass(frozen=True)
class RateLimit:
    """A limit on the messages to a receiver.

    Attributes:
        count: Messages in each period; as many may go at once.
        period: The period in seconds.
    """

    count: int
    period: float


@dataclass(frozen=True)
class Receiver:
    """Settings that all receivers have in common.

    Attributes:
        name: Its name in the file.
        line: Its line there.
        mask: Fields of a transaction whose values the receiver does not see.
        rate_limit: Limit of its messages; None for none.
        retry_for: Seconds from the first attempt after which no other one begins.
        fallback: The receiver that gets what this one can not get; None for none.
        resend_unknown: Whether a message is sent again of which nobody knows whether it has arrived.
        timeout: Seconds to wait for each answer.
    """

    name: str
    line: int = 0
    mask: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    retry_for: float = 3600.0
    fallback: str | None = None
    resend_unknown: bool = True
    timeout: float = 10.0

    @property
    def secrets(self) -> Sequence[Secret]:
        """The secrets that it needs."""
        return ()


@dataclass(frozen=True, kw_only=True)
class EmailReceiver(Receiver):
    """People with mailboxes, by SMTP.

    Attributes:
        to: Addresses.
        sender: The address that the mail is from.
        host: The SMTP server.
        port: Its port.
        tls: `starttls`, `tls` (from the first byte on) or `none`.
        username: User at the server; None for no login.
        password: The user's password.
    """

    to: tuple[str, ...]
    sender: str
    host: str
    port: int = 587
    tls: str = "starttls"
    username: str | None = None
    password: Secret | None = None

    @property
    def secrets(self) -> Sequence[Secret]:
        """The password, if there is one."""
        return [self.password] if self.password else []


@dataclass(frozen=True, kw_only=True)
class SlackReceiver(Receiver):
    """A channel of Slack: by a bot's token, with threads, or by an incoming webhook, without.

    Attributes:
        channel: The channel's id; with a token only.
        token: The bot's token.
        url: The address of an incoming webhook, which is a secret.
        updates: `thread` replies to the first message of a group, `edit` changes that message, `new` writes another.
        api_url: Address of the Web API.
    """

    channel: str = ""
    token: Secret | None = None
    url: Secret | None = None
    updates: str = "thread"
    api_url: str = "https://slack.com/api"

    @property
    def secrets(self) -> Sequence[Secret]:
        """The token or the address."""
        return [secret for secret in (self.token, self.url) if secret]


@dataclass(frozen=True, kw_only=True)
class WebhookReceiver(Receiver):
    """A program, by HTTP: signed JSON whose schema is published.

    Attributes:
        url: The address that is posted to.
        signing_secrets: Secrets that sign, two while one replaces the other.
    """

    url: str
    signing_secrets: tuple[Secret, ...]

    @property
    def secrets(self) -> Sequence[Secret]:
        """The secrets that sign."""
        return self.signing_secrets


@dataclass(frozen=True, kw_only=True)
class AppriseReceiver(Receiver):
    """Any service that Apprise knows.

    Attributes:
        url: The address in Apprise's notation, which has the credentials.
    """

    url: Secret

    @property
    def secrets(self) -> Sequence[Secret]:
        """The address."""
        return [self.url]


@dataclass(frozen=True)
class LogReceiver(Receiver):
    """The notifier's own log, for trying things out."""


@dataclass(frozen=True)
class Route:
    """A node of the routing tree.

    Attributes:
        name: Its name in messages, unique in the tree.
        matcher: The alerts that it takes.
        receivers: Names of the receivers.
        group_by: Fields by which alerts are put together in one message.
        timing: When.
        continues: Whether the routes after it are tried as well.
        routes: More special routes, in order; the first that matches takes an alert.
    """

    name: str
    matcher: Matcher = field(default_factory=Matcher)
    receivers: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)
    continues: bool = False
    routes: tuple["Route", ...] = ()

    def taking(self, alert: Alert) -> list["Route"]:
        """Return the routes that take an alert: the most special ones, and this one where none of its routes does."""
        if not self.matcher.matches(alert):
            return []
        taking: list[Route] = []
        for route in self.routes:
            routes = route.taking(alert)
            taking += routes
            if routes and not route.continues:
                break
        return taking or [self]

    def all(self) -> Iterator["Route"]:
        """Yield this route and those below it."""
        yield self
        for route in self.routes:
            yield from route.all()


@dataclass(frozen=True)
class Inhibition:
    """Alerts that nobody is told of while worse ones are open.

    Attributes:
        source: The worse alerts.
        target: The alerts that are suppressed.
        equal: Fields that must be the same in both.
        duration: Seconds for which an alert suppresses others.
    """

    source: Matcher
    target: Matcher
    equal: tuple[str, ...]
    duration: float


@dataclass(frozen=True)
class Report:
    """The daily report.

    Attributes:
        receivers: Names of those who get it.
        at: The time of day; it is about the 24 hours before.
    """

    receivers: tuple[str, ...]
    at: DailyTimes


@dataclass(frozen=True)
class Notifications:
    """A notifications file.

    Attributes:
        source: Its name in messages.
        route: The root of the routing tree, which takes every alert.
        receivers: Receivers by name.
        inhibitions: What suppresses what.
        report: The daily report; None for none.
        case_url: Address of an alert's case, with `{alert}` for its id; empty for no links.
    """

    source: str
    route: Route
    receivers: Mapping[str, Receiver]
    inhibitions: tuple[Inhibition, ...] = ()
    report: Report | None = None
    case_url: str = ""

    def route_named(self, name: str) -> Route | None:
        """Return the route of a name."""
        return next((route for route in self.route.all() if route.name == name), None)

    @property
    def memory(self) -> float:
        """Seconds for which what was sent and seen matters: groups stay open, alerts suppress others."""
        timings = [route.timing for route in self.route.all()]
        reports = [2 * 86_400.0] if self.report else []
        return max(
            [timing.resolve_after + timing.group_interval for timing in timings]
            + [timing.repeat_interval or 0.0 for timing in timings]
            + [inhibition.duration for inhibition in self.inhibitions]
            + reports
        )


def group_key(receiver: str, route: str, labels: Mapping[str, str]) -> str:
    """Return the key of a group, which stands in its events."""
    return json.dumps([receiver, route, labels], sort_keys=True, ensure_ascii=False)


def route_of_group(key: str) -> str:
    """Return the name of a group's route."""
    return str(json.loads(key)[1])
