"""Messages of the notifier, as a receiver is handed them."""

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

from services.notifier.events import Kind
from services.notifier.notification import Message
from tests.support.alerting import alert


def message(**changes: Any) -> Message:
    """A message with two alerts."""
    alerts = [alert(target="shop00000001"), alert("structuring", reason="<b>&amp; *9* payments</b>")]
    return replace(
        Message(uuid4(), 1, Kind.ALERTS, labels={"rule": "fan-in"}, alerts=alerts, at=time.time()), **changes
    )
