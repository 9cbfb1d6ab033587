/** The public face of the store. Views use nothing else of this folder. */

import * as actions from './actions.js';
import * as account from './session.js';
import { all, ids, lists, rejected, session, status, todo, trashedLists } from './state.js';
import { undo } from './undo.js';

export const store = {
    session,
    status,
    lists,
    trashedLists,
    ids,
    todo,
    all,
    rejected,
    ...actions,
    undo,
    ...account,
};
