//! Rows to store: complete, with every optional part filled.

use std::time::Duration;

use sallyport::base::{Id, Instant, OsRandom, RedirectUri};
use sallyport::model::client::{ClientMetadata, ClientSecretHash, Lifespans};
use sallyport::model::identity::{Address, AddressPurpose, Credential, CredentialKind};
use sallyport::model::{
    Aal, AccessRecord, AuthMethod, AuthorizeRequest, Client, ClientId, CodeRecord, ConsentAnswer, Device, Grant,
    GrantDetail, GrantType, Identity, IdentityState, Interaction, LoginAnswer, Logout, LogoutStage, RefreshRecord,
    Rejection, ScopeSet, Session, Stage, Subject,
};
use sallyport::store::flows::Flow;
use sallyport::store::keys::StoredKey;
use serde_json::json;
use uuid::Uuid;

use super::NOW;

pub fn ordered<T>() -> Id<T> {
    Id::ordered(NOW, &OsRandom)
}

fn scope(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub fn later(seconds: u64) -> Instant {
    NOW.plus(Duration::from_secs(seconds))
}

pub fn client(id: &str) -> Client {
    let metadata = ClientMetadata {
        name: "An app \u{1f6aa} with a \"name\"".into(),
        owner: "ops".into(),
        redirect_uris: vec![RedirectUri::parse("https://rp.example/cb?x=1").unwrap()],
        grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
        response_types: None,
        scope: scope("openid offline_access"),
        audience: vec!["https://api.example".into()],
        token_endpoint_auth_method: AuthMethod::ClientSecretPost,
        access_token_strategy: None,
        id_token_signed_response_alg: None,
        skip_consent: true,
        skip_logout_consent: Some(false),
        post_logout_redirect_uris: vec![],
        allowed_cors_origins: vec![],
        introspect: None,
        lifespans: Lifespans::default(),
        client_uri: String::new(),
        logo_uri: String::new(),
        policy_uri: String::new(),
        tos_uri: String::new(),
        contacts: None,
        metadata: json!({ "z": 1, "a": [1.0, null, "\u{0}"] }),
    };
    Client {
        id: ClientId::new(id),
        version: 1,
        metadata,
        secrets: vec![ClientSecretHash { hash: "h".into(), created_at: 1, expires_at: None }],
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn key(kid: &str) -> StoredKey {
    StoredKey {
        kid: kid.into(),
        alg: "EdDSA".into(),
        state: "upcoming".into(),
        sealed: vec![0, 255, 7],
        created_at: NOW,
        state_changed_at: NOW,
    }
}

pub fn grant(client: &str, subject: &str) -> Grant {
    Grant {
        id: ordered(),
        client_id: ClientId::new(client),
        subject: Subject::new(subject),
        identity_id: None,
        session_key: None,
        scope: scope("openid offline_access"),
        audience: vec!["https://api.example".into()],
        detail: GrantDetail { nonce: Some("n\u{0}".into()), auth_time: 7, ..GrantDetail::default() },
        remembered: true,
        skipped: false,
        remember_until: Some(later(3_600)),
        live_from: None,
        created_at: NOW,
        expires_at: Some(later(7_200)),
        revoked_at: None,
    }
}

pub fn code(grant: &Grant) -> CodeRecord {
    CodeRecord {
        id: ordered(),
        digest: [1; 32],
        grant_id: grant.id,
        client_id: grant.client_id.clone(),
        redirect_uri: Some("https://rp.example/cb".into()),
        code_challenge: Some("c".repeat(43)),
        issued_at: NOW,
        expires_at: later(60),
        used_at: None,
    }
}

pub fn access(client: &str, grant: Option<&Grant>) -> AccessRecord {
    AccessRecord {
        id: ordered(),
        digest: [2; 32],
        client_id: ClientId::new(client),
        subject: Subject::new("someone"),
        grant_id: grant.map(|g| g.id),
        scope: scope("openid"),
        audience: vec!["a\"b".into(), "c".into()],
        issued_at: NOW,
        expires_at: later(600),
        revoked_at: None,
    }
}

pub fn refresh(grant: &Grant) -> RefreshRecord {
    RefreshRecord {
        id: ordered(),
        digest: [3; 32],
        grant_id: grant.id,
        client_id: grant.client_id.clone(),
        scope: grant.scope.clone(),
        access_token_id: ordered::<AccessRecord>().uuid(),
        issued_at: NOW,
        expires_at: Some(later(3_600)),
        used_at: None,
        reuses: 0,
    }
}

pub fn session(subject: &str) -> Session {
    Session {
        key: ordered(),
        id: Id::<Session>::random(&OsRandom).uuid(),
        digest: [4; 32],
        subject: Subject::new(subject),
        identity_id: Some(Id::random(&OsRandom)),
        authenticated_at: NOW,
        issued_at: NOW,
        expires_at: later(3_600),
        remembered: true,
        aal: Aal::Aal2,
        acr: "loa".into(),
        amr: vec![json!("pwd"), json!({ "method": "totp" })],
        provider_session_id: Some("p".into()),
        device: Device { ip_address: Some("::1".into()), user_agent: None },
        revoked_at: None,
    }
}

pub fn interaction() -> Interaction {
    Interaction {
        id: ordered(),
        stage: Stage::LoginAsked,
        request: AuthorizeRequest::new(ClientId::new("app"), "https://rp.example/cb".into(), NOW),
        browser_digest: [5; 32],
        login_digest: Some([6; 32]),
        login_verifier_digest: Some([7; 32]),
        consent_digest: Some([8; 32]),
        consent_verifier_digest: Some([9; 32]),
        session_key: Some(ordered()),
        subject: Some(Subject::new("someone")),
        login_skip: true,
        login: Some(LoginAnswer { subject: "someone".into(), remember: true, ..LoginAnswer::default() }),
        consent_skip: true,
        consent: Some(ConsentAnswer { remember_for: 9, ..ConsentAnswer::default() }),
        rejection: Some(Rejection { error: "access_denied".into(), error_description: "no".into() }),
        created_at: NOW,
        expires_at: later(900),
    }
}

pub fn logout() -> Logout {
    Logout {
        id: ordered(),
        digest: [1; 32],
        verifier_digest: None,
        stage: LogoutStage::Asked,
        session_key: ordered(),
        subject: Subject::new("someone"),
        client_id: Some(ClientId::new("app")),
        request: json!({ "state": "s" }),
        created_at: NOW,
        expires_at: later(900),
    }
}

pub fn flow() -> Flow {
    Flow {
        id: Uuid::from_u128(rand::random()),
        kind: "login".into(),
        state: "choose_method".into(),
        interaction_id: Some(ordered::<Interaction>().uuid()),
        csrf_digest: None,
        body: json!({ "x": 1 }),
        issued_at: NOW,
        expires_at: later(600),
        used_at: None,
    }
}

pub struct Person {
    pub identity: Identity,
    pub credentials: Vec<Credential>,
    pub identifiers: Vec<(CredentialKind, String)>,
    pub addresses: Vec<Address>,
}

pub fn person(name: &str) -> Person {
    let identity = Identity {
        id: Id::random(&OsRandom),
        seq: ordered(),
        schema_id: "person".into(),
        state: IdentityState::Active,
        state_changed_at: NOW,
        traits: json!({ "email": name, "odd": "\u{0}" }),
        metadata_public: Some(json!({ "a": 1 })),
        metadata_admin: None,
        external_id: Some(format!("ext-{name}")),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    let credential = Credential {
        identity_id: identity.id,
        kind: CredentialKind::Password,
        config: json!({ "hashed_password": "$argon2id$" }),
        version: 1,
    };
    let address = Address {
        id: Id::random(&OsRandom),
        identity_id: identity.id,
        purpose: AddressPurpose::Recovery,
        via: "email".into(),
        value: name.into(),
        status: "pending".into(),
        verified_at: None,
        created_at: NOW,
        updated_at: NOW,
    };
    Person {
        identity,
        credentials: vec![credential],
        identifiers: vec![(CredentialKind::Password, name.into())],
        addresses: vec![address],
    }
}
