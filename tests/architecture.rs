//! The rules that the source keeps by agreement: imports point one way, and some things have one place only.
//! Read from the source's text, without its tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the source fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first: a file imports from its own layer and from lower ones. An entry is a file, a folder with all
/// that is in it, or, with `*/`, the files or folders of this name in any feature. The most exact entry counts.
const LAYERS: &[&[&str]] = &[
    &["clock", "config", "error"],
    &["crypto", "mongo"],
    &["owned"],
    &["http", "openapi/error_responses", "openapi/operation", "openapi/schema"],
    &[
        "*/common_passwords",
        "*/decode",
        "*/due",
        "*/index",
        "*/input",
        "*/model",
        "*/password",
        "*/phrases",
        "*/query",
        "*/recurrence",
        "*/search_terms",
        "*/target",
        "*/throttling",
        "*/token",
    ],
    &["*/archive", "*/failed_logins", "*/format", "*/hashing", "*/lineage", "*/store"],
    &["workspace"],
    &[
        "*/account_changes",
        "*/blacklist",
        "*/hierarchy",
        "*/operations",
        "*/mirror",
        "*/revocation",
        "*/side_effects",
    ],
    &["*/client_info", "*/extract", "workspace/extract"],
    &[
        "*/commands",
        "*/event_stream",
        "*/query_params",
        "*/wire",
        // Everything that iterates over the kinds of synced objects, whose table names their bodies.
        "sync/changes",
        "sync/edit",
        "sync/feed",
        "sync/hub",
        "sync/kind",
        "sync/kinds",
        "sync/synced_kind",
    ],
    &["*/handlers"],
    &["*/docs", "openapi/service_routes"],
    &["migrations", "openapi/document", "openapi/handlers", "state"],
    &["app", "operator", "startup"],
    &["main"],
];

/// A source file: its module, such as `users/store`, and its code without tests and comments.
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
    assert!(sources.len() > 20, "the source was found");
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

/// The modules of this crate that a file names: `crate::a::b`, `super::b`, `self::b`, and lists of them.
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
        assert!(module == "lib" || is_folder || layer(&module).is_some(), "{module} is in no layer");
    }
}

#[test]
fn imports_point_one_way() {
    let mut edges = 0;
    for (module, imports) in import_graph() {
        let Some(own) = layer(&module) else { continue };
        for import in imports {
            let Some(other) = layer(&import) else { continue };
            assert!(other <= own, "{module} imports {import}, which is above it");
            edges += 1;
        }
    }
    assert!(edges > 50, "the imports were found: {edges}");
}

#[test]
fn imports_form_no_cycle() {
    fn visit(
        module: &str,
        graph: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) {
        assert!(!path.iter().any(|known| known == module), "a circle: {path:?} -> {module}");
        if done.contains(module) {
            return;
        }
        path.push(module.to_owned());
        for import in &graph[module] {
            visit(import, graph, path, done);
        }
        path.pop();
        done.insert(module.to_owned());
    }
    let graph = import_graph();
    let mut done = BTreeSet::new();
    for module in graph.keys() {
        visit(module, &graph, &mut Vec::new(), &mut done);
    }
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

/// Where a text may stand in the code.
fn only_in(text: &str, places: &[&str]) {
    let mut found = false;
    for Source { module, code, .. } in sources() {
        let allowed = places.iter().any(|place| {
            module == place.trim_end_matches('/')
                || place.starts_with('/') && module.ends_with(place)
                || place.ends_with('/') && module.starts_with(place)
        });
        assert!(allowed || !code.contains(text), "`{text}` stands in {module}");
        found |= code.contains(text);
    }
    assert!(found, "`{text}` stands nowhere: the rule checks nothing");
}

#[test]
fn only_stores_use_the_driver() {
    let owned = ["owned/changes", "owned/collection", "owned/document"];
    only_in(
        "mongodb::",
        &[&["mongo/", "migrations/", "/store", "/feed", "/lineage", "/failed_logins"], &owned[..]].concat(),
    );
}

#[test]
fn statuses_appear_only_in_tables_and_success_responses() {
    only_in("StatusCode::", &["http/error_code", "http/preconditions", "app", "original/wire", "/handlers"]);
    for Source { module, code, .. } in
        sources().into_iter().filter(|source| source.module.ends_with("/handlers"))
    {
        for status in code.split("StatusCode::").skip(1) {
            let name = status.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next().unwrap();
            assert!(["", "OK", "CREATED", "NO_CONTENT"].contains(&name), "{module} answers {name}");
        }
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    only_in("SystemTime::now", &["clock"]);
}

#[test]
fn only_the_configuration_reads_the_environment() {
    only_in("env::var", &["config"]);
}

#[test]
fn every_file_has_a_head_and_is_short() {
    for Source { module, text, .. } in sources() {
        assert!(text.starts_with("//!"), "{module} has no head");
        let lines = text.split("\n#[cfg(test)]").next().unwrap().lines().count();
        assert!(lines <= 300, "{module} has {lines} lines");
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
