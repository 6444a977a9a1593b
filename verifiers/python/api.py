"""An API that takes access tokens, with FastAPI."""

import os
import signal
import sys
import threading

import uvicorn
from claviger_verifier import Guard, Verifier
from fastapi import FastAPI, Request

verifier = Verifier(
    os.environ["ISSUER"],
    os.environ["FEED_CLIENT_ID"],
    os.environ["FEED_CLIENT_SECRET"],
    audience=os.environ.get("AUDIENCE") or None,
    max_stale=float(os.environ.get("MAX_STALE") or 30),
    when_blind=os.environ.get("WHEN_BLIND") or "refuse",
    max_records=int(os.environ.get("MAX_RECORDS") or 1_000_000),
)
app = FastAPI()
app.add_middleware(Guard, verifier=verifier, public={"/health"})


@app.get("/")
async def home(request: Request):
    return {"sub": request.state.claims["sub"]}


@app.get("/health")
async def health():
    return {"current": verifier.current}


def end_with_input():
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:
            print(f"listening on 127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


threading.Thread(target=end_with_input, daemon=True).start()
port = int(os.environ.get("PORT") or 0)
Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning")).run()
