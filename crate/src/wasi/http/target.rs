//! Where a request goes, and whether it may.

use crate::http::{HttpAccess, HttpScheme, Reach};
use http::Uri;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use url::Host;
use wasmtime_wasi_http::Error;

/// The origin of a request that may be sent.
pub(super) struct Target {
    pub(super) scheme: HttpScheme,
    pub(super) host: TargetHost,
    pub(super) port: u16,
}

pub(super) enum TargetHost {
    Address(IpAddr),
    /// A name, of which these addresses may be asked.
    Name(String, Reach),
}

impl Target {
    /// # Errors
    ///
    /// An origin that was not granted, and one that is none.
    pub(super) fn of(uri: &Uri, access: &HttpAccess) -> Result<Self, Error> {
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => HttpScheme::Http,
            Some(scheme) if *scheme == Scheme::HTTPS => HttpScheme::Https,
            _ => return Err(Error::HttpProtocolError),
        };
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        // A name and a password: servers would see them as a part of the host's name.
        if authority.as_str().contains('@') {
            return Err(Error::HttpRequestUriInvalid);
        }
        let behind = authority.as_str().strip_prefix(authority.host());
        let port = match (behind, scheme) {
            (Some(""), HttpScheme::Http) => 80,
            (Some(""), HttpScheme::Https) => 443,
            (Some(port), _) => port_of(port)?,
            (None, _) => return Err(Error::HttpRequestUriInvalid),
        };
        // As browsers read it: `127.1` and `0x7f.1` are addresses.
        let host = match Host::parse(authority.host()) {
            Ok(Host::Ipv4(address)) => TargetHost::Address(address.into()),
            Ok(Host::Ipv6(address)) => TargetHost::Address(address.into()),
            Ok(Host::Domain(name)) => {
                let reach = access.permits_name(scheme, &name, port);
                TargetHost::Name(name, reach.ok_or(Error::HttpRequestDenied)?)
            }
            Err(_) => return Err(Error::HttpRequestUriInvalid),
        };
        if let TargetHost::Address(address) = host
            && !access.permits_address(scheme, address, port)
        {
            return Err(Error::HttpRequestDenied);
        }
        Ok(Self { scheme, host, port })
    }

    /// What the certificate of the server has to be for.
    pub(super) fn server_name(&self) -> Result<ServerName<'static>, Error> {
        match &self.host {
            TargetHost::Address(address) => Ok(ServerName::from(*address)),
            TargetHost::Name(name, _) => {
                // Certificates are for names without a dot at their end.
                let name = name.strip_suffix('.').unwrap_or(name);
                ServerName::try_from(name.to_owned()).map_err(|_| Error::HttpRequestUriInvalid)
            }
        }
    }
}

/// A port as it stands behind a host: a colon and digits. Anything else would be another port than its text says, which
/// servers see.
fn port_of(text: &str) -> Result<u16, Error> {
    text.strip_prefix(':')
        .filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|port| port.parse().ok())
        .ok_or(Error::HttpRequestUriInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpOrigin, Origins};
    use crate::network::{Host as RuleHost, NamePattern};
    use std::sync::Arc;

    fn access() -> HttpAccess {
        let any = |scheme| HttpOrigin {
            scheme,
            host: RuleHost::Any,
            ports: 1..=u16::MAX,
        };
        let named = HttpOrigin {
            scheme: HttpScheme::Https,
            host: RuleHost::Names(NamePattern::Exact("api.example".into())),
            ports: 443..=443,
        };
        HttpAccess::new(Arc::new(Origins {
            allow: vec![any(HttpScheme::Http), named],
            ..Origins::default()
        }))
    }

    fn target(uri: &str) -> Result<Target, Error> {
        Target::of(&uri.parse().expect("a URI"), &access())
    }

    #[test]
    fn an_address_in_another_notation_is_still_an_address() {
        for uri in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest",
        ] {
            assert!(
                matches!(target(uri), Err(Error::HttpRequestDenied)),
                "{uri}"
            );
        }
        assert!(target("http://8.8.8.8/").is_ok());
    }

    #[test]
    fn ports_are_those_of_the_scheme_unless_given() {
        assert_eq!(target("http://any.example/").expect("a target").port, 80);
        assert_eq!(target("http://any.example:81/").expect("a target").port, 81);
        for wrong in [
            "http://any.example:/",
            "http://any.example:evil/",
            "http://any.example:99999/",
            "http://any.example:+81/",
        ] {
            // What is no URI for the crate that reads it is none either.
            if let Ok(uri) = wrong.parse() {
                assert!(
                    matches!(
                        Target::of(&uri, &access()),
                        Err(Error::HttpRequestUriInvalid)
                    ),
                    "{wrong}"
                );
            }
        }
        assert_eq!(target("https://api.example/").expect("a target").port, 443);
        for denied in ["https://api.example:8443/", "https://other.example/"] {
            assert!(
                matches!(target(denied), Err(Error::HttpRequestDenied)),
                "{denied}"
            );
        }
    }

    #[test]
    fn a_host_that_servers_would_read_otherwise_is_no_host() {
        for uri in [
            "http://user@any.example/",
            "http://a@b@any.example/",
            "/path",
        ] {
            let Ok(uri) = uri.parse() else { continue };
            assert!(Target::of(&uri, &access()).is_err(), "{uri}");
        }
    }
}
