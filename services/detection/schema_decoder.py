"""The decoder of one schema id. Pure: the registry was asked before what the id stands for."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from services.contracts import (
    HEADER_SIZE,
    ColumnDecoder,
    HeaderSchemaId,
    RecordDecoder,
    Registration,
    Schema,
    SchemaId,
    TopicContract,
    losses,
)
from services.errors import ContractError, PoisonError


class WrongRecordError(PoisonError):
    """The message was written with a schema that can't be read as the topic's."""


class FieldWouldBeLost(PoisonError):  # noqa: N818 - reads as the state that it reports
    """Passing the message on would drop a field that the output's schema lacks."""


@dataclass(frozen=True)
class Output:
    """An output topic, and the registration of the schema that messages are re-encoded with."""

    topic: str
    registration: Registration


@dataclass(frozen=True)
class SchemaDecoder:
    """Decodes messages of one schema id.

    Attributes:
        columns: Returns the decoder of some fields of many messages.
        records: Decodes one whole message, as the detector's own schema has it.
        passthrough_topics: The output topics under whose subject this schema id is registered.
        native: Whether its schema is the detector's own.
        lost: The paths of the fields that re-encoding would drop.
        prefix: The number of bytes before the body of a value: 0 where a header has the schema id.
    """

    columns: Callable[[Sequence[str]], ColumnDecoder]
    records: RecordDecoder
    passthrough_topics: frozenset[str]
    native: bool
    lost: tuple[str, ...] = ()
    prefix: int = HEADER_SIZE

    @classmethod
    def of(
        cls, schema_id: SchemaId, schema: object, subjects: Collection[str], reader: Schema, outputs: Sequence[Output]
    ) -> "SchemaDecoder":
        """Return the decoder of an id.

        Args:
            schema_id: The id.
            schema: Its schema, as plain JSON data.
            subjects: The subjects that it is registered under.
            reader: The detector's own schema.
            outputs: The topics that messages are passed on to.

        Raises:
            WrongRecordError: The schema can't be read as the detector's own.
        """
        decoders: dict[Sequence[str], ColumnDecoder] = {}

        def columns(fields: Sequence[str]) -> ColumnDecoder:
            key = tuple(fields)
            if key not in decoders:
                decoders[key] = ColumnDecoder(schema, reader.json, key)
            return decoders[key]

        try:
            columns([field["name"] for field in reader.json["fields"]])
            records = RecordDecoder(schema, reader.json)
            lost = tuple(losses(reader.json, schema))
        except (ContractError, RecursionError) as error:
            raise WrongRecordError(f"schema id {schema_id} can't be read as {reader.name}: {error}") from error
        topics = frozenset(output.topic for output in outputs if output.registration.subject in subjects)
        prefix = 0 if isinstance(schema_id, HeaderSchemaId) else HEADER_SIZE
        return cls(columns, records, topics, schema == reader.json, lost, prefix)

    def loss(self, schema_id: SchemaId, destinations: Iterable[Output]) -> FieldWouldBeLost | None:
        """Return why messages can't be passed on to some topics without losing a field; None where they can."""
        foreign = [output for output in destinations if output.topic not in self.passthrough_topics]
        if not self.lost or not foreign:
            return None
        topics, subjects = (
            ", ".join(names)
            for names in ([output.topic for output in foreign], [output.registration.subject for output in foreign])
        )
        return FieldWouldBeLost(
            f"schema id {schema_id} has data that {topics} can't take ({', '.join(self.lost)}): it is not registered "
            f"under {subjects}, and the schema there, id {foreign[0].registration.id}, has no place for it; register "
            "it there (scripts/register-schemas), then put the message back (scripts/redrive)"
        )

    def body(self, value: bytes | None) -> bytes:
        """Return the Avro body in a message's value."""
        return (value or b"")[self.prefix :]


def require_equal_schemas(topics: Iterable[TopicContract], reader: Schema) -> None:
    """Check that topics have the detector's own schema: their messages are passed on, and re-encoded, as that.

    Raises:
        ContractError: One has another schema.
    """
    for topic in topics:
        if topic.required_schema.json != reader.json:
            raise ContractError(
                f"{topic.place}: topic {topic.name} carries {topic.required_schema.path}; expected {reader.path}, as "
                "the input does: transactions are passed on as they are"
            )
