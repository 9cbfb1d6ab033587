//! A user with a session.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::Value;

use super::instance::{Answer, Instance};
use super::{PASSWORD, RECOVERY};

/// The pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: ObjectId,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Account {
    pub(crate) async fn register(name: &str, instance: &Instance) -> Self {
        let user = patiently(async || instance.register(name).await).await;
        assert_eq!(user.status, 201, "{user:?}");
        let tokens = patiently(async || instance.log_in(name, PASSWORD).await).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        let id = ObjectId::parse_str(user.body["id"].as_str().unwrap()).unwrap();
        let session = tokens.session();
        Self { id, access: session.access, refresh: session.refresh }
    }

    pub(crate) async fn call(&self, instance: &Instance, method: Method, path: &str, body: &Value) -> Answer {
        instance.call(method, path, &self.access, body).await
    }

    /// As [`Account::call`], with a header.
    pub(crate) async fn call_with(
        &self,
        instance: &Instance,
        header: (&str, &str),
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        instance.send(method, path, &self.access, &[header], body.to_string()).await
    }

    /// Creates a todo, and returns it as in the response.
    pub(crate) async fn make(&self, instance: &Instance, todo: &Value) -> Value {
        let answer = patiently(async || self.call(instance, Method::POST, "/v1/todos", todo).await).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    pub(crate) async fn todo(&self, instance: &Instance, id: &str) -> Value {
        let path = format!("/v1/todos/{id}");
        let answer = patiently(async || self.call(instance, Method::GET, &path, &Value::Null).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// All todos including the trash, page by page.
    pub(crate) async fn todos(&self, instance: &Instance) -> Vec<Value> {
        let (mut todos, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = format!("/v1/todos?deleted=any&limit=200{cursor}");
            let answer =
                patiently(async || self.call(instance, Method::GET, &page, &Value::Null).await).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            todos.extend(answer.body["items"].as_array().unwrap().iter().cloned());
            let Some(next) = answer.body["next_cursor"].as_str() else { return todos };
            cursor = format!("&cursor={next}");
        }
    }
}

/// Repeats a request while the response is 503, at most for the recovery time.
pub(crate) async fn patiently(send: impl AsyncFn() -> Answer) -> Answer {
    let began = Instant::now();
    loop {
        let answer = send().await;
        if answer.status != 503 || began.elapsed() > RECOVERY {
            return answer;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub(crate) fn id_of(todo: &Value) -> &str {
    todo["id"].as_str().expect("an id")
}
