//! Describes the routes for operators and their tools.

use serde_json::{Value, json};

use super::operation::Operation;
use super::schema::named;
use crate::error::{Error, Resource};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let status = json!({ "type": "string", "description": "`ok` or `ready`." });
    let status = json!({
        "type": "object", "description": "The state of the service.", "required": ["status"], "properties": { "status": status },
    });
    vec![("ServiceStatus", status)]
}

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, summary| Operation::new("get", path, "Service", id, summary).public();
    let status = named("ServiceStatus");
    vec![
        new("/livez", "get_livez", "Check whether the process is alive").json_response(
            200,
            "The process is alive.",
            &status,
            &json!({ "status": "ok" }),
        ),
        new("/readyz", "get_readyz", "Check whether the service is ready")
            .json_response(
                200,
                "The service accepts requests and the database responds.",
                &status,
                &json!({ "status": "ready" }),
            )
            .errors(&[Error::unavailable("")]),
        new("/problems/{code}", "get_problem", "Explain an error code to people")
            .text_response(200, "The explanation of the code.", "text/plain")
            .not_found(Resource::Problem),
        new("/v1/openapi.json", "get_openapi", "Get this document").json_response(
            200,
            "The API document.",
            &json!({ "type": "object" }),
            &json!({ "openapi": "3.1.0" }),
        ),
    ]
}
