"""Errors of a local cluster; see services/errors.py for the kinds and exit codes."""

from services.errors import FatalError


class ClusterError(FatalError):
    """The local cluster can't do what was asked until its user changes something."""


class LockError(ClusterError):
    """The lock of the artefacts can't be read."""


class CorruptArtifact(ClusterError):  # noqa: N818 - reads as the state that it reports
    """A downloaded or cached file does not have its locked sum."""


class PortInUse(ClusterError):  # noqa: N818 - reads as the state that it reports
    """Another process listens on a port that the cluster should."""


class NoSpace(ClusterError):  # noqa: N818 - reads as the state that it reports
    """The disk has too little room."""


class StartFailed(ClusterError):  # noqa: N818 - reads as the state that it reports
    """A process ended, or did not answer in time, while it was being started."""


class Cancelled(ClusterError):  # noqa: N818 - reads as the state that it reports
    """Another part of the start failed, or the user interrupted it: this part stopped as well."""
