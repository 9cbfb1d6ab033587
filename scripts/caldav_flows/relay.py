"""Passes requests on to a server, and changes them and the responses. A module for the other scripts of this folder."""
from aiohttp import ClientSession, web

HOP = {"content-length", "transfer-encoding", "content-encoding"}


def serve(port, upstream, sent=lambda method, body: body, received=lambda body: body, dropped=(), added=()):
    """Never returns. `dropped` has the lower-case names of more headers that are not passed on, and `added` has new ones."""
    hop = HOP | set(dropped)

    def kept(headers):
        return [(name, value) for name, value in headers.items() if name.lower() not in hop]

    async def handle(request):
        headers = [*kept(request.headers), *added]
        body = sent(request.method, await request.read())
        async with request.app["session"].request(request.method, upstream + request.raw_path, data=body, headers=headers,
                                                  allow_redirects=False) as answer:
            return web.Response(status=answer.status, body=received(await answer.read()), headers=kept(answer.headers))

    async def start(app):
        app["session"] = ClientSession()

    app = web.Application(client_max_size=2**24)
    app.on_startup.append(start)
    app.router.add_route("*", "/{path:.*}", handle)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
