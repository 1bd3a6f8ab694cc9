"""notifications.toml: what is right is read, what is wrong is named with its line."""

import re
from datetime import time
from pathlib import Path

import pytest

from services.contracts import load_contracts
from services.notifier.loading import load_notifications, parse_notifications
from services.notifier.matching import Condition
from services.notifier.model import (
    AppriseReceiver,
    EmailReceiver,
    Notifications,
    RateLimit,
    SlackReceiver,
    WebhookReceiver,
)
from services.notifier.settings import DEFAULT_NOTIFICATIONS
from services.notifier.tables import NotificationsError

TRANSACTION = load_contracts().topic("queueing.transactions").required_schema
SMALLEST = '[route]\nreceivers = ["log"]\n[receivers.log]\ntype = "log"\n'


def parse(text: str) -> Notifications:
    return parse_notifications(text, "f", TRANSACTION)


def faults(text: str) -> list[str]:
    with pytest.raises(NotificationsError) as error:
        parse(text)
    return str(error.value).splitlines()


def uncommented() -> str:
    """The default file with all of its examples."""
    lines = DEFAULT_NOTIFICATIONS.read_text().splitlines()
    return "\n".join(re.sub(r"^# (?=[a-z_]+ = |\[)", "", line) for line in lines)


def test_the_default_file_logs_and_its_examples_are_right() -> None:
    assert list(load_notifications(DEFAULT_NOTIFICATIONS, TRANSACTION).receivers) == ["log"]
    notifications = parse(uncommented())
    assert {name: type(receiver).__name__ for name, receiver in notifications.receivers.items()} == {
        "log": "LogReceiver", "desk": "EmailReceiver", "chat": "SlackReceiver", "cases": "WebhookReceiver",
        "phone": "AppriseReceiver",
    }  # fmt: skip
    urgent, rest = notifications.route.routes
    assert urgent.matcher.conditions == (Condition("severity", (), "high"), Condition("amount", (), "1000"))
    assert (urgent.continues, urgent.timing.group_wait, urgent.timing.group_interval) == (True, 5.0, 300.0)
    assert rest.timing.digest_at is not None
    assert rest.timing.digest_at.times == (time(8), time(16))
    assert len(rest.timing.quiet_hours) == 1
    desk = notifications.receivers["desk"]
    assert isinstance(desk, EmailReceiver)
    assert (desk.port, desk.rate_limit, desk.mask) == (587, RateLimit(30, 60.0), ("source", "target"))
    assert notifications.report is not None
    assert notifications.memory == 2 * 86_400.0
    kinds = (EmailReceiver, SlackReceiver, WebhookReceiver, AppriseReceiver)
    assert all(receiver.secrets for receiver in notifications.receivers.values() if isinstance(receiver, kinds))


def test_the_file_for_the_mail_catcher_is_right() -> None:
    load_notifications(DEFAULT_NOTIFICATIONS.with_name("mail-catcher.toml"), TRANSACTION)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotificationsError, match="NOTIFICATIONS_FILE names the file"):
        load_notifications(Path("missing.toml"), TRANSACTION)


