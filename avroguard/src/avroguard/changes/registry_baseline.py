"""The versions in a registry as a baseline; a module of its own, as it brings an HTTP client along."""

from collections.abc import Iterable, Sequence
from functools import cache

from avroguard.avro.schema import Schema
from avroguard.changes.breakages import OldVersion, new_schema
from avroguard.compatibility import Parser
from avroguard.config.subjects import SubjectContract
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.registry.client import ALL_VERSIONS, RegisteredSchema, Registry
from avroguard.registry.config_replies import Table


class RegistryBaseline:
    """The versions of each subject in a registry, those of one compatibility group where it has such groups.

    Args:
        registry: The registry.
        contracts: The contracts that are compared: their metadata say to which group the new version of each belongs.
    """

    has_files = False

    def __init__(self, registry: Registry, contracts: Iterable[SubjectContract] = ()) -> None:
        self.label = f"the registry at {registry}"
        self._registry = registry
        self._metadata = {contract.subject: contract.metadata for contract in contracts}
        self._config = cache(registry.config_in_scope)

    def history(self, contract: SubjectContract, *, whole: bool) -> Sequence[OldVersion]:
        """Return every version, or the latest; of the new version's group alone."""
        subject = contract.subject
        numbers = self._registry.versions(subject)
        if not numbers:
            return []
        config = self._config(subject)
        if config.compatibility_group is None:
            versions = [self._registry.version(subject, number) for number in (numbers if whole else numbers[-1:])]
        else:
            every = self._registry.history(subject)
            group = config.group(self._new_metadata(subject, every[-1]))
            own = [version for version in every if config.group(version.metadata) == group]
            versions = own if whole else own[-1:]
        parser = Parser()
        return [OldVersion(f"v{version.version}", version.schema, parser) for version in versions]

    def _new_metadata(self, subject: str, latest: RegisteredSchema) -> Table:
        """Return what a new version gets: the contract's metadata or else the latest version's, and the registry's."""
        own = self._metadata.get(subject)
        return self._config(subject).metadata(latest.metadata if own is None else own)

    def absence(self, contract: SubjectContract) -> Finding:
        """Return the finding that the registry has no such subject."""
        return new_schema(contract, self.label)

    def was_broken(self, contract: SubjectContract) -> bool:  # noqa: ARG002
        """Return False: a registry takes schemas alone."""
        return False

    def level(self, subject: str) -> Level | None:
        """Return the level set for the subject."""
        return self._registry.compatibility_level(subject)

    def removals(self) -> list[Finding]:
        """Return none: other subjects of a registry may belong to other projects."""
        return []

    def has_same_fault(self, path: str) -> bool:  # noqa: ARG002
        """Return False: a registry has no files."""
        return False

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Return whether the registry says no, where it asks for no more than ``level`` does."""
        return level.implies(self._config(subject).level) and not self.accepts(subject, schema, level)

    def accepts(self, subject: str, schema: Schema, level: Level) -> bool:
        """Return whether the registry says yes at the level that it has now, looking as far back as ``level`` does."""
        grouped = self._config(subject).compatibility_group is not None
        metadata = self._new_metadata(subject, self._registry.version(subject)) if grouped else None
        version = ALL_VERSIONS if level.transitive or grouped else "latest"
        return self._registry.is_compatible(subject, schema, version, metadata=metadata)
