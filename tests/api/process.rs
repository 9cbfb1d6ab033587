//! The service as a process: settings, log, startup and shutdown.

use std::collections::HashSet;

use serde_json::json;

use crate::support::process::{self, Server};
use crate::support::{PASSWORD, SECRET, TestDatabase};

async fn refusal(settings: &[(&str, &str)]) -> String {
    let (code, _, complaint) = process::run(&["serve"], settings).await;
    assert_eq!(code, Some(1), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

#[tokio::test]
async fn a_missing_or_weak_secret_is_refused_with_instructions() {
    let weak = [
        "",
        "short",
        &"a".repeat(40),
        "replace-me-with-openssl-rand-hex-32",
        "0123456789abcdef-change-me-0123456789",
    ];
    for secret in weak {
        let complaint = refusal(&[("JWT_SECRET", secret)]).await;
        assert!(
            complaint.contains("JWT_SECRET") && complaint.contains("openssl rand -hex 32"),
            "{complaint}"
        );
        assert!(secret.is_empty() || !complaint.contains(secret), "{complaint}");
    }
    let complaint = refusal(&[("JWT_SECRETS_PREVIOUS", "short")]).await;
    assert!(complaint.contains("JWT_SECRETS_PREVIOUS"), "{complaint}");
}

#[tokio::test]
async fn an_invalid_setting_is_reported_by_name() {
    let wrong = [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("HOST", "here"),
        ("BCRYPT_COST", "3"),
        ("BCRYPT_COST", "32"),
        ("TRUSTED_PROXY_HOPS", "-1"),
        ("ACCESS_TOKEN_TTL", "soon"),
        ("ACCESS_TOKEN_TTL", "2h"),
        ("TRUSTED_PROXY_HOPS", "33"),
        ("MAX_CONNECTIONS", "many"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_CONNECTIONS", "1000001"),
        ("MAX_EVENT_CONNECTIONS", "18446744073709551615"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "0"),
        ("MAX_ANSWER_BYTES", "16777215"),
        ("KEEP_ALIVE", "0s"),
        ("KEEP_ALIVE", "1500ms"),
        ("CORS_ORIGINS", "todo.example.org"),
        ("CORS_ORIGINS", "https://todo.example.org/"),
        ("CORS_ORIGINS", "*"),
        ("CORS_HEADERS", "X Requested With"),
        ("METRICS_ADDR", "9100"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "=="),
        ("LOG_LEVEL", "warning"),
        ("LOG_LEVEL", "info,mongodb=verbose"),
        ("MONGODB_URI", "mongodb://localhost/admin"),
        ("MONGODB_URI", "mongodb://localhost/local"),
        ("MONGODB_URI_FILE", "/nowhere"),
        ("JWT_SECRET_FILE", "/dev/null"),
        ("MONGODB_URI", "http://localhost"),
    ];
    for (name, value) in wrong {
        let complaint = refusal(&[(name, value)]).await;
        assert!(complaint.contains(name), "{name}={value}: {complaint}");
    }
}

#[tokio::test]
async fn metrics_are_served_on_their_own_address() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("METRICS_ADDR", "127.0.0.1:0")]).await;
    let (ann, _) = server.user("ann").await;
    for path in ["/v1/todos", "/v1/todos", "/nowhere", "/elsewhere"] {
        server.get(path, &ann).await;
    }
    assert_eq!(server.get("/metrics", &ann).await.status(), 404);
    let address = server.log().iter().find_map(|line| Some(line["metrics"].as_str()?.to_owned())).unwrap();
    let answer = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    let figures = answer.text().await.unwrap();
    let value = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}: {figures}")).trim().parse::<f64>().unwrap()
    };
    let requests = |route: &str, status: u16| {
        value(&format!(
            "todo_api_http_requests_total{{route=\"{route}\",method=\"GET\",status=\"{status}\"}}"
        ))
    };
    assert!((requests("/v1/todos", 200) - 2.0).abs() < 0.1);
    // The third line is the request for metrics at the wrong address.
    assert!((requests("none", 404) - 3.0).abs() < 0.1);
    assert!(value("todo_api_blacklist_age_seconds") < 2.0);
    assert!(value("todo_api_db_connections{state=\"open\"}") >= 1.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") > 5.0 && value("process_max_fds") > 100.0);
    assert!(value("process_cpu_seconds_total") >= 0.0 && value("process_start_time_seconds") > 1e9);
    let version = env!("CARGO_PKG_VERSION");
    assert!(figures.contains(&format!("todo_api_build_info{{version=\"{version}\"}} 1")), "{figures}");
    assert!(figures.contains("todo_api_db_command_duration_seconds_bucket{command=\"find\",outcome=\"ok\""));
    assert!(value("todo_api_requests{state=\"waiting\"}") < 0.5);
    assert!(!figures.contains("ann") && !figures.contains("nowhere"), "{figures}");
}

