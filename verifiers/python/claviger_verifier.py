"""Checks access tokens of a realm where they are used: by their signature, and by what has ended since.

    verifier = Verifier(issuer, client_id, client_secret, audience="orders")
    app.add_middleware(Guard, verifier=verifier)     # FastAPI, Starlette: request.state.claims
    app = Guard(app, verifier=verifier)              # any ASGI application: scope["state"]["claims"]
    claims = await verifier.check(token)             # anywhere else; raises Refused

What has ended is told by the realm's live feed. README.md says what each option means, ../README.md what every verifier
does. All of it belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
from joserfc import jwk, jwt
from joserfc.errors import JoseError

log = logging.getLogger("claviger.verifier")

#: Only those that the holder of a public key cannot sign with.
ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
#: The longest token that is looked at, in characters.
LONGEST_TOKEN = 16_384
#: How long discovery and keys may take, in seconds, and how large they may be, in bytes.
FETCH_TIME, FETCH_SIZE = 5.0, 4 << 20
#: How far apart the keys are fetched, in seconds: while there are none, because of a key unknown, and anyway.
KEYS_NONE, KEYS_UNKNOWN, KEYS_ANYWAY = 1.0, 10.0, 600.0
#: The longest event of the feed, in bytes.
LONGEST_EVENT = 65_536
#: A connection that is silent for so many seconds is given up: the server beats every ten.
SILENCE = 20.0
#: The pause after a connection that failed, in seconds: it doubles up to the last, and chance takes off up to a half.
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
#: Records are forgotten in groups, of as many seconds.
GROUP = 16


class Refused(Exception):
    """Why a request goes no further: `status`, and unless there was no token, `error` and `description` (RFC 6750 §3)."""

    def __init__(self, status: int, error: str | None = None, description: str | None = None) -> None:
        super().__init__(description or "There is no access token")
        self.status, self.error, self.description = status, error, description


class UnknownKey(Exception):
    """A token names a key that is not among those of the realm."""


class FeedError(Exception):
    """Why a connection to the feed is given up."""


def invalid() -> Refused:
    """Nothing is told about what a better token would have."""
    return Refused(401, "invalid_token", "The token is not valid")


def unavailable(why: str) -> Refused:
    return Refused(503, "temporarily_unavailable", why)


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Teller:
    """Logs what is wrong, once until it is well again."""

    def __init__(self, about: str) -> None:
        self._about, self._said = about, ""

    def wrong(self, problem: Exception) -> None:
        what = str(problem) or type(problem).__name__
        if what != self._said:
            self._said = what
            log.warning("%s: %s", self._about, what)

    def well(self) -> None:
        self._said = ""


class Keys:
    """The realm's public keys, found by discovery."""

    def __init__(self, issuer: str, http: httpx.AsyncClient) -> None:
        self._issuer, self._http = issuer, http
        self._teller = Teller(f"keys of {issuer}")
        self._url: str | None = None
        self._known: dict[str, jwk.Key] | None = None
        self._tried = -math.inf
        self._loading = asyncio.Lock()

    async def run(self) -> None:
        """Keys that the realm does not show any more are forgotten, while those of a server that is away stay."""
        while True:
            await self._again(0)
            await asyncio.sleep(KEYS_ANYWAY)

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims under a good signature. Keys that nobody knows are asked for, but not too often."""
        if self._known is None:
            await self._again(KEYS_NONE)
        if self._known is None:
            raise unavailable("The keys of the realm are not known")
        try:
            return jwt.decode(token, self._find, ALGORITHMS).claims
        except UnknownKey:
            await self._again(KEYS_UNKNOWN)
            return jwt.decode(token, self._find, ALGORITHMS).claims

    def _find(self, signed: Any) -> jwk.Key:
        header = signed.headers()
        key = (self._known or {}).get(header.get("kid"))
        if key is None:
            raise UnknownKey
        if key.get("alg") not in (None, header["alg"]):
            raise JoseError("the key is for another algorithm")
        return key

    async def _again(self, apart: float) -> None:
        """Waits for keys that are under way, and loads them if that was not tried for so long."""
        async with self._loading:
            if time.monotonic() - self._tried < apart:
                return
            self._tried = time.monotonic()
            try:
                await self._load()
                self._teller.well()
            except Exception as problem:  # noqa: BLE001: whatever a server may answer
                self._teller.wrong(problem)

    async def _load(self) -> None:
        if self._url is None:
            found = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if found["issuer"] != self._issuer:
                raise ValueError(f"the server calls itself {found['issuer']}")
            self._url = found["jwks_uri"]
        signing = [key for key in (await self._get(self._url))["keys"] if key.get("use", "sig") == "sig"]
        # Keys of kinds that are not understood are left out.
        self._known = {key.kid: key for key in jwk.KeySet.import_key_set({"keys": signing}).keys if key.kid}

    async def _get(self, url: str) -> Any:
        body = bytearray()
        async with asyncio.timeout(FETCH_TIME), self._http.stream("GET", url) as answer:
            if answer.status_code != 200:
                raise ValueError(f"{url} answers {answer.status_code}")
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > FETCH_SIZE:
                    raise ValueError(f"{url} is too long")
        return json.loads(body)


class Records:
    """What has ended: for each choice of keys a table, so that a token is looked up once in each of at most sixteen."""

    #: What a record names, and the claims that have it.
    KEYS = {"sid": "sid", "sub": "sub", "client_id": "azp", "jti": "jti"}

    def __init__(self, most: int, skew: float) -> None:
        """`skew`: for how many seconds after its end a token may still be let pass."""
        self._most, self._skew = most, skew
        self._tables: dict[tuple[str, ...], dict[tuple[str, ...], tuple[int, float]]] = {}
        self._groups: dict[int, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        self.size = 0

    def add(self, record: dict[str, Any]) -> bool:
        """Keeps a record; false if there is no room for it."""
        before, until = record.get("before_ms"), record.get("until")
        names = tuple(name for name in self.KEYS if record.get(name) is not None)
        values = tuple(record[name] for name in names)
        if not (is_number(before) and is_number(until) and all(isinstance(value, str) for value in values)):
            raise FeedError("it has a record that is none")
        until += self._skew
        if until <= time.time():
            return True
        table = self._tables.get(names, {})
        kept = table.get(values)
        if kept is not None:
            table[values] = (max(kept[0], before), max(kept[1], until))
            return True
        if self.size >= self._most:
            return False
        self._tables.setdefault(names, table)[values] = (before, until)
        self.size += 1
        self._remember(until, names, values)
        return True

    def match(self, claims: dict[str, Any]) -> bool:
        """Whether one of them matches a token."""
        issued_at = claims.get("iat", -math.inf)
        for names, table in self._tables.items():
            kept = table.get(tuple(claims.get(self.KEYS[name]) for name in names))
            if kept is not None and issued_at * 1000 <= kept[0]:
                return True
        return False

    def _remember(self, until: float, names: tuple[str, ...], values: tuple[str, ...]) -> None:
        self._groups.setdefault(math.ceil(until / GROUP), []).append((names, values))

    def sweep(self) -> None:
        """Forgets what no token that is alive can match."""
        now = time.time()
        for group in [group for group in self._groups if group * GROUP <= now]:
            for names, values in self._groups.pop(group):
                table = self._tables[names]
                _, until = table[values]
                if until > now:
                    self._remember(until, names, values)
                    continue
                del table[values]
                self.size -= 1
                if not table:
                    del self._tables[names]

    def clear(self) -> None:
        self._tables.clear()
        self._groups.clear()
        self.size = 0


class Events:
    """Reads Server-Sent Events (HTML §9.2) out of bytes."""

    def __init__(self) -> None:
        self._rest, self._event, self._size = b"", {}, 0

    def read(self, part: bytes) -> Iterator[dict[str, str]]:
        """The events that are whole with these bytes: `id`, `event` and `data`."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            self._size += len(line)
            self._limit(self._size)
            if not line:
                if "data" in self._event:
                    yield self._event
                self._event, self._size = {}, 0
                continue
            name, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            if name == "data" and name in self._event:
                self._event[name] += f"\n{value}"
            elif name in ("id", "event", "data"):
                self._event[name] = value
        self._limit(self._size + len(self._rest))

    @staticmethod
    def _limit(size: int) -> None:
        if size > LONGEST_EVENT:
            raise FeedError("it has an event that is too long")


