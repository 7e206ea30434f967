//! How servers prove what they are.

use crate::error::{Error, ErrorCode, Result};
use crate::lock::lock;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

/// The authorities whose certificates are believed: Mozilla's, and what a caller adds.
#[derive(Debug, Default)]
pub struct Trust {
    added: Vec<CertificateDer<'static>>,
    /// Made at the first request that needs it.
    own: OnceLock<Option<Arc<ClientConfig>>>,
}

/// The texts that were read last, the latest at the end: most runs have the same.
static KNOWN: Mutex<VecDeque<(String, Arc<Trust>)>> = Mutex::new(VecDeque::new());
const MOST_KNOWN: usize = 8;
/// A text that is longer is read each time.
const MOST_KNOWN_BYTES: usize = 1 << 20;

/// That of runs to which nothing was added.
static COMMON: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| config(&[]));

impl Trust {
    /// Adds the certificates in this PEM text.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for text without certificates, and for certificates that cannot be used.
    pub fn with(pem: &str) -> Result<Arc<Self>> {
        if let Some(trust) = known(pem) {
            return Ok(trust);
        }
        let trust = Arc::new(Self::read(pem)?);
        if pem.len() <= MOST_KNOWN_BYTES {
            let mut known = lock(&KNOWN);
            if known.len() == MOST_KNOWN {
                known.pop_front();
            }
            known.push_back((pem.to_owned(), trust.clone()));
        }
        Ok(trust)
    }

    fn read(pem: &str) -> Result<Self> {
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

/// What was read of a text before, which is the latest then.
fn known(pem: &str) -> Option<Arc<Trust>> {
    let mut known = lock(&KNOWN);
    let at = known.iter().position(|(text, _)| text == pem)?;
    let latest = known.remove(at)?;
    let trust = latest.1.clone();
    known.push_back(latest);
    Some(trust)
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

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "\
-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIUQtYrxDNPBtEk3SXzFcYa++EL7rAwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOd2FzaWV4ZWMgdGVzdHMwIBcNMjYxMTMwMTkzMTQ0WhgPMjEy
NjExMDYxOTMxNDRaMBkxFzAVBgNVBAMMDndhc2lleGVjIHRlc3RzMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE8swIhtAztZiwXb4ean8b8sY5HslkXkdgZLy5fV58
sCqNaRJ0lBMGUFUwLrYkaUd00nzSeLL3o9wOM/aTu8Sg6qNjMGEwHQYDVR0OBBYE
FIsofklIrwSqCbrWmLalCO8F7WOCMB8GA1UdIwQYMBaAFIsofklIrwSqCbrWmLal
CO8F7WOCMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMAoGCCqGSM49
BAMCA0cAMEQCIG+hawxW2d71Bi3xuHMOB5TiTOUr+UiyLZZyN6W/dkOXAiBuQVuT
/bHXFxe0UkWFWVwP+wqR5QoNCz0f8RRDpqE+Dg==
-----END CERTIFICATE-----\n";

    #[test]
    fn a_text_is_read_once_and_the_oldest_is_forgotten() {
        let text = |number: usize| format!("{PEM}# {number}\n");
        let first = Trust::with(&text(0)).expect("certificates");
        for number in 1..MOST_KNOWN {
            Trust::with(&text(number)).expect("certificates");
            let again = Trust::with(&text(0)).expect("certificates");
            assert!(Arc::ptr_eq(&first, &again));
        }
        assert!(known(&text(1)).is_some());
        // As many others.
        for number in MOST_KNOWN..2 * MOST_KNOWN {
            Trust::with(&text(number)).expect("certificates");
        }
        assert!(known(&text(0)).is_none());
        assert!(lock(&KNOWN).len() <= MOST_KNOWN);
    }

    #[test]
    fn what_is_no_certificate_is_refused_and_not_remembered() {
        let cut_off = PEM.replace("-----END CERTIFICATE-----", "");
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "text", &cut_off, empty] {
            let error = Trust::with(text).expect_err("no certificate");
            assert_eq!(error.code(), ErrorCode::InvalidOption, "{text}");
            assert!(
                error.message().contains("certificates in PEM, got"),
                "{error}"
            );
            assert!(known(text).is_none());
        }
    }
}
