/** The last actions of this tab, and how to take them back. */

/** @type {{ what: string, back: () => void }[]} */
const history = [];
const LENGTH_MAX = 50;
let undoing = false;

/** @param {string} what the name of the action @param {() => void} back */
export function remember(what, back) {
    if (undoing) return;
    history.push({ what, back });
    if (history.length > LENGTH_MAX) history.shift();
}

/** Takes the last action back. @returns {string | null} its name; `null` if there is none */
export function undo() {
    const action = history.pop();
    if (!action) return null;
    undoing = true;
    try {
        action.back();
    } finally {
        undoing = false;
    }
    return action.what;
}

/** Another user must not undo what this user did. */
export function forgetActions() {
    history.length = 0;
}
