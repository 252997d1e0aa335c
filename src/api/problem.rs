//! Errors of the API: always `application/problem+json` (RFC 9457).
//!
//! A problem says what is wrong, where, and what to do about it; never SQL, a file path or a stack trace. It carries an
//! id under which the log has more.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use barkeep_base::text::printable;
use barkeep_pipeline::select::SelectError;
use barkeep_service::handle::CommandError;
use barkeep_store::StoreError;

/// The kinds of problem; each has one status and one `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Malformed,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    UriTooLong,
    MediaType,
    Misdirected,
    Invalid,
    TooManyTries,
    Internal,
    Unavailable,
}

impl Kind {
    /// Its status and the last part of its `type`.
    const fn row(self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "request-timeout"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri-too-long"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::TooManyTries => (StatusCode::TOO_MANY_REQUESTS, "too-many-tries"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

/// The title of a problem: the reason phrase of its status, as HTTP names it (RFC 9110).
fn reason_phrase(status: StatusCode) -> &'static str {
    match status {
        // RFC 9110 renamed these two; the `http` crate keeps the names of RFC 7231 and 4918.
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}

/// A problem. Boxed, because it travels in every `Result` and is rare.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Problem(Box<ProblemBody>);

/// A problem, as it is sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Problem", description = "An error as in RFC 9457. Some have more members.")]
pub(super) struct ProblemBody {
    /// `urn:problem:barkeep:…`, one for each kind.
    #[serde(rename = "type")]
    type_uri: String,
    /// The reason phrase of the status, such as `Not Found`.
    title: &'static str,
    status: u16,
    /// What is wrong.
    detail: String,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// The parameter or member that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// The id of this occurrence; the log names it too.
    instance: String,
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
    #[serde(skip)]
    #[schema(ignore)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, slug) = kind.row();
        Self(Box::new(ProblemBody {
            type_uri: format!("urn:problem:barkeep:{slug}"),
            title: reason_phrase(status),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            parameter: None,
            instance: format!("urn:uuid:{}", Uuid::new_v4()),
            more: Map::new(),
            headers: Vec::new(),
        }))
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Names the parameter or member that is wrong.
    #[must_use]
    pub(super) fn at(mut self, parameter: &str) -> Self {
        self.0.parameter = Some(printable(parameter));
        self
    }

    /// A further member.
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// A wrong value of a parameter or member. `why` is made safe to print.
    pub(super) fn invalid(parameter: &str, why: &str) -> Self {
        Self::new(Kind::Invalid, format!("{}: {}", printable(parameter), printable(why))).at(parameter)
    }

    /// A selection that cannot be carried out. `class` is the member of the request that names the asset class.
    pub(super) fn of_selection(e: &SelectError, class: &str) -> Self {
        match e {
            SelectError::NoSymbols => {
                Self::invalid("symbols", &e.to_string()).hint("name some, or register them first")
            }
            SelectError::ClassDiffers { .. } => {
                Self::invalid(class, &e.to_string()).hint(format!("omit {class}, or remove the symbol first"))
            }
            SelectError::VendorDiffers { .. } => Self::invalid("vendor", &e.to_string()).hint("omit vendor"),
            SelectError::EmptyRange { .. } => Self::invalid("from", &e.to_string()).hint("swap from and to"),
            SelectError::Future { .. } => Self::invalid("from", &e.to_string()),
            SelectError::Name(_) => Self::invalid("symbols", &e.to_string()),
            SelectError::AllPaused => {
                Self::new(Kind::Conflict, e.to_string()).hint("resume a series, or name the timeframes to fetch")
            }
        }
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, what)
    }

    /// The database or the engine does not answer at the moment.
    pub(super) fn unavailable(why: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, why).header(header::RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// A bug. The log gets `why`, the caller only an id.
    pub(super) fn internal(why: &str) -> Self {
        let problem = Self::new(Kind::Internal, "internal error; the log has details under this instance");
        tracing::error!(instance = problem.0.instance, "internal error in the API: {}", printable(why));
        problem
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        tracing::debug!(instance = self.0.instance, status = self.0.status, detail = self.0.detail, "refused");
        // A map of strings and numbers always serializes.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status(), [(header::CONTENT_TYPE, kind)], body).into_response();
        response.headers_mut().extend(self.0.headers);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound(why) => Self::not_found(why),
            e if e.is_transient() => {
                let problem = Self::unavailable("the database does not answer").hint("try again in a few seconds");
                tracing::warn!(instance = problem.0.instance, error = %e, "the API cannot read the database");
                problem
            }
            e => Self::internal(&e.to_string()),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(e: CommandError) -> Self {
        match e {
            CommandError::Refused(why) => Self::new(Kind::Conflict, printable(&why)),
            CommandError::Selection(e) => Self::of_selection(&e, "class"),
            CommandError::Config(_) => Self::new(Kind::Invalid, printable(&e.to_string()))
                .hint("`barkeep config check` says what is wrong and where"),
            CommandError::NeedsRestart(ref settings) => {
                let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
                Self::new(Kind::Conflict, printable(&e.to_string()))
                    .with("needs_restart", names)
                    .hint("restart barkeep, or undo these changes and reload again")
            }
            CommandError::CannotReload => Self::new(Kind::Conflict, e.to_string())
                .hint("its settings do not come from files; restart it to change them"),
            CommandError::Stopped => Self::unavailable("the engine is stopping"),
        }
    }
}
