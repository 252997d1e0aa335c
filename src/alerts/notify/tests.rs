//! Real receivers on loopback: one that takes alerts, one that refuses, one that hangs, one that is not there.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::conditions::Kind;
use super::super::state::AlertChange;
use super::*;
use barkeep_config::{SmtpSettings, SmtpTls};
use barkeep_market::Ts;

const SHORT: Duration = Duration::from_millis(300);

fn notice(message: &str, resolved_at: Option<i64>) -> Notification {
    AlertChange {
        kind: Kind::StaleFeatures,
        subject: None,
        severity: Severity::Warning,
        message: message.to_owned(),
        raised_at: Ts(1_700_000_000_000),
        resolved_at: resolved_at.map(Ts),
    }
}

fn settings(smtp: Option<SmtpSettings>) -> AlertSettings {
    AlertSettings { check_every: Duration::from_mins(1), timeout: SHORT, webhook_url_file: None, smtp }
}

fn webhook(addr: SocketAddr) -> AlertSecrets {
    let url = SecretString::from(format!("http://{addr}/services/geheim"));
    AlertSecrets { webhook_url: Some(url), smtp_password: Some("hunter2".into()) }
}

fn mail_to(addr: SocketAddr, user: Option<&str>) -> SmtpSettings {
    SmtpSettings {
        host: addr.ip().to_string(),
        port: addr.port(),
        tls: SmtpTls::None,
        ca_file: None,
        from: "barkeep@example.com".parse().unwrap(),
        to: vec!["ops@example.com".parse().unwrap(), "night@example.com".parse().unwrap()],
        user: user.map(str::to_owned),
        password_file: None,
    }
}

/// What a listener heard, one entry a connection.
type Heard = Arc<Mutex<Vec<String>>>;

/// A listener that lets `serve` speak on each connection and keeps what it returns.
async fn listener<F, Fut>(serve: F) -> (SocketAddr, Heard)
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = String> + Send,
{
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let said = serve(stream).await;
            notes.lock().unwrap().push(said);
        }
    });
    (addr, heard)
}

/// Reads one HTTP request and answers with a status line.
async fn http(mut stream: TcpStream, status: &'static str) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = stream.read(&mut piece).await.unwrap_or(0);
        request.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let length = text.to_lowercase().split("content-length: ").nth(1).and_then(|t| t.lines().next()?.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        if n == 0 || length.is_some_and(|length: usize| body >= length) {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return text;
        }
    }
}

