//! Refused bodies on the original's routes: no JSON, ambiguous JSON, or too large.

use axum::body::Body;
use axum::http::Method;
use futures_util::stream;

use crate::support::{Answer, TestApp};

const JSON: &str = "application/json";
const MALFORMED: &str = "The browser (or proxy) sent a request that this server could not understand.";
const KIB_16: usize = 16 * 1024;
const MIB: usize = 1024 * 1024;

/// Every route that reads a body. `todo` is the path of a todo.
fn routes(todo: &str) -> [(Method, &str); 4] {
    let post = |path| (Method::POST, path);
    [post("/register"), post("/login"), post("/createtodo"), (Method::PUT, todo)]
}

/// Checks for a 400 with a text in `message`.
#[track_caller]
fn assert_bad(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    let message = &answer.json()["message"];
    assert!(message.is_string() || message.is_object(), "{what}: {message}");
}

/// Bodies that are no unambiguous JSON object, although each has valid fields.
fn odd_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let whole = r#"{"name":"x","description":"y","username":"ben","password":"password"}"#;
    let within = |value: &str| whole.replace("\"x\"", value).replace("\"ben\"", value).into_bytes();
    let members = |more: &str| whole.replace('}', more).into_bytes();
    let utf16 =
        |units: &mut dyn FnMut(u16) -> [u8; 2]| whole.encode_utf16().flat_map(units).collect::<Vec<u8>>();
    let mut bodies = vec![
        ("empty", Vec::new()),
        ("blank", b" \n".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("a string", b"\"name\"".to_vec()),
        ("a boolean", b"true".to_vec()),
        ("an array", b"[]".to_vec()),
        ("an object in an array", format!("[{whole}]").into_bytes()),
        ("a pair in an array", br#"["name","description"]"#.to_vec()),
        ("two objects", format!("{whole}{whole}").into_bytes()),
        ("something behind it", format!("{whole}x").into_bytes()),
        ("NUL behind it", format!("{whole}\0").into_bytes()),
        ("a form", b"name=x&description=y&username=ben&password=password".to_vec()),
        ("NaN", within("NaN")),
        ("Infinity", within("Infinity")),
        ("-Infinity", within("-Infinity")),
        ("NaN where nobody looks", members(",\"z\":NaN}")),
        ("a plus sign", within("+1")),
        ("leading zeros", within("01")),
        ("a bare point", within("1.")),
        ("hexadecimal", within("0x10")),
        ("Python's True", within("True")),
        ("single quotes", within("'x'")),
        ("a raw newline", within("\"\n\"")),
        ("a raw NUL", within("\"\0\"")),
        ("an unknown escape", within(r#""\x41""#)),
        ("half an escape", within(r#""\u12""#)),
        ("a lone high surrogate", within(r#""\ud800""#)),
        ("a lone low surrogate", within(r#""\udc00x""#)),
        ("surrogates in the wrong order", within(r#""\udc00\ud800""#)),
        ("a trailing comma", members(",}")),
        ("a comment", members("/* */}")),
        ("a bare name", members(",z:1}")),
        ("a missing value", members(",\"z\":}")),
        ("members twice", members(",\"name\":\"z\",\"username\":\"z\"}")),
        ("members twice, escaped", members(r#","n\u0061me":"z","usern\u0061me":"z"}"#)),
        ("unknown members twice", members(",\"z\":1,\"z\":1}")),
        ("deep arrays", "[".repeat(1_000).into_bytes()),
        ("deep objects", "{\"name\":".repeat(1_000).into_bytes()),
        ("deep and whole", format!("{}{}", "[".repeat(1_000), "]".repeat(1_000)).into_bytes()),
        ("deep as a value", within(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000)))),
        ("UTF-16, big end first", utf16(&mut u16::to_be_bytes)),
        ("UTF-16, little end first", utf16(&mut u16::to_le_bytes)),
        ("UTF-32", whole.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
        ("UTF-16 with a mark", [vec![0xff, 0xfe], utf16(&mut u16::to_le_bytes)].concat()),
    ];
    for invalid in [b"\xff".as_slice(), b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        for place in ["\"x\"", "\"name\"", "\"y\""] {
            let at = whole.find(place).unwrap() + 1;
            bodies.push((
                "invalid UTF-8",
                [&whole.as_bytes()[..at], invalid, &whole.as_bytes()[at..]].concat(),
            ));
        }
    }
    bodies.extend((0..whole.len()).map(|end| ("cut off", whole.as_bytes()[..end].to_vec())));
    bodies
}

#[tokio::test]
async fn ambiguous_json_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let put = format!("/todo/{}", ann.create_original_todo("as it was").await);
    let before = (app.db.all("users").await, app.db.all("todos").await);
    for (what, body) in odd_bodies() {
        for (method, path) in routes(&put) {
            let answer = ann.send(method, path, &[("content-type", JSON)], body.clone()).await;
            assert_bad(&answer, &format!("{what} at {path}"));
        }
    }
    assert_eq!((app.db.all("users").await, app.db.all("todos").await), before);
}

#[tokio::test]
async fn malformed_json_is_refused_with_the_original_text() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let put = format!("/todo/{}", ann.create_original_todo("as it was").await);
    for body in ["", "{", "}", "{\"name\":", "{'name': 'x'}", "name=x", "{\"name\":\"x\",}", "<todo/>"] {
        for (method, path) in routes(&put) {
            let answer = ann.send(method, path, &[("content-type", JSON)], body).await;
            answer.assert_message(400, MALFORMED);
        }
    }
}

/// A body of exactly `size` bytes that has all the fields.
fn body_of(size: usize) -> String {
    let rest = r#"{"username":"ben","password":"wrong password","name":"x","description":""}"#;
    rest.replace(":\"\"", &format!(":\"{}\"", "d".repeat(size - rest.len())))
}

#[tokio::test]
async fn a_body_may_have_at_most_1_mib_and_without_a_token_16_kib() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let put = format!("/todo/{}", ann.create_original_todo("x").await);
    for (method, path, limit, status) in [
        (Method::POST, "/createtodo", MIB, 201),
        (Method::PUT, &put, MIB, 200),
        (Method::POST, "/login", KIB_16, 401),
        (Method::POST, "/register", KIB_16, 201),
    ] {
        for in_pieces in [false, true] {
            let send = async |size| {
                let body = body_of(size);
                let pieces =
                    body.as_bytes().chunks(5_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
                let body = if in_pieces {
                    Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()))
                } else {
                    body.into()
                };
                ann.send(method.clone(), path, &[("content-type", JSON)], body).await
            };
            for size in [limit + 1, 3 * MIB] {
                let refused = send(size).await.assert(413);
                assert!(refused.json()["message"].is_string(), "{path}");
            }
            if status != 201 || path != "/register" || !in_pieces {
                send(limit).await.assert(status);
            }
        }
    }
}
