//! A certificate for 127.0.0.1 and localhost, and the authority that signed it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

/// A server's certificate and key, and the authority to trust for it.
pub(crate) struct Identity {
    /// The authority, as `--ca` takes it.
    pub(crate) authority_pem: String,
    /// The certificate.
    pub(crate) certificate_pem: String,
    /// Its key.
    pub(crate) key_pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Makes an authority and a certificate that it signed.
    pub(crate) fn new() -> Self {
        Self::with(&["127.0.0.1", "localhost"], |_| {})
    }

    /// The same for other names or addresses.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self::with(names, |_| {})
    }

    /// The same for another server than that which shows it.
    pub(crate) fn of_another_name() -> Self {
        Self::with(&["elsewhere.example"], |_| {})
    }

    /// The same, for a time that is over.
    pub(crate) fn of_another_time() -> Self {
        Self::with(&["127.0.0.1", "localhost"], |certificate| {
            certificate.not_before = rcgen::date_time_ymd(2001, 1, 1);
            certificate.not_after = rcgen::date_time_ymd(2002, 1, 1);
        })
    }

    fn with(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut certificate = CertificateParams::new(names).unwrap();
        change(&mut certificate);
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        Self {
            authority_pem: authority.pem(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// Returns what a server needs that serves only clients with a certificate of this authority.
    pub(crate) fn server_for_known_clients(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority_pem.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_client_cert_verifier(verifier.build().unwrap());
        Arc::new(config.with_single_cert(vec![self.certificate.clone()], self.key.clone_key()).unwrap())
    }

    /// Returns what a server needs to present it that speaks only this, and says so to others (RFC 7301, 3.2).
    pub(crate) fn server_of(&self, protocol: &str) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.server());
        config.alpn_protocols = vec![protocol.into()];
        Arc::new(config)
    }

    /// Returns what a server needs to present it.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![self.certificate.clone()], self.key.clone_key()).unwrap())
    }
}
