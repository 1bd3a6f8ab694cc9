"""A detector that logs in with tokens of an OAuth server, which end while it works."""

import time

from services.errors import NotAuthorised
from tests.support.secure_cluster import SecureCluster
from tests.support.tokens import TokenServer, basic
from tools.harness.pipeline import Pipeline

LIFETIME = 5.0  # seconds


def oauth(secure: SecureCluster, server: TokenServer) -> dict[str, str]:
    return secure.environment(
        "SASL_PLAINTEXT",
        KAFKA_CONFIG_SASL_MECHANISM="OAUTHBEARER",
        KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD="oidc",
        KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_ID="client",
        KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_SECRET="s3cret-marked",
        KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL=f"{server.url}/token",
    )


def test_a_detector_works_past_the_end_of_its_first_token(secure: SecureCluster, secured: Pipeline) -> None:
    for kind, name, *operations in (
        ("TOPIC", secured.prefix, "READ", "WRITE"), ("GROUP", secured.prefix, "READ"),
        ("TRANSACTIONAL_ID", secured.prefix, "WRITE"),
    ):  # fmt: skip
        secure.allow("token-user", kind, name, *operations, prefixed=True)
    with (
        TokenServer(secure.tokens, "token-user", LIFETIME) as server,
        secured.start("detector", INSTANCE_ID="only", **oauth(secure, server)) as detector,
    ):
        detector.wait_for("rebalance", change="assigned")
        before, ends_at = len(server.requests), time.monotonic() + 2 * LIFETIME
        given: list[bytes] = []
        while time.monotonic() < ends_at:
            given += secured.transactions(200, seed=len(given))
            secured.produce(given[-200:], keyed=True)
        legit, fraud, dead = secured.wait_for_outputs(len(given))
        assert (sorted(legit + fraud), dead) == (sorted(given), [])
        assert len(server.requests) > before  # the first tokens have ended
        assert {request.headers["authorization"] for request in server.requests} == {basic("client", "s3cret-marked")}
        assert detector.stop() == 0
        assert "s3cret-marked" not in detector.text


def test_a_token_of_another_signer_is_refused(secure: SecureCluster, secured: Pipeline) -> None:
    stranger = type(secure.tokens)(secured.directory)
    with (
        TokenServer(stranger, "token-user", LIFETIME) as server,
        secured.start("detector", INSTANCE_ID="only", **oauth(secure, server)) as detector,
    ):
        assert detector.exit_code() == NotAuthorised.exit_code
        assert server.requests
