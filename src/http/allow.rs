//! The header `Allow` (RFC 9110 §10.2.1).

use axum::http::HeaderValue;
use axum::http::header::ALLOW;
use axum::response::Response;

pub fn list_options(mut response: Response) -> Response {
    // Every route allows `OPTIONS`, although no route registers it.
    let allowed = response.headers().get(ALLOW).and_then(|allowed| allowed.to_str().ok()).map(str::to_owned);
    if let Some(Ok(all)) = allowed.map(|allowed| HeaderValue::from_str(&format!("{allowed},OPTIONS"))) {
        response.headers_mut().insert(ALLOW, all);
    }
    response
}
