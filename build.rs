//! Puts the files that browsers load into the binary, compressed: the folders of `web/`, and Swagger UI. They are served
//! under a path that contains a hash over all of them, so that browsers can keep them for ever. The pages that name this
//! path are beside the folders.

#[path = "build/bundle.rs"]
mod bundle;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FOLDERS: [&str; 5] = ["css", "docs", "icons", "js", "vendor"];

// Other files are licences and types.
const EXTENSIONS: [&str; 4] = ["css", "js", "png", "svg"];

/// The modules that this one imports are joined with it.
const MAIN_MODULE: &str = "js/main.js";

/// Served without a version in their paths.
const PAGES: [&str; 3] = ["index.html", "sw.js", "app.webmanifest"];

/// What the web client does not load.
const OTHER_PAGES: [&str; 3] = ["docs/", "css/admin", "css/tokens"];

const SWAGGER_UI: [&str; 4] =
    ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"];

// A smaller file fits into the packets that a response takes anyway.
const COMPRESSED_MIN_BYTES: usize = 1_000;

struct File {
    /// Below the versioned folder, such as `css/tokens.css`.
    path: String,
    bytes: Vec<u8>,
}

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    let mut files = swagger_ui()?;
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed=web/{folder}");
        add_folder(&mut files, folder)?;
    }
    let mut files = joined(files)?;
    files.push(style()?);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let pages = PAGES.map(|page| {
        println!("cargo:rerun-if-changed=web/{page}");
        Ok(File { path: page.to_owned(), bytes: fs::read(Path::new("web").join(page))? })
    });
    let pages = pages.into_iter().collect::<io::Result<Vec<_>>>()?;
    let mut hashes = String::new();
    for file in files.iter().chain(&pages) {
        write!(hashes, "{} {:016x} ", file.path, hash(&file.bytes)).map_err(io::Error::other)?;
    }
    let version = format!("{:016x}", hash(hashes.as_bytes()));
    let pages =
        pages.into_iter().map(|page| filled_in(page, &version, &files)).collect::<io::Result<Vec<_>>>()?;
    let out = PathBuf::from(std::env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut source = format!("pub const VERSION: &str = {version:?};\n");
    for (name, files) in [("FILES", &files), ("PAGES", &pages)] {
        let table = table(files, &out)?;
        writeln!(source, "pub static {name}: &[Asset] = &[\n{table}];").map_err(io::Error::other)?;
    }
    fs::write(out.join("assets.rs"), source)
}

/// The style of the web client is in several files, and browsers load it as one.
fn style() -> io::Result<File> {
    println!("cargo:rerun-if-changed=web/style");
    let mut parts = vec![File { path: String::new(), bytes: fs::read("web/css/tokens.css")? }];
    add_folder(&mut parts, "style")?;
    parts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(File {
        path: "css/app.css".to_owned(),
        bytes: parts.into_iter().flat_map(|part| part.bytes).collect(),
    })
}

fn add_folder(files: &mut Vec<File>, folder: &str) -> io::Result<()> {
    for entry in fs::read_dir(Path::new("web").join(folder))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::ErrorKind::InvalidFilename)?;
        let path = format!("{folder}/{name}");
        let extension = Path::new(&name).extension().and_then(|extension| extension.to_str());
        if entry.file_type()?.is_dir() {
            add_folder(files, &path)?;
        } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            files.push(File { path, bytes: fs::read(entry.path())? });
        }
    }
    Ok(())
}

/// The files, with the modules of the web client in one of them.
fn joined(mut files: Vec<File>) -> io::Result<Vec<File>> {
    let is_module = |file: &File| file.path.starts_with("js/") || file.path.starts_with("vendor/");
    let text = |file: &File| {
        Ok((file.path.clone(), String::from_utf8(file.bytes.clone()).map_err(io::Error::other)?))
    };
    let modules = files.iter().filter(|file| is_module(file)).map(text);
    let modules = modules.collect::<io::Result<BTreeMap<_, _>>>()?;
    let (texts, joined) = bundle::bundle(&modules, MAIN_MODULE)?;
    // The types of the web client are comments only.
    files.retain(|file| !joined.contains(&file.path) && !file.path.ends_with("/types.js"));
    files.extend(texts.into_iter().map(|(path, text)| File { path, bytes: text.into_bytes() }));
    Ok(files)
}

/// A page names the version, and the service worker the files that it keeps.
fn filled_in(page: File, version: &str, files: &[File]) -> io::Result<File> {
    let of_client = |path: &&str| !OTHER_PAGES.iter().any(|other| path.starts_with(other));
    let paths: Vec<_> = files.iter().map(|file| &*file.path).filter(of_client).collect();
    let text = String::from_utf8(page.bytes).map_err(io::Error::other)?;
    let text = text.replace("{{version}}", version).replace("'{{files}}'", &format!("{paths:?}"));
    Ok(File { bytes: text.into_bytes(), ..page })
}

fn table(files: &[File], out: &Path) -> io::Result<String> {
    files.iter().map(|file| row(file, hash(&file.bytes), out)).collect()
}

fn swagger_ui() -> io::Result<Vec<File>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let paths: Vec<_> = archive.file_names().map(|path| path.unwrap_or_default().to_string()).collect();
    let mut files = Vec::new();
    for name in SWAGGER_UI {
        let path = paths
            .iter()
            .find(|path| path.ends_with(&format!("/dist/{name}")) && path.matches('/').count() == 2);
        let path = path.ok_or_else(|| io::Error::other(format!("Swagger UI has no {name}")))?;
        let mut bytes = Vec::new();
        archive.by_name(path)?.read_to_end(&mut bytes)?;
        files.push(File { path: format!("docs/{name}"), bytes });
    }
    Ok(files)
}

/// The row of one file. Its bytes go into files of their own, which stay there for the next build.
fn row(file: &File, hash: u64, out: &Path) -> io::Result<String> {
    let write = |suffix: &str, encode: &dyn Fn(&[u8]) -> io::Result<Vec<u8>>| -> io::Result<String> {
        let path = out.join(format!("{hash:016x}.{suffix}"));
        if !path.exists() {
            fs::write(&path, encode(&file.bytes)?)?;
        }
        let path = path.display().to_string();
        Ok(format!("include_bytes!({path:?})"))
    };
    let bytes = write("raw", &|bytes| Ok(bytes.to_vec()))?;
    let (mut br, mut gzip) = ("None".to_owned(), "None".to_owned());
    let is_compressed = Path::new(&file.path).extension().is_some_and(|extension| extension == "png");
    if file.bytes.len() >= COMPRESSED_MIN_BYTES && !is_compressed {
        br = format!("Some({})", write("br", &brotli)?);
        gzip = format!("Some({})", write("gz", &gzipped)?);
    }
    Ok(format!(
        "    Asset {{ path: {:?}, etag: \"\\\"{hash:016x}\\\"\", bytes: {bytes}, br: {br}, gzip: {gzip} }},\n",
        file.path
    ))
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// FNV-1a. It only has to change with the files.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