class Feed:
    """Follows the live feed."""

    def __init__(self, url: str, client: tuple[str, str], records: Records, http: httpx.AsyncClient) -> None:
        # RFC 6749 §2.3.1: encoded as in a form.
        client_id, secret = (quote(part, safe="") for part in client)
        self._url, self._auth, self._http, self._records = url, httpx.BasicAuth(client_id, secret), http, records
        self._teller = Teller(url)
        self._since: str | None = None
        self._pause = FIRST_PAUSE
        #: When the last event came, if it is known that none is missing before it.
        self._heard = -math.inf
        self._gone = False

    def silent_for(self) -> float:
        return time.monotonic() - self._heard

    def has_ended(self, claims: dict[str, Any]) -> bool:
        return self._gone or self._records.match(claims)

    async def run(self) -> None:
        try:
            while True:
                self._records.sweep()
                try:
                    await self._listen()
                except Exception as problem:  # noqa: BLE001: whatever a server may answer
                    self._teller.wrong(problem)
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))
                self._pause = min(self._pause * 2, LAST_PAUSE)
        finally:
            self._heard = -math.inf

    async def _listen(self) -> None:
        """Follows one connection to its end."""
        params = {} if self._since is None else {"since": self._since}
        headers = {"accept": "text/event-stream"}
        timeout = httpx.Timeout(FETCH_TIME, read=SILENCE)
        request = {"params": params, "headers": headers, "auth": self._auth, "timeout": timeout}
        async with self._http.stream("GET", self._url, **request) as answer:
            status = answer.status_code
            self._gone = status == 404
            if status == 410:
                self._records.clear()
                self._since = None
            if status in (401, 403, 410):
                self._heard = -math.inf
            kind = answer.headers.get("content-type", "nothing")
            if status != 200:
                raise FeedError(f"it answers {status}")
            if not kind.startswith("text/event-stream"):
                raise FeedError(f"it answers with {kind}")
            events = Events()
            # Until a head has come, something from the time without a connection may be missing.
            whole = False
            async for part in answer.aiter_bytes():
                for event in events.read(part):
                    self._take(event)
                    whole = whole or event.get("event") == "head"
                    if whole:
                        self._heard = time.monotonic()

    def _take(self, event: dict[str, str]) -> None:
        kind, number = event.get("event"), event.get("id")
        if kind == "revocation" and not self._records.add(json.loads(event["data"])):
            self._heard = -math.inf
            raise FeedError(f"there are more than {self._records.size} records")
        if kind == "head":
            self._pause = FIRST_PAUSE
            self._teller.well()
            self._records.sweep()
        # Behind what was not taken we do not go on.
        if number is not None:
            if not re.fullmatch(r"[0-9]{1,19}", number):
                raise FeedError("it has an event whose number is none")
            self._since = number


