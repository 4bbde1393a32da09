"""Bad input: a server that cannot be reached, is not ready, too old, full, behind a proxy, or is no Qdrant at all."""

# ruff: noqa: E501 - a sentence is a line
from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc  # type: ignore[import-untyped]
import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.qdrant.collection_names import name_marker
from tests.support.bad_input import SENT, Case, fail, refuse, run, tell
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.restore_scenario import RestoreScenario
from tests.support.sample_stores import FilledStore, promised_points
from tests.support.server_under_test import Server
from tests.support.tls_relay import AUTHORITY, open_tls

HTML = {"content-type": "text/html"}
LOGIN = Fault(status=200, headers=HTML, body=b"<!DOCTYPE html><html><title>Please log in</title></html>")
JSON = {"content-type": "application/json"}
NO_ROOM = b'{"status":{"error":"Service internal error: No space left on device (os error 28)"},"time":0.1}'
IS_IT = "is this Qdrant's HTTP port (usually 6333), and is no other program or login page in front?"
GATEWAY = "that was not Qdrant but a proxy or gateway before it: give the server's own address"
REFUSED = "is Qdrant running, and is this its HTTP port (usually 6333)? A Qdrant whose snapshots directory is read-only panics at start: see its log"
LOADING = "it is still loading, or waits for other nodes, or a proxy answers for it; its own log tells"
IS_HTTP = "give it longer with --wait-timeout, or look into Qdrant's own log; is this its HTTP port (usually 6333), and http:// what it speaks there?"
NOT_READY = "<time> info qdrant.not_ready url=<url> waited_seconds=<n> "


