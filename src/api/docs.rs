//! The document about the API (`OpenAPI`) and the page that shows it, all from the binary: no other host is asked for a
//! script.
//!
//! What every operation has in common (the key, and the ways any request can be refused) is laid over the document here,
//! so that no handler can forget it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Schema,
    SchemaFormat, Tag,
};
use utoipa::{PartialSchema as _, ToSchema};
use utoipa_swagger_ui::Config;

use super::App;
use super::problem::{Problem, Said};

/// `1m`, `5m`, `15m`, `30m`, `1h`, `4h`, `1d` or `1w`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "a schema only")]
pub(super) enum TimeframeName {
    #[schema(rename = "1m")]
    M1,
    #[schema(rename = "5m")]
    M5,
    #[schema(rename = "15m")]
    M15,
    #[schema(rename = "30m")]
    M30,
    #[schema(rename = "1h")]
    H1,
    #[schema(rename = "4h")]
    H4,
    #[schema(rename = "1d")]
    D1,
    #[schema(rename = "1w")]
    W1,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "a schema only")]
pub(super) enum AssetClassName {
    Stock,
    Etf,
    Crypto,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "a schema only")]
pub(super) enum CriticalityName {
    Critical,
    Standard,
    Low,
}

/// 1 to 32 letters, digits and `. - _ : /`, as the vendor writes it; crypto by its base.
#[derive(ToSchema)]
#[schema(pattern = r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:/-]{0,31}$", example = "AAPL")]
#[allow(dead_code, reason = "a schema only")]
pub(super) struct SymbolName(String);

/// A day (2024-01-31, in the symbol's market) or a time (RFC 3339).
#[derive(ToSchema)]
#[schema(
    pattern = r"^(197[1-9]|19[89]\d|20\d\d)-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?$",
    example = "2024-01-31"
)]
#[allow(dead_code, reason = "a schema only")]
pub(super) struct WhenText(String);

/// Visible ASCII characters; a UUID does well.
#[derive(ToSchema)]
#[schema(pattern = r"^[!-~]{1,128}$", example = "0d6a1f6e-5a8e-4c57-9a9e-0e6f6c1d2b3a")]
#[allow(dead_code, reason = "a schema only")]
pub(super) struct IdempotencyKey(String);

/// Ways in which any request can be refused.
const REFUSALS: [(u16, &str); 8] = [
    (400, "The request cannot be read"),
    (403, "A page of another site sent it, or the key may not do this"),
    (404, "There is no such thing"),
    (414, "The address is too long"),
    (421, "It asks for a host that this is not"),
    (422, "A value is not acceptable"),
    (500, "A bug"),
    (503, "Not now: the database does not answer, the service stops, or there is too much to do"),
];
/// The same for requests that need a key.
const LOCKED: [(u16, &str); 2] = [(401, "No valid key"), (429, "Too many wrong keys from this address")];
/// The same for requests that change something.
const CHANGING: [(u16, &str); 4] = [
    (408, "The body took too long to arrive"),
    (409, "It contradicts what is"),
    (413, "The body is too large"),
    (415, "The body is not JSON"),
];

/// What needs no key.
const OPEN: [&str; 3] = ["/", "/health", "/ready"];

/// Lays over a document what all operations have in common.
fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("barkeep")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Keeps market bars fresh. Times are RFC 3339 with a zone. Errors are `application/problem+json` (RFC 9457). \
             Unknown parameters and members are refused. Send a key as `Authorization: Bearer KEY` (or `X-API-Key`); \
             while there is none, requests from the same machine need none.",
        ))
        .build();
    document.tags = Some(
        [
            ("data", "Bars, features and what is stored"),
            ("backfill", "Fetching on demand"),
            ("reports", "How it fares"),
            ("engine", "Steering"),
            ("symbols", "What is kept"),
            ("console", "What dashboards use"),
            ("service", "The service itself"),
        ]
        .map(|(name, about)| {
            let mut tag = Tag::new(name);
            tag.description = Some(about.to_owned());
            tag
        })
        .into(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert("Problem".to_owned(), Said::schema());
    // Types that only headers name are not gathered by themselves.
    components.schemas.insert("IdempotencyKey".to_owned(), IdempotencyKey::schema());
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        let locked = !OPEN.contains(&path.as_str());
        for (method, operation) in operations(item) {
            refine(operation, locked, method != HttpMethod::Get);
        }
    }
    document
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

fn refine(operation: &mut Operation, locked: bool, changing: bool) {
    let known = &mut operation.responses.responses;
    let more = LOCKED.iter().filter(|_| locked).chain(CHANGING.iter().filter(|_| changing));
    for (status, about) in REFUSALS.iter().chain(more) {
        let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new().description(*about).content("application/problem+json", content).build();
        known.entry(status.to_string()).or_insert_with(|| response.into());
    }
    if locked {
        operation.security = Some(vec![SecurityRequirement::new("key", [""; 0])]);
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            describe(parameter);
        }
    }
}

/// A symbol or an id in a path looks the same everywhere. Parameters that may be left out are never `null`.
fn describe(parameter: &mut Parameter) {
    if parameter.parameter_in == ParameterIn::Path {
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let schema = match parameter.name.as_str() {
            "symbol" => text.pattern(Some(r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,31}$")),
            _ => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        };
        parameter.schema = Some(RefOr::T(Schema::Object(schema.build())));
    }
}

/// `/openapi.json` and `/docs`.
pub(super) fn routes(document: OpenApi) -> Router<App> {
    // A document made of strings always serialises.
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
        Ok(None) => Problem::not_found("the documentation has no such file").into_response(),
        Err(e) => Problem::internal(&e.to_string()).into_response(),
    }
}
