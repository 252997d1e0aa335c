//! A mail server with real TLS on loopback, its certificate made for the test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::super::conditions::Kind;
use super::*;
use barkeep_config::policy::Severity;
use barkeep_market::Ts;

/// What one client did.
#[derive(Debug, Default)]
struct Visit {
    /// Everything said before TLS.
    in_the_clear: String,
    /// Everything said inside it; `None` when the client broke the handshake off.
    inside: Option<String>,
}

/// A server that takes one client, with a certificate for `name` signed by an authority of its own.
struct PostOffice {
    addr: SocketAddr,
    authority: PathBuf,
    dir: tempfile::TempDir,
    visit: JoinHandle<Visit>,
}

async fn post_office(name: &str, tls: SmtpTls) -> PostOffice {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("authority.pem");
    std::fs::write(&authority, ca.pem()).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(own.serialize_der()).into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let visit = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let mut visit = Visit::default();
        if tls == SmtpTls::Starttls {
            stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
            let plain = "250-test\r\n250 STARTTLS\r\n";
            visit.in_the_clear = converse(&mut BufReader::new(&mut stream), plain, "STARTTLS").await;
        }
        if let Ok(stream) = acceptor.accept(stream).await {
            let mut stream = BufReader::new(stream);
            if tls == SmtpTls::Implicit {
                stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
            }
            visit.inside = Some(converse(&mut stream, "250-test\r\n250 AUTH PLAIN\r\n", "QUIT").await);
        }
        visit
    });
    PostOffice { addr, authority, dir, visit }
}

/// Speaks enough SMTP to take one mail; returns what the client said, up to and with the word `last`.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, hello: &str, last: &str) -> String {
    let mut said = String::new();
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
            "EHLO" => hello,
            "AUTH" => "235 welcome\r\n",
            "DATA" => {
                in_mail = true;
                "354 go on\r\n"
            }
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        if word == last && !in_mail {
            return said;
        }
    }
}

fn settings(addr: SocketAddr, tls: SmtpTls, ca_file: Option<PathBuf>) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".to_owned(),
        port: addr.port(),
        tls,
        ca_file,
        from: "barkeep@example.com".parse().unwrap(),
        to: vec!["ops@example.com".parse().unwrap()],
        user: Some("bot".to_owned()),
        password_file: None,
    }
}

async fn delivered(settings: &SmtpSettings) -> Result<(), Undelivered> {
    let password = SecretString::from("hunter2");
    let mailbox = Mailbox::new(settings, Some(&password), Duration::from_secs(10)).unwrap();
    let notice = Notification {
        kind: Kind::StaleFeatures,
        subject: None,
        severity: Severity::Warning,
        message: "26 of 50 series are stale".to_owned(),
        raised_at: Ts(1_700_000_000_000),
        resolved_at: None,
    };
    let outcome = mailbox.deliver(&notice).await;
    // Connections that are kept open for the next mail end here.
    drop(mailbox);
    outcome
}

const LOGIN: &str = "AUTH PLAIN AGJvdABodW50ZXIy\r\n";

#[tokio::test]
async fn mail_goes_through_tls_both_ways_of_beginning_it() {
    for tls in [SmtpTls::Starttls, SmtpTls::Implicit] {
        let office = post_office("localhost", tls).await;
        delivered(&settings(office.addr, tls, Some(office.authority.clone()))).await.unwrap();
        let visit = office.visit.await.unwrap();
        let inside = visit.inside.unwrap();
        for part in [LOGIN, "RCPT TO:<ops@example.com>", "Subject: barkeep warning: 26 of 50 series are stale\r\n"] {
            assert!(inside.contains(part), "{tls:?}: {part:?} is not in {inside}");
        }
        let words: Vec<&str> = visit.in_the_clear.lines().map(|l| l.split(' ').next().unwrap_or_default()).collect();
        let expected: &[&str] = if tls == SmtpTls::Starttls { &["EHLO", "STARTTLS"] } else { &[] };
        assert_eq!(words, expected, "nothing else is said in the clear");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused_and_said_clearly() {
    for tls in [SmtpTls::Starttls, SmtpTls::Implicit] {
        for (name, trusted, says) in
            [("localhost", false, "UnknownIssuer"), ("mail.example.com", true, "mail.example.com")]
        {
            let office = post_office(name, tls).await;
            let ca_file = trusted.then(|| office.authority.clone());
            let failed = delivered(&settings(office.addr, tls, ca_file)).await.unwrap_err();
            assert!(!failed.again, "{failed:?}");
            let server = format!("localhost:{}", office.addr.port());
            for part in [says, server.as_str(), "certificate that is not trusted", "alerts.smtp.ca_file"] {
                assert!(failed.reason.contains(part), "{part:?} is not in {}", failed.reason);
            }
            let visit = office.visit.await.unwrap();
            assert!(
                visit.inside.is_none_or(|said| said.is_empty()),
                "something was said to a server that is not trusted"
            );
            assert!(!visit.in_the_clear.contains("AUTH"), "{}", visit.in_the_clear);
        }
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_mail_nor_password() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
        converse(&mut BufReader::new(stream), "250-test\r\n250 AUTH PLAIN\r\n", "QUIT").await
    });
    let failed = delivered(&settings(addr, SmtpTls::Starttls, None)).await.unwrap_err();
    assert!(failed.reason.to_uppercase().contains("STARTTLS"), "{failed:?}");
    let said = heard.await.unwrap();
    assert!(!said.contains("AUTH") && !said.contains("MAIL"), "{said}");
}

#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_used_is_told_at_the_start() {
    let office = post_office("localhost", SmtpTls::Implicit).await;
    let broken = office.dir.path().join("broken.pem");
    for (text, says) in [(None, "broken.pem"), (Some("nothing"), "no certificate in PEM")] {
        if let Some(text) = text {
            std::fs::write(&broken, text).unwrap();
        }
        let smtp = settings(office.addr, SmtpTls::Implicit, Some(broken.clone()));
        let said = Mailbox::new(&smtp, None, Duration::from_secs(1)).err().unwrap();
        assert!(said.contains("alerts.smtp.ca_file") && said.contains(says), "{said}");
    }
    office.visit.abort();
}