def answer(
    pattern: str, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> Callable[[RestoreScenario], None]:
    """Return a function that lets a proxy answer in the server's place."""
    return inject(pattern, Fault(status=status, body=body, headers=headers or JSON))


def inject(pattern: str, fault: Fault) -> Callable[[RestoreScenario], None]:
    """Return a function that lets a fault happen to requests of that form."""

    def spoil(scenario: RestoreScenario) -> None:
        scenario.proxy.inject(pattern, fault)

    return spoil


def foreign(asked: str, status: int, what: str) -> str:
    """Return the error for a server that is not a Qdrant."""
    return f"<url> answered {status} to {asked}, but not as Qdrant does: {what}"


CASES = [
    Case(
        name="nothing listens on that port",
        environment={"QDRANT_URL": "http://127.0.0.1:9"},
        expected=fail(124, "Qdrant at http://127.0.0.1:9 was not ready within 1 s: connection refused", REFUSED, log=('<time> info qdrant.not_ready url=http://127.0.0.1:9 waited_seconds=<n> reason="connection refused"',)),
    ),
    Case(
        name="too old",
        spoil=answer(r"GET /(\?|$)", 200, b'{"title":"qdrant - vector search engine","version":"1.15.5"}'),
        expected=fail(14, "Qdrant at <url> is version 1.15.5, the oldest supported is 1.16.0", "upgrade the server one minor version at a time up to 1.16", log=()),
    ),
    Case(
        name="a version that is none",
        spoil=answer(r"GET /(\?|$)", 200, b'{"title":"elasticsearch","version":{"number":"8.0"}}'),
        expected=fail(17, foreign("/", 200, '{"title":"elasticsearch","version":{"number":"8.0"}}'), IS_IT, log=()),
    ),
    Case(
        name="still loading",
        spoil=answer("GET /readyz", 503, b"some shards are not ready", {"content-type": "text/plain"}),
        expected=fail(124, "Qdrant at <url> was not ready within 1 s: it answers 503 (some shards are not ready)", LOADING, log=(f'{NOT_READY}reason="it answers 503 (some shards are not ready)"',)),
    ),
    Case(
        name="it never answers",
        spoil=inject("GET /readyz", Fault(silent=True)),
        expected=fail(124, "Qdrant at <url> was not ready within 1 s: no answer in time", IS_HTTP, log=()),
    ),
    Case(name="a login page for everything", spoil=inject("", LOGIN), expected=fail(17, foreign("/", 200, "an HTML page"), IS_IT, log=())),
    Case(name="another web server", spoil=answer("", 404, b"<html>nginx</html>", HTML), expected=fail(17, foreign("/readyz", 404, "an HTML page"), IS_IT, log=())),
    Case(
        name="a proxy that redirects",
        spoil=answer("", 308, b"<html>Moved</html>", {**HTML, "location": "https://me:hunter2@qdrant.example/readyz?key=hunter2"}),
        expected=fail(17, "Qdrant at <url> is said to be elsewhere: https://qdrant.example/readyz", "a proxy redirects: give the address that it leads to, without /readyz, as QDRANT_URL", log=()),
    ),
    Case(
        name="words that a terminal would obey",
        spoil=answer("GET /collections", 500, b'{"status":{"error":"\\u001b[31mred\\u202e\\nnext"}}'),
        expected=fail(17, r"Qdrant at <url> answered 500 to GET /collections: \x1b[31mred\u202e next", "Qdrant's own log says more"),
    ),
    Case(
        name="a proxy that wants a password",
        spoil=answer("", 401, b"<html>Authorization required</html>", HTML),
        expected=fail(12, "Qdrant at <url> answered 401 to /readyz, which needs no key", "is a proxy or a login page in front of it? give the server's own address", log=()),
    ),
    Case(
        name="a gateway whose server is gone",
        spoil=answer("", 502, b"<html>Bad gateway</html>", HTML),
        expected=fail(124, "Qdrant at <url> was not ready within 1 s: it answers 502 (an HTML page)", LOADING, log=(f'{NOT_READY}reason="it answers 502 (an HTML page)"',)),
    ),
    Case(name="a login page for collections", spoil=inject("GET /collections", LOGIN), expected=fail(17, foreign("GET /collections", 200, "an HTML page"), IS_IT)),
    Case(
        name="a server error",
        spoil=answer("GET /collections", 500, b'{"status":{"error":"Service internal error: panic"},"time":0.0}'),
        expected=fail(17, "Qdrant at <url> answered 500 to GET /collections: Service internal error: panic", "Qdrant's own log says more"),
    ),
    Case(name="JSON of another program", spoil=answer("GET /collections", 200, b'{"result":[1]}'), expected=fail(17, foreign("GET /collections", 200, '{"result":[1]}'), IS_IT)),
    Case(name="JSON of yet another program", spoil=answer("GET /aliases", 200, b'{"result":{"aliases":[{"alias":"x"}]}}'), expected=fail(17, foreign("GET /aliases", 200, '{"result":{"aliases":[{"alias":"x"}]}}'), IS_IT)),
    Case(name="JSON nested without end", spoil=answer("GET /collections", 200, b'{"result":' + b"[" * 100_000), expected=fail(17, foreign("GET /collections", 200, '{"result":' + "[" * 287 + "..."), IS_IT)),
    Case(
        name="telemetry of another program",
        spoil=answer("GET /telemetry", 200, b'{"result":{"collections":{"snapshots":7}}}'),
        expected=refuse(17, foreign("GET /telemetry", 200, '{"result":{"collections":{"snapshots":7}}}') + "; nothing was sent and nothing is left behind", IS_IT),
    ),
    Case(
        name="not enough room on the server",
        spoil=answer("snapshots/upload", 500, NO_ROOM),
        expected=refuse(15, "the server's disk is full: Service internal error: No space left on device (os error 28); nothing is left behind", "free some room there: a restore takes about twice the snapshot's size, making a snapshot as much as the collection", log=SENT),
    ),
    Case(
        name="a proxy that takes no large bodies",
        spoil=answer("snapshots/upload", 413, b"<html>413 Request Entity Too Large</html>", HTML),
        expected=refuse(17, "a proxy before Qdrant answered 413, the snapshot is too large for it; nothing is left behind", "raise its limit (nginx: client_max_body_size 0), or give the server's own address", log=SENT),
    ),
    Case(
        name="a proxy that answers an upload with a page",
        spoil=answer("snapshots/upload", 400, b"<html>Bad request</html>", HTML),
        expected=refuse(17, "Qdrant at <url> answered 400: an HTML page; nothing is left behind", GATEWAY, log=SENT),
    ),
    Case(
        name="no room for a mark",
        spoil=answer("GET /telemetry", 200, b'{"result":{"collections":{"number_of_collections":4,"max_collections":5}}}'),
        expected=refuse(16, "Qdrant holds 4 of at most 5 collections, this restore needs 2 free (one for its marker); nothing was changed", "raise max_collections on the server (QDRANT__STORAGE__MAX_COLLECTIONS), or remove a collection"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_server_gets_a_sentence_and_nothing_is_touched(case: Case, scenario: RestoreScenario) -> None:
    """The whole of stderr and stdout, the status, and store and server as they were."""
    tried = run(case, scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


def test_a_host_that_does_not_resolve_is_named(scenario: RestoreScenario) -> None:
    """The system's own words follow; they differ from one to the next."""
    output = tell(scenario, "restore", "<name>", environment={"QDRANT_URL": "http://nowhere.invalid:6333"})
    begun = "error: Qdrant at http://nowhere.invalid:6333 was not ready within 1 s: its host name does not resolve ("

    assert (output.status, output.stdout) == (124, ())
    assert output.stderr[-2].startswith(begun)
    assert output.stderr[-1] == "hint: inside Compose the host is the service's name, for example http://qdrant:6333"


def test_a_server_that_stalls_while_it_loads_ends_the_wait(scenario: RestoreScenario) -> None:
    """Status 124 within the stall timeout; the marker stays and is named, because the server may go on by itself."""
    scenario.add()
    scenario.proxy.inject("snapshots/upload", Fault(silent=True))
    scenario.proxy.inject("GET /telemetry", answer_idle())
    output = tell(scenario, "restore", "<name>", environment={"RESTORE_STALL_TIMEOUT": "1"})

    assert output == refuse(
        124,
        "Qdrant gave no sign for 1 s while it was loading the snapshot; its marker '<mark>-1' stays, and the next run "
        "finishes it",
        "look into Qdrant's log; give it longer with --stall-timeout",
        log=SENT,
    )
    assert scenario.markers == [name_marker(scenario.name, 1)]


def answer_idle() -> Fault:
    """Return the answer of a server that says of nothing that it is at work."""
    return Fault(status=200, body=b'{"result":{"collections":{"snapshots":[]}}}', headers=JSON)


def test_a_rate_limit_ends_with_the_servers_own_words(scenario: RestoreScenario) -> None:
    """Asked again as it wishes, but not for longer than ten seconds, and nothing of that on stdout."""
    scenario.add()
    limit = {**JSON, "retry-after": "3600"}
    scenario.proxy.inject(
        "GET /collections", Fault(status=429, headers=limit, body=b'{"status":{"error":"Rate limit"}}')
    )
    output = tell(scenario, "restore", "<name>")

    assert output == fail(
        17,
        "Qdrant at <url> answered 429 to GET /collections: Rate limit",
        "the server limits how often it may be asked: run it again later, or raise its limits",
    )


# --- keys -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQdrant]:
    """Yield a server that asks for keys."""
    folder = tmp_path_factory.mktemp("locked")
    with EmbeddedQdrant(folder, api_key="the-full-key", read_only_api_key="the-reading-key") as server:
        yield server


@pytest.fixture
def locked_scenario(locked_server: EmbeddedQdrant, store: FilledStore) -> Iterator[RestoreScenario]:
    """Yield a restore scenario on the server that asks for keys."""
    server = Server(locked_server.url, "the-full-key", locked_server.snapshots)
    with RecordingProxy(locked_server.url) as proxy:
        yield RestoreScenario(server, proxy, store, "cities")


KEYS = [
    Case(
        name="no key",
        environment={"QDRANT_API_KEY": ""},
        expected=fail(12, "Qdrant at <url> asks for an API key, and none was given", "give it as QDRANT_API_KEY, or the file that holds it as QDRANT_API_KEY_FILE"),
    ),
    Case(
        name="a wrong key",
        environment={"QDRANT_API_KEY": "another-servers-key"},
        expected=fail(12, "Qdrant at <url> refused our key (401): Invalid API key or JWT", "is it this server's key? 'qdrant-restore config show' says where ours came from"),
    ),
    Case(
        name="a key that may only read",
        environment={"QDRANT_API_KEY": "the-reading-key"},
        expected=refuse(12, "Qdrant at <url> refused our key (403) to PUT /collections/<mark>-1: Forbidden: Global manage access is required", "this needs the full API key (QDRANT_API_KEY), a read-only or scoped one can only look"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", KEYS, ids=str)
def test_a_key_that_is_not_enough_gets_a_sentence(case: Case, locked_scenario: RestoreScenario) -> None:
    """Status 12, who refused it and what to do; store and server as they were."""
    tried = run(case, locked_scenario)

    assert tried.output == case.expected
    assert tried.after == tried.before


# --- TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(scenario: RestoreScenario) -> Iterator[int]:
    """Yield the port of a TLS server before the server under test."""
    with open_tls(scenario.server.url) as port:
        yield port


def test_a_certificate_of_an_unknown_authority_is_refused_at_once(scenario: RestoreScenario, tls: int) -> None:
    """Waiting cannot cure it."""
    scenario.add()
    output = tell(scenario, "restore", "<name>", environment={"QDRANT_URL": f"https://127.0.0.1:{tls}"})

    assert output == fail(
        17,
        f"Qdrant at https://127.0.0.1:{tls} cannot be reached: its certificate was not accepted (<openssl>)",
        "name the authority with RESTORE_CA_FILE, or use a name that the certificate holds",
        log=(),
    )


def test_a_certificate_for_another_name_is_refused_at_once(scenario: RestoreScenario, tls: int) -> None:
    """The authority is known; the name is not the certificate's."""
    environment = {"QDRANT_URL": f"https://localhost:{tls}", "RESTORE_CA_FILE": str(AUTHORITY)}
    output = tell(scenario, "restore", "<name>", environment=environment)

    assert output.status == 17
    assert "its certificate was not accepted" in output.stderr[-2]


def test_with_the_right_authority_everything_goes_through_tls(scenario: RestoreScenario, tls: int) -> None:
    """The upload too, which takes another way then: a file cannot be handed to the kernel."""
    scenario.add()
    environment = {"QDRANT_URL": f"https://127.0.0.1:{tls}", "RESTORE_CA_FILE": str(AUTHORITY)}
    output = tell(scenario, "restore", "<name>", environment=environment)

    assert (output.status, scenario.server.points(scenario.name)) == (0, promised_points("plain"))


def test_insecure_accepts_any_certificate_and_says_so(scenario: RestoreScenario, tls: int) -> None:
    """Only when asked for, at every start."""
    scenario.add()
    environment = {"QDRANT_URL": f"https://localhost:{tls}", "RESTORE_INSECURE": "true"}
    output = tell(scenario, "restore", "<name>", environment=environment)

    assert (output.status, output.stderr[0]) == (
        0,
        '<time> warning tls.insecure message="any certificate of Qdrant is accepted" because=RESTORE_INSECURE',
    )


def test_https_on_a_port_that_speaks_http_is_told(scenario: RestoreScenario) -> None:
    """Status 17 at once."""
    output = tell(
        scenario, "restore", "<name>", environment={"QDRANT_URL": scenario.server.url.replace("http:", "https:")}
    )

    assert (output.status, output.stderr[-1]) == (
        17,
        "hint: is it https:// that this port speaks? Qdrant speaks http:// unless TLS was switched on",
    )


@pytest.fixture
def grpc_url() -> Iterator[str]:
    """Yield the URL of a gRPC server."""
    with ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop(0)


def test_the_grpc_port_is_told_at_once(scenario: RestoreScenario, grpc_url: str) -> None:
    """Waiting two minutes would not make it speak HTTP; `doctor` says the same, and blames no mount."""
    sentence = f"Qdrant at {grpc_url} cannot be reached: it speaks gRPC, not HTTP/1.1"
    hint = "that is Qdrant's gRPC port (usually 6334): give the one of its HTTP API (usually 6333)"
    restored = tell(scenario, "restore", "<name>", environment={"QDRANT_URL": grpc_url, "RESTORE_WAIT_TIMEOUT": "60"})
    looked = tell(scenario, "doctor", environment={"QDRANT_URL": grpc_url})

    assert restored == fail(17, sentence, hint, log=())
    said = [" ".join(line.split()) for line in looked.stdout[:2]]
    assert said == [f"failed reachable {sentence}", f"hint: {hint}"]
    assert [line for line in looked.stdout if ":ro" in line] == []


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(silent=True)], ids=["loading", "silent"])
def test_doctor_blames_the_mount_only_where_nothing_listens(fault: Fault, scenario: RestoreScenario) -> None:
    """A server that answers, or takes a connection, did not panic at its start."""
    scenario.proxy.inject("GET /readyz", fault)
    looked = tell(scenario, "doctor")

    assert (looked.status, [line for line in looked.stdout if ":ro" in line]) == (17, [])


def test_http_on_a_port_that_speaks_https_is_told(scenario: RestoreScenario, tls: int) -> None:
    """It never becomes ready; what is said leads to the scheme."""
    output = tell(scenario, "restore", "<name>", environment={"QDRANT_URL": f"http://127.0.0.1:{tls}"})

    assert (output.status, output.stderr[-1]) == (124, f"hint: {IS_HTTP}")


@pytest.mark.parametrize(
    ("file", "reason"),
    [("<folder>/gone.pem", "No such file or directory"), ("<store>/README.md", "it holds no certificate")],
)
def test_an_authority_that_is_none_is_a_setting(file: str, reason: str, scenario: RestoreScenario) -> None:
    """Told before anything is asked."""
    environment = {"QDRANT_URL": "https://127.0.0.1:9", "RESTORE_CA_FILE": file}
    output = tell(scenario, "restore", "<name>", environment=environment)

    assert output == fail(
        2,
        f"RESTORE_CA_FILE: '{file}' is no file of authorities ({reason})",
        "give the certificate of the authority that signed Qdrant's, as PEM",
        log=(),
    )
