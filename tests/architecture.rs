//! The rules of the architecture that the compiler does not check: imports point down the layers, and some code may appear
//! in one place only. The rules are checked on the text of the source, without its tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the source fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A file imports only from its own layer and from lower layers. An entry names a file, a folder
/// with all its files or, with `*/`, every file or folder of this name inside a feature. The longest match wins.
const LAYERS: &[&[&str]] = &[
    &["clock", "config", "crypto/sha256", "error"],
    &["crypto", "mongo"],
    &["owned"],
    &[
        "http",
        "openapi/error_responses",
        "openapi/needs",
        "openapi/operation",
        "openapi/parameters",
        "openapi/schema",
        "web",
    ],
    &[
        "*/common_passwords",
        "*/credential",
        "*/calendar",
        "dav/address",
        "dav/content_tag",
        "dav/markup",
        "dav/xml",
        "*/decode",
        "*/due",
        "*/folded_text",
        "*/folding",
        "*/hashing_threads",
        "*/history",
        "*/index",
        "*/input",
        "*/model",
        "*/name_order",
        "*/occurrences",
        "*/password",
        "*/phrases",
        "*/query",
        "*/recurrence",
        "*/resource",
        "*/scope",
        "*/search_terms",
        "*/sort_order",
        "*/spellings",
        "*/target",
        "*/text",
        "*/throttling",
        "*/token",
        "transfer/plan",
        "transfer/structure",
    ],
    &[
        "*/access",
        "*/archive",
        "*/failed_logins",
        "*/format",
        "*/hashing",
        "*/lineage",
        "*/calendar_queries",
        "*/steps",
        "*/store",
        "*/usage",
        "idempotency/claims",
        // Pure, and above the models that they map to texts.
        "icalendar",
        "transfer/formats",
        "transfer/render",
    ],
    &["workspace"],
    &[
        "*/account_changes",
        "*/adoption",
        "*/basic_passwords",
        "*/blacklist",
        "*/counts",
        "*/hierarchy",
        "*/page_state",
        "*/operations",
        "*/memory",
        "*/mirror",
        "*/page_sessions",
        "*/recurring",
        "*/reopening",
        "*/room",
        "*/refresh",
        "*/revocation",
        "*/search",
        "*/search_candidates",
        "*/side_effects",
        "*/verification",
        "transfer/calendar_names",
        "transfer/export",
        "transfer/jobs",
        "transfer/placement",
        "transfer/preparation",
        "transfer/undo",
        "transfer/writer",
    ],
    &[
        "*/client_info",
        "dav/basic",
        "dav/filter",
        "dav/changes",
        "dav/collections",
        "dav/content_tags",
        "dav/list_token",
        "dav/objects",
        "dav/operations",
        "dav/properties",
        "dav/records",
        "dav/refusal",
        "dav/requests",
        "dav/resources",
        "dav/texts",
        "dav/turns",
        "dav/validators",
        "*/extract",
        "admin_pages/form",
        "admin_pages/notice",
        "admin_pages/render",
        "admin_pages/texts",
        "admin_pages/views",
        "admin_pages/wording",
        "web/extract",
        "web/session_cookie",
        "workspace/extract",
    ],
    &[
        "*/commands",
        "*/confirm",
        "*/event_stream",
        "*/filters",
        "*/query_params",
        "*/wire",
        "sync/batch",
        // Everything that iterates over the kinds of synced objects, whose table names their bodies.
        "sync/changes",
        "sync/edit",
        "sync/feed",
        "sync/hub",
        "sync/kind",
        "sync/kinds",
        "sync/sent_versions",
        "sync/synced_kind",
        "web/wire",
    ],
    &["*/handlers", "web/handlers"],
    &["*/docs", "openapi/info", "openapi/service_routes", "openapi/version_3_0"],
    &["migrations", "openapi/document", "openapi/handlers", "openapi/problem_pages", "state"],
    &["app", "operator", "startup"],
    &["command_line"],
    &["main"],
];

/// A source file. `module` is a path such as `users/store`, `code` is the text without tests and comments.
struct Source {
    module: String,
    text: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources: Vec<_> = rust_files(&root)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let module = path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().to_owned();
            let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            Source { module: module.trim_end_matches("/mod").to_owned(), text, code }
        })
        .collect();
    sources.sort_by(|a, b| a.module.cmp(&b.module));
    assert!(sources.len() > 20, "too few source files were found");
    sources
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn feature(module: &str) -> &str {
    module.split('/').next().unwrap()
}

