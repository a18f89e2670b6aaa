//! TLS on both listeners, and client certificates on the admin listener.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity, Version};

use crate::support::server::{Home, Server, run, text};

/// Signs certificates, and the PEM that those who trust it are given.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and private key for `name`, as PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A caller that trusts this authority alone, with or without a certificate of its own.
fn caller(trusted: &Authority, own: Option<(String, String)>) -> Client {
    let root = Certificate::from_pem(trusted.pem.as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only([root]);
    if let Some((certificate, key)) = own {
        builder = builder.identity(Identity::from_pem(format!("{key}{certificate}").as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// A place whose listeners speak TLS, the admin one only with those whom `admins` signed.
fn home(servers: &Authority, admins: &Authority) -> Home {
    let home = Home::new();
    let (certificate, key) = servers.sign("localhost");
    for (file, content) in [("tls.crt", &certificate), ("tls.key", &key), ("admins.crt", &admins.pem)] {
        fs::write(home.path().join(file), content).unwrap();
    }
    let (public, admin) = (home.public, home.admin);
    let text = format!(
        "dsn: sqlite://s.db\nsecrets: {{ system: [a-secret-of-the-tls-test] }}\n\
         urls: {{ self: {{ issuer: 'https://localhost:{public}' }} }}\n\
         serve:\n  public: {{ host: localhost, port: {public}, tls: &tls {{ cert: {{ path: tls.crt }}, key: {{ path: tls.key }} }} }}\n\
         \x20 admin: {{ port: {admin}, tls: *tls, auth: {{ mtls: {{ ca: {{ path: admins.crt }} }} }} }}\n"
    );
    fs::write(home.path().join("sallyport.yml"), text).unwrap();
    home
}

async fn answers(caller: &Client, url: &str) -> bool {
    for _ in 0..600 {
        match caller.get(url).send().await {
            Ok(answer) => return answer.status() == 200,
            Err(error) if format!("{error:?}").contains("Connection refused") => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            Err(_) => return false,
        }
    }
    panic!("nobody listens at {url}");
}

#[tokio::test]
async fn listeners_speak_tls_and_the_admin_one_asks_for_a_certificate() {
    let (servers, admins, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::spawn_serve(home(&servers, &admins));
    let (public, admin) = (server.home.public, server.home.admin);

    let anybody = caller(&servers, None);
    let health = format!("https://localhost:{public}/health/ready");
    assert!(answers(&anybody, &health).await, "{}", server.log());
    let answer =
        anybody.get(format!("https://localhost:{public}/.well-known/openid-configuration")).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert!(answer.headers().contains_key("strict-transport-security"));
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["token_endpoint"], format!("https://localhost:{public}/oauth2/token"));
    let plain = anybody.get(format!("http://localhost:{public}/health/ready")).send().await;
    assert!(plain.is_err_and(|error| error.is_request()), "plain http is not answered");

    let clients = format!("https://localhost:{admin}/admin/clients");
    assert!(!answers(&anybody, &clients).await, "no certificate");
    let stranger = caller(&servers, Some(strangers.sign("somebody")));
    assert!(!answers(&stranger, &clients).await, "a certificate of another authority");
    let operator = caller(&servers, Some(admins.sign("operator")));
    assert!(answers(&operator, &clients).await, "{}", server.log());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_one_sentence() {
    let (servers, admins) = (Authority::new(), Authority::new());
    for (file, content, named) in [
        ("tls.key", None, "serve.public.tls.key.path"),
        ("tls.crt", Some("no certificate"), "serve.public.tls.cert.path"),
        ("admins.crt", Some(""), "serve.admin.auth.mtls.ca.path"),
    ] {
        let home = home(&servers, &admins);
        match content {
            None => fs::remove_file(home.path().join(file)).unwrap(),
            Some(content) => fs::write(home.path().join(file), content).unwrap(),
        }
        let ended = run(home.path(), &["serve", "--dev", "--config=sallyport.yml"]);
        let said = text(&ended.stderr);
        assert!(!ended.status.success() && said.contains(named) && said.contains("sallyport.yml"), "{file}: {said}");
        assert!(!said.contains("PRIVATE KEY") && !said.contains("panicked"), "{said}");
    }
}
