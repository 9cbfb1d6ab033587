//! Puts the files that browsers load into the binary, compressed: the folders of `web/`, and Swagger UI. They are served
//! under a path that contains a hash over all of them, so that browsers can keep them for ever.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FOLDERS: [&str; 3] = ["css", "docs", "icons"];

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
    let mut files = swagger_ui()?;
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed=web/{folder}");
        let entries = fs::read_dir(Path::new("web").join(folder))?.collect::<io::Result<Vec<_>>>()?;
        for entry in entries {
            let name = entry.file_name().into_string().map_err(|_| io::ErrorKind::InvalidFilename)?;
            files.push(File { path: format!("{folder}/{name}"), bytes: fs::read(entry.path())? });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let out = PathBuf::from(std::env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut hashes = String::new();
    let mut table = String::from("pub static FILES: &[Asset] = &[\n");
    for file in &files {
        let hash = hash(&file.bytes);
        write!(hashes, "{} {hash:016x} ", file.path).map_err(io::Error::other)?;
        table += &row(file, hash, &out)?;
    }
    table += "];\n";
    writeln!(table, "pub const VERSION: &str = \"{:016x}\";", hash(hashes.as_bytes()))
        .map_err(io::Error::other)?;
    fs::write(out.join("assets.rs"), table)
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
    let params = brotli::enc::BrotliEncoderParams { quality: 10, ..Default::default() };
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
