//! TLS for the HTTP client: whom it believes, and in words why it did not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http::io_words;
use crate::scenario::fields::Fields;

/// Whom a client believes that it talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// A file of certificates (PEM) that are believed instead of the machine's authorities.
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate must be for, where it is not the URL's host: behind a
    /// proxy of the scenario that is an address.
    pub server_name: Option<String>,
    /// Whether the certificate is looked at at all.
    pub verify: bool,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self { ca: None, server_name: None, verify: true }
    }
}

impl TlsSpec {
    /// The keys beside a URL; they say nothing about one without TLS.
    pub(crate) fn read(fields: &Fields<'_>, url: &str) -> Option<Self> {
        let spec = Self {
            ca: fields.text("ca").map(PathBuf::from),
            server_name: fields.text("server_name"),
            verify: fields.truth("verify").unwrap_or(true),
        };
        if !url.starts_with("https://")
            && let Some(key) = ["ca", "server_name", "verify"].into_iter().find(|k| fields.has(k))
        {
            fields.wrong(key, format!("`{key}` is for `https://`, and the URL has none"));
            return None;
        }
        if spec.ca.is_some() && !spec.verify {
            let what = "`verify = false` believes everybody, and `ca` only some";
            fields.wrong_with_hint("verify", what, "leave one of them out");
            return None;
        }
        if let Some(name) = &spec.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            fields.wrong("server_name", format!("`{name}` is no name of a server"));
            return None;
        }
        Some(spec)
    }
}

/// A client's side of TLS, ready for connections.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads what it believes; says why it cannot.
    pub(crate) fn new(spec: &TlsSpec, host: &str) -> Result<Self, String> {
        let name = spec.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("`{name}` is no name of a server"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?;
        let verifier: Arc<dyn ServerCertVerifier> = if spec.verify {
            Arc::new(Believed::read(spec, provider)?)
        } else {
            Arc::new(Anybody(provider))
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Agrees on keys with the server.
    pub(crate) async fn over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let connected = self.connector.connect(self.name.clone(), stream).await;
        connected.map_err(|error| self.words(&error))
    }

    /// Why a handshake failed, the same each time.
    fn words(&self, error: &io::Error) -> String {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(inner) = inner else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    "the connection was closed within the handshake of TLS".to_owned()
                }
                _ => io_words(error),
            };
        };
        let name = self.name.to_str();
        match inner {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                // An authority that was made anew has its old name and another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "nobody who is believed has signed the certificate of the server (`ca` says \
                     whom to believe)"
                        .to_owned()
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => format!(
                    "the certificate of the server is not for `{name}` (`server_name` says for \
                     which name it is to be)"
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the certificate of the server has expired".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "the certificate of the server is not valid yet".to_owned()
                }
                other if is_of_authority(other) => {
                    "the certificate of the server is that of an authority, as those are that sign \
                     themselves (name that very one as `ca`, give the server one that the authority \
                     signs, or `verify = false`)"
                        .to_owned()
                }
                other => format!("the certificate of the server is not right: {other}"),
            },
            rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
            other => format!("TLS: {other}"),
        }
    }
}

/// Whether a certificate was refused because it may sign others, and for that alone.
fn is_of_authority(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(why) if why.to_string() == "CaUsedAsEndEntity")
}

/// Believes whom an authority vouches for; those of the file `ca`, else those of the machine. A
/// server may also show the very certificate that is in the file, as one that signs itself: whoever
/// put it there believes it.
#[derive(Debug)]
struct Believed {
    authorities: Arc<WebPkiServerVerifier>,
    /// What is in the file.
    listed: Vec<CertificateDer<'static>>,
}

impl Believed {
    fn read(spec: &TlsSpec, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &spec.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("this machine has no authorities to believe: give `ca`".to_owned());
            }
            return Self::new(roots, Vec::new(), provider);
        };
        let shown = file.display();
        let text = std::fs::read(file)
            .map_err(|error| format!("`ca`: cannot read `{shown}`: {}", io_words(&error)))?;
        let mut listed = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let wrong = |error: String| format!("`ca`: `{shown}` is not right: {error}");
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
            listed.push(certificate);
        }
        if roots.is_empty() {
            return Err(format!("`ca`: there is no certificate in `{shown}` (PEM is read)"));
        }
        Self::new(roots, listed, provider)
    }

    fn new(
        roots: RootCertStore,
        listed: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let authorities =
            builder.build().map_err(|error| format!("TLS cannot be used: {error}"))?;
        Ok(Self { authorities, listed })
    }
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        status: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.authorities.verify_server_cert(certificate, others, name, status, now) {
            // Dates are looked at before this is complained of, names only after.
            Err(rustls::Error::InvalidCertificate(why))
                if is_of_authority(&why) && self.listed.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            looked_at => looked_at,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Believes every server; what is signed must be signed all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write as _};
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{CertificateError, Error, OtherError};

    use super::{Believed, Tls, TlsSpec};

    /// It signs itself, for `shop.test`, from 2026-11-25T14:57:48Z to 2036-11-22T14:57:48Z.
    const OWN: &str = "-----BEGIN CERTIFICATE-----
