//! Joins the JavaScript modules of the web client into one file, so that a browser needs one request for all of them.
//! Each module becomes a function that is called once, after the modules that it imports. A module that is loaded later,
//! by `import('…')`, becomes a file of its own, with the modules that only it needs. It takes all others from the first file,
//! because a second copy would have a state of its own.
//!
//! **Invariant:** a module that this does not understand (a cycle, `export default`, `export let`) fails the build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

/// Tells the browser to compile all functions of the first file while it is loaded, in the background. Otherwise Chromium
/// compiles each one when it is called, and the first view waits for that.
/// <https://wicg.github.io/explicit-javascript-compile-hints-file-based/>
const COMPILE_HINT: &str = "//# allFunctionsCalledOnLoad\n";

/// `modules` are the texts by path. Returns the joined files by path, and the paths of all modules in them.
pub(crate) fn bundle(
    modules: &BTreeMap<String, String>,
    main: &str,
) -> io::Result<(BTreeMap<String, String>, BTreeSet<String>)> {
    let mut bundle = Bundle { modules: Some(modules), ..Bundle::default() };
    bundle.add(main)?;
    let mut first = COMPILE_HINT.to_owned() + &std::mem::take(&mut bundle.text);
    let (in_first, later) = (bundle.names.clone(), std::mem::take(&mut bundle.later));
    let mut files = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for path in later {
        let (name, used) = bundle.add_later(&path, &in_first)?;
        let exports = bundle.exports.get(&name).map(|names| names.join(", ")).unwrap_or_default();
        let text = std::mem::take(&mut bundle.text);
        let up = "../".repeat(path.matches('/').count() - main.matches('/').count());
        let up = if up.is_empty() { "./" } else { &up };
        let file = main.rsplit('/').next().unwrap_or(main);
        let list = used.iter().cloned().collect::<Vec<_>>().join(", ");
        files.insert(
            path,
            format!("import {{ {list} }} from '{up}{file}';\n{text}export const {{ {exports} }} = {name};\n"),
        );
        shared.extend(used);
    }
    let list = shared.into_iter().collect::<Vec<_>>().join(", ");
    writeln!(first, "export {{ {list} }};").map_err(io::Error::other)?;
    files.insert(main.to_owned(), first);
    Ok((files, bundle.names.into_keys().collect()))
}

#[derive(Default)]
struct Bundle<'a> {
    modules: Option<&'a BTreeMap<String, String>>,
    /// The modules whose imports are being added.
    open: Vec<String>,
    names: BTreeMap<String, String>,
    /// The names that a module exports, by its constant.
    exports: BTreeMap<String, Vec<String>>,
    later: BTreeSet<String>,
    /// The constants that were imported since this was last emptied.
    used: BTreeSet<String>,
    text: String,
}

impl Bundle<'_> {
    /// Returns the name of the constant that holds the exports of the module.
    fn add(&mut self, path: &str) -> io::Result<String> {
        if let Some(name) = self.names.get(path) {
            return Ok(name.clone());
        }
        if self.open.iter().any(|open| open == path) {
            return Err(fault(path, "is part of a cycle of imports"));
        }
        let source = self
            .modules
            .and_then(|modules| modules.get(path))
            .ok_or_else(|| fault(path, "does not exist"))?;
        self.open.push(path.to_owned());
        let mut module = Module { path, head: String::new(), body: String::new(), exports: Vec::new() };
        for statement in statements(&without_comments(source)) {
            self.take(&mut module, &statement)?;
        }
        self.open.pop();
        // A later file has constants that no other file has.
        let name = format!("$m{}", self.names.len());
        let exports = module.exports.join(", ");
        let (head, body) = (module.head, module.body);
        writeln!(self.text, "const {name} = (() => {{\n{head}{body}return {{ {exports} }};\n}})();")
            .map_err(io::Error::other)?;
        let exported =
            module.exports.iter().map(|export| export.split(':').next().unwrap_or(export).to_owned());
        self.exports.insert(name.clone(), exported.collect());
        self.names.insert(path.to_owned(), name.clone());
        Ok(name)
    }

    /// Returns the constant of a module that is loaded later, and the constants that it takes from the first file.
    fn add_later(
        &mut self,
        path: &str,
        in_first: &BTreeMap<String, String>,
    ) -> io::Result<(String, BTreeSet<String>)> {
        if in_first.contains_key(path) {
            return Err(fault(path, "is imported and loaded later"));
        }
        self.used.clear();
        let name = self.add(path)?;
        if !self.later.is_empty() {
            return Err(fault(path, "loads another module later"));
        }
        let shared: BTreeSet<_> =
            self.used.iter().filter(|name| in_first.values().any(|first| first == *name)).cloned().collect();
        let own = |name: &String| self.text.contains(&format!("const {name} = "));
        // Neither of the two files could take it from the other.
        if self.used.iter().any(|name| !shared.contains(name) && !own(name)) {
            return Err(fault(path, "needs a module of another one that is loaded later"));
        }
        Ok((name, shared))
    }

    fn take(&mut self, module: &mut Module<'_>, statement: &str) -> io::Result<()> {
        if let Some(import) = statement.strip_prefix("import ") {
            let (names, from) = from_clause(import).unwrap_or(("", import));
            let from = self.add(&resolve(module.path, quoted(module.path, from)?))?;
            self.used.insert(from.clone());
            let names = match names.trim().strip_prefix("* as ") {
                Some(space) => space.to_owned(),
                None => format!("{{ {} }}", renamed(module.path, names)?.join(", ")),
            };
            return writeln!(module.head, "const {names} = {from};").map_err(io::Error::other);
        }
        if let Some(list) = statement.strip_prefix("export {").or_else(|| statement.strip_prefix("export{")) {
            let (names, rest) =
                list.split_once('}').ok_or_else(|| fault(module.path, "has an open export"))?;
            let pairs = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            let source = match rest.trim().strip_prefix("from ") {
                Some(from) => {
                    let from = self.add(&resolve(module.path, quoted(module.path, from)?))?;
                    self.used.insert(from.clone());
                    from + "."
                }
                None => String::new(),
            };
            module.exports.extend(pairs.map(|pair| {
                let (local, exported) = pair.split_once(" as ").unwrap_or((pair, pair));
                format!("{exported}: {source}{local}")
            }));
            return Ok(());
        }
        if let Some(declaration) = statement.strip_prefix("export ") {
            let words = declaration.split(|c: char| !(c.is_alphanumeric() || "_$".contains(c)));
            let mut words =
                words.skip_while(|word| ["async", "function", "const", "class", ""].contains(word));
            let starts = ["const ", "function ", "function* ", "async function ", "class "];
            let name = words.next().filter(|_| starts.iter().any(|start| declaration.starts_with(start)));
            let is_plain = !declaration.starts_with("const {") && !declaration.starts_with("const [");
            let name = name.filter(|_| is_plain);
            module
                .exports
                .push(name.ok_or_else(|| fault(module.path, "has an export of another form"))?.to_owned());
            module.body += &self.with_paths(module.path, declaration);
        } else {
            module.body += &self.with_paths(module.path, statement);
        }
        module.body.push('\n');
        Ok(())
    }

    /// Remembers the modules that a line loads later, and names them relative to the joined file.
    fn with_paths(&mut self, path: &str, line: &str) -> String {
        const CALL: &str = "import('";
        let mut rest = line;
        let mut text = String::new();
        while let Some((before, after)) = rest.split_once(CALL) {
            let (relative, end) = after.split_once('\'').unwrap_or((after, ""));
            let resolved = resolve(path, relative);
            let from_main =
                resolved.strip_prefix("js/").map_or(format!("../{resolved}"), |path| format!("./{path}"));
            write!(text, "{before}{CALL}{from_main}'").ok();
            self.later.insert(resolved);
            rest = end;
        }
        text + rest
    }
}

