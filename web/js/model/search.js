/**
 * Search in memory: every word must begin a word of the name or of the note, without case, accents and ligatures, as in the
 * server's `q`.
 */

import { byPosition } from './order.js';
import { keptInOrder } from './sorted.js';

/** @typedef {import('../store/types.js').Todo} Todo */

/** @type {Record<string, string>} */
const LETTERS = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ħ: 'h', ı: 'i', ŧ: 't', þ: 'th', ð: 'd', '\u0640': '' };
const SPECIAL = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'g');
// Apostrophes do not separate words, and a word with a hyphen or dots is found with and without them.
const APOSTROPHES = /['`\u00b4\u2018\u2019\u02bc\u2032]/g;
const SEPARATORS = /[^\p{L}\p{N}\p{M}\p{S}]+/u;
const JOINTS = /(?<=[\p{L}\p{N}])[-.\u2010-\u2015](?=[\p{L}\p{N}])/gu;

/** @param {string} text */
function fold(text) {
    const plain = text.toLowerCase();
    // Most texts have only ASCII letters.
    if (/^[\x00-\x7f]*$/.test(plain)) return plain.replace(APOSTROPHES, '');
    const decomposed = plain.replace(APOSTROPHES, '').normalize('NFKD').replace(/[\u0300-\u036f\u0591-\u05c7\u064b-\u065f]/g, '');
    return decomposed.replace(SPECIAL, (letter) => LETTERS[letter]).toLowerCase();
}

/** @typedef {{ todo: Todo, words: string | null }} Entry `words` are those of the todo, each after a space */

/** A todo that is not changed stays the same object. @type {WeakMap<Todo, Entry>} */
const entries = new WeakMap();

/** @param {Todo} todo @returns {Entry} */
function entryOf(todo) {
    let entry = entries.get(todo);
    if (!entry) entries.set(todo, entry = { todo, words: null });
    return entry;
}

/** Folding is most of the work, so it is done once. @param {Entry} entry */
function wordsOf(entry) {
    if (entry.words === null) {
        const text = fold(`${entry.todo.name}\n${entry.todo.description}`);
        const joined = text.search(JOINTS) >= 0 ? ` ${text.replace(JOINTS, '')}` : '';
        entry.words = ` ${`${text}${joined}`.split(SEPARATORS).join(' ')}`;
    }
    return entry.words;
}

/** Prepares some todos, so that the first search is as quick as the others. @param {Todo[]} todos */
export function prepareSearch(todos) {
    for (const todo of todos) wordsOf(entryOf(todo));
}

/** @param {Todo} a @param {Todo} b */
function byRelevance(a, b) {
    if (a.completed !== b.completed) return a.completed ? 1 : -1;
    if (a.updated_at !== b.updated_at) return a.updated_at < b.updated_at ? 1 : -1;
    return byPosition(a, b);
}

/** The order of results does not depend on the query. */
const inOrder = keptInOrder(entryOf, (a, b) => byRelevance(a.todo, b.todo), (/** @type {Todo} */ todo) => todo.deleted_at === null);

/** The last results, among which are those of a longer query. */
let latest = { words: '', among: /** @type {Entry[]} */ ([]), found: /** @type {Entry[]} */ ([]) };

/**
 * The todos outside the trash that match, open ones first, then the newest changes.
 * @template {Todo} T @param {T[]} todos @param {string} query @returns {T[]}
 */
export function searchTodos(todos, query) {
    const wanted = fold(query).split(SEPARATORS).filter(Boolean).map((word) => ` ${word}`);
    if (wanted.length === 0) return [];
    const [words, among] = [wanted.join(''), inOrder(todos)];
    const isLonger = latest.among === among && latest.words !== '' && words.startsWith(latest.words);
    const found = matching(isLonger ? latest.found : among, wanted);
    latest = { words, among, found };
    return found.map(({ todo }) => /** @type {T} */ (todo));
}

/** With loops, because the browser has not compiled this when the first letter is typed. @param {Entry[]} among @param {string[]} wanted */
function matching(among, wanted) {
    const found = [];
    next: for (const entry of among) {
        const words = entry.words ?? wordsOf(entry);
        for (const word of wanted) if (!words.includes(word)) continue next;
        found.push(entry);
    }
    return found;
}
