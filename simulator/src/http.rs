//! The HTTP shell: converts, waits, cuts. It decides nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::credentials;
use crate::iam;
use crate::request::{Delivery, Outcome, Request};

use crate::wire::Scissors;

/// The run, shared between connections.
pub(crate) type Shared = Arc<Bench>;

const LARGEST_BODY: usize = 16 * 1024 * 1024;

pub(crate) fn router(shared: Shared) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(
    State(shared): State<Shared>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: HttpRequest,
) -> Response {
    let request = match converted(request).await {
        Ok(request) => request,
        Err(problem) => return json_response(413, &json!({"error": problem})),
    };
    if request.path.starts_with("/_sim/") {
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        // On a thread of its own: an advance waits for hooks.
        let control = move || shared.control(&request.method, &request.path, &body);
        let answer = tokio::task::spawn_blocking(control).await;
        let (status, answer) = answer.unwrap_or_else(|error| {
            (500, json!({"error": format!("the control request failed: {error}")}))
        });
        return json_response(status, &answer);
    }
    if let Err(problem) = learn_role(&shared, &request).await {
        return json_response(502, &json!({"error": problem}));
    }
    let outcome = shared.lock().handle(&request);
    if !outcome.delay.is_zero() {
        tokio::time::sleep(outcome.delay).await;
    }
    match outcome.delivery {
        Delivery::Whole => {}
        Delivery::Cut => scissors.cut(),
        Delivery::Truncated(bytes) => scissors.cut_after(bytes),
    }
    response(outcome)
}

/// Asks IAM for the role that a request names, if there is an IAM to ask, before the request is judged.
async fn learn_role(shared: &Shared, request: &Request) -> Result<(), String> {
    if (request.method.as_str(), request.path.as_str()) != ("POST", "/setup/credentials/aws") {
        return Ok(());
    }
    let endpoint = shared.lock().world.administration.settings.iam_endpoint.clone();
    let Some(endpoint) = endpoint else { return Ok(()) };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let arn = credentials::role_of(&body);
    let trust = iam::trust_of(&endpoint, arn).await?;
    let mut simulation = shared.lock();
    let now = simulation.now();
    simulation.world.learn_role(arn, trust, now);
    Ok(())
}

async fn converted(request: HttpRequest) -> Result<Request, String> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await;
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: bytes.map_err(|error| error.to_string())?.to_vec(),
    })
}

fn response(outcome: Outcome) -> Response {
    let mut response = Response::new(Body::from(outcome.body));
    *response.status_mut() = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::OK);
    for (name, value) in &outcome.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    response(crate::world::answered(status, body))
}
