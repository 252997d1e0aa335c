//! The `OpenAPI` document and the page that shows it, all from the binary: no script is loaded from another host.
//!
//! What every operation has in common (the API key, and the errors any request can get) is added to the document here, so
//! that no handler can forget it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, InfoBuilder, KnownFormat, License, ObjectBuilder, OpenApi, PathItem, Ref,
    RefOr, Schema, SchemaFormat, Tag,
};
use utoipa_swagger_ui::Config;

use super::App;
use super::problem::{Problem, ProblemBody};
use super::types::IdempotencyKey;

/// Errors that any request can get.
const ERRORS: [(u16, &str); 8] = [
    (400, "The request is malformed"),
    (403, "Sent from a page of another site, or the key is read-only"),
    (404, "Not found"),
    (414, "The URL is too long"),
    (421, "The Host header does not name this server"),
    (422, "A value is invalid"),
    (500, "Internal error"),
    (503, "The database does not answer, the service is stopping, or there are too many requests"),
];
/// Errors of requests that need a key.
const AUTH_ERRORS: [(u16, &str); 2] = [(401, "No valid API key"), (429, "Too many wrong keys from this address")];
/// Errors of requests that change something.
const CHANGE_ERRORS: [(u16, &str); 4] = [
    (408, "The body took too long to arrive"),
    (409, "Conflict with the current state"),
    (413, "The body is too large"),
    (415, "The body is not JSON"),
];

/// Paths that need no key.
const PUBLIC: [&str; 3] = ["/", "/health", "/ready"];

/// Adds to a document what all operations have in common.
fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("barkeep")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Market bars, features and the engine that keeps them up to date. Times are RFC 3339 with an offset. Errors are \
             `application/problem+json` (RFC 9457). Unknown parameters and members are refused. Send an API key as \
             `Authorization: Bearer KEY` or `X-API-Key: KEY`; while no key exists, requests from this machine need none. \
             Some facts have several names for compatibility: the number of stored bars is `bars`, `records`, \
             `data_point_count` or `bar_count`; the newest bar is `newest_bar`, `latest_data` or `last_ts`; the staleness \
             tier is `tier` or `status` of a series; the id of an execution is `execution_id` or `job_id`.",
        ))
        .license(Some(license()))
        .build();
    document.tags = Some(
        [
            ("data", "Bars, features and stored symbols"),
            ("backfill", "Backfills on demand"),
            ("reports", "Health and staleness reports"),
            ("engine", "Engine control"),
            ("quarantine", "Bars that failed validation"),
            ("symbols", "Tracked symbols"),
            ("console", "Dashboard protocol"),
            ("service", "Health, readiness and metrics"),
        ]
        .map(|(name, about)| {
            let mut tag = Tag::new(name);
            tag.description = Some(about.to_owned());
            tag
        })
        .into(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    // Types that only headers use are not collected automatically.
    components.schemas.insert("IdempotencyKey".to_owned(), IdempotencyKey::schema());
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        let needs_key = !PUBLIC.contains(&path.as_str());
        for (method, operation) in operations(item) {
            add_common(operation, path, needs_key, method != HttpMethod::Get);
        }
    }
    document
}

fn license() -> License {
    let mut license = License::new("MIT or Apache 2.0");
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    license
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Delete, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn add_common(operation: &mut Operation, path: &str, needs_key: bool, changing: bool) {
    let known = &mut operation.responses.responses;
    let more = AUTH_ERRORS.iter().filter(|_| needs_key).chain(CHANGE_ERRORS.iter().filter(|_| changing));
    for (status, about) in ERRORS.iter().chain(more) {
        let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new().description(*about).content("application/problem+json", content).build();
        known.entry(status.to_string()).or_insert_with(|| response.into());
    }
    if needs_key {
        operation.security = Some(vec![SecurityRequirement::new("key", [""; 0])]);
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            describe(parameter, path);
        }
    }
}

/// What stands in a path has the same schema and the same words everywhere. `path` says whose id an id is.
fn describe(parameter: &mut Parameter, path: &str) {
    if parameter.name == "Idempotency-Key" {
        let about = "Within a day a request with the same key gets the same answer and starts nothing.";
        parameter.description = Some(about.to_owned());
        return;
    }
    if parameter.parameter_in != ParameterIn::Path {
        return;
    }
    let of = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    let (about, schema) = if parameter.name == "symbol" {
        let text = of(Type::String).pattern(Some(r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,31}$"));
        ("A symbol in any spelling it is known by, such as `AAPL` or `BTC-USD`", text)
    } else if path.contains("/quarantine/") {
        let number = of(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        ("The number of a quarantined bar", number)
    } else {
        ("The id of an execution", of(Type::String).format(Some(SchemaFormat::Custom("uuid".to_owned()))))
    };
    parameter.description = Some(about.to_owned());
    parameter.schema = Some(RefOr::T(Schema::Object(schema.build())));
}

/// `/openapi.json` and `/docs`.
pub(super) fn routes(document: OpenApi) -> Router<App> {
    // A document made of strings always serializes.
    let json: Arc<str> = complete(document).to_pretty_json().unwrap_or_default().into();
    let config = Arc::new(Config::from("/openapi.json"));
    let document = move || {
        let json = Arc::clone(&json);
        async move { ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json.to_string()) }
    };
    let file = move |path: Option<Path<String>>| {
        let config = Arc::clone(&config);
        async move { serve(path.as_ref().map_or("index.html", |Path(name)| name.as_str()), config) }
    };
    Router::new()
        .route("/openapi.json", get(document))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(file.clone()))
        .route("/docs/{*file}", get(file))
}

fn serve(name: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(file)) => {
            let kind = HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("text/html"));
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::not_found("no such file in the documentation").into_response(),
        Err(e) => Problem::internal(&e.to_string()).into_response(),
    }
}