class Verifier:
    """Checks access tokens, and follows the feed from `start` to `close`: `async with` does both."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        *,
        audience: str | None = None,
        max_stale: float = 30,
        when_blind: str = "refuse",
        max_records: int = 1_000_000,
        clock_skew: float = 60,
    ) -> None:
        if not re.match("https?://", issuer):
            raise ValueError("issuer must be the address of the realm")
        if when_blind not in ("refuse", "accept"):
            raise ValueError(f"when_blind is refuse or accept, not {when_blind}")
        if not (client_id and client_secret):
            raise ValueError("client_id and client_secret are missing")
        if not (max_stale > 0 and max_records > 0 and clock_skew >= 0):
            raise ValueError("max_stale and max_records must be above 0, clock_skew not below")
        self.issuer = issuer
        self._client, self._audience, self._skew = (client_id, client_secret), audience, clock_skew
        self._max_stale, self._refuses = max_stale, when_blind == "refuse"
        self._records = Records(max_records, clock_skew)
        self._http: httpx.AsyncClient | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to follow, in the event loop that runs; a first request does it as well."""
        if self._tasks:
            return
        self._http = httpx.AsyncClient(timeout=FETCH_TIME, headers={"accept-encoding": "identity"})
        self._keys = Keys(self.issuer, self._http)
        self._feed = Feed(f"{self.issuer}/revocations", self._client, self._records, self._http)
        self._tasks = [asyncio.create_task(run()) for run in (self._keys.run, self._feed.run)]

    async def close(self) -> None:
        """Lets go of the connection. Nothing is current any more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._http:
            await self._http.aclose()

    async def __aenter__(self) -> Verifier:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def current(self) -> bool:
        """Whether it is known now what has ended."""
        return bool(self._tasks) and self._feed.silent_for() < self._max_stale

    async def check(self, token: str) -> dict[str, Any]:
        """The claims of a token that is good now.

        :raises Refused: why it is not, or why that cannot be told
        """
        self.start()
        claims = await self._read(token)
        if self._feed.has_ended(claims):
            raise Refused(401, "invalid_token", "The token was revoked")
        if self._refuses and not self.current:
            raise unavailable("It is not known which tokens were revoked")
        return claims

    async def _read(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise invalid()
        try:
            claims = await self._keys.verify(token)
        except (JoseError, UnknownKey, ValueError, TypeError, KeyError):
            raise invalid() from None
        if not self._is_good(claims):
            raise invalid()
        return claims

    def _is_good(self, claims: dict[str, Any]) -> bool:
        audience, now = claims.get("aud", []), time.time()
        end, start, issued_at = claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0)
        return (
            all(is_number(claim) for claim in (end, start, issued_at))
            and start - self._skew <= now < end + self._skew
            and claims.get("iss") == self.issuer
            and (self._audience is None or self._audience in ([audience] if isinstance(audience, str) else audience))
            # ID, refresh and logout tokens are signed by the same keys; nobody here checks what a token is bound to.
            and claims.get("typ") == "Bearer"
            and "cnf" not in claims
            and all(isinstance(claims.get(name, ""), str) for name in Records.KEYS.values())
        )


class Guard:
    """ASGI middleware: a request has good claims in its state, or is refused. It starts the verifier, and closes it."""

    def __init__(self, app: Any, verifier: Verifier, public: Collection[str] = ()) -> None:
        """`public`: the paths that need no token."""
        self._app, self._verifier, self._public = app, verifier, frozenset(public)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with self._verifier:
                return await self._app(scope, receive, send)
        if scope["path"] in self._public:
            return await self._app(scope, receive, send)
        try:
            claims = await self._verifier.check(self._bearer(scope))
        except Refused as refused:
            return await self._refuse(refused, scope, send)
        await self._app({**scope, "state": {**scope.get("state", {}), "claims": claims}}, receive, send)

    @staticmethod
    def _bearer(scope: dict[str, Any]) -> str:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"]
        # Of several it could not be said which one the application will take.
        match = re.fullmatch(r"bearer +(\S+) *", values[0], re.IGNORECASE) if len(values) == 1 else None
        if match is None:
            raise Refused(401)
        return match[1]

    async def _refuse(self, refused: Refused, scope: dict[str, Any], send: Any) -> None:
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        challenge, body = f'Bearer realm="{self._verifier.issuer}"', {}
        if refused.error:
            challenge += f', error="{refused.error}", error_description="{refused.description}"'
            body = {"error": refused.error, "error_description": refused.description}
        extra = (b"retry-after", b"1") if refused.status == 503 else (b"www-authenticate", challenge.encode())
        text = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text)), extra]
        await send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})
