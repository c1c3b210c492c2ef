//! Whom to trust, and as whom to speak, from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of those who vouch for servers.
    pub ca: PathBuf,
    /// Who asks, where servers want to know: a certificate with its chain, and its key.
    pub client: Option<ClientFiles>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate with its chain.
    pub certificate: PathBuf,
    /// Its key, without a password.
    pub key: PathBuf,
}

/// Why a file cannot be used. It completes "gate x: ".
#[derive(Debug, Error)]
#[error("cannot use {what} of {}: {problem}", path.display())]
pub struct TlsFilesError {
    what: &'static str,
    path: PathBuf,
    problem: String,
}

impl TlsFiles {
    /// Reads the files. A server must prove the name or address by which it is asked.
    ///
    /// # Errors
    ///
    /// A file cannot be read or holds something else. What it holds is never shown.
    pub(super) fn client(&self) -> Result<ClientConfig, TlsFilesError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("the certificates", &self.ca)? {
            let refused = |error: rustls::Error| refused("the certificates", &self.ca, &error);
            roots.add(certificate).map_err(refused)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused("the certificates", &self.ca, &error))?
            .with_root_certificates(roots);
        let Some(client) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates("the client certificate", &client.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&client.key)
            .map_err(|error| refused("the client key", &client.key, &error))?;
        let used = builder.with_client_auth_cert(chain, key);
        used.map_err(|error| refused("the client certificate", &client.certificate, &error))
    }
}

fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| refused(what, path, &error))?;
    if certificates.is_empty() {
        return Err(refused(what, path, &"there is none in it"));
    }
    Ok(certificates)
}

fn refused(what: &'static str, path: &Path, problem: &dyn std::fmt::Display) -> TlsFilesError {
    TlsFilesError { what, path: path.to_owned(), problem: problem.to_string() }
}
