//! TLS of a listener: certificate and key from their files, and for the admin listener whose client certificates open it.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{Problem, Settings, Tls};

/// The keys that name a listener's files, for problems.
pub(super) struct Named {
    pub cert: &'static str,
    pub key: &'static str,
}

/// The keys of the public listener.
pub(super) const PUBLIC: Named = Named { cert: "serve.public.tls.cert.path", key: "serve.public.tls.key.path" };
/// The keys of the admin listener.
pub(super) const ADMIN: Named = Named { cert: "serve.admin.tls.cert.path", key: "serve.admin.tls.key.path" };
const AUTHORITY: &str = "serve.admin.auth.mtls.ca.path";

/// The listener's TLS, TLS 1.2 and 1.3. With `authority`, only clients with a certificate of it get in.
///
/// # Errors
/// A problem with the key whose file cannot be used.
pub(super) fn server_config(
    settings: &Settings,
    files: &Tls,
    named: &Named,
    authority: Option<&Path>,
) -> Result<ServerConfig, Problem> {
    let chain = certificates(settings, named.cert, &files.cert_path)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_path)
        .map_err(|_| settings.problem(named.key, "must be a readable PEM file with a private key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| settings.problem(named.cert, &format!("TLS cannot start: {error}")))?;
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(settings, AUTHORITY, path)? {
                roots
                    .add(certificate)
                    .map_err(|error| settings.problem(AUTHORITY, &format!("a certificate cannot be used: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| settings.problem(AUTHORITY, &format!("cannot be used: {error}")))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| {
        settings.problem(named.key, &format!("certificate and private key do not go together: {error}"))
    })
}

fn certificates(settings: &Settings, key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let unusable = || settings.problem(key, "must be a readable PEM file with at least one certificate");
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|_| unusable())?.collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(unusable()),
    }
}
