"""The shop with Authlib and Flask: code flow with PKCE, refresh, logout at the server, and logout by the server."""

import os

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session
from joserfc import jwt
from joserfc.jwk import KeySet

PORT, ISSUER, API = os.environ["PORT"], os.environ["ISSUER"], os.environ["API"]
CLIENT = os.environ["CLIENT_ID"]
HOME = f"http://127.0.0.1:{PORT}"

app = Flask(__name__)
app.secret_key = os.urandom(16)
server = OAuth(app).register(
    "server",
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_id=CLIENT,
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)
# Who is signed in, by the id of the server's session; the cookie names that id alone.
signed_in = {}


def tokens():
    return signed_in.get(session.get("sid"))


@app.get("/")
def home():
    name = tokens() and tokens()["userinfo"]["preferred_username"]
    return f"signed in as {name}" if name else "nobody"


@app.get("/login")
def login():
    return server.authorize_redirect(f"{HOME}/callback")


@app.get("/callback")
def callback():
    answer = server.authorize_access_token()
    session["sid"] = answer["userinfo"]["sid"]
    signed_in[session["sid"]] = answer
    return redirect("/")


@app.get("/orders")
def orders():
    return server.get(API, token=tokens()).text


@app.get("/refresh")
def refresh():
    before = tokens()
    try:
        fresh = server.fetch_access_token(grant_type="refresh_token", refresh_token=before["refresh_token"])
    except OAuthError as refused:
        del signed_in[session["sid"]]
        return "session ended" if refused.error == "invalid_grant" else str(refused)
    signed_in[session["sid"]] = {**before, **fresh}
    return "refreshed" if fresh["access_token"] != before["access_token"] else "not refreshed"


@app.get("/logout")
def logout():
    answer = signed_in.pop(session["sid"])
    return redirect(server.create_logout_url(f"{HOME}/", id_token_hint=answer["id_token"])["url"])


@app.post("/backchannel")
def backchannel():
    keys = KeySet.import_key_set(server.fetch_jwk_set())
    token = jwt.decode(request.form["logout_token"], keys, algorithms=["RS256"])
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": CLIENT}, sid={"essential": True}
    ).validate(token.claims)
    if "http://schemas.openid.net/event/backchannel-logout" not in token.claims["events"]:
        return "", 400
    signed_in.pop(token.claims["sid"], None)
    return ""


app.run("127.0.0.1", int(PORT))
