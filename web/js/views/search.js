// Search in memory: every word must begin a word of the name or of the note, without case and accents.
const foldText = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/ß/g, 'ss').replace(/œ/g, 'oe').replace(/æ/g, 'ae');
const SEPARATORS = /[^\p{L}\p{N}\p{S}]+/u;

export function searchTodos(todos, query) {
    const wanted = foldText(query).split(SEPARATORS).filter(Boolean);
    if (!wanted.length) return [];
    const found = todos.filter((todo) => {
        if (todo.deleted_at !== null) return false;
        const words = foldText(`${todo.name} ${todo.description}`).split(SEPARATORS);
        return wanted.every((word) => words.some((one) => one.startsWith(word)));
    });
    return found.sort((a, b) => Number(a.completed) - Number(b.completed) || (a.updated_at < b.updated_at ? 1 : -1));
}