/// Speaks enough SMTP to take one mail; `refuse` answers RCPT with 550.
async fn smtp(stream: TcpStream, refuse: bool) -> String {
    let mut stream = BufReader::new(stream);
    let mut said = String::new();
    stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
    let mut in_mail = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return said;
        }
        said.push_str(&line);
        let word = line.split([' ', '\r', ':']).next().unwrap_or_default().to_uppercase();
        let answer = match word.as_str() {
            _ if in_mail => {
                in_mail = line != ".\r\n";
                if in_mail { "" } else { "250 taken\r\n" }
            }
            "EHLO" => "250-test\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "RCPT" if refuse => "550 no such user\r\n",
            "DATA" => {
                in_mail = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_webhook_gets_text_and_fields_and_the_recovery() {
    let (addr, heard) = listener(|s| http(s, "200 OK")).await;
    let notifier = Notifier::start(&settings(None), &webhook(addr)).unwrap();
    notifier.send(&notice("26 of 50 series are <stale> & old", None));
    notifier.send(&notice("26 of 50 series are stale", Some(1_700_000_090_000)));
    notifier.close(Duration::from_secs(5)).await;
    let heard = heard.lock().unwrap().clone();
    let bodies: Vec<Value> =
        heard.iter().map(|r| serde_json::from_str(r.split_once("\r\n\r\n").unwrap().1).unwrap()).collect();
    assert!(heard[0].starts_with("POST /services/geheim HTTP/1.1\r\n"), "{}", heard[0]);
    assert!(heard[0].to_lowercase().contains("content-type: application/json"), "{}", heard[0]);
    assert_eq!(bodies[0]["text"], "barkeep warning: 26 of 50 series are &lt;stale&gt; &amp; old");
    assert_eq!(bodies[0]["message"], "26 of 50 series are <stale> & old");
    let fields =
        |k: usize| [&bodies[k]["kind"], &bodies[k]["severity"], &bodies[k]["state"], &bodies[k]["resolved_at"]];
    assert_eq!(fields(0), [&"stale_features".into(), &"warning".into(), &"raised".into(), &Value::Null]);
    assert_eq!(bodies[1]["text"], "barkeep resolved after 1m 30s: 26 of 50 series are stale");
    assert_eq!((fields(1)[2], fields(1)[3]), (&"resolved".into(), &"2023-11-14T22:14:50Z".into()));
}

#[tokio::test]
async fn a_mailbox_gets_a_mail_to_all_with_a_login() {
    let (addr, heard) = listener(|s| smtp(s, false)).await;
    let secrets = AlertSecrets { webhook_url: None, smtp_password: Some("hunter2".into()) };
    let notifier = Notifier::start(&settings(Some(mail_to(addr, Some("bot")))), &secrets).unwrap();
    notifier.send(&notice("26 of 50 series are stale", None));
    notifier.close(Duration::from_secs(5)).await;
    // The connection is noted when the client has gone.
    for _ in 0..500 {
        if !heard.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mail = heard.lock().unwrap().remove(0);
    // \0bot\0hunter2
    assert!(mail.contains("AUTH PLAIN AGJvdABodW50ZXIy\r\n"), "{mail}");
    for part in [
        "MAIL FROM:<barkeep@example.com>",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<night@example.com>",
        "Subject: barkeep warning: 26 of 50 series are stale\r\n",
        "\r\nkind     stale_features\r\n",
        "\r\nraised   2023-11-14T22:13:20Z\r\n",
    ] {
        assert!(mail.contains(part), "{part:?} is not in {mail}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_final_is_not_tried_again() {
    let (hook, posts) = listener(|s| http(s, "404 Not Found")).await;
    let (post_office, mails) = listener(|s| smtp(s, true)).await;
    let notifier = Notifier::start(&settings(Some(mail_to(post_office, None))), &webhook(hook)).unwrap();
    let start = Instant::now();
    notifier.send(&notice("x", None));
    notifier.close(Duration::from_secs(30)).await;
    assert!(start.elapsed() < PAUSES[0], "{:?}", start.elapsed());
    assert_eq!(posts.lock().unwrap().len(), 1);
    assert!(mails.lock().unwrap().len() <= 1);
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_tried_three_times() {
    let (addr, heard) = listener(|s| http(s, "503 Service Unavailable")).await;
    let receiver = Webhook::new(webhook(addr).webhook_url.as_ref().unwrap(), SHORT).unwrap();
    let outcome = persevere(&receiver, &notice("x", None), Duration::from_secs(5)).await;
    let said = outcome.unwrap_err();
    assert_eq!(said.reason, "it answered with status 503");
    assert_eq!(heard.lock().unwrap().len(), 1 + PAUSES.len());
}

#[tokio::test]
async fn a_hanging_receiver_holds_up_nobody_and_its_queue_is_bounded() {
    let (hook, posts) = listener(|s| http(s, "200 OK")).await;
    // Takes connections and never says a word.
    let (post_office, _) = listener(|s| async move {
        tokio::time::sleep(Duration::from_hours(1)).await;
        drop(s);
        String::new()
    })
    .await;
    let notifier = Notifier::start(&settings(Some(mail_to(post_office, None))), &webhook(hook)).unwrap();
    let start = Instant::now();
    for k in 0..1_000 {
        notifier.send(&notice(&k.to_string(), None));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "sending waited: {:?}", start.elapsed());
    let waiting: Vec<(&str, usize)> = notifier.lanes.iter().map(|l| (l.name, QUEUE - l.queue.capacity())).collect();
    assert!(waiting.iter().all(|(_, n)| *n <= QUEUE) && waiting.iter().any(|(name, _)| *name == "mail"), "{waiting:?}");
    let closing = Instant::now();
    notifier.close(Duration::from_secs(2)).await;
    assert!(closing.elapsed() < Duration::from_secs(4), "closing waited: {:?}", closing.elapsed());
    assert!(posts.lock().unwrap().len() >= QUEUE, "the other receiver was held up");
}

#[tokio::test]
async fn no_error_names_the_url_or_the_password() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let secrets = webhook(gone);
    let hook = Webhook::new(secrets.webhook_url.as_ref().unwrap(), SHORT).unwrap();
    let mail = Mailbox::new(&mail_to(gone, Some("bot")), secrets.smtp_password.as_ref(), SHORT).unwrap();
    for receiver in [&hook as &dyn Receiver, &mail] {
        let said = receiver.deliver(&notice("x", None)).await.unwrap_err();
        assert!(said.again, "{said:?}");
        assert!(!said.reason.contains("geheim") && !said.reason.contains("hunter2"), "{said:?}");
    }
    let bad = AlertSecrets { webhook_url: Some("geheim".into()), smtp_password: None };
    assert!(!Notifier::start(&settings(None), &bad).err().unwrap().contains("geheim"));
}