MIIBkjCCATmgAwIBAgIUTnsCO+RlXmE9qfGcXb+wDoPHOaQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2hvcC50ZXN0MB4XDTI2MTEyNTE0NTc0OFoXDTM2MTEyMjE0
NTc0OFowFDESMBAGA1UEAwwJc2hvcC50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE67Io0ZgddmY+1vyNgZwfo9T0AB12WwMBe5UQTglxMImCXhcbNrW1GpEL
cGnvqrCp2u8QwnpanCHkewS62xyy+qNpMGcwHQYDVR0OBBYEFCfFYI9EgpyavETj
DQdYnaA6toGKMB8GA1UdIwQYMBaAFCfFYI9EgpyavETjDQdYnaA6toGKMA8GA1Ud
EwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJc2hvcC50ZXN0MAoGCCqGSM49BAMCA0cA
MEQCIG8mnVKCioz53tx2e4QNOyS/YYWNajmVLvKwpxSn3onNAiABIhh5vqIYUmSK
3taCD+BHBzYfKuw9AuPiJFDCjtE3pQ==
-----END CERTIFICATE-----
";
    const FROM_S: u64 = 1_795_618_668;
    const TO_S: u64 = 2_110_978_668;

    /// The same in all but its key.
    const OTHER: &str = "-----BEGIN CERTIFICATE-----
MIIBlDCCATmgAwIBAgIUZzBYqKKWi04HoIEoOuiGBH8tTGgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2hvcC50ZXN0MB4XDTI2MTEyNTE0NTc0OFoXDTM2MTEyMjE0
NTc0OFowFDESMBAGA1UEAwwJc2hvcC50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE/awSH1BxWl9+yNlltEu7q1sx/9TmxKSndqRk1Lxmwt2/1MQLqGVRgZ37
47ygHx2uAhYxX9J5C0ntOS0eY0OT4aNpMGcwHQYDVR0OBBYEFBMKY2T4820Vd9/T
rgZRe5EEcY9HMB8GA1UdIwQYMBaAFBMKY2T4820Vd9/TrgZRe5EEcY9HMA8GA1Ud
EwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJc2hvcC50ZXN0MAoGCCqGSM49BAMCA0kA
MEYCIQD+VEKWCepznjbURcbCnD3rAMZeEStt3GMjzwpTTa/fagIhAKgO/J6eU5sZ
WNbc9dLtlBHvZuLuQoQe3IHnU61MqZR+
-----END CERTIFICATE-----
";

    #[test]
    fn a_certificate_that_signs_itself_is_believed_if_it_is_the_very_one() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(OWN.as_bytes()).expect("it is written");
        let spec = TlsSpec { ca: Some(file.path().to_owned()), ..TlsSpec::default() };
        let believed = Believed::read(&spec, Arc::new(ring::default_provider())).expect("PEM");
        let verify = |pem: &str, name: &'static str, at_s: u64| {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
            let name = ServerName::try_from(name).expect("a name");
            let now = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
            believed.verify_server_cert(&certificate, &[], &name, &[], now).map(drop)
        };
        assert_eq!(verify(OWN, "shop.test", FROM_S), Ok(()));
        assert_eq!(verify(OWN, "shop.test", TO_S), Ok(()));
        let tls = Tls::new(&spec, "shop.test").expect("the file is there");
        let why = |error| tls.words(&io::Error::new(io::ErrorKind::InvalidData, error));
        for (pem, name, at_s, expected) in [
            (OWN, "shop.test", FROM_S - 1, "is not valid yet"),
            (OWN, "shop.test", TO_S + 1, "has expired"),
            (OWN, "other.test", FROM_S, "is not for `shop.test`"),
            (OTHER, "shop.test", FROM_S, "is that of an authority"),
        ] {
            let refused = verify(pem, name, at_s).expect_err(expected);
            let told = why(refused);
            let begin = format!("the certificate of the server {expected}");
            assert!(told.starts_with(&begin), "{told}");
        }
    }

    #[derive(Debug)]
    struct OfVerifier;

    impl std::fmt::Display for OfVerifier {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            // As the verifier calls it.
            f.write_str("CaUsedAsEndEntity")
        }
    }

    impl std::error::Error for OfVerifier {}

    #[test]
    fn a_certificate_that_signs_itself_is_told_in_words() {
        let anybody = TlsSpec { verify: false, ..TlsSpec::default() };
        let tls = Tls::new(&anybody, "shop.test").expect("no files are needed");
        let why = CertificateError::Other(OtherError(Arc::new(OfVerifier)));
        let error = io::Error::new(io::ErrorKind::InvalidData, Error::InvalidCertificate(why));
        let told = tls.words(&error);
        assert!(
            told.starts_with("the certificate of the server is that of an authority"),
            "{told}"
        );
    }
}