EMAIL = '[receivers.m]\ntype = "email"\nto = "a@b.example"\nfrom = "c@d.example"\nhost = "h"\n'
HOOK = '[receivers.w]\ntype = "webhook"\nurl = "https://h/x"\nsigning_secret = { env = "S" }\n'
SLACK = '[receivers.s]\ntype = "slack"\n'
ROUTE = "[[route.routes]]\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[rote]\n", 'f:1: unknown key "rote"; did you mean "route"?'),
        ("[receivers.log]\ntype = 'log'", "f:1: expected a table [route]"),
        ("route = 1", "f:1: route: expected a table, found 1"),
        ("x = ", "f:1"),
        ("[route]\nreceivers = ['a']", 'f:2: route: receivers: there is no receiver "a"; there are none'),
        ("[route]\nreceivers = 5", "f:2: route: receivers: expected texts in an array, found 5"),
        ("[route]\n", "f:1: route: receivers: expected texts in an array, found nothing"),
        (f"{SMALLEST}match = 1", 'f:5: receivers.log: unknown key "match"'),
        ('[route]\nmatch = { rule = "x" }\nreceivers = []', "f:2: route: match: the root takes every alert"),
        (
            '[route]\nreceivers = []\ngroup_by = ["targt"]',
            'f:3: route: group_by: an alert has no field "targt"; did you mean "target"?',
        ),
        ('[route]\nreceivers = []\ngroup_wait = "5"', "f:3: route: group_wait: expected a number and s, m, h or d"),
        (
            '[route]\nreceivers = []\ntimezone = "Mars"\ndigest = ["08:00"]',
            'f:3: route: timezone: expected a time zone such as "Europe/Berlin"',
        ),
        (
            '[route]\nreceivers = []\ndigest = ["8"]',
            'f:3: route: digest: expected a time of day such as "07:30", found "8"',
        ),
        (
            '[route]\nreceivers = []\nquiet_hours = "night"',
            "f:3: route: quiet_hours: there is no table [quiet_hours.night]",
        ),
        (f"{SMALLEST}[quiet_hours.n]\ndays = ['monday']", "f:6: quiet_hours.n: days: expected days of mon,"),
        (
            f"{SMALLEST}[[route.routes]]\nname = 'x'",
            'f:5: route.routes: match: expected conditions, such as { severity = "critical" }',
        ),
        (
            f"{SMALLEST}{ROUTE}match = {{ amont = 1 }}",
            'f:6: route.routes.match: amont: an alert has no field "amont"; did you mean "amount"?',
        ),
        (f"{SMALLEST}{ROUTE}match = {{ amount = {{ at_lest = 1 }} }}", "expected at_least, at_most or both"),
        (f"{SMALLEST}{ROUTE}match = {{ amount = {{ at_least = 'x' }} }}", 'expected a number as the limit, found "x"'),
        (f"{SMALLEST}{ROUTE}match = {{ target = {{ at_least = 1 }} }}", "it is a text, which has no limits"),
        (
            f"{SMALLEST}{ROUTE}match = {{ severity = 'urgent' }}",
            'expected one of low, medium, high, critical, found "urgent"',
        ),
        (
            f"{SMALLEST}{ROUTE}match = {{ severity = {{ at_least = 'x' }} }}",
            "expected one of low, medium, high, critical",
        ),
        (f"{SMALLEST}{ROUTE}match = {{ rule = [] }}", "expected a text, several in an array"),
        (
            f"{SMALLEST}{ROUTE}name = 'route'\nmatch = {{ rule = 'x' }}",
            'f:6: route.routes: name: there is another route "route"',
        ),
        (
            f"{SMALLEST}[[inhibitions]]\nequal = 'keys'",
            'f:6: inhibitions: equal: an alert has no field "keys"; did you mean "key"?',
        ),
        (f"{SMALLEST}[report]\nreceivers = 'log'", 'f:6: report: receivers: "log" can\'t show a report'),
        (f"case_url = 'h'\n{SMALLEST}", "f:1: case_url: expected an address such as"),
        ("receivers = { x = 1 }\n[route]\nreceivers = []", "f:1: receivers: expected a table, found 1"),
        (f"{SMALLEST}[receivers.X]\ntype = 'log'", 'f:5: receivers.X: name: "X" is no name for a receiver'),
        (
            f"{SMALLEST}[receivers.x]\ntype = 'sms'",
            "f:6: receivers.x: type: expected one of email, slack, webhook, apprise, log",
        ),
        (f"{SMALLEST}[receivers.x]\n", "f:5: receivers.x: type: expected one of"),
        (f"{SMALLEST}fallback = 'log'", "f:5: receivers.log: fallback: log -> log is a circle; expected an end"),
        (f"{SMALLEST}fallback = 'x'", 'f:5: receivers.log: fallback: there is no receiver "x"; there are log'),
        (f"{SMALLEST}on_unknown = 'fallback'", "f:5: receivers.log: on_unknown: there is no fallback to tell"),
        (f"{SMALLEST}mask = 'amount'", 'f:5: receivers.log: mask: "amount" is no field that can be masked'),
        (f"{SMALLEST}rate_limit = '0/1m'", "f:5: receivers.log: rate_limit: expected messages and a duration"),
        (
            f"{SMALLEST}{EMAIL.replace('a@b.example', 'a')}",
            "f:7: receivers.m: to: expected an address such as fraud@example.com",
        ),
        (f"{SMALLEST}{EMAIL}port = 0", "f:10: receivers.m: port: expected a whole number from 1 to 65535, found 0"),
        (f"{SMALLEST}{EMAIL}username = 'x'", "f:10: receivers.m: username: username and password go together"),
        (f"{SMALLEST}{EMAIL}password = 'x'", 'f:10: receivers.m: password: expected { env = "SMTP_PASSWORD" }'),
        (
            f"{SMALLEST}{EMAIL}username = 'x'\npassword = {{ env = 'P' }}\ntls = 'none'",
            "f:12: receivers.m: tls: the password would be sent in clear",
        ),
        (f"{SMALLEST}{SLACK}", "f:5: receivers.s: token: expected either a token, with a channel, or the url"),
        (f"{SMALLEST}{SLACK}token = {{ env = 'T' }}", "f:5: receivers.s: channel: a token needs the id of a channel"),
        (
            f"{SMALLEST}{SLACK}url = {{ env = 'T' }}\nupdates = 'edit'",
            "f:8: receivers.s: updates: an incoming webhook can only write new",
        ),
        (
            f"{SMALLEST}{HOOK.replace('https://h/x', 'ftp://h')}",
            "f:7: receivers.w: url: expected an address that begins with https://",
        ),
        (
            SMALLEST + HOOK.replace('{ env = "S" }', '["x"]'),
            'f:8: receivers.w: signing_secret: expected { env = "WEBHOOK_SECRET" }',
        ),
        (f"{SMALLEST}[receivers.a]\ntype = 'apprise'", 'f:5: receivers.a: url: expected { env = "APPRISE_URL" }'),
        (
            f"{SMALLEST}[receivers.a]\ntype = 'log'\ntimeout = true",
            "f:7: receivers.a: timeout: expected a number and s, m, h or d",
        ),
        (
            f"{SMALLEST}{ROUTE}match = {{ rule = 'x' }}\ncontinue = 1",
            "f:7: route.routes: continue: expected true or false, found 1",
        ),
        (f"inhibitions = 5\n{SMALLEST}", "f:1: inhibitions: expected tables, found 5"),
    ],
)
def test_a_fault_has_its_line(text: str, fault: str) -> None:
    assert any(fault in line for line in faults(text)), faults(text)


