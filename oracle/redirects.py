"""Asks Keycloak where it would send a browser: fills in the verdicts of `engine/src/redirect/corpus.json`.

    python -m oracle.redirects --base-url http://localhost:8080

Each entry of the corpus is a client (its registered redirect URIs, its root URL), and addresses that are asked for at the
authorization endpoint. With `prompt=none` nobody is signed in, so that Keycloak answers with a redirect to the address if
it is good, and with a page if not: `true` and `false` in the corpus.
"""

import argparse
import http.client
import json
import pathlib
import uuid
from urllib.parse import urlencode, urlsplit

import httpx

CORPUS = pathlib.Path(__file__).parent.parent / "engine/src/redirect/corpus.json"


def main() -> None:
    """Records the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--admin", default="admin:admin", help="an administrator of the master realm")
    arguments = parser.parse_args()
    corpus = json.loads(CORPUS.read_text())
    base = arguments.base_url.rstrip("/")
    name, password = arguments.admin.split(":", 1)
    form = {"grant_type": "password", "client_id": "admin-cli", "username": name, "password": password}
    session = httpx.Client(timeout=60)

    def sign_in() -> None:
        token = httpx.post(f"{base}/realms/master/protocol/openid-connect/token", data=form, timeout=30).json()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"

    realm = f"redirects-{uuid.uuid4()}"
    clients = [client(number, entry) for number, entry in enumerate(corpus)]
    sign_in()
    made = session.post(f"{base}/admin/realms", json={"realm": realm, "enabled": True, "clients": clients})
    made.raise_for_status()
    try:
        for number, entry in enumerate(corpus):
            for asked in entry["asked"]:
                entry["asked"][asked] = verdict(base, realm, number, asked)
    finally:
        sign_in()
        session.delete(f"{base}/admin/realms/{realm}").raise_for_status()
    CORPUS.write_text(json.dumps(corpus, indent=1, ensure_ascii=True) + "\n")
    verdicts = [good for entry in corpus for good in entry["asked"].values()]
    print(f"{len(verdicts)} addresses, {sum(verdicts)} of them good")


def client(number: int, entry: dict) -> dict:
    """The client of an entry."""
    made = {"clientId": f"client-{number}", "publicClient": True, "redirectUris": entry["registered"]}
    if "root" in entry:
        made["rootUrl"] = entry["root"]
    return made


def verdict(base: str, realm: str, number: int, asked: str) -> bool:
    """Whether Keycloak sends a browser there."""
    query = {
        "client_id": f"client-{number}",
        "response_type": "code",
        "scope": "openid",
        "prompt": "none",
        "redirect_uri": asked,
    }
    # Not httpx, which cannot hold a redirect to an address that is none.
    host = urlsplit(base)
    path = f"{host.path}/realms/{realm}/protocol/openid-connect/auth?{urlencode(query)}"
    connection = http.client.HTTPConnection(host.netloc, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    connection.close()
    if answer.status == 302:
        # Not a redirect to anywhere else, as to the login page.
        assert "error=login_required" in answer.headers["Location"], answer.headers["Location"]
        return True
    assert answer.status in (400, 500), f"{asked!r}: {answer.status}"
    return False


if __name__ == "__main__":
    main()
