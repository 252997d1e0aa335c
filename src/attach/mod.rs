//! A console on an engine in another process, over its HTTP API: what `barkeep attach URL` shows.
//!
//! One stream of events brings snapshots and log lines; questions and orders are requests of their own. When the engine
//! goes away the last snapshot stays, [`Link::Lost`] says since when, and the stream is asked for again until it comes.
//! Nothing is guessed: an order that was not answered is an error, even if it may have arrived.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use self::stream::Parser;
use crate::clock::Clock;
use crate::engine::console::{Access, AskError, Console, Link, Notice, Question, Reply};
use crate::engine::handle::{Action, Answer, Live, OrderError};
use crate::engine::snapshot::{Data, Snapshot};
use crate::market::asset::printable;

/// A connection takes no longer than this.
const CONNECT: Duration = Duration::from_secs(5);
/// The other end sends at least a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(40);
/// An order may wait for a plan of everything.
const ORDER: Duration = Duration::from_mins(2);
const QUESTION: Duration = Duration::from_secs(30);
/// Between two tries to get the stream back.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Log lines a slow listener may lag behind.
const NOTICES: usize = 1_024;
/// An answer longer than this is no answer of ours.
const LONGEST_ANSWER: usize = 64 << 20;
const LONGEST_PROBLEM: usize = 64 << 10;

/// Why there is no console.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Nobody answers, or somebody else does.
    #[error("{0}")]
    Unreachable(String),
    /// The key is missing, unknown or revoked.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Url(String),
}

/// The first event of a stream: who is asking, by the key.
#[derive(Debug, Deserialize)]
struct Hello {
    access: Access,
}

/// The event `snapshot`; its data half only when it changed.
#[derive(Debug, Deserialize)]
struct News {
    seq: u64,
    live: Arc<Live>,
    data: Option<Arc<Data>>,
}

/// The members of a problem that are shown.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    hint: Option<String>,
}

/// An engine elsewhere.
pub struct Remote {
    client: Client,
    /// Ends in a slash.
    base: Url,
    bearer: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
    access: Access,
    snapshot: watch::Sender<Arc<Snapshot>>,
    notices: broadcast::Sender<Arc<Notice>>,
    link: watch::Sender<Link>,
}

