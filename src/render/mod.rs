//! F2: what people see. Pages made from embedded templates, the files that go with them, and the words for scopes.
//!
//! A page is one context struct in [`page`] and one method of [`Pages`]. Templates run in strict mode: a variable that
//! the context does not have is an error, never an empty place. Everything is escaped; there is no script on any page
//! but the one fixed line of the form post page, which [`FORM_POST_SCRIPT_HASH`] allows.
//!
//! Not here: HTTP status, headers and cookies (the web floor), the form's nodes (the identity floor makes them,
//! [`form`] lays them out). To change the look: `static/site.css`; to change the words: `templates/`, [`scopes`].

pub mod assets;
pub mod form;
pub mod page;
pub mod scopes;
mod text;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

pub use assets::{Asset, find as find_asset};
pub use form::Ui;
pub use page::{
    ClientView, ConsentPage, ErrorPage, FormPostPage, Link, LoggedOutPage, LoginPage, LogoutPage, PersonView,
    WelcomePage,
};
pub use scopes::{ScopeWords, scope_words};

/// The `Content-Security-Policy` of every page, without `form-action` and `script-src`, which the web floor appends.
///
/// Browsers apply `form-action` to the redirects after a submit too: a page whose answer ends at a client's address
/// must name that origin beside `'self'`, or leave the directive out. `https:` images are client logos.
pub const PAGE_CSP: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; frame-ancestors 'none'";

/// The only script of our pages: it sends the form post page's form. Called through the prototype, because a field
/// named `submit` would hide the form's own method.
pub const FORM_POST_SCRIPT: &str = "HTMLFormElement.prototype.submit.call(document.forms[0]);";

/// The CSP source that allows [`FORM_POST_SCRIPT`] and nothing else: `script-src 'sha256-…'` (quotes included).
pub const FORM_POST_SCRIPT_HASH: &str = "'sha256-Zd9Ppkm6KJvfEle1ogzptKkD+DOonO1DYBPhi02doj8='";

/// Shown if a template fails while it is filled; needs nothing that could fail too.
const LAST_RESORT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Something went wrong</title>\
<h1>Something went wrong</h1><p>This page could not be shown. Please go back and try again.</p></html>";

/// Every template, by the name the others use for it.
const TEMPLATES: &[(&str, &str)] = &[
    ("consent.html", include_str!("templates/consent.html")),
    ("error.html", include_str!("templates/error.html")),
    ("form_post.html", include_str!("templates/form_post.html")),
    ("layout.html", include_str!("templates/layout.html")),
    ("logged_out.html", include_str!("templates/logged_out.html")),
    ("login.html", include_str!("templates/login.html")),
    ("logout.html", include_str!("templates/logout.html")),
    ("mark.html", include_str!("templates/mark.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("welcome.html", include_str!("templates/welcome.html")),
];

/// Why pages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A form given to a page has not the shape of a form.
    #[error("the form is not made of UI nodes: {0}")]
    Form(#[from] serde_json::Error),
    /// A template does not parse, or uses what its context does not have.
    #[error("page template: {0}")]
    Template(#[from] minijinja::Error),
}

/// The pages, parsed once and shared by all requests.
#[derive(Debug)]
pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// Parses the embedded templates.
    ///
    /// # Errors
    /// [`RenderError::Template`] names the template and the line that does not parse.
    pub fn new() -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        text::add_filters(&mut environment);
        environment.add_global("stylesheet", Value::from_safe_string(assets::stylesheet().path.clone()));
        environment.add_global("icon", Value::from_safe_string(assets::icon().path.clone()));
        environment.add_global("form_post_script", FORM_POST_SCRIPT);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment })
    }

    /// The page that asks who is there.
    pub fn login(&self, page: &LoginPage) -> String {
        self.show("login.html", &page.view())
    }

    /// The page that asks what an app may have.
    pub fn consent(&self, page: &ConsentPage) -> String {
        self.show("consent.html", page)
    }

    /// The page that asks whether to log out.
    pub fn logout(&self, page: &LogoutPage) -> String {
        self.show("logout.html", page)
    }

    /// The page after logging out, when no app asked to have the person back.
    pub fn logged_out(&self, page: &LoggedOutPage) -> String {
        self.show("logged_out.html", page)
    }

    /// The page for a refusal that must not, or cannot, be sent to an app. The status is the caller's.
    pub fn error(&self, page: &ErrorPage) -> String {
        self.show("error.html", page)
    }

    /// The page that carries an authorization response to the app by POST (OAuth 2.0 Form Post Response Mode §2).
    pub fn form_post(&self, page: &FormPostPage) -> String {
        self.show("form_post.html", page)
    }

    /// The page at the root of the public listener.
    pub fn welcome(&self, page: &WelcomePage) -> String {
        self.show("welcome.html", page)
    }

    fn show(&self, name: &str, context: &impl Serialize) -> String {
        self.fill(name, context).unwrap_or_else(|error| {
            tracing::error!(
                template = name,
                error = &error as &dyn std::error::Error,
                "page `{name}` could not be made"
            );
            LAST_RESORT.to_owned()
        })
    }

    fn fill(&self, name: &str, context: &impl Serialize) -> Result<String, RenderError> {
        Ok(self.environment.get_template(name)?.render(Serde(context))?)
    }
}

#[cfg(test)]
mod tests;
