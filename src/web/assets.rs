//! `/assets/{version}/...`: the files that pages load, from the binary. `build.rs` compresses them and computes the version,
//! a hash over all of them. It fills the version into the pages of the web client.
//!
//! **Invariant:** a path never has other content later, so browsers keep the file for a year. A page of another version
//! gets 404 for all of its files, never a mixture.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Resource};
use crate::http::preconditions::unless_known;

const CACHE_POLICY: &str = "public, max-age=31536000, immutable";
/// Browsers ask each time whether the page is still the same.
pub const PAGE_CACHE_POLICY: &str = "no-cache";

pub struct Asset {
    path: &'static str,
    /// Of the uncompressed bytes, in quotes.
    etag: &'static str,
    bytes: &'static [u8],
    br: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// `GET /assets/{version}/{*path}`
pub(crate) async fn get(
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let unknown = Error::NotFound(Resource::Path);
    let Path((version, path)) = path.map_err(|_| unknown.clone())?;
    let asset = FILES.iter().find(|asset| version == VERSION && asset.path == path).ok_or(unknown)?;
    Ok(asset.response(&headers, CACHE_POLICY))
}

/// One of the pages of the web client, which have no version in their paths.
pub fn page(name: &str) -> Option<&'static Asset> {
    PAGES.iter().find(|page| page.path == name)
}

impl Asset {
    pub fn response(&self, request: &HeaderMap, cache_policy: &'static str) -> Response {
        let encodings = [("br", self.br), ("gzip", self.gzip)];
        let encoded = encodings
            .into_iter()
            .find_map(|(name, bytes)| Some((name, bytes?)).filter(|_| accepts(request, name)));
        let (encoding, bytes) = encoded.map_or((None, self.bytes), |(name, bytes)| (Some(name), bytes));
        // Each encoding is another representation with its own strong tag (RFC 9110 §8.8.3.3).
        let etag = match encoding {
            Some(name) => format!("{}-{name}\"", self.etag.trim_end_matches('"')),
            None => self.etag.to_owned(),
        };
        let headers = [
            (CONTENT_TYPE, content_type(self.path)),
            (CACHE_CONTROL, cache_policy),
            (VARY, "accept-encoding"),
        ];
        let mut response = (headers, bytes).into_response();
        if let Some(name) = encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        unless_known(request, &etag, response)
    }
}

/// Whether a request accepts an encoding by its name, with any weight except 0 (RFC 9110 §12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case(encoding)
            && weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_with_weight_0_is_not_accepted() {
        let accepts = |header: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, header.parse().unwrap())]);
            super::accepts(&headers, "gzip")
        };
        for header in ["gzip", "br, GZIP;q=0.5", "identity;q=0, gzip ; q=1"] {
            assert!(accepts(header), "{header}");
        }
        for header in ["", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "gzip;q=x"] {
            assert!(!accepts(header), "{header}");
        }
    }

    #[test]
    fn every_file_has_a_known_type() {
        assert!(FILES.len() >= 6);
        for asset in FILES.iter().chain(PAGES) {
            assert_ne!(content_type(asset.path), "application/octet-stream", "{}", asset.path);
        }
    }
}
