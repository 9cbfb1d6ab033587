/** The public face of the store. Views use nothing else of this folder. */

import { account } from './account.js';
import * as actions from './actions.js';
import { afterOpening } from './idle.js';
import { copyText, dismiss, retry } from './outbox.js';
import { register, signIn, signOut, start } from './session.js';
import { all, ids, lists, rejected, session, status, todo, trashedLists, waiting } from './state.js';
import { undo } from './undo.js';
import { dismissNotice, reloadForNewVersion } from './updates.js';

export const store = {
    start,
    afterOpening,
    session,
    status,
    lists,
    trashedLists,
    ids,
    todo,
    all,
    rejected,
    waiting,
    dismiss,
    retry,
    copyText,
    ...actions,
    undo,
    signIn,
    register,
    signOut,
    account,
    dismissNotice,
    reloadForNewVersion,
};
