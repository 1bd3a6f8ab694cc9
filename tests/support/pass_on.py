"""The simplest handler of the loop."""

from collections.abc import Collection, Mapping, Sequence

from confluent_kafka import Message

from services.streaming.positions import Partition, RecordPosition
from services.streaming.sink import Sink


class PassOn:
    """Passes everything on to one topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def assigned(self, partitions: Sequence[Partition]) -> None: ...

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None: ...

    def unrestored(self) -> Collection[Partition]:
        return ()

    def is_restored(self) -> bool:
        return True

    def restore(self, seconds: float, *, between_transactions: bool) -> None: ...

    def write_state(self, sink: Sink, offsets: Mapping[Partition, int]) -> None: ...

    def offset_metadata(self, partition: Partition) -> str:  # noqa: ARG002 - as a Handler has it
        return ""

    def search_inside(self, position: RecordPosition) -> bool:  # noqa: ARG002 - as a Handler has it
        return False

    def dead_lettered(self, partition: Partition, offset: int) -> None: ...

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        for message in messages:
            sink.send(self._topic, message.value(), message.key())
        return len(messages)

    def committed(self) -> None: ...

    def aborted(self) -> None: ...