def test_all_faults_are_reported_in_the_order_of_the_file() -> None:
    lines = faults('[route]\nreceivers = ["x"]\ngroup_wait = 5\n[receivers.y]\ntype = "log"\ntyp = 1\n')
    assert [line.split(":")[1] for line in lines] == ["2", "3", "6"]


def test_what_a_route_does_not_say_is_its_parents() -> None:
    notifications = parse(
        '[route]\nreceivers = ["log"]\ngroup_wait = "7s"\nrepeat_interval = "1h"\ngroup_by = ["rule"]\n'
        '[[route.routes]]\nmatch = { rule = "x*" }\nrepeat_interval = "never"\ndigest = "2h"\n'
        '[[route.routes.routes]]\nmatch = { severity = "low" }\n'
        '[receivers.log]\ntype = "log"\n'
    )
    (child,) = notifications.route.routes
    (grandchild,) = child.routes
    assert (grandchild.name, grandchild.receivers, grandchild.group_by) == (
        "route.routes[0].routes[0]",
        ("log",),
        ("rule",),
    )
    assert (grandchild.timing.group_wait, grandchild.timing.repeat_interval, grandchild.timing.digest_every) == (
        7.0,
        None,
        7200.0,
    )
    assert notifications.route_named("route.routes[0]") is child
    assert notifications.route_named("other") is None
