"""Adds Basic authentication to every request, for clients that ask a person for the password.

usage: credentials.py PORT URL NAME:PASSWORD
"""
import base64
import sys

from aiohttp import ClientSession, web

PORT, UPSTREAM = int(sys.argv[1]), sys.argv[2]
BASIC = "Basic " + base64.b64encode(sys.argv[3].encode()).decode()
# The compression would be one that this proxy cannot read.
HOP = {"content-length", "transfer-encoding", "content-encoding", "accept-encoding", "authorization"}


async def handle(request):
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
    headers["Authorization"] = BASIC
    session, body = request.app["session"], await request.read()
    async with session.request(request.method, UPSTREAM + request.raw_path, data=body, headers=headers,
                               allow_redirects=False) as answer:
        data = await answer.read()
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
        return web.Response(status=answer.status, body=data, headers=kept)


async def start(app):
    app["session"] = ClientSession()


app = web.Application(client_max_size=2**24)
app.on_startup.append(start)
app.router.add_route("*", "/{path:.*}", handle)
web.run_app(app, host="127.0.0.1", port=PORT, print=None)