#[tokio::test]
async fn a_number_out_of_range_is_reported_with_the_range() {
    for (name, value, range) in [
        ("PORT", "70000", "from 0 to 65535"),
        ("BCRYPT_COST", "99999999999999999999", "from 4 to 31"),
        ("MAX_CONNECTIONS", "2000000", "from 1 to 1000000"),
        ("TRUSTED_PROXY_HOPS", "-1", "a whole number, 0 or more"),
    ] {
        let complaint = refusal(&[(name, value)]).await;
        assert!(complaint.contains(range), "{name}={value}: {complaint}");
    }
}

#[tokio::test]
async fn secrets_come_from_files() {
    let (db, directory) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (uri, secret) = (write("uri", &format!(" {}\n", db.uri())), write("secret", &format!("{SECRET}\n")));
    let files = [
        ("JWT_SECRET", ""),
        ("JWT_SECRET_FILE", &*secret),
        ("MONGODB_URI_FILE", &*uri),
        ("HOST", "localhost"),
    ];
    let server = Server::start_ready("", &files).await;
    let (ann, _) = server.user("ann").await;
    assert_eq!(server.get("/v1/todos", &ann).await.status(), 200);
    assert!(db.all("users").await.len() == 1, "the database is the one in the file, without the newline");
    let complaint = refusal(&[("JWT_SECRET_FILE", &secret)]).await;
    assert!(complaint.contains("JWT_SECRET and JWT_SECRET_FILE are both set"), "{complaint}");
}

#[tokio::test]
async fn commands_need_no_token_secret() {
    let (db, directory) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let settings = [("JWT_SECRET", ""), ("MONGODB_URI", db.uri())];
    let file = directory.path().join("a.backup");
    let file = file.to_str().unwrap();
    for arguments in [&["migrate"][..], &["backup", file], &["backup", "--check", file]] {
        let (code, _, complaint) = process::run(arguments, &settings).await;
        assert_eq!(code, Some(0), "{arguments:?}: {complaint}");
    }
    let (_, checked, _) = process::run(&["backup", "--check", file], &[]).await;
    assert!(checked.contains("is complete"), "{checked}");
    let content = std::fs::read(file).unwrap();
    std::fs::write(file, &content[..content.len() - 9]).unwrap();
    let (code, _, complaint) = process::run(&["backup", "--check", file], &[]).await;
    assert_eq!((code, complaint.lines().count()), (Some(1), 1), "{complaint}");
    let (code, ..) = process::run(&["serve"], &settings).await;
    assert_eq!(code, Some(1));
}

#[tokio::test]
async fn options_in_the_uri_cannot_weaken_what_responses_promise() {
    let db = TestDatabase::create().await;
    let separator = if db.uri().contains('?') { '&' } else { '?' };
    let weak =
        "readPreference=secondaryPreferred&readConcernLevel=available&w=1&journal=false&retryWrites=false";
    let server = Server::start_ready(&format!("{}{separator}{weak}", db.uri()), &[]).await;
    let (ann, _) = server.user("ann").await;
    assert_eq!(server.get("/v1/todos", &ann).await.status(), 200);
    let ignored = server.log().iter().filter(|line| line["option"].is_string()).count();
    assert_eq!(ignored, 4);
}