fn layer(module: &str) -> Option<usize> {
    let position = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let ancestors =
        std::iter::successors(Some(module), |path| path.rsplit_once('/').map(|(folder, _)| folder));
    let mut names = ancestors
        .clone()
        .map(str::to_owned)
        .chain(ancestors.filter_map(|path| path.rsplit_once('/')).map(|(_, name)| format!("*/{name}")));
    names.find_map(|name| position(&name))
}

/// The modules of this crate that a file imports: `crate::a::b`, `super::b`, `self::b`, and lists of them.
fn imports(source: &Source, known: &BTreeSet<String>) -> BTreeSet<String> {
    let own = source.module.replace('/', "::");
    let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent);
    let code = source.code.replace("todo_api::", "crate::");
    let code =
        code.replace("super::", &format!("crate::{parent}::")).replace("self::", &format!("crate::{own}::"));
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let path = &code[start + "crate::".len()..];
        let (stem, list) = match path.split_once('{') {
            Some((stem, rest)) if is_path(stem) => (stem, rest.split('}').next().unwrap()),
            _ => ("", path.split(|c| !is_path(&String::from(c))).next().unwrap()),
        };
        for head in list.split(',').map(str::trim) {
            let full = format!("{stem}{head}").replace("::", "/");
            let mut candidates =
                std::iter::successors(Some(&*full), |path| path.rsplit_once('/').map(|(folder, _)| folder));
            if let Some(module) = candidates.find(|path| known.contains(*path))
                && module != source.module
            {
                found.insert(module.to_owned());
            }
        }
    }
    found
}

fn is_path(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':')
}

fn import_graph() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let known = sources.iter().map(|source| source.module.clone()).collect();
    sources.iter().map(|source| (source.module.clone(), imports(source, &known))).collect()
}

#[test]
fn every_file_has_a_layer() {
    for Source { module, .. } in sources() {
        let is_folder =
            !module.contains('/') && Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&module).is_dir();
        assert!(module == "lib" || is_folder || layer(&module).is_some(), "{module} belongs to no layer");
    }
}

#[test]
fn imports_point_one_way() {
    let mut edges = 0;
    for (module, imports) in import_graph() {
        let Some(own) = layer(&module) else { continue };
        for import in imports {
            let Some(other) = layer(&import) else { continue };
            assert!(other <= own, "{module} imports {import}, which is in a higher layer");
            edges += 1;
        }
    }
    assert!(edges > 50, "only {edges} imports were found");
}

#[test]
fn imports_form_no_cycle() {
    let mut graph = import_graph();
    // Remove every module that imports no other module or that no other module imports. Only cycles cannot be removed.
    let mut before = usize::MAX;
    while graph.len() < before {
        before = graph.len();
        let imported: BTreeSet<_> = graph.values().flatten().cloned().collect();
        graph.retain(|module, imports| imported.contains(module) && !imports.is_empty());
        let left: BTreeSet<_> = graph.keys().cloned().collect();
        for imports in graph.values_mut() {
            imports.retain(|import| left.contains(import));
        }
    }
    assert!(graph.is_empty(), "a cycle among {graph:#?}");
}

#[test]
fn stores_and_handlers_import_none_of_other_features() {
    for (module, imports) in import_graph() {
        // A backup copies every collection, so it takes their names from the stores that own them.
        if feature(&module) == "operator" {
            continue;
        }
        for layer in ["store", "handlers"] {
            let foreign = imports
                .iter()
                .find(|import| import.ends_with(&format!("/{layer}")) && feature(import) != feature(&module));
            assert!(
                !module.ends_with(&format!("/{layer}")) || foreign.is_none(),
                "{module} imports {foreign:?}"
            );
        }
    }
}

#[test]
fn auth_does_not_import_users() {
    for (module, imports) in import_graph() {
        let users = imports.iter().find(|import| ["users", "todos", "original"].contains(&feature(import)));
        assert!(feature(&module) != "auth" || users.is_none(), "{module} imports {users:?}");
    }
}

/// Checks that a text appears in the code only at these places, and that it appears at all. A place is a module, a folder
/// (`mongo/`) or the end of a module path (`/store`).
fn only_in(text: &str, places: &[&str]) {
    let mut found = false;
    for Source { module, code, .. } in sources() {
        let allowed = places.iter().any(|place| {
            module == place.trim_end_matches('/')
                || place.starts_with('/') && module.ends_with(place)
                || place.ends_with('/') && module.starts_with(place)
        });
        assert!(allowed || !code.contains(text), "`{text}` must not appear in {module}");
        found |= code.contains(text);
    }
    assert!(found, "`{text}` appears nowhere, so the rule checks nothing");
}

