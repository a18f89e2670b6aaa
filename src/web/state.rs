//! What every handler can reach, shared by all workers of both listeners.

use std::sync::Arc;

use super::cookies::CookieRules;
use super::cors::KnownOrigins;
use super::csrf::Csrf;
use super::limit::Limiter;
use super::oauth::metadata::Documents;
use crate::config::Settings;
use crate::identity::Accounts;
use crate::interaction::Interactions;
use crate::oauth::Engine;
use crate::render::Pages;

/// Shared by all requests; build it once and hand it to `App::app_data` as `web::Data`.
pub struct AppState {
    /// The authorization server.
    pub engine: Arc<Engine>,
    /// What moves interactions.
    pub interactions: Arc<Interactions>,
    /// The people of the embedded flows.
    pub accounts: Arc<Accounts>,
    /// What people see.
    pub pages: Pages,
    /// Names and flags of cookies.
    pub cookies: CookieRules,
    /// The double-submit token of our pages.
    pub csrf: Csrf,
    /// How many login forms an address may open.
    pub(crate) flow_limiter: Limiter,
    /// How many logins an address may begin at `/oauth2/auth`.
    pub(crate) interaction_limiter: Limiter,
    /// Origins that some client registered.
    pub(crate) origins: KnownOrigins,
    /// Discovery and key set, rendered.
    pub(crate) documents: Documents,
}

impl AppState {
    /// The state of a server that asks people like this, on these pages.
    pub fn new(interactions: Arc<Interactions>, accounts: Arc<Accounts>, pages: Pages) -> Self {
        let engine = Arc::clone(&interactions.engine);
        let settings = &engine.settings;
        let logins = settings.limits.interactions_per_minute_per_address;
        Self {
            cookies: CookieRules::of(settings),
            csrf: Csrf::of(settings),
            flow_limiter: Limiter::per_minute(logins),
            interaction_limiter: Limiter::per_minute(logins),
            origins: KnownOrigins::default(),
            documents: Documents::default(),
            pages,
            interactions,
            accounts,
            engine,
        }
    }

    /// The checked configuration.
    pub fn settings(&self) -> &Settings {
        &self.engine.settings
    }
}
