//! How the build joins the JavaScript modules of the web client.

#[path = "../build/bundle.rs"]
mod bundle;

use std::collections::BTreeMap;

fn joined(modules: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
    let modules = modules.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    bundle::bundle(&modules, "js/main.js").map(|(files, _)| files).map_err(|fault| fault.to_string())
}

#[test]
fn modules_are_joined_once_and_after_what_they_import() {
    let files = joined(&[
        ("js/main.js", "// Entry.\nimport { a } from './a.js';\nimport { b } from './b.js';\nstart(a, b);\n"),
        ("js/a.js", "import { b } from './b.js';\nexport const a = b + 1;\n"),
        ("js/b.js", "/** A number. */\nexport const b = /** @type {import('./types.js').N} */ (1);\n"),
    ])
    .unwrap();
    let text = &files["js/main.js"];
    assert_eq!(files.len(), 1);
    assert_eq!(text.matches("const b = (1);").count(), 1);
    assert!(text.find("const b = (1)") < text.find("const a = b + 1"));
    assert!(!text.contains("Entry") && !text.contains("A number"));
}

#[test]
fn a_module_that_is_loaded_later_shares_the_modules_of_the_first_file() {
    let files = joined(&[
        (
            "js/main.js",
            "import { load } from './views/lazy.js';\nimport { state } from './state.js';\nload(state);\n",
        ),
        ("js/state.js", "export const state = {};\n"),
        ("js/views/lazy.js", "export const load = () => import('./more.js');\n"),
        ("js/views/more.js", "export { Editor } from './editor.js';\n"),
        ("js/views/editor.js", "import { state } from '../state.js';\nexport const Editor = () => state;\n"),
    ])
    .unwrap();
    assert!(files["js/main.js"].contains("import('./views/more.js')"));
    assert!(files["js/main.js"].trim_end().ends_with("export { $m1 };"), "{}", files["js/main.js"]);
    let more = &files["js/views/more.js"];
    assert!(more.starts_with("import { $m1 } from '../main.js';"), "{more}");
    assert!(more.contains("export const { Editor } ="), "{more}");
    assert!(!more.contains("const state = {}"));
}

#[test]
fn two_modules_that_are_loaded_later_cannot_share_one_of_their_own() {
    let fault = joined(&[
        ("js/main.js", "import('./a.js');\nimport('./b.js');\n"),
        ("js/a.js", "import { c } from './c.js';\nexport const a = c;\n"),
        ("js/b.js", "import { c } from './c.js';\nexport const b = c;\n"),
        ("js/c.js", "export const c = 1;\n"),
    ]);
    assert_eq!(fault.unwrap_err(), "web/js/b.js needs a module of another one that is loaded later");
}

#[test]
fn what_cannot_be_joined_fails_the_build_with_the_name_of_the_file() {
    let cycle =
        [("js/main.js", "import { a } from './a.js';\n"), ("js/a.js", "import { b } from './main.js';\n")];
    assert_eq!(joined(&cycle).unwrap_err(), "web/js/main.js is part of a cycle of imports");
    for text in
        ["export default 1;\n", "export let a = 1;\n", "import a from './b.js';\n", "import './b.js\n"]
    {
        let fault = joined(&[("js/main.js", text), ("js/b.js", "export const b = 1;\n")]).unwrap_err();
        assert!(fault.starts_with("web/js/main.js "), "{fault}");
    }
}
