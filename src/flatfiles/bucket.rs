//! The bucket: one object, from some byte on, and what a refusal means.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore as _, RetryConfig};
use secrecy::ExposeSecret as _;

use barkeep_base::text::printable;
use barkeep_config::{FlatFileKeys, VendorSettings};
use barkeep_vendor::http::{build, client_builder};
use barkeep_vendor::{Class, Fault};

/// Longest text of the storage that is repeated.
const SHOWN: usize = 200;

/// The vendor's storage.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: AmazonS3,
}

/// An object, or the rest of one, while it arrives.
pub(crate) struct Object {
    /// Of the whole object.
    pub(crate) size: u64,
    /// The state of the object: another one has another tag.
    pub(crate) tag: String,
    pub(crate) pieces: BoxStream<'static, Result<Vec<u8>, Fault>>,
}

/// Requests of `object_store` go through a client as every other of barkeep.
#[derive(Debug)]
struct OwnClient(reqwest::Client);

impl HttpConnector for OwnClient {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Bucket {
    pub(crate) fn open(settings: &VendorSettings, keys: &FlatFileKeys) -> Result<Self, String> {
        let origin = settings.flat_files.origin(&settings.base_url);
        let host = url::Url::parse(&origin).ok().and_then(|url| url.host_str().map(str::to_owned));
        // A file takes as long as it takes; only silence ends it. It is stored as it is on the disk.
        let builder = client_builder(host.as_deref())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .no_gzip();
        let store = AmazonS3Builder::new()
            .with_endpoint(origin)
            .with_region("us-east-1")
            .with_bucket_name(&settings.flat_files.bucket)
            .with_access_key_id(&keys.access)
            .with_secret_access_key(keys.secret.expose_secret())
            .with_virtual_hosted_style_request(false)
            // Which origins may be plain is for the configuration to say.
            .with_allow_http(true)
            // Every attempt is written down, so none is repeated in here.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(OwnClient(build(builder)?))
            .build()
            .map_err(|e| format!("the client for flat files cannot be set up: {}", short(&e.to_string())))?;
        Ok(Self { store })
    }

    /// The object from byte `from` on, if it still has this tag.
    pub(crate) async fn get(&self, key: &str, from: u64, tag: Option<&str>) -> Result<Object, Fault> {
        let options = GetOptions {
            range: (from > 0).then_some(GetRange::Offset(from)),
            if_match: tag.map(str::to_owned),
            ..GetOptions::default()
        };
        let path = Path::from(key);
        let result = self.store.get_opts(&path, options).await.map_err(|e| fault(key, &e))?;
        let tag = result.meta.e_tag.clone();
        let tag = tag.ok_or_else(|| Fault::malformed(format!("{key}: the storage names no ETag")))?;
        if result.range.start != from {
            return Err(Fault::malformed(format!("{key}: the storage sent another part than requested")));
        }
        let (size, name) = (result.meta.size, key.to_owned());
        let pieces = result.into_stream().map_ok(|piece| piece.to_vec()).map_err(move |e| fault(&name, &e)).boxed();
        Ok(Object { size, tag, pieces })
    }

    /// Whether the object still has this tag.
    pub(crate) async fn is_still(&self, key: &str, tag: &str) -> Result<bool, Fault> {
        let options = GetOptions { head: true, if_match: Some(tag.to_owned()), ..GetOptions::default() };
        match self.store.get_opts(&Path::from(key), options).await {
            Ok(result) => Ok(result.meta.e_tag.as_deref() == Some(tag)),
            Err(object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => Err(fault(key, &e)),
        }
    }
}

/// What a failure of the storage means.
fn fault(key: &str, error: &object_store::Error) -> Fault {
    use object_store::Error;
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>");
    let (class, status, why) = match error {
        Error::NotFound { .. } => (Class::Permanent, Some(404), "there is no such file".to_owned()),
        Error::Precondition { .. } | Error::NotModified { .. } => {
            (Class::Transient, Some(412), "the file was replaced while it was downloaded".to_owned())
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            let known = matches!(code, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken"));
            let to_do = if known {
                "the keys are refused; check MASSIVE_S3_ACCESS_KEY and MASSIVE_S3_SECRET_KEY, or \
                 vendor.flat_files.access_key_file and secret_key_file"
            } else {
                "the plan has no flat files, or not this one; subscribe to them, or set vendor.flat_files.enabled to false"
            };
            let said = code.map_or_else(String::new, |code| format!(" ({})", printable(code)));
            (if known { Class::Auth } else { Class::NotEntitled }, Some(403), format!("{to_do}{said}"))
        }
        _ => match code {
            Some(code) => (Class::Transient, None, format!("the storage failed: {}", printable(code))),
            None => (Class::Transient, None, format!("the download was interrupted: {}", short(&text))),
        },
    };
    Fault { status, ..Fault::new(class, format!("{key}: {why}")) }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    rest.get(..rest.find(end)?).filter(|code| code.len() <= SHOWN)
}

fn short(text: &str) -> String {
    printable(&text.chars().take(SHOWN).collect::<String>())
}
