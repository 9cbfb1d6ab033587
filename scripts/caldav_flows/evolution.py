"""Drives Evolution's data server. Reads commands as lines of JSON, and answers each with a line of JSON.

usage: evolution.py HOST PORT PATH, in a D-Bus session, with the Python of Debian
"""
import json
import sys
import time

import gi

gi.require_version("EDataServer", "1.2")
gi.require_version("ECal", "2.0")
gi.require_version("ICalGLib", "3.0")
from gi.repository import ECal, EDataServer, ICalGLib  # noqa: E402

host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
registry = EDataServer.SourceRegistry.new_sync(None)
source = EDataServer.Source.new_with_uid(f"caldav-{time.time():.0f}", None)
source.set_display_name("tested")
source.set_parent("caldav-stub")
source.get_extension(EDataServer.SOURCE_EXTENSION_TASK_LIST).set_backend_name("caldav")
authentication = source.get_extension(EDataServer.SOURCE_EXTENSION_AUTHENTICATION)
authentication.set_host(host)
authentication.set_port(port)
authentication.set_user("tested")
authentication.set_method("none")
source.get_extension(EDataServer.SOURCE_EXTENSION_SECURITY).set_secure(False)
source.get_extension(EDataServer.SOURCE_EXTENSION_WEBDAV_BACKEND).set_resource_path(path)
registry.commit_source_sync(source, None)
time.sleep(1)
source = registry.ref_source(source.get_uid())
client = ECal.Client.connect_sync(source, ECal.ClientSourceType.TASKS, 10, None)
NONE, ALL, THIS = ECal.OperationFlags.NONE, ECal.ObjModType.ALL, ECal.ObjModType.THIS


def found(uid):
    return client.get_object_sync(uid, None, None)[1]


def completed(component):
    component.set_status(ICalGLib.PropertyStatus.COMPLETED)
    now = ICalGLib.Time.new_current_with_zone(ICalGLib.Timezone.get_utc_timezone())
    for prop in (ICalGLib.Property.new_completed(now), ICalGLib.Property.new_percentcomplete(100)):
        component.add_property(prop)
    return component


def add(uid, lines):
    text = "\r\n".join(["BEGIN:VTODO", f"UID:{uid}", "DTSTAMP:20261128T000000Z", *lines, "END:VTODO", ""])
    client.create_object_sync(ICalGLib.Component.new_from_string(text), NONE, None)


def change(uid, summary):
    component = found(uid)
    component.set_summary(summary)
    client.modify_object_sync(component, ALL, NONE, None)


def complete(uid):
    client.modify_object_sync(completed(found(uid)), ALL, NONE, None)


def complete_occurrence(uid):
    component = found(uid)
    for kind in (ICalGLib.PropertyKind.RRULE_PROPERTY,):
        while component.get_first_property(kind):
            component.remove_property(component.get_first_property(kind))
    component.set_recurrenceid(component.get_dtstart())
    client.modify_object_sync(completed(component), THIS, NONE, None)


def delete(uid):
    client.remove_object_sync(uid, None, ALL, NONE, None)


def is_completed(component):
    status = component.get_first_property(ICalGLib.PropertyKind.STATUS_PROPERTY)
    return status is not None and status.get_value_as_string() == "COMPLETED"


def todos():
    client.refresh_sync(None)
    time.sleep(2)
    return {one.get_uid(): [one.get_summary(), is_completed(one), one.get_due().as_ical_string()]
            for one in client.get_object_list_sync("#t", None)[1]}


print(json.dumps({"ready": not client.is_readonly()}), flush=True)
commands = {"add": add, "change": change, "complete": complete, "complete_occurrence": complete_occurrence, "delete": delete,
            "todos": todos}
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        print(json.dumps({"result": commands[name](*arguments)}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": repr(error)}), flush=True)
