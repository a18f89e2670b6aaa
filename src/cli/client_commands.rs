//! `clients create|get|list|delete`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::CliError;
use super::api::{Endpoint, segment, shown};
use super::output::Output;
use crate::config::document;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Registers a client.
    Create(Box<Create>),
    /// Shows clients.
    Get {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        at: Endpoint,
    },
    /// Lists clients.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 250)]
        page_size: u16,
        #[command(flatten)]
        at: Endpoint,
    },
    /// Removes clients; their tokens are dead at once.
    Delete {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        at: Endpoint,
    },
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    at: Endpoint,
    /// A YAML or JSON file with the client's metadata under its registered names (RFC 7591); flags win over it.
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Its id; without one the server chooses.
    #[arg(long)]
    id: Option<String>,
    /// Its secret, if it must be a certain one; better leave it out: the server makes a strong one.
    #[arg(long)]
    secret: Option<String>,
    /// Its name, as people see it.
    #[arg(long)]
    name: Option<String>,
    /// Who is responsible for it.
    #[arg(long)]
    owner: Option<String>,
    /// authorization_code, refresh_token, client_credentials.
    #[arg(long = "grant-type", value_delimiter = ',')]
    grant_types: Vec<String>,
    /// code.
    #[arg(long = "response-type", value_delimiter = ',')]
    response_types: Vec<String>,
    /// The scopes it may ask for.
    #[arg(long, value_delimiter = ',')]
    scope: Vec<String>,
    /// The audiences it may ask for.
    #[arg(long, value_delimiter = ',')]
    audience: Vec<String>,
    /// Where answers go, exactly; may be repeated.
    #[arg(long = "redirect-uri", value_delimiter = ',')]
    redirect_uris: Vec<String>,
    /// Where the browser may go after a logout; may be repeated.
    #[arg(long = "post-logout-callback", value_delimiter = ',')]
    post_logout_redirect_uris: Vec<String>,
    /// Origins whose pages may call the server; may be repeated.
    #[arg(long = "allowed-cors-origin", value_delimiter = ',')]
    allowed_cors_origins: Vec<String>,
    /// client_secret_basic, client_secret_post, or none for a public client.
    #[arg(long)]
    token_endpoint_auth_method: Option<String>,
    /// opaque or jwt.
    #[arg(long)]
    access_token_strategy: Option<String>,
    /// Which tokens it may look up: own, audience or any.
    #[arg(long)]
    introspect: Option<String>,
    /// People are not asked what it may do: for your own apps.
    #[arg(long)]
    skip_consent: bool,
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Create(create) => {
            let client = create.at.connect()?.json("POST", "/admin/clients", Some(&body(&create)?)).await?;
            show(&client, output);
        }
        Command::Get { ids, at } => {
            let api = at.connect()?;
            for id in ids {
                show(&api.json("GET", &format!("/admin/clients/{}", segment(&id)), None).await?, output);
            }
        }
        Command::List { page_size, at } => {
            let clients = at.connect()?.json("GET", &format!("/admin/clients?page_size={page_size}"), None).await?;
            let row = |client: &Value| {
                ["client_id", "client_name", "grant_types", "scope", "redirect_uris"].map(|n| shown(client, n)).to_vec()
            };
            let rows: Vec<Vec<String>> = clients.as_array().into_iter().flatten().map(row).collect();
            output.many(&clients, &["CLIENT ID", "NAME", "GRANT TYPES", "SCOPE", "REDIRECT URIS"], &rows);
        }
        Command::Delete { ids, at } => {
            let api = at.connect()?;
            for id in ids {
                api.json("DELETE", &format!("/admin/clients/{}", segment(&id)), None).await?;
                output.line(&id);
            }
        }
    }
    Ok(())
}

fn body(create: &Create) -> Result<Value, CliError> {
    let mut members = match &create.file {
        None => Map::new(),
        Some(path) => members(path)?,
    };
    let words = [
        ("client_id", create.id.clone()),
        ("client_secret", create.secret.clone()),
        ("client_name", create.name.clone()),
        ("owner", create.owner.clone()),
        ("scope", (!create.scope.is_empty()).then(|| create.scope.join(" "))),
        ("token_endpoint_auth_method", create.token_endpoint_auth_method.clone()),
        ("access_token_strategy", create.access_token_strategy.clone()),
        ("introspect", create.introspect.clone()),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.into());
        }
    }
    let lists = [
        ("grant_types", &create.grant_types),
        ("response_types", &create.response_types),
        ("audience", &create.audience),
        ("redirect_uris", &create.redirect_uris),
        ("post_logout_redirect_uris", &create.post_logout_redirect_uris),
        ("allowed_cors_origins", &create.allowed_cors_origins),
    ];
    for (name, values) in lists {
        if !values.is_empty() {
            members.insert(name.to_owned(), json!(values));
        }
    }
    if create.skip_consent {
        members.insert("skip_consent".to_owned(), true.into());
    }
    Ok(Value::Object(members))
}

fn members(path: &std::path::Path) -> Result<Map<String, Value>, CliError> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| CliError::usage(format!("{shown} cannot be read: {error}")))?;
    match document::parse(&text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(CliError::usage(format!("{shown} must hold names and values, such as client_id: my-app"))),
        Err(why) => Err(CliError::usage(format!("{shown}: {why}"))),
    }
}

fn show(client: &Value, output: &Output) {
    let names = [
        ("CLIENT ID", "client_id"),
        ("CLIENT SECRET", "client_secret"),
        ("NAME", "client_name"),
        ("GRANT TYPES", "grant_types"),
        ("RESPONSE TYPES", "response_types"),
        ("SCOPE", "scope"),
        ("AUDIENCE", "audience"),
        ("REDIRECT URIS", "redirect_uris"),
        ("AUTH METHOD", "token_endpoint_auth_method"),
    ];
    let rows: Vec<(&str, String)> =
        names.iter().map(|(head, name)| (*head, shown(client, name))).filter(|(_, value)| !value.is_empty()).collect();
    output.one(client, &rows, &shown(client, "client_id"));
}
