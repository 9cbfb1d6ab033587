//! The files that pages load: versioned paths, compression, and long lifetimes.

use axum::http::Method;
use todo_api::web::assets::VERSION;

use crate::support::{Answer, TestApp};

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.anonymous().send(Method::GET, path, headers, "").await
}

#[tokio::test]
async fn files_are_compressed_and_cached_for_ever() {
    let app = TestApp::start().await;
    let path = format!("/assets/{VERSION}/docs/swagger-ui-bundle.js");
    let plain = get(&app, &path, &[]).await.assert(200);
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!((plain.header("vary"), plain.header("content-encoding")), ("accept-encoding", ""));
    let mut sizes = vec![plain.body.len()];
    let mut tags = vec![plain.header("etag").to_owned()];
    for (accepted, encoding) in [("gzip, deflate", "gzip"), ("gzip, deflate, br, zstd", "br")] {
        let answer = get(&app, &path, &[("accept-encoding", accepted)]).await.assert(200);
        assert_eq!(answer.header("content-encoding"), encoding);
        sizes.push(answer.body.len());
        tags.push(answer.header("etag").to_owned());
    }
    assert!(sizes[0] > 3 * sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    tags.dedup();
    assert_eq!(tags.len(), 3, "each encoding has its own tag: {tags:?}");
    for (tag, status) in [(&*tags[0], 304), ("W/\"x\", *", 304), ("\"x\"", 200)] {
        let answer = get(&app, &path, &[("if-none-match", tag)]).await.assert(status);
        assert_eq!(answer.body.is_empty(), status == 304);
        assert_eq!(answer.header("etag"), tags[0]);
    }
}

#[tokio::test]
async fn a_path_of_another_version_has_no_files() {
    let app = TestApp::start().await;
    get(&app, &format!("/assets/{VERSION}/css/tokens.css"), &[]).await.assert(200);
    for path in [
        "/assets/0123456789abcdef/css/tokens.css".to_owned(),
        format!("/assets/{VERSION}/css/../css/tokens.css"),
        format!("/assets/{VERSION}/css/%2e%2e/docs/page.css"),
        format!("/assets/{VERSION}/css"),
        format!("/assets/{VERSION}/"),
        "/assets".to_owned(),
    ] {
        get(&app, &path, &[]).await.assert(404);
    }
    app.anonymous()
        .send(Method::POST, &format!("/assets/{VERSION}/css/tokens.css"), &[], "")
        .await
        .assert(405);
}

#[tokio::test]
async fn the_page_that_shows_the_api_is_checked_for_changes() {
    let app = TestApp::start().await;
    let page = get(&app, "/docs/", &[]).await.assert(200);
    assert_eq!(page.header("cache-control"), "no-cache");
    let known = get(&app, "/docs/", &[("if-none-match", page.header("etag"))]).await.assert(304);
    assert_eq!(known.header("content-security-policy"), page.header("content-security-policy"));
}
