//! TLS for the HTTP client: whom it believes, and in words why it did not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
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
        let mut config = if spec.verify {
            builder.with_root_certificates(roots(spec)?).with_no_client_auth()
        } else {
            let anybody = Arc::new(Anybody(provider));
            builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
        };
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
                CertificateError::Other(why) if why.to_string() == "CaUsedAsEndEntity" => {
                    "the certificate of the server is that of an authority, as those are that sign \
                     themselves (give it one that the authority signs, or `verify = false`)"
                        .to_owned()
                }
                other => format!("the certificate of the server is not right: {other}"),
            },
            rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
            other => format!("TLS: {other}"),
        }
    }
}

/// The authorities: those of the file, else those of the machine.
fn roots(spec: &TlsSpec) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = &spec.ca else {
        let found = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(found);
        if roots.is_empty() {
            return Err("this machine has no authorities to believe: give `ca`".to_owned());
        }
        return Ok(roots);
    };
    let shown = file.display();
    let text = std::fs::read(file)
        .map_err(|error| format!("`ca`: cannot read `{shown}`: {}", io_words(&error)))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let wrong = |error: String| format!("`ca`: `{shown}` is not right: {error}");
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(format!("`ca`: there is no certificate in `{shown}` (PEM is read)"));
    }
    Ok(roots)
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
    use std::io;
    use std::sync::Arc;

    use rustls::{CertificateError, Error, OtherError};

    use super::{Tls, TlsSpec};

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
