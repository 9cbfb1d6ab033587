// What the first view does not need. The browser loads it when it is used for the first time.
export { englishMore } from '../text/en_more.js';
export { Editor } from './editor.js';
export { Help } from './help.js';
export { NotSaved } from './notsaved.js';
export { Ask, Confirm } from './questions.js';
export { Settings } from './settings.js';
