// Every sentence of the client in German, with the keys of the English table.

/** @type {Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>} */
export const german = {
    app: 'Todo', loading: 'Wird geladen …', close: 'Schließen', cancel: 'Abbrechen', save: 'Speichern', menu: 'Menü',
    more: 'Mehr', skip_to_list: 'Zur Liste springen', navigation: 'Navigation', main: 'Aufgaben', tick: 'Erledigen', untick: 'Wieder öffnen',

    inbox: 'Eingang', today: 'Heute', upcoming: 'Demnächst', lists: 'Listen', tags: 'Schlagwörter', done: 'Erledigt', trash: 'Papierkorb', search: 'Suche',
    settings: 'Einstellungen', help: 'Tastenkürzel', add: 'Aufgabe hinzufügen', not_saved: 'Nicht gespeichert', not_found: 'Nicht gefunden',
    not_found_text: 'Diese Seite gibt es nicht, oder ihre Liste wurde gelöscht.', to_inbox: 'Eingang öffnen',
    tomorrow: 'Morgen', yesterday: 'Gestern', overdue: 'Überfällig', later: 'Später',
    open_count: { one: '{n} offen', other: '{n} offen' }, all_to_today: 'Alle auf heute', show_more: 'Mehr anzeigen',
    show_done: { one: '{n} erledigte anzeigen', other: '{n} erledigte anzeigen' }, hide_done: 'Erledigte ausblenden',

    empty_inbox: 'Dein Eingang ist leer', empty_inbox_text: 'Schreib auf, was dir durch den Kopf geht. Sortieren kannst du später.',
    empty_today: 'Für heute ist nichts mehr offen', empty_today_text: 'Genieß es, oder nimm dir etwas aus einer Liste vor.',
    empty_upcoming: 'Nichts geplant', empty_upcoming_text: 'Aufgaben mit einem Datum erscheinen hier nach Tagen.',
    empty_list: 'Diese Liste ist leer', empty_list_text: 'Drück q oder nimm die Schaltfläche unten, um etwas hinzuzufügen.',
    empty_tag: 'Keine offene Aufgabe hat dieses Schlagwort', empty_tag_text: 'Schreib @{tag} ans Ende einer neuen Aufgabe.',
    empty_done: 'Noch nichts erledigt', empty_done_text: 'Was du abhakst, bleibt hier erhalten.',
    empty_trash: 'Der Papierkorb ist leer', empty_trash_text: 'Was du löschst, bleibt 30 Tage hier.',
    empty_search: 'Nichts gefunden', empty_search_text: 'Gesucht wird nach Wörtern in Namen und Notizen.',
    trash_note: 'Aufgaben bleiben 30 Tage hier. Danach werden sie endgültig gelöscht.',
    restore: 'Wiederherstellen', remove_forever: 'Endgültig löschen', remove_forever_question: '„{name}“ endgültig löschen?',
    remove_forever_text: 'Das lässt sich nicht rückgängig machen.', empty_the_trash: 'Papierkorb leeren',
    empty_trash_question: { one: '{n} Aufgabe endgültig löschen?', other: '{n} Aufgaben endgültig löschen?' },

    welcome: 'Willkommen', examples_text: 'Drei Beispiele, was du eingeben kannst. Sie werden nicht gespeichert.', examples_remove: 'Beispiele entfernen',
    example_1: 'Anna anrufen morgen 17 Uhr', example_2: 'Blumen gießen jeden Montag #Zuhause', example_3: 'Flüge buchen !hoch // nach einem Fensterplatz fragen',

    quick_placeholder: 'Was ist zu tun?', quick_hint: 'morgen 17 Uhr · jeden Montag · #Liste · @Schlagwort · !hoch · // Notiz',
    quick_add: 'Hinzufügen', quick_understood: 'Verstanden', keep_as_text: '„{text}“ als Text behalten',
    added: '„{name}“ hinzugefügt', added_to: '„{name}“ zu {list} hinzugefügt',

    completed: '„{name}“ erledigt', completed_next: '„{name}“ erledigt. Nächstes Mal: {date}', reopened: '„{name}“ wieder geöffnet', trashed: '„{name}“ gelöscht',
    restored: '„{name}“ wiederhergestellt', skipped: 'Übersprungen bis {date}', moved_to: '„{name}“ nach {list} verschoben', moved: '„{name}“, {at} von {n}',
    moved_all_today: { one: '{n} Aufgabe auf heute verschoben', other: '{n} Aufgaben auf heute verschoben' },
    list_trashed: 'Liste „{name}“ gelöscht', undo: 'Rückgängig', undone: 'Rückgängig gemacht', nothing_to_undo: 'Nichts rückgängig zu machen',
    copied: 'Kopiert',

    actions_of: 'Aktionen für „{name}“', open: 'Öffnen', move_up: 'Nach oben', move_down: 'Nach unten', move_top: 'Ganz nach oben', move_bottom: 'Ganz nach unten',
    move_to_list: 'In eine Liste verschieben', next_week: 'Nächste Woche', due_today: 'Heute fällig', due_tomorrow: 'Morgen fällig', skip: 'Dieses Mal überspringen', delete: 'Löschen',
    subtask_of: 'Unteraufgabe von {name}', steps_done: '{done} von {n} Schritten erledigt',
    has_note: 'Hat eine Notiz', unsent: 'Noch nicht gesendet',

    details: 'Details', name: 'Name', note: 'Notiz', note_placeholder: 'Notiz hinzufügen', due: 'Fällig', date: 'Datum', time: 'Uhrzeit', add_time: 'Uhrzeit hinzufügen',
    zone: 'Zeitzone', zone_floating: 'Wo ich gerade bin', clear_due: 'Datum entfernen', repeat: 'Wiederholen', repeat_never: 'Wiederholt sich nicht',
    repeat_custom: 'Eigene …', repeat_every: 'Alle', repeat_basis: 'Nächstes Datum', basis_due: 'Nach dem Tag der Fälligkeit',
    basis_completion: 'Nach dem Tag, an dem ich es erledige', basis_future: 'Nächster Termin der Serie ab heute', rule_kept: 'Diese Regel stammt von einer anderen App. Sie bleibt, wie sie ist.',
    unit_daily: 'Tage', unit_weekly: 'Wochen', unit_monthly: 'Monate', unit_yearly: 'Jahre', on_days: 'Am',
    priority: 'Priorität', priority_none: 'Keine', priority_low: 'Niedrig', priority_medium: 'Mittel', priority_high: 'Hoch',
    list: 'Liste', add_tag: 'Schlagwort hinzufügen', remove_tag: 'Schlagwort {tag} entfernen', subtasks: 'Unteraufgaben', add_subtask: 'Unteraufgabe hinzufügen',
    created_at: 'Angelegt am {date}', completed_at: 'Erledigt am {date}', name_needed: 'Eine Aufgabe braucht einen Namen.',

    repeat_daily: { one: 'täglich', other: 'alle {n} Tage' }, repeat_weekly: { one: 'wöchentlich', other: 'alle {n} Wochen' },
    repeat_monthly: { one: 'monatlich', other: 'alle {n} Monate' }, repeat_yearly: { one: 'jährlich', other: 'alle {n} Jahre' },
    repeat_weekdays: 'werktags', repeat_on: '{text} am {days}', repeat_on_the: '{text} am {day}', repeat_on_day: '{text} am {day}.',
    repeat_on_last_day: '{text} am letzten Tag', repeat_until: '{text} bis {date}', repeat_left: { one: 'noch {n} Mal', other: 'noch {n} Mal' },
    nth_1: 'ersten {day}', nth_2: 'zweiten {day}', nth_3: 'dritten {day}', nth_4: 'vierten {day}', nth_5: 'fünften {day}', nth_last: 'letzten {day}',

    new_list: 'Neue Liste', list_name: 'Name der Liste', rename: 'Umbenennen', list_actions: 'Aktionen für die Liste', color: 'Farbe', color_none: 'Keine Farbe',
    delete_list: 'Liste löschen', move_list_up: 'Liste nach oben', move_list_down: 'Liste nach unten', rename_tag: 'Schlagwort umbenennen', delete_tag: 'Schlagwort von allen Aufgaben entfernen',
    print: 'Drucken',

    search_placeholder: 'Alle Aufgaben durchsuchen', results: { one: '{n} Treffer', other: '{n} Treffer' },

    offline: 'Offline', offline_text: 'Deine Änderungen bleiben auf diesem Gerät und werden später gesendet.',
    unsent_count: { one: '{n} Änderung nicht gesendet', other: '{n} Änderungen nicht gesendet' },
    new_version: 'Eine neue Version ist bereit.', reload: 'Neu laden', sign_in_at_proxy: 'Dein Netzwerk verlangt eine neue Anmeldung.', sign_in_there: 'Dort anmelden',
    no_https: 'Offline-Nutzung und Installation brauchen https. Alles andere geht.', storage_refused: 'Dieser Browser speichert nichts für diese Seite, wie in einem privaten Fenster oder wenn der Speicher voll ist. Schließ diesen Tab nicht, bevor alles gesendet ist.',
    waiting: {
        one: '{n} Änderung von {name} wurde nicht gesendet. Sie bleibt in diesem Browser, bis {name} sich anmeldet.',
        other: '{n} Änderungen von {name} wurden nicht gesendet. Sie bleiben in diesem Browser, bis {name} sich anmeldet.',
    },
    no_access: 'Dieses Konto kann nicht mehr benutzt werden. Nicht gesendete Änderungen bleiben auf diesem Gerät.', got_it: 'Verstanden',

    not_saved_text: 'Der Dienst hat diese Änderungen nicht angenommen. Nichts ist verloren: Kopier den Text, versuch es noch einmal oder verwirf sie.',
    not_saved_count: { one: '{n} Änderung wurde nicht gespeichert', other: '{n} Änderungen wurden nicht gespeichert' }, yours: 'Deine', on_the_server: 'Auf dem Server',
    not_there: 'nicht mehr da', try_again: 'Noch einmal versuchen', copy_text: 'Text kopieren', let_go: 'Verwerfen', not_saved_empty: 'Alles ist gespeichert',

    sign_in: 'Anmelden', register: 'Registrieren', sign_out: 'Abmelden', username: 'Benutzername', password: 'Passwort', email: 'E-Mail (freiwillig)',
    new_here: 'Neu hier?', have_account: 'Schon registriert?', create_account: 'Konto anlegen', signing_in: 'Anmeldung läuft …', tagline: 'Deine Aufgaben, auf deinem eigenen Server.',
    new_password_needed: 'Wähl ein neues Passwort, um fortzufahren.', password_hint: 'Mindestens 8 Zeichen.',
    sign_out_unsent: {
        one: '{n} Änderung wurde noch nicht gesendet. Sie bleibt in diesem Browser, bis du dich wieder anmeldest.',
        other: '{n} Änderungen wurden noch nicht gesendet. Sie bleiben in diesem Browser, bis du dich wieder anmeldest.',
    }, sign_out_anyway: 'Trotzdem abmelden',
    error_network: 'Der Dienst ist nicht erreichbar. Prüf die Verbindung und versuch es noch einmal.', error_unknown: 'Das hat nicht geklappt. Versuch es gleich noch einmal.',

    account: 'Konto', appearance: 'Aussehen', region: 'Sprache und Datum', tokens: 'Zugriffstoken', danger: 'Konto löschen',
    theme: 'Farbschema', theme_system: 'Wie das System', theme_light: 'Hell', theme_dark: 'Dunkel', language: 'Sprache', language_auto: 'Wie der Browser',
    week_start: 'Die Woche beginnt am', week_auto: 'Wie in meiner Sprache üblich', time_zone: 'Zeitzone', use_this_zone: '{zone} verwenden', shortcuts: 'Kürzel mit einer Taste',
    shortcuts_text: 'Schalte sie aus, wenn du Spracheingabe benutzt oder Tasten versehentlich drückst.', shortcuts_show: 'Alle Kürzel anzeigen', saved: 'Gespeichert',
    signed_in_as: 'Angemeldet als {name}', admin_pages: 'Verwaltung',
    current_password: 'Bisheriges Passwort', new_password: 'Neues Passwort', change_password: 'Passwort ändern', password_changed: 'Das Passwort ist geändert. Alle anderen Sitzungen sind beendet.',
    end_tokens_too: 'Auch alle Zugriffstoken beenden', sessions: 'Sitzungen', this_session: 'Diese Sitzung', unknown_device: 'Unbekanntes Gerät', last_used: 'Zuletzt benutzt {date}', never_used: 'Nie benutzt',
    end_session: 'Beenden', end_session_of: 'Die Sitzung {name} beenden', end_others: 'Alle anderen Sitzungen beenden', sessions_ended: 'Alle anderen Sitzungen sind beendet.',
    tokens_text: 'Für Skripte und Kalender. Ein Token darf nur, was sein Bereich erlaubt.', no_tokens: 'Keine Token', token_name: 'Name', token_scope: 'Darf', scope_read: 'Aufgaben lesen', scope_write: 'Aufgaben lesen und ändern',
    scope_caldav: 'Kalender-Apps (CalDAV)', token_expires: 'Läuft ab nach', days_90: '90 Tagen', days_365: 'einem Jahr', days_never: 'nie', create_token: 'Token anlegen', token_new: 'Kopier dieses Token jetzt. Es wird nur einmal gezeigt.',
    copy: 'Kopieren', end_token: 'Beenden', end_token_of: 'Das Token {name} beenden', token_until: 'Läuft ab am {date}', token_no_end: 'Läuft nicht ab', ends_with: '…{text}',
    export: 'Export', export_text: 'Alles als Datei: alle Listen und Aufgaben mit dem Papierkorb, ohne Passwörter.', file_format: 'Format',
    export_todo_api: 'Alles, zum Wiedereinlesen (JSON)', export_csv: 'Aufgaben für Tabellen (CSV)', export_todo_txt: 'Aufgaben als todo.txt', export_save: 'Datei speichern',
    import: 'Import', import_text: 'Ein Export dieses Dienstes oder eine Datei von TickTick, Todoist, Google Tasks, Microsoft To Do, Vikunja, todo.txt oder eine Tabelle. Zuerst ist zu sehen, was geschehen würde.',
    import_file: 'Datei', import_preview: 'Was importiert würde ({format})', import_counts: 'Neue Aufgaben: {todos}. Neue Listen: {lists}.',
    import_existing: 'Schon da: {n}; sie bleiben, wie sie sind.', import_in_trash: 'Davon im Papierkorb: {n}.', import_todos: 'Aufgaben',
    import_warnings: 'Was nicht unverändert übernommen wird', import_line: 'Zeile {n}:', and_more: 'und {n} weitere', import_run: 'Importieren', import_progress: '{n} von {all} sind geschrieben.',
    import_done: 'Importierte Aufgaben: {todos}. Importierte Listen: {lists}.', import_interrupted: 'Der Import wurde unterbrochen. Die Datei erneut importieren; das ergänzt den Rest.',
    import_undo: 'Diesen Import rückgängig machen', import_undone: 'Was importiert wurde, ist im Papierkorb.', import_another: 'Eine weitere Datei importieren', import_refused: 'Nichts wurde importiert, weil die Datei Fehler hat:',
    confirm_password: 'Gib dein Passwort ein, um fortzufahren', delete_account_text: 'Löscht dein Konto mit allen Aufgaben und Listen, sofort und endgültig.', delete_account: 'Mein Konto löschen', continue: 'Weiter',

    keys_global: 'Überall', keys_list: 'In einer Liste', keys_text: 'Im Text einer neuen Aufgabe', key_add: 'Aufgabe hinzufügen', key_search: 'Suchen', key_help: 'Diese Übersicht', key_undo: 'Rückgängig',
    key_go: 'Zu Eingang, Heute, Demnächst, Erledigt, Papierkorb', key_close: 'Schließen oder das Feld verlassen', key_next: 'Nächste Aufgabe', key_previous: 'Vorige Aufgabe', key_tick: 'Erledigen oder wieder öffnen', key_open: 'Details öffnen', key_due: 'Datum setzen',
    key_priority: 'Priorität: hoch, mittel, niedrig, keine', key_move: 'Aufgabe oder Liste in der Navigation verschieben', key_delete: 'Löschen', key_off: 'Kürzel mit einer Taste sind aus. Du kannst sie in den Einstellungen einschalten.', key_then: 'dann', key_or: 'oder',
};
