// Every sentence of the client in English. Values in braces are filled in. An entry with `one` and `other` is chosen by `n`.

/** @type {Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>} */
export const english = {
    app: 'Todo', loading: 'Loading…', close: 'Close', cancel: 'Cancel', save: 'Save', remove: 'Remove', back: 'Back', menu: 'Menu',
    more: 'More', skip_to_list: 'Skip to the list', navigation: 'Navigation', main: 'Todos', tick: 'Complete', untick: 'Reopen',

    inbox: 'Inbox', today: 'Today', upcoming: 'Upcoming', lists: 'Lists', tags: 'Tags', done: 'Done', trash: 'Trash', search: 'Search',
    settings: 'Settings', help: 'Keyboard shortcuts', add: 'Add a todo', not_saved: 'Not saved', not_found: 'Not found',
    not_found_text: 'This page does not exist, or its list was deleted.', to_inbox: 'Open the inbox',
    tomorrow: 'Tomorrow', yesterday: 'Yesterday', overdue: 'Overdue', no_date: 'No date', later: 'Later',
    open_count: { one: '{n} open', other: '{n} open' }, all_to_today: 'Move all to today', show_more: 'Show more',
    show_done: { one: 'Show {n} completed', other: 'Show {n} completed' }, hide_done: 'Hide completed',

    empty_inbox: 'Nothing in your inbox', empty_inbox_text: 'Write down what is on your mind. You can sort it later.',
    empty_today: 'Nothing left for today', empty_today_text: 'Enjoy it, or pick something from a list.',
    empty_upcoming: 'Nothing planned', empty_upcoming_text: 'Todos with a date appear here by day.',
    empty_list: 'This list is empty', empty_list_text: 'Press q, or use the button below, to add the first todo.',
    empty_tag: 'No open todo has this tag', empty_tag_text: 'Add @{tag} at the end of a new todo.',
    empty_done: 'Nothing completed yet', empty_done_text: 'What you tick off is kept here.',
    empty_trash: 'The trash is empty', empty_trash_text: 'What you delete stays here for 30 days.',
    empty_search: 'Nothing found', empty_search_text: 'Search looks for words in names and notes.',
    trash_note: 'Todos stay here for 30 days. Then they are removed for good.',
    restore: 'Restore', remove_forever: 'Delete permanently', remove_forever_question: 'Delete “{name}” permanently?',
    remove_forever_text: 'This cannot be undone.', empty_the_trash: 'Empty the trash',
    empty_trash_question: { one: 'Delete {n} todo permanently?', other: 'Delete {n} todos permanently?' },

    welcome: 'Welcome', examples_text: 'Three examples of what you can type. They are not saved.', examples_remove: 'Remove the examples',
    example_1: 'Call Anna tomorrow 5pm', example_2: 'Water the plants every monday #home', example_3: 'Book the flights !high // ask for a seat by the window',

    quick_placeholder: 'What needs to be done?', quick_hint: 'tomorrow 5pm · every monday · #list · @tag · !high · // note',
    quick_add: 'Add', quick_understood: 'Understood', keep_as_text: 'Keep “{text}” as text', quick_to: 'Goes to {list}',
    added: 'Added “{name}”', added_to: 'Added “{name}” to {list}',

    completed: 'Completed “{name}”', completed_next: 'Completed “{name}”. Next: {date}', reopened: 'Reopened “{name}”', trashed: 'Deleted “{name}”',
    restored: 'Restored “{name}”', skipped: 'Skipped to {date}', moved_to: 'Moved “{name}” to {list}', moved: '“{name}”, {at} of {n}',
    moved_all_today: { one: 'Moved {n} todo to today', other: 'Moved {n} todos to today' },
    list_trashed: 'Deleted the list “{name}”', undo: 'Undo', undone: 'Undone', nothing_to_undo: 'Nothing to undo',
    copied: 'Copied',

    actions_of: 'Actions for “{name}”', open: 'Open', move_up: 'Move up', move_down: 'Move down', move_top: 'Move to the top', move_bottom: 'Move to the bottom',
    move_to_list: 'Move to a list', next_week: 'Next week', due_today: 'Due today', due_tomorrow: 'Due tomorrow', skip: 'Skip this time', delete: 'Delete',
    drag_hint: 'Press for actions, or drag to move', subtask_of: 'Subtask of {name}', steps_done: '{done} of {n} steps done',
    has_note: 'Has a note', unsent: 'Not sent yet',

    details: 'Details', name: 'Name', note: 'Note', note_placeholder: 'Add a note', due: 'Due', no_due: 'No date', date: 'Date', time: 'Time', add_time: 'Add a time',
    zone: 'Time zone', zone_floating: 'Wherever I am', clear_due: 'Remove the date', repeat: 'Repeat', repeat_never: 'Does not repeat',
    repeat_custom: 'Custom…', repeat_other: 'Own rule', repeat_every: 'Every', repeat_basis: 'Next date', basis_due: 'After the date it was due',
    basis_completion: 'After the day I complete it', basis_future: 'Next date of the series from today', rule_kept: 'This rule was written by another app. It stays as it is.',
    unit_daily: 'days', unit_weekly: 'weeks', unit_monthly: 'months', unit_yearly: 'years', on_days: 'On', on_day_of_month: 'Day of the month',
    priority: 'Priority', priority_none: 'None', priority_low: 'Low', priority_medium: 'Medium', priority_high: 'High',
    list: 'List', add_tag: 'Add a tag', remove_tag: 'Remove the tag {tag}', subtasks: 'Subtasks', add_subtask: 'Add a subtask',
    created_at: 'Created {date}', completed_at: 'Completed {date}', name_needed: 'A todo needs a name.',

    repeat_daily: { one: 'daily', other: 'every {n} days' }, repeat_weekly: { one: 'weekly', other: 'every {n} weeks' },
    repeat_monthly: { one: 'monthly', other: 'every {n} months' }, repeat_yearly: { one: 'yearly', other: 'every {n} years' },
    repeat_weekdays: 'every weekday', repeat_on: '{text} on {days}', repeat_on_the: '{text} on the {day}', repeat_on_day: '{text} on day {day}',
    repeat_on_last_day: '{text} on the last day', repeat_until: '{text} until {date}', repeat_left: { one: '{n} time left', other: '{n} times left' },
    nth_1: 'first {day}', nth_2: 'second {day}', nth_3: 'third {day}', nth_4: 'fourth {day}', nth_5: 'fifth {day}', nth_last: 'last {day}',

    new_list: 'New list', list_name: 'Name of the list', rename: 'Rename', list_actions: 'Actions for the list', color: 'Colour', color_none: 'No colour',
    delete_list: 'Delete the list', move_list_up: 'Move the list up', move_list_down: 'Move the list down', rename_tag: 'Rename the tag', delete_tag: 'Remove the tag from all todos',
    print: 'Print',

    search_placeholder: 'Search all todos', results: { one: '{n} result', other: '{n} results' },

    offline: 'Offline', offline_text: 'Your changes are kept on this device and sent later.',
    unsent_count: { one: '{n} change not sent', other: '{n} changes not sent' }, syncing: 'Sending…',
    new_version: 'A new version is ready.', reload: 'Reload', sign_in_at_proxy: 'Your network asks you to sign in again.', sign_in_there: 'Sign in there',
    no_https: 'Offline use and installing need https. Everything else works.', storage_refused: 'This browser does not keep data for this site. Do not close the tab before everything is sent.',
    no_access: 'This account can no longer be used. Changes that were not sent stay on this device.', got_it: 'Got it',

    not_saved_text: 'The service did not accept these changes. Nothing is lost: copy the text, try again, or let it go.',
    not_saved_count: { one: '{n} change was not saved', other: '{n} changes were not saved' }, yours: 'Yours', on_the_server: 'On the server',
    not_there: 'no longer there', try_again: 'Try again', copy_text: 'Copy the text', let_go: 'Let it go', show: 'Show', not_saved_empty: 'Everything is saved',

    sign_in: 'Sign in', register: 'Register', sign_out: 'Sign out', username: 'Username', password: 'Password', email: 'E-mail (optional)',
    new_here: 'New here?', have_account: 'Already registered?', create_account: 'Create an account', signing_in: 'Signing in…', tagline: 'Your todos, on your own server.',
    new_password_needed: 'Choose a new password to continue.', password_hint: 'At least 8 characters.',
    sign_out_unsent: { one: '{n} change was not sent yet. It would be lost.', other: '{n} changes were not sent yet. They would be lost.' }, sign_out_anyway: 'Sign out anyway', stay: 'Stay',
    error_network: 'The service cannot be reached. Check the connection and try again.', error_unknown: 'This did not work. Try again in a moment.',

    account: 'Account', appearance: 'Appearance', region: 'Language and dates', security: 'Password and sessions', tokens: 'Access tokens', danger: 'Delete account',
    theme: 'Theme', theme_system: 'As the system', theme_light: 'Light', theme_dark: 'Dark', language: 'Language', language_auto: 'As the browser',
    week_start: 'Week starts on', week_auto: 'As usual in my language', time_zone: 'Time zone', use_this_zone: 'Use {zone}', shortcuts: 'Single-key shortcuts',
    shortcuts_text: 'Turn them off if you use speech input or press keys by accident.', shortcuts_show: 'Show all shortcuts', saved: 'Saved',
    signed_in_as: 'Signed in as {name}', admin_pages: 'Admin pages',
    current_password: 'Current password', new_password: 'New password', change_password: 'Change the password', password_changed: 'The password is changed. All other sessions have ended.',
    end_tokens_too: 'End all access tokens too', sessions: 'Sessions', this_session: 'This session', unknown_device: 'Unknown device', last_used: 'Last used {date}', never_used: 'Never used',
    end_session: 'End', end_session_of: 'End the session {name}', end_others: 'End all other sessions', sessions_ended: 'All other sessions have ended.',
    tokens_text: 'For scripts and calendars. A token can do only what its scope says.', no_tokens: 'No tokens', token_name: 'Name', token_scope: 'May', scope_read: 'Read todos', scope_write: 'Read and change todos',
    scope_caldav: 'Calendar apps (CalDAV)', token_expires: 'Expires after', days_90: '90 days', days_365: 'One year', days_never: 'Never', create_token: 'Create a token', token_new: 'Copy this token now. It is shown only once.',
    copy: 'Copy', end_token: 'End', end_token_of: 'End the token {name}', token_until: 'Expires {date}', token_no_end: 'Does not expire', ends_with: '…{text}',
    confirm_password: 'Enter your password to continue', delete_account_text: 'Deletes your account and all todos and lists, at once and for good.', delete_account: 'Delete my account', continue: 'Continue',

    keys_global: 'Everywhere', keys_list: 'In a list', keys_text: 'In the text of a new todo', key_add: 'Add a todo', key_search: 'Search', key_help: 'This overview', key_undo: 'Undo',
    key_go: 'Go to Inbox, Today, Upcoming, Done, Trash', key_close: 'Close, or leave the field', key_next: 'Next todo', key_previous: 'Previous todo', key_tick: 'Complete or reopen', key_open: 'Open the details', key_due: 'Set the date',
    key_priority: 'Priority: high, medium, low, none', key_move: 'Move up or down', key_delete: 'Delete', key_off: 'Single-key shortcuts are off. You can turn them on in the settings.', key_then: 'then', key_or: 'or',
};