struct Module<'a> {
    path: &'a str,
    head: String,
    body: String,
    exports: Vec<String>,
}

fn fault(path: &str, text: &str) -> io::Error {
    io::Error::other(format!("web/{path} {text}"))
}

/// The lines of a module. An import, and an export of a list, is one line, also if it was several.
fn statements(source: &str) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in source.lines() {
        if is_open {
            let statement = statements.last_mut().map(|statement| {
                statement.push(' ');
                statement.push_str(line.trim());
            });
            debug_assert!(statement.is_some());
        } else if let Some((before, list)) = line.split_once("export{").filter(|_| line.ends_with("};")) {
            // A library: everything is in one line.
            statements.push(before.to_owned());
            statements.push(format!("export{{{list}"));
        } else {
            statements.push(line.to_owned());
        }
        let last = statements.last().map_or("", String::as_str);
        let is_list = last.starts_with("import ") || last.starts_with("export {");
        is_open = is_list && !last.trim_end().ends_with(';');
    }
    statements
}

/// Without the comments that begin a line, types within a line, empty lines, and indentation.
fn without_comments(source: &str) -> String {
    let mut inside = false;
    let lines = source.lines().filter(|line| {
        let line = line.trim();
        let begins = line.starts_with("/**") || line.starts_with("/* ");
        // What follows the end of a comment is code.
        let is_comment = inside || begins && (line.ends_with("*/") || !line.contains("*/"));
        inside = (inside || begins) && !line.contains("*/");
        // A text over several lines may begin or end here.
        !is_comment && !line.is_empty() && (!line.starts_with("// ") || line.matches('`').count() % 2 == 1)
    });
    lines.fold(String::new(), |text, line| text + &without_types(line.trim_start()) + "\n")
}

/// Without casts such as `/** @type {string} */`, which may name other modules.
fn without_types(line: &str) -> String {
    let mut rest = line;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("/** @") {
        let Some((_, end)) = after.split_once("*/") else { break };
        text += before;
        rest = end.trim_start();
    }
    text + rest
}

fn from_clause(import: &str) -> Option<(&str, &str)> {
    import.rsplit_once(" from ")
}

fn quoted<'a>(path: &str, text: &'a str) -> io::Result<&'a str> {
    let text = text.trim().trim_end_matches(';').trim();
    let inner = text.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
    inner.ok_or_else(|| fault(path, "imports from something that is no text"))
}

fn renamed(path: &str, names: &str) -> io::Result<Vec<String>> {
    let names = names.trim();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let list = names.strip_prefix('{').and_then(|names| names.strip_suffix('}'));
    let list = list.ok_or_else(|| fault(path, "has an import of another form"))?;
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(|name| name.replace(" as ", ": ")).collect())
}

fn resolve(path: &str, relative: &str) -> String {
    let mut parts: Vec<_> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
