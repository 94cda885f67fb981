//! Whom to trust: the system's authorities, those that were added, and pinned keys on top. There is no way to trust nobody.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CipherSuite, SignatureScheme, SupportedCipherSuite};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};

use super::error::{FetchError, Kind};
use super::profile::Profile;

/// Returns the TLS settings of a profile. Reads the system's certificates, so it is made at the first https URL only.
///
/// # Errors
/// A certificate or key file can't be read, or the system has no authorities and none were added.
pub fn config(profile: &Profile) -> Result<ClientConfig, FetchError> {
    let provider = provider();
    let extra = match &profile.ca {
        Some(file) => certificates(file)?,
        None => Vec::new(),
    };
    let system = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|error| {
        FetchError::new(
            Kind::Local,
            format!(
                "this machine's certificate authorities can't be loaded ({error}); name a PEM file with --ca"
            ),
        )
    })?;
    let pins = profile.pins.iter().map(|pin| parse_pin(pin)).collect::<Result<Vec<_>, _>>()?;
    let verifier: Arc<dyn ServerCertVerifier> =
        if pins.is_empty() { Arc::new(system) } else { Arc::new(Pinned { system, pins }) };
    let builder = bare(&provider)?.dangerous().with_custom_certificate_verifier(verifier);
    match (&profile.cert, &profile.key) {
        (Some(cert), key) => {
            let key_file = key.as_deref().unwrap_or(cert);
            let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| {
                FetchError::new(Kind::Local, format!("no private key in {}: {error}", key_file.display()))
            })?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(|error| {
                FetchError::new(Kind::Local, format!("{} is no client certificate: {error}", cert.display()))
            })
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Returns settings that trust nobody: for the client that never sees an https URL, because loading authorities takes milliseconds.
pub(super) fn none() -> Result<ClientConfig, FetchError> {
    let provider = provider();
    Ok(bare(&provider)?.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// Offers AES with 128 bits first, as browsers do: each byte is decrypted for less, and it is no weaker where it matters.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let is_dearer = |suite: &SupportedCipherSuite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    };
    provider.cipher_suites.sort_by_key(is_dearer);
    Arc::new(provider)
}

fn bare(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, FetchError> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::new(Kind::Local, format!("TLS can't be set up: {error}")))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let fail =
        |why: String| FetchError::new(Kind::Local, format!("no certificates in {}: {why}", file.display()));
    let list = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(error.to_string()))?;
    if list.is_empty() { Err(fail("the file holds none".into())) } else { Ok(list) }
}

fn parse_pin(text: &str) -> Result<[u8; 32], FetchError> {
    text.strip_prefix("sha256//")
        .and_then(|pin| data_encoding::BASE64.decode(pin.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            FetchError::new(Kind::Local, format!("`{text}` is no pinned key: write sha256//BASE64"))
        })
}

/// Verifies as usual, then wants one of these keys (the SHA-256 of the certificate's `SubjectPublicKeyInfo`, as curl pins).
#[derive(Debug)]
struct Pinned {
    system: Verifier,
    pins: Vec<[u8; 32]>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let key = rustls::server::ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let sum: [u8; 32] = Sha256::digest(key.as_ref()).into();
        if self.pins.contains(&sum) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the certificate's key is not the one that was pinned".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.system.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.system.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}