#[test]
fn only_stores_use_the_driver() {
    let owned = ["owned/batch", "owned/changes", "owned/collection", "owned/document", "owned/pages"];
    only_in(
        "mongodb::",
        &[&["mongo/", "migrations/", "/store", "/feed", "/lineage", "/failed_logins"], &owned[..]].concat(),
    );
}

#[test]
fn statuses_appear_only_in_tables_and_success_responses() {
    only_in(
        "StatusCode::",
        &[
            "http/error_code",
            "http/polling",
            "http/preconditions",
            "app",
            "dav/wire",
            "original/wire",
            "/handlers",
        ],
    );
    for Source { module, code, .. } in
        sources().into_iter().filter(|source| source.module.ends_with("/handlers"))
    {
        for status in code.split("StatusCode::").skip(1) {
            let name = status.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next().unwrap();
            assert!(
                ["", "OK", "CREATED", "ACCEPTED", "NO_CONTENT"].contains(&name),
                "{module} returns {name}"
            );
        }
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    only_in("SystemTime::now", &["clock"]);
}

#[test]
fn ids_are_generated_in_one_place() {
    only_in(
        "object_id::generate",
        &["audit/", "idempotency/store", "owned/update", "/operations", "todos/recurring"],
    );
    for Source { module, code, .. } in sources() {
        // The driver's ids are predictable.
        for text in ["ObjectId::new", "ObjectId::default"] {
            assert!(!code.contains(text), "`{text}` must not appear in {module}");
        }
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    only_in("env::var", &["config"]);
}

#[test]
fn every_file_has_a_head_and_is_short() {
    for Source { module, text, .. } in sources() {
        assert!(text.starts_with("//!"), "{module} does not begin with `//!`");
        let lines = text.split("\n#[cfg(test)]").next().unwrap().lines().count();
        assert!(lines <= 300, "{module} has {lines} lines");
    }
}

#[test]
fn few_files_lie_outside_folders() {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let loose: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(loose.len() <= 8, "{loose:?}");
}

/// The folders of the web client, lowest first. A module imports only from its own folder and from lower ones.
const CLIENT_LAYERS: [&str; 5] = ["vendor", "model", "text", "store", "views"];

fn client_modules(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { client_modules(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "js")).collect()
}

#[test]
fn modules_of_the_web_client_import_only_from_lower_folders() {
    let layer =
        |path: &str| CLIENT_LAYERS.iter().position(|layer| path.split('/').any(|part| part == *layer));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/js");
    let mut edges = 0;
    for file in client_modules(&root) {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("/*") || text.starts_with("//"), "{path} does not begin with what it owns");
        let own = layer(&path).unwrap_or(CLIENT_LAYERS.len());
        assert!(own >= 2 || !text.contains("fetch(") && !text.contains("document."), "{path} is not pure");
        assert!(own == 3 || own == CLIENT_LAYERS.len() || !text.contains("fetch("), "{path} sends requests");
        for import in text.split(" from '").skip(1) {
            let import = import.split('\'').next().unwrap();
            let other = if import.starts_with("./") { Some(own) } else { layer(import) };
            assert!(other.is_some_and(|other| other <= own), "{path} imports {import}");
            edges += 1;
        }
    }
    assert!(edges > 10, "only {edges} imports were found");
}

#[test]
fn the_optimistic_update_is_written_once() {
    only_in("0..TRIES", &["owned/update"]);
}

#[test]
fn every_read_of_a_store_is_timed() {
    for Source { module, text, .. } in sources() {
        let is_timed = text.split("max_time(mongo::MAX_TIME)").skip(1).all(|after| {
            let next = after.trim_start();
            !next.starts_with(".await")
        });
        assert!(is_timed || module.starts_with("migrations/"), "{module}: send it with `timed()`");
    }
}

#[test]
fn no_file_has_a_vague_name() {
    for Source { module, .. } in sources() {
        for name in module.split('/') {
            let empty = ["common", "dto", "helper", "manager", "misc", "service", "util"];
            assert!(!empty.contains(&name.trim_end_matches('s')), "{module}");
        }
    }
}
