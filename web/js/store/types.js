/**
 * The types that the store and the views share. Field names are those of the API.
 *
 * @typedef {{ date: string } | { at: string, time_zone: string | null }} Due
 * @typedef {{ rule: string, basis: 'due' | 'completion' | 'future', left?: number | null }} Recurrence
 * @typedef {'none' | 'low' | 'medium' | 'high'} Priority
 *
 * @typedef {object} Todo
 * @property {string} id
 * @property {string | null} list_id `null`: the inbox
 * @property {string | null} parent_id
 * @property {string} name
 * @property {string} description
 * @property {boolean} completed
 * @property {string | null} completed_at
 * @property {Due | null} due
 * @property {Recurrence | null} recurrence
 * @property {Priority} priority
 * @property {string[]} tags
 * @property {string} position provisional until the server has computed it
 * @property {string | null} occurrence_of
 * @property {number} version 0 if the server does not have it yet
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} deleted_at not `null`: in the trash
 *
 * @typedef {object} List
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string | null} color
 * @property {string} position
 * @property {number} version
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} deleted_at
 *
 * @typedef {Todo & { unsent: boolean }} ShownTodo
 * @typedef {List & { unsent: boolean }} ShownList
 *
 * The fields of a new todo. Only `name` is required.
 * @typedef {{ name: string } & Partial<Pick<Todo, 'id' | 'list_id' | 'parent_id' | 'description' | 'due' | 'recurrence' |
 *     'priority' | 'tags' | 'completed'>>} NewTodo
 * @typedef {Partial<Pick<Todo, 'name' | 'description' | 'due' | 'recurrence' | 'priority' | 'tags'>>} TodoFields
 * @typedef {Partial<Pick<List, 'name' | 'description' | 'color'>>} ListFields
 *
 * Where a todo or list goes. Absent `list_id` and `parent_id` stay as they are.
 * @typedef {{ list_id?: string | null, parent_id?: string | null, before?: string, after?: string, top?: boolean,
 *     bottom?: boolean }} Place
 *
 * @typedef {'todo' | 'list'} Kind
 * @typedef {'put' | 'patch' | 'delete' | 'restore' | 'move' | 'skip' | 'undo'} Op
 *
 * What a command changes for the user until the server's copy has it. `null`: the object is removed.
 * @typedef {{ type: Kind, id: string, patch: Record<string, any> | null }} Effect
 *
 * A change that waits for the server, as it is stored in the outbox.
 * @typedef {object} Row
 * @property {number} seq the order of the commands
 * @property {string} id of the command
 * @property {Op} op
 * @property {Kind} type
 * @property {string} target
 * @property {Record<string, any>} [body]
 * @property {Record<string, any>} [before] the fields that the command changes, as they were shown before
 * @property {Effect[]} effects
 * @property {string} at
 * @property {number} [sent] when it was first sent, in milliseconds since 1970
 * @property {boolean} [acked] the server has it, but its copies may not have arrived
 * @property {number} [version] of the target after the command
 * @property {number} [walk] the read of the server after which its copies have arrived
 * @property {number} [tries] how often another change came first
 *
 * @typedef {{ status: number, code: string, title: string, detail?: string, errors?: { pointer?: string, code: string,
 *     detail: string }[] }} Problem
 *
 * A change that the server rejected, or that somebody else overtook.
 * @typedef {object} Rejected
 * @property {string} id
 * @property {Op} op
 * @property {Kind} type
 * @property {string} target
 * @property {string} name of the object, as it was shown
 * @property {Record<string, any> | null} mine the fields that were not saved
 * @property {Record<string, any> | null} theirs the same fields as the server has them; `null` if the object is gone
 * @property {Problem} problem
 * @property {string} at
 *
 * @typedef {{ id: string, username: string, email?: string | null, roles?: string[], time_zone?: string | null }} User
 * @typedef {{ user: User, sessionId: string | null }} SignedIn
 * @typedef {'unknown' | null | SignedIn} Session
 *
 * @typedef {null | 'new_version' | 'sign_in_at_proxy' | 'storage_refused' | 'no_https' | 'no_access'} Notice
 * @typedef {object} Status
 * @property {boolean} connected
 * @property {number} unsent
 * @property {boolean} syncing
 * @property {Notice} notice
 * @property {boolean} ready whether there is something to show: what the browser holds, or the first todos of the service
 * @property {boolean} complete whether everything the server has was read once
 */
export {};
