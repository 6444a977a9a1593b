"""An API that takes access tokens, with FastAPI."""

import asyncio
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


async def main():
    config = uvicorn.Config(app, "127.0.0.1", int(os.environ.get("PORT") or 0), log_level="warning")
    listener = config.bind_socket()
    listener.listen()
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    await uvicorn.Server(config).serve([listener])


asyncio.run(main())
