// Two libraries for event streams behind a proxy that cuts connections, and behind one that compresses. Creates todos while
// they reconnect, and fails if a library misses one. Run by scripts/proxies.
//
// usage: node proxies_events.mjs NODE_MODULES PORT SECONDS TOKEN
import http from 'node:http'
import { createRequire } from 'node:module'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [modules, port, seconds, token] = process.argv.slice(2)
const require = createRequire(modules + '/')
const { EventSource } = require('eventsource')
const { EventSourcePolyfill } = require('event-source-polyfill')
const express = require('express')
const compression = require('compression')

const headers = { Authorization: `Bearer ${token}` }
const CUT_AFTER_MS = 700
const PATIENCE_MS = 15_000
const listening = server => new Promise(done => server.listen(0, '127.0.0.1', () => done(server.address().port)))

// The polyfill prints every lost connection.
console.error = () => {}

let cuts = 0

/** Passes bytes on, and destroys each connection after a while. */
function cuttingProxy() {
    return listening(net.createServer(client => {
        const upstream = net.connect(Number(port), '127.0.0.1')
        client.pipe(upstream).pipe(client)
        const end = () => { client.destroy(); upstream.destroy() }
        for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
        setTimeout(() => { cuts += 1; end() }, CUT_AFTER_MS * (0.5 + Math.random()))
    }))
}

/** Compresses whatever the middleware wants to compress. */
function compressingProxy() {
    const app = express()
    app.use(compression())
    app.use((request, response) => {
        const { method, url: path, headers } = request
        const upstream = http.request({ port, host: '127.0.0.1', method, path, headers }, answer => {
            response.writeHead(answer.statusCode, answer.headers)
            answer.pipe(response)
        })
        upstream.on('error', () => response.destroy())
        response.on('close', () => upstream.destroy())
        request.pipe(upstream)
    })
    return listening(http.createServer(app))
}

function eventsource(url) {
    return new EventSource(url, { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }) })
}

function polyfill(url) {
    return new EventSourcePolyfill(url, { headers, heartbeatTimeout: 60_000 })
}

/** The names of the todos that a library has received. */
function received(open, url) {
    const names = new Set()
    const source = open(url)
    const ready = new Promise(done => source.addEventListener('hello', done))
    source.addEventListener('change', event => JSON.parse(event.data).todos.forEach(todo => names.add(todo.name)))
    return { names, ready, source }
}

const proxies = { 'cut connections': await cuttingProxy(), 'express compression': await compressingProxy() }
const streams = {}
for (const [where, at] of Object.entries(proxies)) {
    for (const open of [eventsource, polyfill]) {
        streams[`${open.name}, ${where}`] = received(open, `http://127.0.0.1:${at}/v1/events`)
    }
}
await Promise.race([Promise.all(Object.values(streams).map(stream => stream.ready)), sleep(PATIENCE_MS)])

const sent = []
const until = Date.now() + seconds * 1_000
while (Date.now() < until) {
    const name = `todo ${sent.length}`
    const body = JSON.stringify({ name })
    const answer = await fetch(`http://127.0.0.1:${port}/v1/todos`, {
        method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body,
    })
    if (answer.status !== 201) throw new Error(`POST: ${answer.status} ${await answer.text()}`)
    sent.push(name)
    await sleep(50)
}

let failed = false
for (const [name, { names }] of Object.entries(streams)) {
    const deadline = Date.now() + PATIENCE_MS
    while (sent.some(todo => !names.has(todo)) && Date.now() < deadline) await sleep(100)
    const missing = sent.filter(todo => !names.has(todo)).length
    failed ||= missing > 0
    console.log(`${missing ? 'FAILED' : 'ok '} ${name}: ${sent.length - missing} of ${sent.length} changes`)
}
console.log(`    ${cuts} connections were cut`)
process.exit(failed || cuts < 3 ? 1 : 0)
