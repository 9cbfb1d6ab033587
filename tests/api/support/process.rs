//! The service as a separate process, started as an operator starts it, and private MongoDB servers.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{PASSWORD, SECRET};

/// How long a test waits for a process.
const PATIENCE: Duration = Duration::from_secs(30);

/// Texts that no log line may contain: the secrets of servers and users in tests, and the first characters of every
/// token and of every stored password.
const SECRETS: [&str; 4] = [SECRET, PASSWORD, "eyJ", "$2b$"];

/// The variable that names another binary than the one that cargo has built for the tests.
const BINARY: &str = "TODO_API_BINARY";

/// A running server process. Dropping it kills the process, and searches its log for secrets.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    complaints: Arc<Mutex<Vec<String>>>,
    address: String,
    http: reqwest::Client,
}

fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    // Suites that measure CPU time name an optimized binary.
    let binary = std::env::var_os(BINARY).unwrap_or_else(|| env!("CARGO_BIN_EXE_todo-api").into());
    let mut command = Command::new(binary);
    command.args(arguments).env_clear().current_dir(std::env::temp_dir());
    let defaults = [
        ("JWT_SECRET", SECRET),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("BCRYPT_COST", "4"),
        ("THROTTLES", "off"),
    ];
    command.envs(defaults).envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code, standard output and standard error of a command.
pub(crate) async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
    run_with_input(arguments, settings, "").await
}

/// As [`run`], with something on standard input.
pub(crate) async fn run_with_input(
    arguments: &[&str],
    settings: &[(&str, &str)],
    input: &str,
) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::from(command(arguments, settings));
    let mut child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the command did not end in time")
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

impl Server {
    /// Starts a server over the database of `uri`, and waits until it listens.
    pub(crate) async fn start(uri: &str, settings: &[(&str, &str)]) -> Self {
        let all: Vec<_> = [("MONGODB_URI", uri)].into_iter().chain(settings.iter().copied()).collect();
        let mut child = command(&["serve"], &all).spawn().unwrap();
        let log = gathered(child.stdout.take().unwrap());
        let complaints = gathered(child.stderr.take().unwrap());
        let mut server =
            Self { child, log, complaints, address: String::new(), http: reqwest::Client::new() };
        server.address = eventually("the server listens", async || {
            let lines = server.log();
            lines.iter().find_map(|line| Some(line["address"].as_str()?.to_owned()))
        })
        .await;
        server
    }

    /// As [`Server::start`], and waits until it is ready.
    pub(crate) async fn start_ready(uri: &str, settings: &[(&str, &str)]) -> Self {
        let server = Self::start(uri, settings).await;
        server.wait_for_status("/readyz", 200).await;
        server
    }

    /// The log lines so far. Every line must be JSON.
    pub(crate) fn log(&self) -> Vec<Value> {
        let lines = self.log.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// The lines on standard error so far, for example of panics.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.http.get(self.url(path)).bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Response {
        self.http.post(self.url(path)).bearer_auth(token).json(body).send().await.unwrap()
    }

    /// Registers a user, and returns the access and refresh tokens of a login.
    pub(crate) async fn user(&self, name: &str) -> (String, String) {
        let body = json!({ "username": name, "password": PASSWORD });
        assert_eq!(self.post("/register", "", &body).await.status(), 201);
        let tokens: Value = self.post("/login", "", &body).await.json().await.unwrap();
        let token = |kind: &str| tokens[kind].as_str().unwrap().to_owned();
        (token("access_token"), token("refresh_token"))
    }

    pub(crate) async fn wait_for_status(&self, path: &str, status: u16) {
        eventually(&format!("{path} returns {status}"), async || {
            let answer = self.http.get(self.url(path)).send().await.ok()?;
            (answer.status() == status).then_some(())
        })
        .await;
    }

    pub(crate) async fn wait_for_token(&self, path: &str, token: &str, status: u16) {
        eventually(&format!("{path} returns {status}"), async || {
            (self.get(path, token).await.status() == status).then_some(())
        })
        .await;
    }

    /// Sends SIGTERM, and waits for the end. Standard error must be empty.
    pub(crate) async fn terminate(&mut self) -> Option<i32> {
        self.signal("-TERM");
        let code = self.end().await;
        assert_eq!(self.complaints(), [""; 0]);
        code
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        eventually("the server ends", async || self.child.try_wait().unwrap()).await.code()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Collects the lines of a process as they arrive.
fn gathered(source: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let all = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            all.lock().unwrap().push(line);
        }
    });
    lines
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return;
        }
        for lines in [&self.log, &self.complaints] {
            for line in lines.lock().unwrap().iter() {
                assert!(
                    !SECRETS.iter().any(|secret| line.contains(secret)),
                    "a secret is in the log: {line}"
                );
            }
        }
    }
}

/// A MongoDB for one test, which may stop it. It is removed when dropped.
pub(crate) struct Mongod {
    name: String,
}

impl Mongod {
    /// Names a MongoDB, which does not run yet. `name` must be unique to the test.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: format!("{name}-{}", std::process::id()) }
    }

    /// Runs `scripts/mongod` with this name, and returns its output.
    pub(crate) async fn script(&self, arguments: &[&str]) -> String {
        let mut script = tokio::process::Command::from(self.command());
        let output = script.args(arguments).output().await.unwrap();
        let asked = arguments.contains(&"status");
        assert!(asked || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Sends a signal to every node.
    pub(crate) async fn signal(&self, signal: &str) {
        for line in self.script(&["status"]).await.lines() {
            let pid = line.split("pid ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mongod"));
        command.args(["--name", &self.name]).env_remove("MONGODB_URI");
        command
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        let _ = self.command().args(["stop", "--purge"]).output();
    }
}

/// Calls `probe` until it returns something.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("within {PATIENCE:?}: {what}");
}