#[tokio::test]
async fn an_unknown_setting_in_the_configuration_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("todo-api.toml");
    let arguments = ["serve", "--config", file.to_str().unwrap()];

    std::fs::write(&file, "bcrypt_costs = 12\n").unwrap();
    let (code, _, complaint) = process::run(&arguments, &[]).await;
    assert_eq!(code, Some(1));
    for part in ["`bcrypt_costs`", file.to_str().unwrap(), "did you mean `bcrypt_cost`?"] {
        assert!(complaint.contains(part), "{complaint}");
    }

    std::fs::write(&file, "access_token_ttl = \"1d\"\n").unwrap();
    let (_, _, complaint) = process::run(&arguments, &[]).await;
    assert!(complaint.contains("ACCESS_TOKEN_TTL"), "{complaint}");
    let (_, _, complaint) = process::run(&arguments, &[("ACCESS_TOKEN_TTL", "1m"), ("PORT", "x")]).await;
    assert!(complaint.contains("PORT"), "the environment must override the file: {complaint}");
}

#[tokio::test]
async fn an_invalid_configuration_file_is_reported_by_place_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.toml");
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    for (text, places) in [
        ("port = 8000\njwt_secret = canary-0123456789-canary\n", &["mine.toml", "line 2", "column 14"][..]),
        ("jwt_secret = \"canary\n", &["mine.toml", "line 1"]),
        ("[canary", &["mine.toml", "line 1"]),
        ("jwt_secret = \"canary-1\"\njwt_secret = \"canary-2\"\n", &["mine.toml", "line 2"]),
        ("jwt_secret = [\"canary\"]\n", &["JWT_SECRET"]),
        ("jwt_secret = { canary = \"canary\" }\n", &["JWT_SECRET"]),
        ("port = \"canary\"\n", &["PORT"]),
        ("port = [\"canary\"]\n", &["PORT"]),
        ("host = \"canary\"\n", &["HOST"]),
        ("throttles = \"canary\"\n", &["THROTTLES"]),
        ("access_token_ttl = \"canary\"\n", &["ACCESS_TOKEN_TTL"]),
        ("cors_origins = \"canary\"\n", &["CORS_ORIGINS"]),
        ("metrics_addr = \"canary\"\n", &["METRICS_ADDR"]),
    ] {
        std::fs::write(&file, text).unwrap();
        // The variables of every test process would override the file.
        let unset = [("JWT_SECRET", ""), ("HOST", ""), ("PORT", ""), ("THROTTLES", "")];
        let (code, _, complaint) = process::run(&arguments, &unset).await;
        assert_eq!(code, Some(1), "{complaint}");
        assert!(!complaint.contains("canary"), "{text}: {complaint}");
        for place in places {
            assert!(complaint.contains(place), "{text}: {complaint}");
        }
    }
}

#[tokio::test]
async fn a_missing_configuration_file_is_named() {
    let (code, _, complaint) = process::run(&["serve", "--config", "/nowhere.toml"], &[]).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("/nowhere.toml") && !complaint.contains("todo-api.toml"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[tokio::test]
async fn every_request_is_one_json_line_without_secrets() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("TRUSTED_PROXY_HOPS", "0")]).await;
    let (access, refresh) = server.user("ann").await;
    let http = reqwest::Client::new();
    let sent =
        http.get(server.url("/todolist?secret=q")).bearer_auth(&access).header("x-request-id", "mine-1");
    assert_eq!(sent.send().await.unwrap().headers()["x-request-id"], "mine-1");

    let line = process::eventually("the line is written", async || {
        server.log().into_iter().find(|line| line["request_id"] == "mine-1")
    })
    .await;
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/todolist");
    assert_eq!(line["status"], 404);
    assert_eq!(line["user"], "ann");
    assert_eq!(line["client"], "127.0.0.1");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(line["timestamp"].is_string());

    let log = serde_json::to_string(&server.log()).unwrap();
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for secret in [SECRET, PASSWORD, &signature(&access), &signature(&refresh), "secret=q"] {
        assert!(!log.contains(secret), "{secret}");
    }
    let lines = server.log().into_iter().filter(|line| line["message"] == "request");
    let ids: Vec<_> = lines.map(|line| line["request_id"].to_string()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "one line per request");
}

