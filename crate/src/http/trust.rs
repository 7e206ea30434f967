//! How servers prove what they are.

use crate::error::{Error, ErrorCode, Result};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, LazyLock, OnceLock};

/// The authorities whose certificates are believed: Mozilla's, and what a caller adds.
#[derive(Debug, Default)]
pub struct Trust {
    added: Vec<CertificateDer<'static>>,
    /// Made at the first request that needs it.
    own: OnceLock<Option<Arc<ClientConfig>>>,
}

/// That of runs to which nothing was added.
static COMMON: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| config(&[]));

impl Trust {
    /// Adds the certificates in this PEM text.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for text without certificates, and for certificates that cannot be used.
    pub fn with(pem: &str) -> Result<Self> {
        let refused = |what: String| {
            let message = format!("`http.ca` must be certificates in PEM, got {what}");
            Error::new(ErrorCode::InvalidOption, message)
        };
        let mut known = RootCertStore::empty();
        let mut added = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate
                .map_err(|_| refused("text with a certificate that is cut off".to_owned()))?;
            let checked = known.add(certificate.clone());
            checked.map_err(|error| refused(format!("a certificate of another kind: {error}")))?;
            added.push(certificate);
        }
        match added.is_empty() {
            true => Err(refused("text without a certificate".to_owned())),
            false => Ok(Self {
                added,
                own: OnceLock::new(),
            }),
        }
    }

    /// What connections are made with; `None` only for a bug of ours.
    pub(crate) fn config(&self) -> Option<Arc<ClientConfig>> {
        match self.added.is_empty() {
            true => COMMON.clone(),
            false => self.own.get_or_init(|| config(&self.added)).clone(),
        }
    }
}

fn config(added: &[CertificateDer<'static>]) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    // They were checked.
    roots.add_parsable_certificates(added.iter().cloned());
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}
