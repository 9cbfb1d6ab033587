//! Describes the routes for operators and their tools.

use serde_json::{Value, json};

use super::operation::Operation;
use super::schema::{described, named};
use crate::error::{Error, Resource};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let status = json!({ "type": "string", "description": "`ok` or `ready`." });
    let status = json!({
        "type": "object", "description": "The state of the service.", "required": ["status"], "properties": { "status": status },
    });
    let any = |about: &str| json!({ "type": "object", "additionalProperties": true, "description": about });
    let text = |about: &str| json!({ "type": "string", "description": about });
    let explanation = json!({
        "type": "object", "description": "What an error code means.",
        "required": ["type", "code", "status", "title", "advice", "problem"],
        "properties": {
            "type": text("The `type` of the problems with this code."),
            "code": described(named("ProblemCode"), "The code."),
            "status": { "type": "integer", "format": "int32", "description": "The status of the responses." },
            "title": text("What is wrong."),
            "advice": text("What to do next."),
            "problem": any("An example of a problem with this code."),
        },
    });
    vec![
        ("ServiceStatus", status),
        ("ProblemExplanation", explanation),
        ("ApiDocument", any("An OpenAPI document.")),
    ]
}

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, summary| Operation::new("get", path, "Service", id, summary).public();
    let status = named("ServiceStatus");
    let explanation = json!({
        "type": "/problems/token_missing", "code": "token_missing", "status": 401, "title": "A token is required",
        "advice": "Log in at `/v1/login`.", "problem": { "type": "/problems/token_missing", "code": "token_missing" },
    });
    let document =
        |path, id, summary| {
            new(path, id, summary)
                .description("For tools that show the API or generate clients.")
                .json_response(200, "The document.", &named("ApiDocument"), &json!({ "openapi": "3.1.0" }))
        };
    vec![
        new("/livez", "get_livez", "Check whether the process is alive").description("Responds without the database. For the supervisor that restarts the process.").json_response(
            200,
            "The process is alive.",
            &status,
            &json!({ "status": "ok" }),
        ),
        new("/readyz", "get_readyz", "Check whether the service is ready")
            .description("For load balancers: 503 while the database cannot be reached or is being prepared.")
            .json_response(
                200,
                "The service accepts requests and the database responds.",
                &status,
                &json!({ "status": "ready" }),
            )
            .errors(&[Error::unavailable("")]),
        new("/problems/{code}", "get_problem", "Explain an error code")
            .description("Says what an error means and what to do next. A page for people, and a document for programs, according to the header `Accept`.")
            .json_response(200, "The explanation of the code.", &named("ProblemExplanation"), &explanation)
            .also_html(200)
            .not_found(Resource::Problem),
        document("/v1/openapi.json", "get_openapi", "Get this document"),
        document("/v1/openapi-3.0.json", "get_openapi_3_0", "Get this document as OpenAPI 3.0"),
        document("/original/openapi.json", "get_original_openapi", "Get the document of the original's routes"),
    ]
}
