"""Expected errors, by whose fault they are: three kinds under one base class.

    ExpectedError
    ├── RetryableError     no lasting fault: the same call may succeed later
    │   └── Unavailable        a broker or registry that does not answer
    ├── PoisonError        the message's fault: it goes to the dead-letter topic, the partition goes on
    └── FatalError         the caller's or the deployment's fault: stop, say what to do, exit
        ├── UsageError         a setting or an argument is wrong
        ├── ContractError      a schema, topic or subject is not what the contract says
        └── NotAuthorised      the credentials are missing, wrong, or may not do this

Every message names the thing, what was expected, and what to do next. ``exit_code`` is what a command or service
that ends with the error exits with; the codes are documented in the README.
"""

from typing import ClassVar


class ExpectedError(Exception):
    """Base of every error that is raised on purpose: its text is for the person who runs the program."""

    exit_code: ClassVar[int] = 1


class RetryableError(ExpectedError):
    """The same call may succeed later; never a reason to dead-letter a message."""

    exit_code = 3


class Unavailable(RetryableError):  # noqa: N818 - reads as the state that it reports
    """A broker, a registry or a git repository does not answer."""


class PoisonError(ExpectedError):
    """This message can never be processed: it belongs in the dead-letter topic.

    Args:
        message: The fault of the message, and what was expected.
        stage: The stage of the failure, in Kafka Connect's words (``VALUE_CONVERTER``, ``TRANSFORMATION``).
    """

    def __init__(self, message: str, *, stage: str = "VALUE_CONVERTER") -> None:
        super().__init__(message)
        self.stage = stage


class FatalError(ExpectedError):
    """The call can't succeed until its caller or the deployment is changed."""


class UsageError(FatalError):
    """A setting or an argument can't be used as it is."""

    exit_code = 2


class ContractError(FatalError):
    """A schema, topic or subject is not what the contract says it is."""


class NotAuthorised(FatalError):  # noqa: N818 - reads as the state that it reports
    """The credentials are missing or wrong, or may not do what was asked."""

    exit_code = 4
