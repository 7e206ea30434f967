//! Origins and requests as they cross.

use super::fields::{Fields, malformed};
use super::network::host;
use super::pipe_maker::PipeMaker;
use super::protocol::http_scheme;
use crate::error::Result;
use crate::http::{Exchange, HttpOrigin, HttpScheme, Origins, ServedRequest, Trust};
use std::sync::Arc;

pub(super) fn decode_origins(fields: &mut Fields) -> Result<Origins> {
    let allow = fields.list(origin)?.to_vec();
    let pem = fields.string()?;
    Ok(Origins {
        allow,
        trust: match pem.is_empty() {
            true => Arc::default(),
            false => Trust::with(&pem)?,
        },
    })
}

fn origin(fields: &mut Fields) -> Result<HttpOrigin> {
    Ok(HttpOrigin {
        scheme: match fields.case()? {
            http_scheme::HTTP => HttpScheme::Http,
            http_scheme::HTTPS => HttpScheme::Https,
            _ => return Err(malformed()),
        },
        host: host(fields)?,
        ports: fields.short()?..=fields.short()?,
    })
}

pub(super) fn decode_request(
    fields: &mut Fields,
    pipes: &mut impl PipeMaker,
) -> Result<Arc<Exchange>> {
    let method = fields.string()?;
    let (scheme, authority, path) = (fields.string()?, fields.string()?, fields.string()?);
    let body = match fields.byte()? {
        0 => None,
        _ => Some(pipes.pushed_input()?),
    };
    let headers = fields.list(|fields| Ok((fields.bytes()?, fields.bytes()?)))?;
    let headers = headers.iter().map(|(name, value)| (&name[..], &value[..]));
    let request = ServedRequest::new(&method, (&scheme, &authority, &path), headers, body)?;
    pipes.exchange(request)
}
