// The menus of a list, a tag and the trash.
import { store } from '../store/store.js';
import { trashGroups } from '../model/groups.js';
import { moveList } from './acts.js';
import { t } from './i18n.js';
import { go, openDialog, showToast } from './ui.js';

// Dark enough on white and light enough on black for a mark of 3 to 1.
export const listColors = ['#2f7fd1', '#2a9163', '#b7791f', '#d0543f', '#a659c4', '#3a8f99', '#7d7f87'];

/** @param {import('../store/types.js').ShownList | null | undefined} list `null`: the trash */
export function listMenu(list) {
    if (!list) return [{ label: t('empty_the_trash'), icon: 'trash', isDanger: true, run: emptyTrash }];
    const lists = store.lists.value;
    const at = lists.findIndex((one) => one.id === list.id);
    return [
        { label: t('rename'), icon: 'note', run: () => renameList(list) },
        { label: t('color'), icon: 'tag', items: [null, ...listColors].map((color, index) => (
            { label: color ? `${t('color')} ${index}` : t('color_none'), dot: color, isChecked: list.color === color, run: () => store.patchList(list.id, { color }) })) },
        at > 0 && { label: t('move_list_up'), icon: 'up', keys: 'Alt ↑', run: () => moveList(list.id, 'up') },
        at < lists.length - 1 && { label: t('move_list_down'), icon: 'down', keys: 'Alt ↓', run: () => moveList(list.id, 'down') },
        { label: t('print'), icon: 'copy', run: () => print() },
        { label: t('delete_list'), icon: 'trash', isDanger: true, run: () => {
            store.trashList(list.id);
            go({ view: 'inbox' });
            showToast(t('list_trashed', { name: list.name }), { undo: true });
        } },
    ];
}

function renameList(list) {
    openDialog('ask', { title: t('rename'), label: t('list_name'), value: list.name, action: t('save'), confirm: (name) => store.patchList(list.id, { name }) });
}

export function newList() {
    openDialog('ask', {
        title: t('new_list'), label: t('list_name'), action: t('save'),
        confirm: (name) => go({ view: 'list', arg: store.addList(name, { color: listColors[store.lists.value.length % listColors.length] }) }),
    });
}

export function tagMenu(tag) {
    return [
        { label: t('rename_tag'), icon: 'note', run: () => openDialog('ask', {
            title: t('rename_tag'), label: t('name'), value: tag, action: t('save'),
            confirm: (name) => { store.renameTag(tag, name.replace(/^@/, '')); go({ view: 'tag', arg: name.replace(/^@/, '') }); },
        }) },
        { label: t('delete_tag'), icon: 'trash', isDanger: true, run: () => { store.removeTag(tag); go({ view: 'inbox' }); showToast(t('delete_tag'), { undo: true }); } },
    ];
}

function emptyTrash() {
    const roots = trashGroups(store.all()).flatMap((group) => group.rows);
    openDialog('confirm', {
        title: t('empty_trash_question', { n: roots.length }), text: t('remove_forever_text'), action: t('remove_forever'), isDanger: true,
        confirm: () => roots.forEach(({ id }) => store.removeForever(id)),
    });
}
