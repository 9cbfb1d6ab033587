//! The README and the guides in docs/: their links resolve, and the README stays short. The alerts and the dashboard in
//! deploy/ use metrics that exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot read a guide fails")]

use std::fs;
use std::path::{Path, PathBuf};

const README_LINES_MAX: usize = 200;

fn guides() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut guides = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    guides.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    guides.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    guides
}

/// The lines outside code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        !is_fence && !in_code
    })
}

/// The anchors that GitHub gives to headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().chars();
        let kept = kept.filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(slug).collect()
}

fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

#[test]
fn links_between_guides_resolve() {
    let mut checked = 0;
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { guide.clone() } else { guide.with_file_name(file) };
            let found = fs::read(&target);
            let found = found.unwrap_or_else(|_| panic!("{}: {link} leads to no file", guide.display()));
            // Not every file is text: a guide shows images.
            let found = String::from_utf8_lossy(&found);
            let has_anchor = anchor.is_empty() || anchors(&found).iter().any(|known| known == anchor);
            assert!(has_anchor, "{}: {link} leads to no heading", guide.display());
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn the_readme_is_short_and_links_to_every_guide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.lines().count() <= README_LINES_MAX);
    for guide in guides().iter().filter(|guide| !guide.ends_with("README.md")) {
        let path = guide.strip_prefix(root).unwrap().display().to_string();
        assert!(links(&readme).contains(&path.as_str()), "{path}");
    }
}

/// All files in a folder and its folders.
fn files_in(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_in(path) } else { vec![path] }).collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source: String =
        files_in(root.join("src")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut checked = 0;
    for path in files_in(root.join("deploy")) {
        let text = fs::read_to_string(&path).unwrap();
        let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in names.filter(|name| name.starts_with("todo_api_")) {
            let is_known = |name: &str| source.contains(&format!("\"{name}\""));
            let mut parts = ["_bucket", "_count", "_sum"].iter().filter_map(|end| name.strip_suffix(end));
            assert!(is_known(name) || parts.any(is_known), "{}: {name} does not exist", path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn every_setting_is_in_the_example_and_reaches_the_container() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let (example, compose) = (read(".env.example"), read("docker-compose.yml"));
    for (name, _) in todo_api::config::SETTINGS {
        let name = name.to_uppercase();
        assert!(example.contains(&format!("{name}=")), "{name}");
        assert!(compose.contains(&format!("      {name}: ")), "{name}");
    }
}