impl Remote {
    /// Connects, and waits for the first snapshot. The task follows the engine until `stop`.
    ///
    /// # Errors
    /// When the URL makes no sense, nobody answers there, or the key is refused.
    pub async fn connect(
        url: &str,
        key: Option<&SecretString>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<(Arc<Self>, JoinHandle<()>), AttachError> {
        let base = base_of(url)?;
        let bearer = key.map(|key| {
            let text = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| AttachError::Refused("the API key holds characters that no key can have".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let (client, bearer) = (client(&base)?, bearer.transpose()?);
        let mut events = Events::open(&client, &base, bearer.as_ref()).await?;
        let access = events.hello().await?;
        let first = loop {
            match events.next().await? {
                Heard::News(News { seq, live, data: Some(data) }) => break Snapshot { seq, live, data },
                Heard::News(_) | Heard::Notice(_) => {}
            }
        };
        let remote = Arc::new(Self {
            link: watch::channel(Link::Connected { url: shown(&base) }).0,
            snapshot: watch::channel(Arc::new(first)).0,
            notices: broadcast::channel(NOTICES).0,
            client,
            base,
            bearer,
            clock,
            access,
        });
        let following = tokio::spawn(Arc::clone(&remote).follow(events, stop));
        Ok((remote, following))
    }

    async fn follow(self: Arc<Self>, mut events: Events, stop: CancellationToken) {
        loop {
            let error = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                error = self.hear(&mut events) => error,
            };
            tracing::info!(%error, "the connection to the engine is lost");
            let (url, since) = (shown(&self.base), self.clock.now());
            let lost = |error: String| Link::Lost { url: url.clone(), since, error };
            self.link.send_replace(lost(error.to_string()));
            let mut pause = FIRST_PAUSE;
            events = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match Events::open(&self.client, &self.base, self.bearer.as_ref()).await {
                    Ok(events) => break events,
                    Err(e) => drop(self.link.send_replace(lost(e.to_string()))),
                }
            };
            self.link.send_replace(Link::Connected { url });
        }
    }

    /// Passes on what is heard, until it ends.
    async fn hear(&self, events: &mut Events) -> AttachError {
        loop {
            match events.next().await {
                Ok(Heard::News(News { seq, live, data })) => self.snapshot.send_modify(|s| {
                    let data = data.unwrap_or_else(|| Arc::clone(&s.data));
                    *s = Arc::new(Snapshot { seq, live, data });
                }),
                // Nobody may be listening.
                Ok(Heard::Notice(notice)) => drop(self.notices.send(Arc::new(notice))),
                Err(e) => return e,
            }
        }
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize, limit: Duration) -> Result<T, Failed> {
        let url = self.base.join(path).map_err(|e| Failed::Transport(e.to_string()))?;
        let body = serde_json::to_vec(body).map_err(|e| Failed::Transport(e.to_string()))?;
        let mut request = self.client.post(url).timeout(limit).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let answer = request.send().await.map_err(|e| Failed::Transport(told(&e)))?;
        if answer.status() != StatusCode::OK {
            return Err(Failed::Problem(answer.status(), problem(answer).await));
        }
        let bytes = whole(answer, LONGEST_ANSWER).await.map_err(Failed::Transport)?;
        serde_json::from_slice(&bytes).map_err(|e| Failed::Transport(format!("the answer cannot be read: {e}")))
    }
}

/// How a request failed.
enum Failed {
    Transport(String),
    Problem(StatusCode, String),
}

#[async_trait]
impl Console for Remote {
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    fn notices(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.notices.subscribe()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn access(&self) -> Access {
        self.access
    }

    async fn order(&self, action: Action) -> Result<Answer, OrderError> {
        self.post("api/v1/console/order", &action, ORDER).await.map_err(|failed| match failed {
            Failed::Transport(why) => {
                OrderError::Refused(format!("the engine did not answer, so look whether it was done: {why}"))
            }
            Failed::Problem(_, said) => OrderError::Refused(said),
        })
    }

    async fn ask(&self, question: Question) -> Result<Reply, AskError> {
        self.post("api/v1/console/ask", &question, QUESTION).await.map_err(|failed| match failed {
            Failed::Transport(why) => AskError::Unavailable(why),
            Failed::Problem(StatusCode::NOT_FOUND, said) => AskError::NotFound(said),
            Failed::Problem(StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST, said) => {
                AskError::Refused(said)
            }
            Failed::Problem(_, said) => AskError::Unavailable(said),
        })
    }
}

/// What a stream says.
enum Heard {
    News(News),
    Notice(Notice),
}

/// An open stream of events.
struct Events {
    answer: Response,
    parser: Parser,
    ready: std::collections::VecDeque<stream::Event>,
}

impl Events {
    async fn open(client: &Client, base: &Url, bearer: Option<&HeaderValue>) -> Result<Self, AttachError> {
        let url = base.join("api/v1/events").map_err(|e| AttachError::Url(e.to_string()))?;
        let mut request = client.get(url);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let answer = request.send().await.map_err(|e| AttachError::Unreachable(told(&e)))?;
        let status = answer.status();
        let is_stream =
            answer.headers().get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        match status {
            StatusCode::OK if is_stream => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                return Err(AttachError::Refused(problem(answer).await));
            }
            StatusCode::OK => {
                return Err(AttachError::Unreachable("what answers there is not barkeep's API".to_owned()));
            }
            _ => return Err(AttachError::Unreachable(problem(answer).await)),
        }
        Ok(Self { answer, parser: Parser::default(), ready: std::collections::VecDeque::new() })
    }

    async fn event(&mut self) -> Result<stream::Event, AttachError> {
        let lost = AttachError::Unreachable;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let piece = self.answer.chunk().await.map_err(|e| lost(told(&e)))?;
            let piece = piece.ok_or_else(|| lost("the engine has ended the connection".to_owned()))?;
            self.ready.extend(self.parser.push(&piece).map_err(|e| lost(e.to_string()))?);
        }
    }

    /// What may be done here; a stream begins with it.
    async fn hello(&mut self) -> Result<Access, AttachError> {
        let (name, data) = self.event().await?;
        let hello = (name == "hello").then(|| serde_json::from_str::<Hello>(&data).ok()).flatten();
        let other = || AttachError::Unreachable("the engine there is of another version of barkeep".to_owned());
        hello.map(|hello| hello.access).ok_or_else(other)
    }

    async fn next(&mut self) -> Result<Heard, AttachError> {
        let unreadable =
            |e| AttachError::Unreachable(format!("the engine there is of another version of barkeep: {e}"));
        loop {
            let (name, data) = self.event().await?;
            return match name.as_str() {
                "snapshot" => Ok(Heard::News(serde_json::from_str(&data).map_err(unreadable)?)),
                "notice" => Ok(Heard::Notice(serde_json::from_str(&data).map_err(unreadable)?)),
                // Said again after a reconnection; or something a later version tells.
                _ => continue,
            };
        }
    }
}

/// The origin, with a path that requests are joined to.
fn base_of(url: &str) -> Result<Url, AttachError> {
    let wrong = |why: &str| AttachError::Url(format!("'{}' {why}; write http://127.0.0.1:8000", printable(url)));
    let mut base = Url::parse(url).map_err(|e| wrong(&format!("is no URL ({e})")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(wrong("is no http or https URL"));
    }
    if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("holds more than a host and a path"));
    }
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

fn shown(base: &Url) -> String {
    printable(base.as_str().trim_end_matches('/'))
}

fn client(base: &Url) -> Result<Client, AttachError> {
    // One provider for the whole process; somebody else may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        // A key must not follow a redirect.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    let here = match base.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if here {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| AttachError::Url(format!("the HTTP client cannot be set up: {}", told(&e))))
}

/// An error with its causes, without the URL.
fn told(e: &reqwest::Error) -> String {
    let mut text = match () {
        () if e.is_connect() => "nobody answers there".to_owned(),
        () if e.is_timeout() => "no answer in time".to_owned(),
        () => "the connection broke".to_owned(),
    };
    let mut cause = std::error::Error::source(e);
    while let Some(inner) = cause {
        cause = inner.source();
        if cause.is_none() {
            text = format!("{text}: {inner}");
        }
    }
    printable(&text)
}

async fn whole(mut answer: Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|e| told(&e))? {
        if bytes.len() + piece.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What the other end says is wrong.
async fn problem(answer: Response) -> String {
    let status = answer.status();
    let said = whole(answer, LONGEST_PROBLEM).await.ok();
    let said = said.and_then(|bytes| serde_json::from_slice::<Problem>(&bytes).ok());
    said.map_or_else(
        || format!("it answered {status}"),
        |said| {
            let hint = said.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            printable(&format!("{}{hint}", said.detail))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_and_a_path_make_a_base() {
        assert_eq!(base_of("http://127.0.0.1:8000").unwrap().as_str(), "http://127.0.0.1:8000/");
        assert_eq!(base_of("https://bars.example/barkeep").unwrap().as_str(), "https://bars.example/barkeep/");
        for bad in ["", "127.0.0.1:8000", "ftp://x/", "http://", "http://a:b@x/", "http://x/?q=1", "http://x/#f"] {
            let error = base_of(bad).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8000"), "{bad}: {error}");
        }
    }
}
