"""Drives a Thunderbird without a display. Reads commands as lines of JSON, and answers each with a line of JSON.

usage: thunderbird.py PROFILE PORT URL, with the package marionette_driver
"""
import json
import subprocess
import sys
import time
from pathlib import Path

from marionette_driver.marionette import Marionette

profile, port, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
profile.mkdir(parents=True)
(profile / "user.js").write_text(f"""
user_pref("marionette.port", {port});
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("calendar.timezone.local", "Europe/Berlin");
user_pref("network.proxy.type", 0);
""")
command = ["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile]
program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
COMMON = r"""
const done = arguments[arguments.length - 1];
const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");
const { CalTodo } = ChromeUtils.importESModule("resource:///modules/CalTodo.sys.mjs");
const calendar = cal.manager.getCalendars().find(one => one.type == "caldav");
const pause = time => new Promise(resolve => setTimeout(resolve, time));
const get = async uid => calendar.getItem(uid);
const change = async (uid, edit) => { const old = await get(uid), item = old.clone(); edit(item); await calendar.modifyItem(item, old); };
(async () => { %s })().then(result => done({ result }), error => done({ error: String(error) }));
"""
SCRIPTS = {
    "connect": """
        const made = cal.manager.createCalendar("caldav", Services.io.newURI(arguments_[0]));
        made.name = "tested"; made.setProperty("cache.enabled", true);
        cal.manager.registerCalendar(made);
        await pause(6000);
        return !cal.manager.getCalendarById(made.id).readOnly;""",
    "add": """
        const [uid, lines] = arguments_;
        const item = new CalTodo(["BEGIN:VTODO", "UID:" + uid, "DTSTAMP:20261128T000000Z", ...lines, "END:VTODO", ""].join("\\r\\n"));
        item.calendar = calendar; await calendar.addItem(item); await pause(1500);""",
    "change": "await change(arguments_[0], item => { item.title = arguments_[1]; }); await pause(1500);",
    "complete": "await change(arguments_[0], item => { item.isCompleted = true; }); await pause(1500);",
    "complete_occurrence": """
        const series = await get(arguments_[0]);
        const first = series.recurrenceInfo.getNextOccurrence(cal.createDateTime("19700101T000000Z"));
        const occurrence = first.clone(); occurrence.isCompleted = true;
        const changed = series.clone(); changed.recurrenceInfo.modifyException(occurrence, true);
        await calendar.modifyItem(changed, series); await pause(2500);""",
    "delete": "await calendar.deleteItem(await get(arguments_[0])); await pause(1500);",
    "todos": """
        calendar.refresh(); await pause(4000);
        const all = await calendar.getItemsAsArray(Ci.calICalendar.ITEM_FILTER_TYPE_TODO | Ci.calICalendar.ITEM_FILTER_COMPLETED_ALL, 0, null, null);
        return Object.fromEntries(all.map(one => [one.id, [one.title, one.isCompleted, one.dueDate ? one.dueDate.icalString : ""]]));""",
}
try:
    for attempt in range(60):
        try:
            marionette = Marionette(host="127.0.0.1", port=port)
            marionette.start_session()
            break
        except Exception:  # noqa: BLE001
            time.sleep(1)
    marionette.set_context("chrome")
    marionette.timeout.script = 60

    def run(name, *arguments):
        body = COMMON % ("const arguments_ = args;" + SCRIPTS[name])
        return marionette.execute_async_script("const args = arguments[0];" + body, script_args=[list(arguments)])

    print(json.dumps({"ready": run("connect", url).get("result")}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), flush=True)
finally:
    program.terminate()
    program.wait()
