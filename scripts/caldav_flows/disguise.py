"""Lets test suites that speak of events run against a server that has only todos: VEVENT and VJOURNAL are stored as a VTODO with the
mark X-DISGUISE, and come back as they were.

usage: disguise.py PORT URL
"""
import re
import sys

from relay import serve

KINDS = {b"VEVENT": b"1", b"VJOURNAL": b"2"}
TODO = re.compile(rb"BEGIN:VTODO.*?END:VTODO", re.S)


def masked(body):
    for kind, mark in KINDS.items():
        body = re.sub(rb"BEGIN:" + kind + rb"(\r?\n)", rb"BEGIN:VTODO\1X-DISGUISE:" + mark + rb"\1", body)
        body = body.replace(b"END:" + kind, b"END:VTODO")
    return TODO.sub(lambda found: re.sub(rb"(?m)^DTEND", b"DUE", found[0]) if b"X-DISGUISE:1" in found[0] else found[0], body)


def unmasked(found):
    text = found[0]
    for kind, mark in KINDS.items():
        if b"X-DISGUISE:" + mark in text:
            text = re.sub(rb"X-DISGUISE:" + mark + rb"(&#13;|\r)?\n", b"", text)
            if kind == b"VEVENT":
                text = re.sub(rb"(^|\n)DUE", rb"\1DTEND", text)
            text = text.replace(b"BEGIN:VTODO", b"BEGIN:" + kind).replace(b"END:VTODO", b"END:" + kind)
    return text


def query(body):
    def mark(content):
        return rb'<x:prop-filter xmlns:x="urn:ietf:params:xml:ns:caldav" name="X-DISGUISE"' + content

    def component(found):
        tag, kind, is_empty = found[1], found[2], found[3] == b"/"
        if kind == b"VTODO":
            inner = mark(rb"><x:is-not-defined/></x:prop-filter>")
        else:
            inner = mark(rb"><x:text-match>" + KINDS[kind] + rb"</x:text-match></x:prop-filter>")
        prefix = tag.split(b"comp-filter")[0][1:]
        end = b"</" + prefix + b"comp-filter>" if is_empty else b""
        return b"<" + prefix + b'comp-filter name="VTODO">@@' + inner + b"@@" + end

    body = re.sub(rb'(<(?:\w+:)?comp-filter) name="(VEVENT|VTODO|VJOURNAL)"\s*(/?)>', component, body)
    # A prop-filter comes after the time-range.
    body = re.sub(rb"@@(.*?)@@(\s*(?:<(?:\w+:)?time-range[^>]*/>)?)", rb"\2\1", body)
    return re.sub(rb'comp name="(VEVENT|VJOURNAL)"', b'comp name="VTODO"', body.replace(b'name="DTEND"', b'name="DUE"'))


def sent(method, body):
    if method == "PUT":
        return masked(body)
    if method == "REPORT":
        return query(body)
    if method in ("MKCALENDAR", "MKCOL"):
        return re.sub(rb'comp name="(VEVENT|VJOURNAL)"', b'comp name="VTODO"', body)
    return body


def received(body):
    kinds = b"".join(rb'<\1comp name="' + kind + rb'"/>' for kind in (b"VTODO", *KINDS))
    return re.sub(rb'<([\w:]*)comp name="VTODO"\s*/>', kinds, TODO.sub(unmasked, body))


serve(int(sys.argv[1]), sys.argv[2], sent, received)