#[tokio::test]
async fn a_stop_finishes_running_requests_and_exits_with_0() {
    let db = TestDatabase::create().await;
    // At this cost a registration takes about a fifth of a second.
    let mut server = Server::start_ready(db.uri(), &[("BCRYPT_COST", "11")]).await;
    let url = server.url("/register");
    let under_way = tokio::spawn(async move {
        let body = json!({ "username": "ann", "password": PASSWORD });
        reqwest::Client::new().post(url).json(&body).send().await.unwrap().status()
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(server.terminate().await, Some(0));
    assert_eq!(under_way.await.unwrap(), 201);
    assert_eq!(db.all("users").await.len(), 1);
}

#[tokio::test]
async fn healthcheck_reports_whether_the_service_responds() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    assert_eq!(process::run(&["healthcheck"], &[("PORT", &port)]).await.0, Some(0));
    drop(server);
    assert_eq!(process::run(&["healthcheck"], &[("PORT", &port)]).await.0, Some(1));
}

#[tokio::test]
async fn help_and_the_operators_guide_list_every_setting_with_its_default() {
    let (code, help, _) = process::run(&["--help"], &[]).await;
    assert_eq!(code, Some(0));
    let guide = include_str!("../../docs/operating.md");
    for (name, default) in todo_api::config::SETTINGS {
        let name = name.to_uppercase();
        let default = default.filter(|default| !default.is_empty());
        assert!(
            help.contains(&default.map_or(name.clone(), |default| format!("{name} [default: {default}]"))),
            "{name}"
        );
        let row = default.map_or(format!("| `{name}` | "), |default| format!("| `{name}` | `{default}` |"));
        assert!(guide.contains(&row), "{row}");
    }
}

#[tokio::test]
async fn a_wrong_number_of_proxies_is_logged_once() {
    let db = TestDatabase::create().await;
    let http = reqwest::Client::new();
    for (hops, forwarded) in [("0", true), ("1", false)] {
        let server = Server::start_ready(db.uri(), &[("TRUSTED_PROXY_HOPS", hops)]).await;
        let warnings = || {
            let lines = server.log().into_iter().filter(|line| line["level"] == "WARN");
            lines.filter(|line| line["message"].as_str().unwrap().contains("TRUSTED_PROXY_HOPS")).count()
        };
        let send = async |path: &str, forwarded: bool| {
            let request = http.get(server.url(path)).header("x-request-id", path.trim_start_matches('/'));
            let request = if forwarded { request.header("x-forwarded-for", "192.0.2.1") } else { request };
            request.send().await.unwrap();
        };
        let logged = async |id: &str| {
            process::eventually("the line is written", async || {
                server.log().into_iter().find(|line| line["request_id"] == id)
            })
            .await
        };
        send("/livez", forwarded).await;
        send("/readyz", forwarded).await;
        send("/right", !forwarded).await;
        logged("right").await;
        assert_eq!(warnings(), 0, "{:?}", server.log());
        for path in ["/wrong", "/wrong", "/last"] {
            send(path, forwarded).await;
        }
        let last = logged("last").await;
        assert_eq!(last["client"], if forwarded { "127.0.0.1" } else { "unknown" });
        assert_eq!(warnings(), 1, "{:?}", server.log());
    }
}
